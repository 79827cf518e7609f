"""The golden sets: for each mission, named cases and what each comes to; ``<mission>.json`` beside this file.

A set says what a mission promises, whatever model flies it: the same files are flown offline and
against a provider. They are written by hand where something is meant to change, never recorded anew
to make a test pass.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect.flows import load_flow_from_entrypoint
from pydantic import BaseModel, ConfigDict

from gonogo import rehearse
from gonogo.missions import Mission

if TYPE_CHECKING:
    from gonogo.model import Answer
    from gonogo.testing import Rehearsal

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


class Expected(BaseModel):
    """What a case comes to."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: str
    """done, no_go or failed."""
    outcome: str | None
    """The mission's own word; none where it reached no outcome."""
    gates: list[str]
    """The gates that opened, sorted: ``action for role``."""
    changes: dict[str, int]
    """How often each tool that changes something was done."""
    exceptions: list[str] = []
    """Failure classes of the exceptions that somebody owns, sorted."""


class Golden(BaseModel):
    """One case of a golden set."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    says: str
    """What the case is about, in a sentence."""
    mission: str
    case: dict[str, Any]
    events: list[tuple[str, dict[str, Any]]] = []
    """Outside events, in the order in which they are waited for."""
    answers: str | None = None
    """What every approver says; nothing, if not given."""
    expected: Expected


def golden_sets() -> dict[str, list[Golden]]:
    """Return every set, by mission."""
    return {path.stem: read_set(path) for path in sorted(HERE.glob("*.json"))}


def read_set(path: Path) -> list[Golden]:
    """Return the cases of one file."""
    return [Golden.model_validate({"mission": path.stem, **case}) for case in json.loads(path.read_text())]


def mission_of(name: str) -> Mission[Any, Any]:
    """Load a mission as Prefect does."""
    flow = load_flow_from_entrypoint(f"{ROOT / 'flows' / name}.py:{name}")
    assert isinstance(flow, Mission)
    return flow


async def flown(golden: Golden, home: Path, **overrides: Any) -> Rehearsal:
    """Fly one case of a set in a home of its own."""
    answers: Answer | None = golden.answers  # pyright: ignore[reportAssignmentType] - checked by the gate it answers
    return await rehearse(
        mission_of(golden.mission),
        golden.case,
        answers=answers,
        events=golden.events,
        home=home,
        overrides=overrides,
    )


def came_to(flight: Rehearsal) -> Expected:
    """Return what a flight came to, as a set puts it."""
    done = [c["tool"] for c in flight.told("tool_call", "result") if c["outcome"] == "done" and c["effect"] != "read"]
    return Expected(
        status=flight.landing.status,
        outcome=flight.outcome,
        gates=sorted(f"{gate['action']} for {gate['role']}" for gate in flight.told("approval_request")),
        changes=dict(sorted(Counter(done).items())),
        exceptions=sorted(each["reason_code"] for each in flight.told("exception_record")),
    )
