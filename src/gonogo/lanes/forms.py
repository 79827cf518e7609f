"""The form of a gate in the Prefect UI: it carries an answer to the desk, and decides nothing itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast

import orjson
from prefect.input import RunInput
from pydantic import Field, ValidationError

from gonogo.approvals import answer_gate
from gonogo.ballots import Reply
from gonogo.errors import AnswerRefused, RunUnknown
from gonogo.evidence.canon import plain_text
from gonogo.statements import TOKEN_MAX_CHARACTERS

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
    name: str = Field(
        default="", title="Your name", description="Without a token it is recorded as unproven.", max_length=200
    )
    token: str = Field(
        default="",
        title="Token",
        description="What `gonogo decide --sign KEY --show-token` prints, or the six digits of your app.",
        max_length=TOKEN_MAX_CHARACTERS,
    )
    changes: str = Field(
        default="",
        title="Changes",
        description='With revise, as JSON: other arguments, or the result of what did happen: {"amount_cents": 400}.',
        max_length=20_000,
    )


UNREADABLE = "unreadable"
"""Stands in the place of the token where what was given is no form: nothing vouches for it."""

WAKE = {"answer": "wake", "reason": "", "name": ""}
"""What wakes a sleeping run without answering anything."""


def form_of(wait: Wait) -> type[GateAnswer] | None:
    """Return the form of a gate under its card; ``None`` for a wait that nobody answers in a form."""
    return GateAnswer.with_initial_data(description=wait.card) if wait.kind == "gate" else None


def take_form(run: Run, gate_id: str, given: object) -> None:
    """Bring what was typed into the form to the desk; what does not count is recorded as refused."""
    try:
        form = GateAnswer.model_validate(given)
    except ValidationError:
        # Prefect checks what its own form sends, so somebody wrote this past it. It answers nothing, and is evidence.
        name = plain_text(str(cast("dict[str, Any]", given).get("name", "")), 200) if isinstance(given, dict) else ""
        what = "What was given is not what the form takes."
        _bring(run, gate_id, Reply.typed("no_go", name, what, "prefect", token=UNREADABLE))
        return
    if form.answer == "wake":
        return
    answer: Answer = form.answer
    try:
        changes = _changes(form.changes)
    except AnswerRefused as error:
        print(f"gonogo: {error}")  # noqa: T201 - Prefect shows a flow run's output in its log
        return
    _bring(run, gate_id, Reply.typed(answer, form.name, form.reason, "prefect", token=form.token, changes=changes))


def _bring(run: Run, gate_id: str, reply: Reply) -> None:
    try:
        answer_gate(run.ledger.journal, gate_id, reply, run.settings.environment, run.id)
    except (AnswerRefused, RunUnknown) as error:
        print(f"gonogo: {error}")  # noqa: T201 - as above


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
