"""Questions: what a person is asked about an action, the request of its gate, and the wait for an answer."""

from __future__ import annotations

import getpass
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from gonogo.approvals import answer_gate, inherited, silence, superseded
from gonogo.asked import NotProven, RunOut
from gonogo.ballots import accepted_answer, accepted_answers, asked_of, quorum_of, still_proven
from gonogo.clocks import trusted_now
from gonogo.current import step_fields
from gonogo.emergencies import is_broken
from gonogo.errors import AnswerRefused, ApprovalVoid, EvidenceBroken
from gonogo.evidence.canon import moment, payload_bytes, plain_text, timestamp
from gonogo.evidence.ledger import must_have_payload
from gonogo.ladders import climb, next_rung, rungs_from
from gonogo.pilots import Held, Wait
from gonogo.policy.rules import Need

if TYPE_CHECKING:
    from collections.abc import Callable

    from gonogo.evidence.journals import Journal
    from gonogo.evidence.records import Record
    from gonogo.gates import Action
    from gonogo.model import Answer, Environment
    from gonogo.runs import Run


@dataclass(frozen=True, slots=True)
class Question:
    """What a person is asked about an action, and how they may answer."""

    gate: str
    """Id of the gate; the same for the same question."""
    key: str
    """The operation it is about; a later question under the same key takes this one's place."""
    role: str
    rules: tuple[str, ...]
    because: tuple[str, ...]
    options: tuple[Answer, ...]
    deadline_seconds: int
    card: Callable[[datetime], str]
    """Writes what the person is shown, given the deadline."""
    facts: dict[str, Any] = field(default_factory=dict[str, Any])
    """Further fields of the request's record."""
    body: dict[str, Any] = field(default_factory=dict[str, Any])
    """Further members of its payload."""
    need: Need = Need()  # noqa: RUF009 - frozen
    """What its go takes."""


def answer_to(run: Run, action: Action, digest: str, question: Question) -> Record:
    """Return the answer to a question about an action; open its gate where there is none yet.

    Raises:
        Held: nobody has answered; the mission waits at the gate and comes back.
        ApprovalVoid: a go stands there that counts no more.
        EvidenceBroken: an answer stands there that is bound to another action, or that nothing vouches for.

    """
    answer = accepted_answer(run.ledger.desk(), question.gate)
    if answer is None:
        open_gate(run, action, digest, question)
        raise Held(partial(wait_at, gate_id=question.gate))
    if answer.data["action_digest"] != digest or answer.data["role"] != question.role:
        raise EvidenceBroken(f"The answer at gate {question.gate} is bound to another action; it does not count.")
    if all(each.data["gate"] != question.gate for each in run.ledger.requests):
        # A crash took the end of the flight with it. What an answer is about stands on record before it is used.
        open_gate(run, action, digest, question)
    if answer.data["answer"] != "no_go":
        check_proofs(run, question.gate)
    return answer


def check_proofs(run: Run, gate_id: str) -> None:
    """Return where every answer that opened a gate is still what its person said, and counts now.

    Raises:
        ApprovalVoid: one counts no more.
        ClockBehind: nobody can say whether one still does.
        EvidenceBroken: one never did; nobody vouches for it, or too few people do.

    """
    desk = run.ledger.desk()
    asked = [each for each in run.ledger.requests if each.data["gate"] == gate_id]
    settled = accepted_answer(desk, gate_id)
    if not asked or settled is None:
        raise EvidenceBroken(f"Gate {gate_id} was never asked at or never answered; nothing counts there.")
    request = run.ledger.whole(asked[-1])
    parts = frozenset(settled.data.get("with", ()))
    counting = [each for each in accepted_answers(desk, gate_id) if each.fields["id"] in parts] + [settled]
    few = len({each.data["by"] for each in counting}) < quorum_of(request)
    if settled.data["answer"] == "go" and few and not is_broken(settled):
        raise EvidenceBroken(f"Gate {gate_id} takes the go of {quorum_of(request)} people, and fewer said it.")
    environment = request.fields["envname"] if request.fields["envname"] != "dev" else run.settings.environment
    now = trusted_now(run.settings.home, [*run.ledger.records, *desk])
    for answer in counting:
        before = [each for each in desk if each.seq < answer.seq]
        try:
            question = asked_of(request, before, environment, moment(answer.fields["time"]))
            still_proven(run.settings, question, run.ledger.whole(answer), now)
        except RunOut as error:
            raise ApprovalVoid(f"The go of {answer.data['by']} at gate {gate_id} counts no more: {error}") from error
        except NotProven as error:
            raise EvidenceBroken(
                f"The answer at gate {gate_id} has no proof that counts here; it does not count. {error}"
            ) from error


def open_gate(run: Run, action: Action, digest: str, question: Question) -> None:
    """Record the request of a gate, once; again where another had replaced it and it holds again."""
    key = f"{question.key}/gate:{question.gate}"
    fields = {**action.envelope, **step_fields()}
    known = run.ledger.result(key)
    if known is not None:
        if superseded(run.ledger.records, known) is not None:
            run.ledger.note("approval_request", known.data, payload=must_have_payload(known), fields=fields)
        return
    opened = datetime.now(UTC)
    deadline = opened + timedelta(seconds=question.deadline_seconds)
    card = question.card(deadline)
    data = {
        "objects": [{"id": run.id, "type": "run"}, {"id": question.gate, "type": "gate"}],
        "gate": question.gate,
        "key": key,
        "action": action.request.action,
        "action_digest": digest,
        "card_digest": run.ledger.digest(card.encode()),
        "role": question.role,
        "rules": list(question.rules),
        "because": [plain_text(sentence) for sentence in question.because],
        "options": list(question.options),
        "requester": run.requester,
        "deadline": timestamp(deadline),
        **_takes(run, question.need, opened),
        **question.facts,
    }
    body = {"card": card, "args": action.request.args, "preview": action.preview, **question.body}
    run.ledger.note("approval_request", data, payload=payload_bytes(body), fields=fields)


def _takes(run: Run, need: Need, opened: datetime) -> dict[str, Any]:
    """Return what the record of a request says about who may answer; nothing where a typed name is enough."""
    found: dict[str, Any] = {}
    if need.risk is not None:
        found["risk"] = need.risk
    if need.quorum > 1:
        found["quorum"] = need.quorum
    if need.rungs:
        found["rungs"] = rungs_from(need.rungs, opened)
    if need.glass is not None:
        found["break_glass"] = need.glass.model_dump()
    if run.settings.environment != "dev":
        # Whoever's account flies the run is not asked whether it may go on.
        found["executor"] = getpass.getuser()
    return found


async def wait_at(run: Run, gate_id: str) -> None:
    """Wait until a gate is answered; the deadline answers no-go.

    Raises:
        Parked: the run leaves its process and comes back when there is something to look at.

    """
    with run.working():
        await run.ledger.stream.commit()
    request = next(r for r in run.ledger.requests if r.data["gate"] == gate_id)
    deadline = moment(request.data["deadline"])
    card = run.ledger.whole(request).body_object().get("card", "")
    with run.waiting(Wait("gate", gate_id, deadline, card)):
        while accepted_answer(run.look(), gate_id) is None:
            if datetime.now(UTC) >= deadline:
                expire(run.ledger.journal, run.id, gate_id, run.settings.environment)
                continue
            rung = next_rung([request], run.ledger.desk())
            if rung is not None and datetime.now(UTC) >= rung:
                climb_at(run.ledger.journal, request)
                continue
            await run.pilot.rest(run)


def climb_at(journal: Journal, request: Record) -> None:
    """Record the rungs of a gate's ladder that have come; nothing where it was answered meanwhile."""
    with journal.open_desk(request.run_id) as desk:
        climb(desk, request, inherited(request), datetime.now(UTC))


def expire(journal: Journal, run_id: str, gate_id: str, environment: Environment) -> None:
    """Let the deadline answer; if a person was faster, their answer stands."""
    try:
        answer_gate(journal, gate_id, silence(gate_id), environment, run_id)
    except AnswerRefused:
        return
