"""Deeds: what systems of record say they did, to be compared with what the evidence says was done."""

from __future__ import annotations

from typing import NamedTuple


class Deed(NamedTuple):
    """One change that a system of record holds."""

    system: str
    """The system, for whoever has to look there."""
    tool: str
    """What was asked of it."""
    key: str
    """The idempotency key that it was asked under."""
    at: str
    """When, as the system has it."""
