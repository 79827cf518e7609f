"""Rescues: where a step says so, its failure is put before a person: again, a value instead, or over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest
from pydantic import BaseModel, Field

from gonogo import Outcome, mission, step, tool
from gonogo.approvals import Reply, answer_gate
from gonogo.board import open_gates
from gonogo.errors import AnswerRefused, PolicyDenied, ToolFailed
from gonogo.evidence.journals import journal_of
from gonogo.settings import settings
from tests.gonogo.toy.bank import pay, payments
from tests.gonogo.toy.errands import park, run

if TYPE_CHECKING:
    from pathlib import Path

    from gonogo.model import Answer
    from gonogo.testing import GateView, Rehearsal

pytestmark = pytest.mark.usefixtures("backend")

WRONG: list[Exception] = []
"""What the quotation does next; nothing wrong, once it is empty."""
ENTERED: list[str] = []


class Wanted(BaseModel):
    """What is to be valued."""

    item: str = "roof"


class Quote(BaseModel):
    """What it is worth."""

    cents: int = Field(gt=0)


class Valued(Outcome):
    """How it went."""

    outcome: Literal["valued"]
    successes = frozenset({"valued"})
    cents: int = 0


@tool(system="bank", effect="read")
async def look_at_market(item: str) -> int:
    """Say what an item costs, unless something is wrong."""
    ENTERED.append(item)
    if WRONG:
        raise WRONG.pop(0)
    return 4_200


@step(asks="valuer")
async def value(item: str) -> Quote:
    """Pay the surveyor, then ask the market."""
    await pay(payee="surveyor", amount_cents=100)
    return Quote(cents=await look_at_market(item=item))


@step
async def value_within(item: str) -> Quote:
    """Value an item within another step."""
    return await value(item)


@mission(owner="counter", scope=["bank"])
async def valuing(wanted: Wanted) -> Valued:
    """Value an item."""
    return Valued(outcome="valued", cents=(await value(wanted.item)).cents)


@mission(owner="counter", scope=["bank"])
async def valuing_within(wanted: Wanted) -> Valued:
    """Value an item, a step deeper."""
    return Valued(outcome="valued", cents=(await value_within(wanted.item)).cents)


@mission(owner="counter", scope=["bank"], on_failure={"tool_failure": "terminate"})
async def valuing_or_not(wanted: Wanted) -> Valued:
    """Value an item, and be done where that fails."""
    return Valued(outcome="valued", cents=(await value(wanted.item)).cents)


@pytest.fixture(autouse=True)
def _nothing_wrong() -> None:  # pyright: ignore[reportUnusedFunction] - pytest calls it
    WRONG.clear()
    ENTERED.clear()


def law(folder: Path) -> Path:
    """Return the toy's law, which knows the market, too."""
    import shutil

    from tests.gonogo.toy import POLICIES

    made = shutil.copytree(POLICIES, folder / "policies", dirs_exist_ok=True)
    schema = next(iter(made.glob("*.cedarschema")))
    text = schema.read_text(encoding="utf-8")
    if "look_at_market" not in text:
        action = (
            "action look_at_market appliesTo { principal: [Agent, Mission], resource: [Tool], "
            "context: { call: Call, args: { item: String } } };\n"
        )
        schema.write_text(f"{text}\n{action}", encoding="utf-8")
    return made


async def flown(tmp_path: Path, *answers: Answer | Reply, flying: object = valuing) -> Rehearsal:
    """Fly with these answers, in order; nobody answers after the last."""
    left = list(answers)

    def say(view: GateView) -> Answer | Reply | None:
        assert view.about == "failure", view.card
        assert view.role == "valuer"
        return left.pop(0) if left else None

    return await run(Wanted(), flying=flying, answers=say, home=tmp_path, overrides={"policy_folder": law(tmp_path)})  # pyright: ignore[reportArgumentType] - any mission


def giving(**changes: object) -> Reply:
    """Return the answer of somebody who gives the result."""
    return Reply("revise", "vic", "I looked myself.", "cli", changes=dict(changes))


async def test_a_go_enters_the_step_again_and_what_it_had_done_is_not_done_twice(tmp_path: Path) -> None:
    """Only what led to the failure is done anew."""
    WRONG.append(ToolFailed("The market is closed."))
    went = await flown(tmp_path, "go")
    assert (went.outcome, went.landing.outcome and went.landing.outcome["cents"]) == ("valued", 4_200)
    assert (payments(tmp_path), len(ENTERED)) == ([("surveyor", 100)], 2)
    assert went.told("exception_record") == []


async def test_each_failure_is_a_question_of_its_own(tmp_path: Path) -> None:
    """The go to the first says nothing about the second."""
    WRONG[:] = [ToolFailed("closed"), ToolFailed("closed again")]
    went = await flown(tmp_path, "go", "go")
    gates = [request["gate"] for request in went.told("approval_request")]
    assert (went.outcome, len(set(gates)), len(ENTERED)) == ("valued", 2, 3)


async def test_a_revise_gives_the_result_and_the_step_is_done_by_a_person(tmp_path: Path) -> None:
    """Recorded as theirs; the step is not entered again, on a replay either."""
    WRONG.append(ToolFailed("The market is closed."))
    went = await flown(tmp_path, giving(cents=777))
    assert went.landing.outcome is not None
    assert (went.outcome, went.landing.outcome["cents"], len(ENTERED)) == ("valued", 777, 1)
    (given,) = [told for told in went.told("step_record", "result") if told["outcome"] == "done"]
    assert given["source"] == "person"


async def test_a_value_that_does_not_fit_is_refused_or_asked_again(tmp_path: Path) -> None:
    """By its shape at the door; by what the type demands beside it when the run looks."""
    WRONG.append(ToolFailed("closed"))
    landing = await park(Wanted(), tmp_path, flying=valuing, policies=law(tmp_path))
    journal = journal_of(settings().model_copy(update={"home": tmp_path}))
    for wrong in ({"cents": "much"}, {"cents": 0}, {"pence": 7}):
        with pytest.raises(AnswerRefused, match="what was given does not fit"):
            answer_gate(journal, landing.waits[0], giving(**wrong), "dev")
    answer_gate(journal, landing.waits[0], giving(cents=5), "dev")
    landing = await park(None, tmp_path, flying=valuing, policies=law(tmp_path))  # pyright: ignore[reportArgumentType] - none to continue
    assert (landing.status, landing.outcome and landing.outcome["cents"]) == ("done", 5)


@pytest.mark.parametrize(("answers", "path"), [((), "escalate"), (("no_go",), "terminate")])
async def test_silence_escalates_as_before_and_a_no_go_ends_the_run(
    tmp_path: Path, answers: tuple[Answer, ...], path: str
) -> None:
    """Either way the failure is the step's own, and the run's exception has an owner."""
    WRONG.append(ToolFailed("The market is closed."))
    went = await flown(tmp_path, *answers)
    assert (went.landing.status, went.landing.error_class, went.landing.path) == ("failed", "ToolFailed", path)
    assert [told["owner"] for told in went.told("exception_record")] == ["counter"]


async def test_a_run_that_lost_its_process_at_the_question_goes_on_from_its_evidence(tmp_path: Path) -> None:
    """The question is asked once; the answer that came meanwhile counts."""
    WRONG.append(ToolFailed("closed"))
    (gate,) = (await park(Wanted(), tmp_path, flying=valuing, policies=law(tmp_path))).waits
    again = await park(None, tmp_path, flying=valuing, policies=law(tmp_path))  # pyright: ignore[reportArgumentType] - none to continue
    assert again.waits == (gate,)
    journal = journal_of(settings().model_copy(update={"home": tmp_path}))
    (row,) = open_gates(journal)
    assert (row.about, "The market" in row.card or "closed" in row.card) == ("failure", True)
    answer_gate(journal, gate, Reply("go", "vic", "open again", "cli"), "dev")
    landing = await park(None, tmp_path, flying=valuing, policies=law(tmp_path))  # pyright: ignore[reportArgumentType] - none to continue
    assert (landing.status, payments(tmp_path)) == ("done", [("surveyor", 100)])


async def test_a_step_within_a_step_asks_through_the_outer_one(tmp_path: Path) -> None:
    """The outer step is entered again, and finds what it had."""
    WRONG.append(ToolFailed("closed"))
    went = await flown(tmp_path, "go", flying=valuing_within)
    assert (went.outcome, payments(tmp_path)) == ("valued", [("surveyor", 100)])


async def test_a_failure_that_leads_elsewhere_is_put_before_nobody(tmp_path: Path) -> None:
    """Declared as over by the mission, or refused by the law."""
    WRONG.append(ToolFailed("closed"))
    went = await flown(tmp_path, flying=valuing_or_not)
    assert (went.landing.status, went.landing.path, went.told("approval_request")) == ("failed", "terminate", [])
    WRONG[:] = [PolicyDenied("not here")]
    went = await flown(tmp_path / "law")
    assert went.told("approval_request") == []
