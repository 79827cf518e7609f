"""Prose and counts: what is written and how often. Neither says where anything goes, or how much."""

from __future__ import annotations

from typing import Annotated

from gonogo import Content

Prose = Annotated[str, Content()]
"""An argument that no target or amount is taken from."""

Count = Annotated[int, Content()]
"""How many of something a report lists. A number in a text that is the same by chance says nothing about it."""
