"""Faults: every hook at which a process can be killed.

The hooks stand around the product's own functions; they count, and write down which operations were
really executed. Nothing else is changed.
"""

from __future__ import annotations

from tests.crash import schedulers, stores, waits, work


def install() -> None:
    """Put the hooks around everything that a mission does; once in a process."""
    for noun in (stores, work, waits, schedulers):
        noun.hook()
