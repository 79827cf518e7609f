"""What a flight is given, and how it lands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, cast

from pydantic import BaseModel, Field, ValidationError

from gonogo import errors
from gonogo.errors import CaseRefused, StepFailed
from gonogo.model import Noun, Outcome, Path, RunStatus

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from gonogo.model import Charter
    from gonogo.pilots import Pilot
    from gonogo.settings import Settings


class Flyable(Protocol):
    """What a flight needs of a mission."""

    charter: Charter
    case_type: type[BaseModel]
    outcome_type: type[Outcome]

    @property
    def story(self) -> Callable[[Any], Awaitable[Outcome]]:
        """The author's function."""
        ...


TENDED = b'{"tended_ref":'
"""How the case of a run begins that bears a mission's name and is not one of it: the mission never continues it."""


class Tended:
    """Marks what flies such runs, and nothing else."""


LandingStatus = Literal[RunStatus, "interrupted"]
"""Where a flight left its run. One that was interrupted has not ended, and goes on when it is flown again."""


class Landing(Noun):
    """How a flight ended, that it waits, or that it was interrupted."""

    run_id: str
    mission: str
    status: LandingStatus
    outcome: dict[str, Any] | None = None
    success: bool = False
    reason_code: str | None = None
    error_class: str | None = None
    error: str | None = None
    totals: dict[str, Any] = Field(default_factory=dict)
    evidence: int = 0
    """How many records the run has in its own stream."""
    waits: tuple[str, ...] = ()
    """Open gates and awaited events, for a run that waits."""
    path: Path | None = None
    """Where the run goes from here; ``None`` while it waits at gates or for events."""
    again_at: str | None = None
    """From when a run that failed for now may be put to flight again."""

    def raise_if_not_done(self) -> None:
        """Raise the failure the flight ended with, as the mission raised it."""
        if self.status == "done":
            return
        known = getattr(errors, self.error_class or "", StepFailed)
        raise known(self.error or f"run {self.run_id} is {self.status}")


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a flight is given besides its case."""

    run_id: str
    pilot: Pilot
    settings: Settings
    case_ref: str = ""
    """Where the case came from: a file and line, a schedule, a form."""
    prefect: dict[str, str] | None = None
    """Ids of the Prefect flow run that schedules it, as attributes."""
    rolls_back: str = ""
    """The run whose effects this one undoes."""
    rest: dict[str, str] = field(default_factory=dict[str, str])
    """Where it is woken, should it rest until it flies again; empty where its lane does that itself."""
    arrived: datetime | None = None
    """When the case came in, where it had to wait for its turn."""


def read_case(mission: Flyable, given: object) -> BaseModel:
    """Return a case that is handed in, as the mission takes it.

    Raises:
        CaseRefused: it does not fit, or holds a NUL character; the message names the field. Nothing was started.

    """
    case = recorded_case(mission, given)
    # Looked for in the text first: a walk through every case of a batch would be felt.
    if r"\u0000" in case.model_dump_json():
        refuse_nul(mission.charter.name, case.model_dump())
    return case


def refuse_nul(mission: str, case: object) -> None:
    """Refuse a case that a Prefect server on Postgres could not store.

    Raises:
        CaseRefused: it holds a NUL character; the message names the field.

    """
    place = _nul_in(case.model_dump() if isinstance(case, BaseModel) else case, "")
    if place is not None:
        raise CaseRefused(
            f"This is no case for {mission} ({place or 'input'} holds a NUL character, U+0000, which a Prefect "
            "server on Postgres cannot store). Take it out and hand the case in again. Nothing was started."
        )


def _nul_in(value: Any, place: str) -> str | None:
    """Return where a value holds a NUL character; ``None`` if nowhere."""
    if isinstance(value, str):
        return place if "\0" in value else None
    if isinstance(value, dict):
        inner = cast("dict[Any, Any]", value)
        if any("\0" in str(name) for name in inner):
            return f"a name in {place or 'it'}"
        parts = [(f"{place}.{name}".removeprefix("."), each) for name, each in inner.items()]
    elif isinstance(value, list | tuple | set | frozenset):
        parts = [(f"{place}.{number}".removeprefix("."), each) for number, each in enumerate(cast("list[Any]", value))]
    else:
        return _nul_in(value.decode(errors="replace"), place) if isinstance(value, bytes) else None
    return next((found for at, each in parts if (found := _nul_in(each, at)) is not None), None)


def recorded_case(mission: Flyable, given: object) -> BaseModel:
    """Return a case that is on record already, as the mission takes it.

    Raises:
        CaseRefused: it does not fit; the message names the field.

    """
    try:
        if isinstance(given, str | bytes):
            return mission.case_type.model_validate_json(given)
        return mission.case_type.model_validate(given)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'input'}: {e['msg']}" for e in error.errors()[:3])
        raise CaseRefused(f"This is no case for {mission.charter.name} ({wrong}). Nothing was started.") from error
