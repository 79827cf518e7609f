"""Rehearsals: fly a mission in milliseconds, with scripted answers and events. Public, for authors' tests."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from gonogo.approvals import answer_gate, asking_of, find_request, silence
from gonogo.ballots import Reply, quorum_of
from gonogo.errors import CaseRefused
from gonogo.events import deliver
from gonogo.evidence.canon import short_id, uuid7
from gonogo.evidence.journals import journal_of
from gonogo.evidence.payloads import whole
from gonogo.flights import fly
from gonogo.pilots import Parked
from gonogo.plans import Landing, Plan, read_case
from gonogo.settings import Settings, settings

if TYPE_CHECKING:
    from gonogo.evidence.records import Record
    from gonogo.missions import Mission
    from gonogo.model import Answer, Asking, Lane
    from gonogo.runs import Run

T = TypeVar("T")

Answers = Callable[["GateView"], "Answer | Reply | None"]
"""Given a gate, what the approver says; ``None`` leaves it to the deadline, which is no-go."""


@dataclass(frozen=True, slots=True)
class GateView:
    """What an approver in a rehearsal sees."""

    id: str
    action: str
    role: str
    args: dict[str, Any]
    card: str
    about: Asking = "action"


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """How a rehearsed flight went."""

    landing: Landing
    flight: list[Record]
    desk: list[Record]
    home: Path

    @property
    def outcome(self) -> Any:
        """The outcome's word; ``None`` where the mission did not reach one."""
        return None if self.landing.outcome is None else self.landing.outcome["outcome"]

    def told(self, artifact: str, phase: str | None = None) -> list[dict[str, Any]]:
        """Return the bodies of the records about one kind of thing, flight first, then desk."""
        found = [r for r in self.flight + self.desk if r.artifact == artifact]
        return [r.data for r in found if phase is None or r.data.get("phase") == phase]


@dataclass(slots=True)
class RehearsalPilot:
    """Answers gates and delivers events the moment they are waited for; leaves when it has nothing to say."""

    answers: Answers | None
    events: list[tuple[str, dict[str, Any]]]
    lane: Lane = "rehearsal"
    _said: set[str] = field(default_factory=set[str])

    async def begin(self, run: Run) -> None:
        """Do nothing: what a rehearsal says, it says when it is asked."""

    async def fly_step(self, step: Any, arguments: dict[str, Any], body: Callable[[], Awaitable[T]]) -> T:
        """Do the work, here."""
        del step, arguments
        return await body()

    async def rest(self, run: Run) -> None:
        """Say the next thing the script has, once no branch is busy; park when there is none."""
        if run.busy:
            # Which gates are open would otherwise depend on timing, and so would the order of answers.
            await asyncio.sleep(0)
            return
        for wait in run.waits:
            if wait.kind == "gate" and wait.name not in self._said:
                self._said.add(wait.name)
                self._answer(run, wait.name)
                return
            if wait.kind == "event" and any(name == wait.name for name, _ in self.events):
                index = next(i for i, (name, _) in enumerate(self.events) if name == wait.name)
                name, body = self.events.pop(index)
                deliver(run.ledger.journal, run.id, name, [(body, None)], "rehearsal")
                return
        if run.leaving is None:
            run.leaving = Parked()
        await run.parked()
        raise run.leaving

    def _answer(self, run: Run, gate_id: str) -> None:
        request = find_request(run.ledger.journal, gate_id, run.id)
        body = request.body()
        about = asking_of(request)
        view = GateView(gate_id, request.data["action"], request.data["role"], body["args"], body["card"], about)
        said = None if self.answers is None else self.answers(view)
        if said is None:
            reply = silence(gate_id)
        elif isinstance(said, Reply):
            reply = said
        else:
            # As many people as the gate needs; the last of them is the one that settles it.
            for number in range(1, quorum_of(request) if said == "go" else 1):
                part = Reply(said, f"rehearsal-{number}", "rehearsed", "rehearsal")
                answer_gate(run.ledger.journal, gate_id, part, run.settings.environment, run.id)
            reply = Reply(said, "rehearsal", "rehearsed", "rehearsal")
        answer_gate(run.ledger.journal, gate_id, reply, run.settings.environment, run.id)


async def rehearse(
    mission: Mission[Any, Any],
    case: object,
    *,
    answers: Answers | Answer | None = None,
    events: Sequence[tuple[str, dict[str, Any]]] = (),
    home: Path | None = None,
    run_id: str | None = None,
    overrides: dict[str, Any] | None = None,
) -> Rehearsal:
    """Fly a mission without Prefect, a server, or a person; the evidence, the law and the tools are real.

    Args:
        mission: what to fly.
        case: its input: the model, a dict, or JSON text.
        answers: what the approver says: a word for every gate, or a function of the gate. Without
            it nobody answers, and every gate is no-go.
        events: outside events as ``(name, body)``; each is delivered when it is waited for.
        home: state folder; a fresh temporary one, if not given. Give the same one with the same
            ``run_id`` to continue a flight.
        run_id: identity of the run; a new one, if not given.
        overrides: settings for this rehearsal; its evidence stands in files of its home, unless ``journals``
            is among them.

    Returns:
        How it landed, with its records.

    """
    folder = home or Path(tempfile.mkdtemp(prefix="gonogo-rehearsal-"))
    made = settings().model_copy(update={"home": folder, "journals": None, "model": None, **(overrides or {})})
    say = answers if answers is None or callable(answers) else _always(answers)
    pilot = RehearsalPilot(say, list(events))
    journal = journal_of(made)
    identity = run_id or new_run_id(mission.charter.name)
    given = None if journal.read_flight(identity) else read_case(mission, case)
    landing = await fly(mission, given, Plan(identity, pilot, made))
    flight, desk = journal.read_flight(identity), journal.read_desk(identity)
    flight, desk = ([whole(journal.payloads, each) for each in read] for read in (flight, desk))
    return Rehearsal(landing, flight, desk, folder)


def _always(answer: Answer) -> Answers:
    """Return an approver who says the same to every gate."""

    def say(_gate: GateView) -> Answer:
        return answer

    return say


def new_run_id(mission: str) -> str:
    """Return a fresh run id that tells the mission."""
    return f"{mission.replace('_', '-')}-{short_id(uuid7())}"


__all__ = ["Answers", "CaseRefused", "GateView", "Rehearsal", "Reply", "Settings", "rehearse"]
