"""Gates: the law says who must agree, the run waits, and silence is no-go.

A gate's id is bound to the exact action (tool, arguments, target, agent and policy versions), so
an answer can never count for anything else: a changed action is another gate.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any

from gonogo.ballots import accepted_answer, counted, people_behind
from gonogo.cards import action_card
from gonogo.current import current_run, current_step, step_fields
from gonogo.emergencies import is_broken
from gonogo.errors import BudgetExceeded, GateDenied, GateExpired, PolicyDenied, Proposed
from gonogo.evidence.canon import moment, payload_bytes, plain_text, short_id
from gonogo.evidence.ledger import Stopwatch, only
from gonogo.evidence.plain import plain
from gonogo.evidence.scopes import current_scope
from gonogo.ladders import next_rung
from gonogo.pilots import Held
from gonogo.policy.law import Request, Ruling
from gonogo.policy.rules import Need
from gonogo.questions import Question, answer_to, climb_at, expire
from gonogo.reviews import queue_glass_review

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gonogo.evidence.journals import Journal
    from gonogo.evidence.records import Record
    from gonogo.model import Answer, Asking, Environment
    from gonogo.provenance import Origin
    from gonogo.runs import Run

_YES_NO: tuple[Answer, ...] = ("go", "no_go")


@dataclass(frozen=True, slots=True)
class Action:
    """One exact thing that somebody wants to do."""

    key: str
    request: Request
    preview: str = ""
    """What would change, as markdown; shown on the card."""
    blast: str = field(default="", kw_only=True)
    """What it touches at most, as markdown; shown on the card."""
    agent_version: str = ""
    envelope: dict[str, str] = field(default_factory=dict[str, str])
    """What the envelope of a record about it says: the agent that acts, where one does."""
    origins: tuple[Origin, ...] = ()
    """Where those of its arguments come from that only untrusted text names."""
    asking: Asking = "action"
    deferrable: bool = False
    """Whether whoever wants it can go on without it, where the law makes a proposal of it."""

    def digest(self, run: Run) -> str:
        """Return the digest an approval is bound to; any change of the action or the law changes it."""
        return run.ledger.digest(
            payload_bytes(
                {
                    "action": self.request.action,
                    "agent_version": self.agent_version,
                    "args": self.request.args,
                    "policy": run.law.digest,
                    "principal": self.request.principal,
                    "resource": self.request.resource,
                    "run": run.id,
                },
            ),
        )


@dataclass(frozen=True, slots=True)
class Revision:
    """A reviewer wants something else: why, and the arguments to change, if they were named."""

    reason: str
    changes: dict[str, Any]


def clear(run: Run, action: Action) -> list[Record] | Revision:
    """Return the approvals under which an action may happen now, or the reviewer's revision.

    Raises:
        PolicyDenied: the law forbids it, and no person may lift that.
        GateDenied: a person said no-go, or (GateExpired) nobody said anything in time, or (ApprovalVoid) a go
            counts no more.
        Held: a person has to be asked first; the mission does that and comes back.
        Proposed: it has been put before a person, and whoever wants it goes on without it.

    """
    digest = action.digest(run)
    granted: list[Record] = []
    while True:
        ruling = _rule(run, action, granted)
        if ruling.verdict == "allow":
            return granted
        if ruling.verdict == "deny":
            raise PolicyDenied(f"{action.request.action} is refused by {', '.join(ruling.rules)}: {_told(ruling)}")
        if ruling.proposed and action.deferrable:
            raise _proposed(run, action, ruling)
        gate_id = short_id(run.id, action.key, digest, ruling.roles[0], length=10)
        seconds = ruling.deadline_seconds or run.settings.gate_deadline_seconds
        can_revise = action.request.resource[0] == "Tool" and action.asking == "action"
        options: tuple[Answer, ...] = ("go", "no_go", "revise") if can_revise else _YES_NO
        question = Question(
            gate_id, action.key, ruling.roles[0], ruling.rules, ruling.because, options, seconds,
            partial(action_card, run, gate_id, action, ruling),
            facts={} if action.asking == "action" else {action.asking: True},
            need=ruling.needs.get(ruling.roles[0], Need()),
        )  # fmt: skip
        answer = answer_to(run, action, digest, question)
        match answer.data["answer"]:
            case "go":
                if is_broken(answer):
                    # Before the effect: what is done alone is looked at, whatever becomes of this process.
                    queue_glass_review(run, action, answer)
                granted.append(answer)
            case "revise":
                body = answer.body_object()
                return Revision(body.get("reason", ""), body.get("changes", {}))
            case _:
                raise _denied(action, answer)


def executed_key(key: str) -> str:
    """Return the key under which a proposed operation is done once a person said go."""
    return f"{key}/executed"


def _proposed(run: Run, action: Action, ruling: Ruling) -> Proposed:
    """Put an action before a person as it will be done, and return what whoever wanted it is told."""
    what = action.request.action
    most = run.meter.budget.actions
    if len(run.ledger.proposed) + run.meter.actions >= most:
        raise BudgetExceeded(f"{what} was not proposed: a run may make {most} changes, proposals included.")
    # Asked now, or answered before a crash; what was answered counts when the proposal's turn comes.
    with suppress(Held, GateDenied):
        clear(run, replace(action, key=executed_key(action.key), asking="proposal", deferrable=False))
    roles = ", ".join(ruling.roles)
    return Proposed(
        f"{what} is proposed and NOT done: {roles} decides on exactly this later. Go on without it, "
        "do not ask for it again, and say that it is proposed.",
    )


def _told(ruling: Ruling) -> str:
    return " ".join(ruling.because)


def _denied(action: Action, answer: Record) -> GateDenied:
    reason = plain_text(answer.body_object().get("reason", ""), 300)
    if answer.data["proof"] == "clock":
        return GateExpired(f"{action.request.action}: nobody answered before the deadline, and silence is no-go.")
    return GateDenied(f"{action.request.action}: no-go by {answer.data['by']}: {reason}")


def decision_key(run: Run, key: str, granted: Sequence[Record] = ()) -> str:
    """Return the name of the decision on an operation; approvals and law are part of it."""
    suffix = short_id(run.law.digest, *sorted(counted(granted)), length=8)
    return f"{key}/decision:{suffix}"


def _rule(run: Run, action: Action, granted: list[Record]) -> Ruling:
    """Look the decision up, or make and record it."""
    key = decision_key(run, action.key, granted)
    recorded = run.ledger.result(key)
    if recorded is not None:
        known = {name: recorded.data[name] for name in ("verdict", "rules", "because", "roles")}
        optional = ("deadline_seconds", "proposed", "needs")
        later = {name: recorded.data[name] for name in optional if name in recorded.data}
        return Ruling(**known, **later)
    watch = Stopwatch()
    if run.world is None:
        raise PolicyDenied("No mission is in force for this run, so nothing is allowed.")
    roles = [record.data["role"] for record in granted]
    people = people_behind(run.settings, granted)
    ruling = run.law.decide(action.request, run.world(), roles, people)
    asked = payload_bytes(action.request.model_dump(mode="json"))
    data: dict[str, Any] = {
        "key": key,
        "principal": action.request.principal[1],
        "action": action.request.action,
        "resource": action.request.resource[1],
        "verdict": ruling.verdict,
        "rules": list(ruling.rules),
        "because": [plain_text(sentence) for sentence in ruling.because],
        "roles": list(ruling.roles),
        "approvals": counted(granted),
        "request_digest": run.ledger.digest(asked),
        "engine": "cedar",
        "latency_us": watch.microseconds,
    }
    if action.origins:
        data["origins"] = [origin.data() for origin in action.origins]
    if ruling.deadline_seconds is not None:
        data["deadline_seconds"] = ruling.deadline_seconds
    if ruling.proposed:
        data["proposed"] = True
    if ruling.needs:
        data["needs"] = {role: need.model_dump(exclude_none=True) for role, need in ruling.needs.items()}
    run.ledger.note("policy_decision", data, payload=asked, fields={**action.envelope, **step_fields()})
    return ruling


def climb_sleeping(journal: Journal, run_id: str, gate_ids: list[str]) -> datetime | None:
    """Record the rungs that have come of a sleeping run's gates, and return when the next one comes."""
    asked = [r for r in only(journal.read_flight(run_id), "approval_request") if r.data["gate"] in gate_ids]
    for request in asked:
        climb_at(journal, request)
    return next_rung(asked, journal.read_desk(run_id))


def expire_sleeping(journal: Journal, run_id: str, gate_ids: list[str], environment: Environment) -> None:
    """Answer no-go for a sleeping run's gates whose deadline has passed."""
    desk = journal.read_desk(run_id)
    for request in only(journal.read_flight(run_id), "approval_request"):
        gate_id = request.data["gate"]
        is_open = gate_id in gate_ids and accepted_answer(desk, gate_id) is None
        if is_open and datetime.now(UTC) >= moment(request.data["deadline"]):
            expire(journal, run_id, gate_id, environment)


async def gate(action: str, **facts: Any) -> None:
    """Hold the mission at a go/no-go point of its own.

    The law decides on ``action`` with these facts: it passes, is refused, or a person is asked.
    Returns nothing, so there is no answer to forget.

    Raises:
        PolicyDenied: the law forbids it.
        GateDenied: a person said no-go; GateExpired: nobody answered in time.

    """
    run = current_run()
    facts = plain(facts)
    key = current_scope().claim("gate", action, run.ledger.digest(payload_bytes(facts)))
    request = Request(
        principal=("Mission", run.charter.name),
        action=action,
        resource=("Mission", run.charter.name),
        call=call_facts(run),
        args={name: value for name, value in facts.items() if value is not None},
    )
    while True:
        try:
            clear(run, Action(key, request))
        except Held as held:
            if current_step() is not None:
                raise
            await held.wait(run)
        else:
            return


def call_facts(run: Run) -> dict[str, Any]:
    """Return what the law may know about any call of a run."""
    return {
        "mission": run.charter.name,
        "scope": list(run.charter.scope),
        "environment": run.settings.environment,
        "requester": run.requester,
        "offline": run.is_offline,
    }
