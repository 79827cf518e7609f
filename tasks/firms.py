"""The firm registry, as the missions need it: who a firm is, how large, and whether it still exists.

`FirmRegistry` is the interface; `embedded_firms.py` is the one that needs no network. To connect a
real registry, write a class with these methods and return it in `systems.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

from gonogo.model import Noun

if TYPE_CHECKING:
    from policies.leads import Segment

ENTERPRISE_FROM_EMPLOYEES = 1_000
MID_MARKET_FROM_EMPLOYEES = 50


class Firm(Noun):
    """A firm as the registry has it."""

    number: str
    name: str
    country: str
    """Two letters, ISO 3166."""
    industry: str
    employees: int
    status: Literal["active", "dissolved"]

    @property
    def segment(self) -> Segment:
        """Whose client the firm would be, by its size."""
        if self.employees >= ENTERPRISE_FROM_EMPLOYEES:
            return "enterprise"
        return "mid_market" if self.employees >= MID_MARKET_FROM_EMPLOYEES else "small_business"


class FirmRegistry(Protocol):
    """The firm registry; every method raises `ToolFailed` where it cannot be read."""

    def find(self, name: str, country: str | None) -> list[Firm]:
        """Return firms of that name, dissolved ones too, at most ten; none is an answer."""
        ...

    def firm(self, number: str) -> Firm:
        """Return a firm by its number; one that does not exist is refused."""
        ...
