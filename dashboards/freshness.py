"""Freshness: how old what is shown is, and whether evidence was written that it does not show."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gonogo.evidence.journals import Journal

LANDING_GRACE = timedelta(seconds=10)
"""A loader that runs has landed what was written before then."""


def unlanded_since(
    journal: Journal, published_at: datetime, open_runs: Iterable[str], now: datetime
) -> datetime | None:
    """Return when evidence was written that should have landed by now and has not; ``None`` when all is well.

    Runs that are not final are looked at one by one; of the others, only whether any began. So the
    cost grows with what flies, not with what has ever flown.
    """
    newest = journal.last_change(open_runs)
    if newest is None or newest <= published_at or now - newest < LANDING_GRACE:
        return None
    return newest
