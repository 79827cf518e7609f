"""Rescues: a step that failed is put before a person, where it says so: again, a value instead, or over.

A failure whose path is ``escalate`` ends a run, and somebody begins anew. A step with ``asks`` waits instead:
the run keeps what it has done. ``go`` enters the step again; ``revise`` gives its result; ``no_go`` ends the
run. Each failure is a question of its own, so the answer to one counts for no other.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter, ValidationError

from gonogo.cards import Failure, failure_card, shown
from gonogo.current import step_fields
from gonogo.doubts import WRAPPED, form_of, read_given
from gonogo.errors import GonogoError
from gonogo.evidence.canon import plain_text, short_id
from gonogo.failures import raise_recorded
from gonogo.gates import Action, call_facts
from gonogo.model import PATHS, FailureClass
from gonogo.policy.law import Request
from gonogo.questions import Question, answer_to

if TYPE_CHECKING:
    from gonogo.evidence.records import Record
    from gonogo.runs import Run

RULE = "step-failed"
"""What stands in the place of a policy's rule: no law asks here, the step's own declaration does."""

_NEVER: frozenset[FailureClass] = frozenset({"policy_block", "aborted", "approval_denied", "approval_expired"})
"""What a person, the law or the switch said is no failure that somebody else is asked about."""


@dataclass(frozen=True, slots=True)
class Failed:
    """One failure of a step."""

    step: str
    key: str
    args: dict[str, Any]
    role: str
    """Who is asked."""
    record: Record
    result: TypeAdapter[Any]
    branch: str


def is_asked(run: Run, role: str | None, record: Record) -> bool:
    """Whether a recorded result of a step is a failure that a person is asked about."""
    if role is None or record.data["outcome"] != "failed":
        return False
    reason: FailureClass = record.data["reason_code"]
    path = record.data.get("on_failure") or run.charter.on_failure.get(reason) or PATHS[reason]
    return path == "escalate" and reason not in _NEVER


async def settle(run: Run, failed: Failed) -> None:
    """Return once the step may be entered again, or has been given a result.

    Raises:
        Held: a person has to be asked first; the mission does that and comes back.
        GonogoError: the failure itself: a person ended it (its path is then ``terminate``), or nobody answered.

    """
    request = Request(
        principal=("Mission", run.charter.name),
        action=failed.step,
        resource=("Mission", run.charter.name),
        call=call_facts(run),
        args=failed.args,
    )
    action = Action(failed.key, request, asking="failure")
    digest = action.digest(run)
    misfits: list[str] = []
    misfit = ""
    while True:
        answer = answer_to(run, action, digest, _question(run, failed, action, [digest, *misfits], misfit))
        match answer.data["answer"]:
            case "go":
                _reopen(run, failed, answer)
                return
            case "revise":
                try:
                    body = read_given(failed.result, answer)
                except ValidationError as error:
                    # The desk looks at the shape only. What does not fit in another way is asked again.
                    first = error.errors()[0]
                    misfit = f"{'.'.join(map(str, first['loc'])) or WRAPPED}: {first['msg']}."
                    misfits.append(answer.fields["id"])
                    continue
                data = {
                    "key": failed.key, "step": failed.step, "branch": failed.branch, "phase": "result",
                    "outcome": "done", "latency_us": 0, "source": "person", "gate": answer.data["gate"],
                }  # fmt: skip
                await run.ledger.write("step_record", data, payload=body, fields={"stepid": failed.key})
                return
            case _:
                _raise(failed, answer)


def _raise(failed: Failed, answer: Record) -> None:
    """Raise the failure as it was; a person has said that this is the end of it."""
    try:
        raise_recorded(failed.record)
    except GonogoError as error:
        if answer.data["proof"] != "clock":
            error.path = "terminate"
        error.cause = failed.key
        raise


def _reopen(run: Run, failed: Failed, answer: Record) -> None:
    """Record that the step is entered again: what led to its failure, and only that, is done anew."""
    keys: list[str] = []
    key = failed.key
    while key and key not in keys:
        keys += run.ledger.attempts_of(key)
        found = run.ledger.result(key)
        key = "" if found is None else str(found.data.get("cause", ""))
    data = {"event": "reopened", "reopens": list(dict.fromkeys(keys)), "gate": answer.data["gate"]}
    run.ledger.note("run_record", data, fields=step_fields())


def _question(run: Run, failed: Failed, action: Action, bound: list[str], misfit: str) -> Question:
    """Return what the role is asked; bound to this failure, and to what was answered before."""
    failure = short_id(failed.record.fields["id"], length=8)
    key = f"{failed.key}/failure:{failure}"
    gate_id = short_id(run.id, key, *bound, length=10)
    form = form_of(failed.result).schema
    names = ", ".join(shown(name) for name in form.get("properties", {})) or "name by name"
    because = plain_text(f"The step {failed.step} failed: {failed.record.data.get('error', '')}", 1_000)
    told = Failure(because, failed.role, f"{names} (`--set name=value`)", misfit)
    return Question(
        gate_id, key, failed.role, (RULE,), (because,), ("go", "no_go", "revise"), run.settings.gate_deadline_seconds,
        partial(failure_card, run, gate_id, action, told),
        facts={"failure": failed.record.fields["id"]}, body={"result": form},
    )  # fmt: skip
