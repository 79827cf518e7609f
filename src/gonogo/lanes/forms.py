"""The form of a gate in the Prefect UI: it carries an answer to the desk, and decides nothing itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast

import orjson
from prefect.input import RunInput
from pydantic import Field, ValidationError

from gonogo.approvals import Reply, answer_gate
from gonogo.errors import AnswerRefused, RunUnknown

if TYPE_CHECKING:
    from gonogo.model import Answer
    from gonogo.pilots import Wait
    from gonogo.runs import Run


class GateAnswer(RunInput):
    """What an approver fills in."""

    answer: Literal["go", "no_go", "revise", "wake"] = Field(
        title="Answer",
        description="What each answer does stands at the end of the card. wake: only look again.",
    )
    reason: str = Field(default="", title="Reason", description="Why; it becomes evidence.", max_length=2_000)
    name: str = Field(default="", title="Your name", description="Recorded as unproven.", max_length=200)
    changes: str = Field(
        default="",
        title="Changes",
        description='With revise, as JSON: other arguments, or the result of what did happen: {"amount_cents": 400}.',
        max_length=20_000,
    )


WAKE = {"answer": "wake", "reason": "", "name": ""}
"""What wakes a sleeping run without answering anything."""


def form_of(wait: Wait) -> type[GateAnswer] | None:
    """Return the form of a gate under its card; ``None`` for a wait that nobody answers in a form."""
    return GateAnswer.with_initial_data(description=wait.card) if wait.kind == "gate" else None


def take_form(run: Run, gate_id: str, given: dict[str, Any]) -> None:
    """Bring what was typed into the form to the desk; what does not count is recorded as refused."""
    try:
        form = GateAnswer.model_validate(given)
    except ValidationError:
        return
    if form.answer == "wake":
        return
    answer: Answer = form.answer
    try:
        reply = Reply(answer, form.name, form.reason, "prefect", changes=_changes(form.changes))
        answer_gate(run.ledger.journal, gate_id, reply, run.settings.environment, run.id)
    except (AnswerRefused, RunUnknown) as error:
        print(f"gonogo: {error}")  # noqa: T201 - Prefect shows a flow run's output in its log


def _changes(text: str) -> dict[str, Any]:
    """Read what was typed as changes; raises AnswerRefused where it is no JSON object."""
    try:
        found: Any = orjson.loads(text) if text.strip() else {}
    except orjson.JSONDecodeError as error:
        raise AnswerRefused(
            f"The changes are no JSON ({error}), so nothing was answered; the gate stays open."
        ) from error
    if not isinstance(found, dict):
        raise AnswerRefused("The changes are no JSON object, so nothing was answered; the gate stays open.")
    return cast("dict[str, Any]", found)
