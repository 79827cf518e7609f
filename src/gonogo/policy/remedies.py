"""Remedies: what becomes of a drift finding, by its monitor and severity, as reviewed text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from gonogo.errors import PolicyBroken
from gonogo.model import Noun
from gonogo.policy.texts import read_section

if TYPE_CHECKING:
    from pathlib import Path

Route = Literal["ticket", "pause", "reapproval", "demote"]
"""ticket: the owner gets a ticket. pause: the mission's deployments start nothing more, and a ticket.
reapproval: a ticket that asks the owner to approve what is in force, or to put back what was. demote: the
agents that acted propose what they else would do until the finding is closed, and a ticket."""

Graded = Literal["low", "medium", "high", "critical"]

_HOURS: dict[Graded, int] = {"critical": 4, "high": 48, "medium": 240, "low": 720}
_RANK: dict[str, int] = {"low": 0, "medium": 1, "high": 2, "critical": 3}


class Remedy(Noun):
    """Which way findings go that fit; what is not given fits everything."""

    monitor: str | None = None
    severity: Graded | None = None
    mission: str | None = None
    route: Route


class Remedies(Noun):
    """What becomes of drift findings."""

    from_severity: Graded = "medium"
    """Less severe drift is reported, and nobody is made to own it: it is a change for the better."""
    due_hours: dict[Graded, Annotated[int, Field(ge=1, le=8_784)]] = Field(default_factory=lambda: dict(_HOURS))
    """By when a finding has to be dealt with, in hours from when it was opened."""
    routes: tuple[Remedy, ...] = ()
    """The first that fits holds; a ticket, where none does."""

    def owns(self, severity: str) -> bool:
        """Whether a drift of this severity becomes somebody's finding."""
        return _RANK.get(severity, -1) >= _RANK[self.from_severity]

    def hours(self, severity: str) -> int:
        """Return within how many hours a finding is due; those of the written-down ones, where none is given."""
        return {**_HOURS, **self.due_hours}[TypeAdapter(Graded).validate_python(severity)]

    def route(self, monitor: str, severity: str, mission: str) -> Route:
        """Return the way a finding goes."""
        for each in self.routes:
            fits = (each.monitor, monitor), (each.severity, severity), (each.mission, mission)
            if all(wanted is None or wanted == given for wanted, given in fits):
                return each.route
        return "ticket"


def read_remedies(folder: Path) -> Remedies:
    """Return what ``remedies.yaml`` says; where there is no such file, every finding is a ticket.

    Raises:
        PolicyBroken: the file does not hold; the message names the file and the field.

    """
    path = folder / "remedies.yaml"
    if not path.exists():
        return Remedies()
    try:
        return Remedies.model_validate(read_section(path, "remedies"))
    except ValidationError as error:
        first = error.errors()[0]
        raise PolicyBroken(f"{path}: {'.'.join(map(str, ('remedies', *first['loc'])))}: {first['msg']}.") from error
