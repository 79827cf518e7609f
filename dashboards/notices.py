"""Notices: what has to be said loudly beside money, before anybody takes it for a bill."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dashboards.markup import Html, show, tag
from dashboards.states import NO_BILL, basis_words
from dashboards.wording import duration

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

_NOT_MONEY = {
    "notional": "No bill stands behind these costs: the scripted offline model is priced as if it were a real one. "
    "They show the arithmetic, not money that was spent.",
    "example": "These costs stand on assumptions that ship with gonogo and that nobody answers for yet.",
    "mixed": "These costs mix kinds of prices, not all with a bill behind them. Look at one mission.",
}


def price_notices(bases: Iterable[str | None]) -> list[Html]:
    """Return a notice for each price basis that no bill stands behind."""
    return [
        tag("p", tag("b", f"{basis_words(base).capitalize()} prices. "), _NOT_MONEY[base], css="notice", role="note")
        for base in sorted(NO_BILL & set(bases))
    ]


def age_notice(computed_at: datetime | None, now: datetime) -> Html | None:
    """Return how old the numbers are, where they were computed on less than is shown beside them."""
    if computed_at is None:
        return None
    age = duration((now - computed_at).total_seconds())
    return tag("p", f"KPIs and findings were computed {age} ago; what landed since is not in them yet.", css="none")


def age_warning(computed_at: datetime | None, now: datetime) -> None:
    """Say on a page how old its numbers are; nothing, where they are as new as the rest."""
    if (notice := age_notice(computed_at, now)) is not None:
        show(notice)


def price_warning(bases: Iterable[str | None]) -> None:
    """Say which of the sums on a page nobody pays; nothing, where all are bills."""
    for notice in price_notices(bases):
        show(notice)
