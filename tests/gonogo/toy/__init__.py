"""A small house of its own, so that the hearth is tested without the rooms."""

from __future__ import annotations

from pathlib import Path

POLICIES = Path(__file__).parent / "policies"
"""The toy's law and registry."""
