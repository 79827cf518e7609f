"""A ward: a mission about people, whose names, words and next of kin must not stay when they are erased."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel

from gonogo import Content, Outcome, Personal, irreversible, mission, receive, shown, step, tool
from gonogo.flights import fly
from gonogo.lanes.local import LocalPilot
from gonogo.plans import Plan
from gonogo.settings import settings
from gonogo.testing import rehearse

if TYPE_CHECKING:
    from gonogo.plans import Landing
    from gonogo.settings import Settings
    from gonogo.testing import Rehearsal

WARD = Path(__file__).parent / "ward"
"""The ward's law."""

NAME, NOTE, KIN, MAIL = "Ottoline Brackenbury", "Sees owls at night, and says so.", "Peregrine Ash", "otto@example.org"
PERSONAL = (NAME, "Brackenbury", NOTE, "owls", KIN, "Peregrine", MAIL, "73421", "P-73421", "Has nobody at home")
"""What nobody may find once the patient and the next of kin are erased."""

SEEN: list[str] = []
"""Letters that the ward's own system got."""


class Patient(BaseModel):
    """Somebody on the ward."""

    number: Annotated[str, Personal(subject="number")]
    name: Annotated[str, Personal(subject="number")]
    postcode: Annotated[int, Personal(subject="number")]
    note: Annotated[str, Content(), Personal(subject="number")] = ""
    days: int = 3
    needs_consent: bool = False


class Kin(BaseModel):
    """Whom to call."""

    number: str
    name: Annotated[str, Personal(subject="number")]


class Consent(BaseModel):
    """What comes from outside."""

    words: str


class Left(Outcome):
    """How a stay ended."""

    outcome: Literal["discharged", "kept"]
    successes = frozenset({"discharged"})
    to: str = ""


@tool(system="ward", effect="read")
async def read_kin(number: str) -> Kin:
    """Look up whom to call."""
    await asyncio.sleep(0)
    return Kin(number=f"kin-of-{number}", name=KIN)


def _leaving(number: str, letter: str, days: int) -> str:
    return f"{shown(number)} leaves after {days} days: {shown(letter)}"


@tool(
    system="ward",
    effect="write",
    preview=_leaving,
    undo=irreversible("Somebody who has left has left."),
)
async def discharge(number: str, letter: str, days: int) -> str:
    """Let somebody go home."""
    await asyncio.sleep(0)
    SEEN.append(letter)
    if "REFUSE" in letter:
        raise ValueError(f"no bed for {number} at home")
    return f"{letter} ({days} days)"


@step
async def whom_to_call(patient: Patient) -> Kin:
    """Look the next of kin up."""
    return await read_kin(number=patient.number)


@step
async def let_go(patient: Patient, kin: Kin) -> str:
    """Write the letter, and let the patient go."""
    letter = f"{patient.name} goes home to {kin.name}; reach them at {MAIL}. {patient.note}"
    return await discharge(number=patient.number, letter=letter, days=patient.days)


@mission(owner="ward", scope=["ward"])
async def care(patient: Patient) -> Left:
    """Look up the next of kin, wait for consent where that is needed, and let the patient go."""
    kin = await whom_to_call(patient)
    if patient.needs_consent:
        await receive("consent", Consent)
    await let_go(patient, kin)
    return Left(outcome="discharged", to=kin.name)


def patient(**changes: Any) -> Patient:
    """Return the patient of the tests."""
    given: dict[str, Any] = {"number": "P-73421", "name": NAME, "postcode": 73421, "note": NOTE}
    return Patient(**(given | changes))


async def cared(home: Path, case: Patient | None, **how: Any) -> Rehearsal:
    """Rehearse the mission as the run ``r1``."""
    overrides = {"policy_folder": WARD, "requester": "tester", **how.pop("overrides", {})}
    return await rehearse(care, case, home=home, run_id=how.pop("run_id", "r1"), overrides=overrides, **how)


async def leave_waiting(home: Path, case: Patient) -> Landing:
    """Fly the run ``r1`` until it waits, and leave."""
    return await fly(care, case, Plan("r1", LocalPilot(patience="leave"), of(home)))


def of(home: Path) -> Settings:
    """Return the ward's settings."""
    made: dict[str, Any] = {"home": home, "policy_folder": WARD, "requester": "tester", "model": None}
    return settings().model_copy(update=made)


def left_behind(home: Path, words: tuple[str, ...] = PERSONAL) -> list[str]:
    """Return what of these words stands in any file below a home, and where; keys are left out."""
    found: list[str] = []
    for path in sorted(home.rglob("*")):
        if path.is_file() and "keys" not in path.relative_to(home).parts:
            raw = path.read_bytes()
            found += [f"{word} in {path.relative_to(home)}" for word in words if word.encode() in raw]
    return found
