"""Standing: how much of every day budget is used, as the ledger and the tabs in reach tell it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gonogo.errors import EvidenceUnwritable
from gonogo.model import Noun, Unit
from gonogo.purses.keeper import purse_of, today
from gonogo.purses.process import enter, leave

if TYPE_CHECKING:
    from gonogo.policy.registry import DayBudgets
    from gonogo.purses.holdings import Holdings
    from gonogo.settings import Settings


class Standing(Noun):
    """One cap of one day, and how much of it is used. Money in micro-USD."""

    day: str
    whose: str
    """``mission`` or ``agent``."""
    name: str
    unit: Unit
    cap: int
    used: int
    """Spent, reserved for calls in flight, and what processes held that nobody here can look into."""
    in_flight: int
    """What of it is reserved for calls in flight."""
    out_of_sight: int
    """What of it was handed to processes of other machines, or before a restart of this one: it counts as used."""

    @property
    def left(self) -> int:
        """What can still be reserved."""
        return self.cap - self.used


def standing(settings: Settings, days: DayBudgets, day: str | None = None) -> list[Standing]:
    """Return how every cap stands, today if no other day is named; changes nothing.

    Raises:
        EvidenceUnwritable: the ledger cannot be read.

    """
    holdings = enter(settings)
    try:
        return [
            _of(holdings, (day or today(), whose, name, unit), cap)
            for whose, budgets in (("mission", days.missions), ("agent", days.agents))
            for name, budget in budgets.items()
            for unit, cap in budget.limits().items()
        ]
    except OSError as error:
        raise EvidenceUnwritable(f"The ledger of day budgets cannot be read ({error.strerror}).") from error
    finally:
        leave(settings)


def _of(holdings: Holdings, of: tuple[str, str, str, Unit], cap: int) -> Standing:
    day, whose, name, unit = of
    purse = purse_of(*of)
    used = in_flight = hidden = 0
    with holdings.book.turn(purse) as page:
        for owner, slice_ in page.slices.items():
            seen = holdings.look(owner, slice_)
            if seen is None:
                hidden += slice_.granted
            else:
                used += seen.used
                in_flight += seen.in_flight if seen.granted >= 0 else 0
        used += page.spent + hidden
    return Standing(
        day=day, whose=whose, name=name, unit=unit, cap=cap, used=used, in_flight=in_flight, out_of_sight=hidden
    )
