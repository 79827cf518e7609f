"""Lives: one process that flies the cases of a story, in one lane, to their end or to the point where it is killed."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from gonogo.cases import Flyer
from gonogo.evidence.journals import journal_of
from gonogo.evidence.ledger import only
from gonogo.flights import fly
from gonogo.lanes.batch import fly_batch
from gonogo.lanes.local import LocalPilot
from gonogo.plans import Plan, read_case
from gonogo.settings import Settings, using
from tests.crash.desk import answer, bring
from tests.crash.points import begin, executed
from tests.crash.prefect_lives import direct, housed, without_flow_runs
from tests.crash.projection import doubts, order_holds, projected
from tests.crash.stories import STORIES, UNREPEATABLE, effects

if TYPE_CHECKING:
    from gonogo.evidence.journals import Journal
    from gonogo.evidence.records import Phase
    from gonogo.plans import Landing
    from gonogo.runs import Run
    from tests.crash.points import Kill
    from tests.crash.stories import Case, Story

LaneName = Literal["local", "batch", "mission", "form", "direct"]
"""The last three under a Prefect server; see :mod:`tests.crash.prefect_lives`."""
UNDER_PREFECT: tuple[LaneName, ...] = ("mission", "form", "direct")
ROUNDS_MAX = 12
"""How often the cases of a batch may leave it at a wait before a test gives up."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be flown, where, and at which points its processes are killed, one after the other."""

    story: str
    lane: LaneName
    home: str
    journals: str | None
    case: int | None = None
    """Number of the one case to fly; all of the story, if none."""
    kills: tuple[tuple[str, int], ...] = ()

    @property
    def told(self) -> Story:
        """The story, with the cases that are to be flown."""
        story = STORIES[self.story]
        return story if self.case is None else replace(story, cases=(story.cases[self.case],))

    @property
    def settings(self) -> Settings:
        """The settings of every life."""
        return Settings(
            home=Path(self.home), journals=self.journals, policy_folder=STORIES[self.story].policies,
            requester="tester", poll_seconds=0.02 if self.lane in UNDER_PREFECT else 0.001, cases=4,
            gate_warm_seconds=0,
        )  # fmt: skip


@dataclass(slots=True)
class AnsweredPilot(LocalPilot):
    """Stays at a wait, while somebody comes to the door and brings what it waits for."""

    story: Story | None = None
    case: Case | None = None

    async def rest(self, run: Run) -> None:
        """Bring what is waited for, then let a poll pass."""
        assert self.story is not None
        assert self.case is not None
        for wait in run.waits:
            if wait.kind == "gate":
                answer(self.story, run.ledger.journal, run.id, wait.name, run.settings)
            else:
                bring(self.case, run.ledger.journal)
        await LocalPilot.rest(self, run)


def live(order: Order, kill: Kill | None) -> dict[str, Any]:
    """Fly an order's cases to the end; returns what the last process of a case has to tell."""
    story, chosen = order.told, order.settings
    journal, log = journal_of(chosen), Path(order.home) / "executed"
    done = _keys(story, journal, "result")
    begun = _keys(story, journal, "intent")
    before = Counter(executed(log))
    points = begin(kill, log)
    state = asyncio.run(flown(story, chosen, order.lane))
    passed = dict(points.passed)
    begin(None, log)
    unannounced = [[*each] for each in before if each[0] in {"tool", "model"} and each[1:] not in begun]
    told = _told(story, order, journal, done, before)
    if order.lane in UNDER_PREFECT:
        told["projection"] = sorted(map(without_flow_runs, told["projection"]))
    return {"points": passed, "unannounced": unannounced, "state": state} | told


async def flown(story: Story, chosen: Settings, lane: LaneName) -> str:
    """Fly in a lane; returns what Prefect calls the end, where it was told."""
    match lane:
        case "local":
            await local(story, chosen)
        case "batch":
            await batch(story, chosen)
        case "direct":
            with using(chosen):
                return await direct(story, chosen)
        case _:
            with using(chosen):
                return await housed(story, chosen, by_form=lane == "form")
    return ""


async def local(story: Story, chosen: Settings) -> None:
    """Fly the cases one after the other; each stays at a wait until it is over."""
    for case in story.cases:
        pilot = AnsweredPilot(story=story, case=case)
        given = read_case(story.mission, case.body)
        await fly(story.mission, given, Plan(case.run_id, pilot, chosen))


async def batch(story: Story, chosen: Settings) -> None:
    """Fly the cases side by side; those that wait leave, are brought what they wait for, and come back."""
    journal = journal_of(chosen)
    flyers = [
        Flyer(
            c.run_id, c.run_id, read_case(story.mission, c.body), tuple((e.name, e.body, e.occurred) for e in c.events)
        )
        for c in story.cases
    ]
    waiting: list[Landing] = []
    for _ in range(ROUNDS_MAX):
        landings: list[Landing] = []
        await fly_batch(story.mission, flyers, chosen, landings.append)
        waiting = [landing for landing in landings if landing.status == "waiting"]
        if not waiting:
            return
        for landing in waiting:
            for gate in landing.waits:
                answer(story, journal, landing.run_id, gate, chosen)
    raise AssertionError(f"{story.name} still waits: {waiting}")


def _keys(story: Story, journal: Journal, phase: Phase) -> set[tuple[str, str]]:
    """Return the operations whose intent or result the evidence holds, each as its run and key."""
    flights = [journal.read_flight(case.run_id) for case in story.cases]
    return {
        (r.run_id, r.data["key"]) for flight in flights for r in flight if "key" in r.data and r.data["phase"] == phase
    }


def _told(
    story: Story, order: Order, journal: Journal, done: set[tuple[str, str]], before: Counter[tuple[str, str, str]]
) -> dict[str, Any]:
    """Return what stands in evidence and systems now, and what is wrong with it."""
    flights = [journal.read_flight(case.run_id) for case in story.cases]
    desks = [journal.read_desk(case.run_id) for case in story.cases]
    now = Counter(executed(Path(order.home) / "executed")) - before
    doubted = {name for flight in flights for name in doubts(flight, UNREPEATABLE)}
    asked = {r.data.get("doubt") for flight in flights for r in only(flight, "approval_request")}
    owned = [r.data for flight in flights for r in only(flight, "exception_record") if "closes" not in r.data]
    exceptions = sum(bool(data["owner"]) for data in owned if "/doubt:" in data.get("key", ""))
    return {
        "projection": [line for flight, desk in zip(flights, desks, strict=True) for line in projected(flight, desk)],
        "order_holds": all(order_holds(flight) for flight in flights),
        "effects": effects(Path(order.home)),
        "again": [[*each] for each in now if (each[1], each[2]) in done],
        "twice": [[*each] for each, times in now.items() if times > 1 and each[0] != "step"],
        "doubts": len(doubted),
        "unowned": max(len(doubted - asked), len(doubted) - exceptions),
        "ends": [[flight[-1].data["status"], flight[-1].data.get("error_class")] for flight in flights],
    }


def save(told: dict[str, Any], home: str) -> None:
    """Leave what a life has to tell where the parent finds it."""
    (Path(home) / "told.json").write_text(json.dumps(told))
