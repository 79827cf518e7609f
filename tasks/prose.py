"""Prose: text for people to read. It says what is written, never where anything goes."""

from __future__ import annotations

from typing import Annotated

from gonogo import Content

Prose = Annotated[str, Content()]
"""An argument that no target or amount is taken from."""
