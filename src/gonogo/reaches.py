"""Reaches: what one call of a tool touches, as its author declares it."""

from __future__ import annotations

from dataclasses import dataclass

from gonogo.model import CAP_MAX


@dataclass(frozen=True, slots=True)
class Reach:
    """What one call of a tool reaches: its part of the blast radius."""

    records: int = 0
    """How many records it changes."""
    recipients: int = 0
    """How many people or places it writes or pays to."""
    amount_cents: int = 0
    """How much money it moves, in minor units."""
    systems: tuple[str, ...] = ()
    """Systems it changes beside its own."""

    def __post_init__(self) -> None:
        """Refuse what would give something back, or cannot be counted."""
        for name in ("records", "recipients", "amount_cents"):
            value = getattr(self, name)
            if type(value) is not int or not 0 <= value <= CAP_MAX:
                raise ValueError(f"{name} is a whole number from 0 to {CAP_MAX}, not {value!r}")


NOTHING, ONE_RECORD = Reach(), Reach(records=1)
"""What a tool reaches that says nothing of it: one that only reads, and one that changes something."""
