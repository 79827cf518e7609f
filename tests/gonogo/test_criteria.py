"""Criteria: checked before a step and after it, named in the record, and never taken for held when in doubt."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import BaseModel

from gonogo import Outcome, criterion, mission, step
from gonogo.errors import CriterionBroken, MissionMisdefined
from tests.gonogo.toy.bank import calls, pay
from tests.gonogo.toy.errands import run


class Order(BaseModel):
    """What is to be paid."""

    cents: int


class Paid(Outcome):
    """What became of it."""

    outcome: Literal["paid", "told"]
    successes = frozenset({"paid"})
    told: str = ""


@criterion("the amount is positive")
def amount_is_positive(order: Order) -> bool:
    """Look at the order."""
    return order.cents > 0


@criterion("the amount is no prime suspect")
def amount_can_be_looked_at(order: Order) -> bool:
    """Fail where the order is odd: what cannot be checked does not hold."""
    if order.cents == 7:
        raise ZeroDivisionError
    return True


@criterion("the receipt names the payee")
def receipt_names_the_payee(result: str, order: Order) -> bool:
    """Look at what came out, and at what went in."""
    return "ada" in result and order.cents != 9


@criterion("it says yes in so many words")
def says_one(order: Order) -> Any:
    """Return something that is true but not True."""
    return order.cents if order.cents == 11 else True


@step(entry=[amount_is_positive, amount_can_be_looked_at, says_one], exit=[receipt_names_the_payee])
async def settle_order(order: Order) -> str:
    """Pay ada."""
    return await pay(payee="ada", amount_cents=order.cents)


@mission(owner="counter", scope=["bank"])
async def ordering(case: Order) -> Paid:
    """Pay an order; tell what was broken."""
    try:
        return Paid(outcome="paid", told=await settle_order(case))
    except CriterionBroken as error:
        return Paid(outcome="told", told=str(error))


async def test_what_holds_is_named_in_the_record_of_the_step() -> None:
    """Whoever reads the evidence sees what was checked."""
    went = await run(Order(cents=5), flying=ordering)
    assert went.outcome == "paid"
    (result,) = went.told("step_record", "result")
    assert result["criteria"] == [
        "entry:amount_is_positive", "entry:amount_can_be_looked_at", "entry:says_one", "exit:receipt_names_the_payee",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("cents", "told"),
    [
        (0, "settle_order: the entry criterion amount_is_positive is broken: the amount is positive does not hold."),
        (7, "amount_can_be_looked_at could not be checked (ZeroDivisionError)"),
        (11, "says_one is broken"),
    ],
)
async def test_a_broken_entry_criterion_fails_the_step_before_anything_is_done(cents: int, told: str) -> None:
    """A data mismatch that names the criterion; the bank was never reached, and a replay says the same."""
    went = await run(Order(cents=cents), flying=ordering, run_id="r1")
    assert told in went.landing.outcome["told"]  # pyright: ignore[reportOptionalSubscript] - it has an outcome
    (result,) = went.told("step_record", "result")
    assert (result["reason_code"], result["error_class"]) == ("data_mismatch", "CriterionBroken")
    assert "criteria" not in result
    assert calls("pay") == []


async def test_a_broken_exit_criterion_fails_the_step_after_it_was_done() -> None:
    """What was done stands in the evidence; the step does not count as done."""
    went = await run(Order(cents=9), flying=ordering)
    assert "the exit criterion receipt_names_the_payee is broken" in went.landing.outcome["told"]  # pyright: ignore[reportOptionalSubscript] - it has an outcome
    assert len(calls("pay")) == 1
    assert went.told("tool_call", "result")[0]["outcome"] == "done"


async def test_a_broken_criterion_is_the_same_on_a_replay(tmp_path: Any) -> None:
    """It is looked up, not checked again."""
    first = await run(Order(cents=0), flying=ordering, home=tmp_path, run_id="r1")
    path = tmp_path / "journals" / "flights" / "r1.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    again = await run(None, flying=ordering, home=tmp_path, run_id="r1")
    assert again.landing.outcome == first.landing.outcome
    assert len(again.told("step_record", "result")) == 1


async def misfit(payee: str) -> str:
    """Do nothing."""
    return payee


def test_a_criterion_that_looks_at_what_is_not_there_is_refused() -> None:
    """At definition; entry criteria cannot look at a result."""
    with pytest.raises(
        MissionMisdefined, match=r"entry criterion receipt_names_the_payee of the step .* looks at result"
    ):
        step(entry=[receipt_names_the_payee])(misfit)
    with pytest.raises(MissionMisdefined, match=r"exit criterion amount_is_positive of the step .* looks at order"):
        step(exit=[amount_is_positive])(misfit)


def test_a_criterion_needs_a_sentence_and_something_to_look_at() -> None:
    """It is shown to people, and says nothing about nothing."""

    def nothing() -> bool:
        """Look at nothing."""
        return True

    async def later(order: Order) -> bool:
        """Look later."""
        return order.cents > 0

    for sentence, function in (("it holds", nothing), ("  ", amount_is_positive.function), ("it holds", later)):
        with pytest.raises(MissionMisdefined, match="is a plain function"):
            criterion(sentence)(function)  # pyright: ignore[reportArgumentType] - one is async
