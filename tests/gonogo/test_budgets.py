"""The meter: reserved before, settled after, rebuilt from evidence."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gonogo import Budget
from gonogo.budgets import Meter
from gonogo.errors import BudgetExceeded
from gonogo.evidence.canon import GENESIS
from gonogo.evidence.records import Artifact, Record, seal

BUDGET = Budget(usd=Decimal("0.000100"), actions=2)
WIDE = Budget(usd=Decimal(1), actions=100)


def told(artifact: Artifact, **data: Any) -> Record:
    """Return a record of a call."""
    return seal({"runid": "r1"}, artifact, data, stream=("r1/flight", 0, GENESIS))


def answered(key: str, micros: int, basis: str = "list", agent: str = "clerk") -> Record:
    """Return the result of a model call."""
    return told(
        "model_call", key=key, phase="result", agent=agent, cost_micros=micros, input_tokens=3, output_tokens=2,
        price_basis=basis,
    )  # fmt: skip


def asked(key: str, micros: int, agent: str = "clerk") -> Record:
    """Return the intent of a model call."""
    return told("model_call", key=key, phase="intent", agent=agent, reserved_micros=micros)


def acted(effect: str, principal: str = "clerk", **more: Any) -> Record:
    """Return the intent of a tool call."""
    return told("tool_call", phase="intent", effect=effect, principal=principal, **more)


def test_a_call_that_could_cost_more_than_is_left_is_refused() -> None:
    """The sentence tells both sums and the way out."""
    meter = Meter(BUDGET)
    meter.reserve(100, "clerk", WIDE)
    with pytest.raises(
        BudgetExceeded, match="A call of clerk could cost 1 micro-USD and the run has 0 of 100 left; the call was not"
    ):
        meter.reserve(1, "clerk", WIDE)


def test_an_agents_own_budget_is_a_cap_within_the_runs() -> None:
    """One agent that has used up its own leaves the others theirs."""
    meter = Meter(WIDE)
    meter.reserve(100, "clerk", BUDGET)
    with pytest.raises(BudgetExceeded, match="the agent clerk in this run has 0 of 100 left"):
        meter.reserve(1, "clerk", BUDGET)
    meter.reserve(100, "reader", BUDGET)
    assert meter.reserved_micros == 200


def test_a_refused_call_reserves_nothing() -> None:
    """Neither from the run nor from the agent."""
    meter = Meter(WIDE)
    with pytest.raises(BudgetExceeded):
        meter.reserve(101, "clerk", BUDGET)
    meter.reserve(100, "clerk", BUDGET)
    assert meter.reserved_micros == 100


def test_settling_gives_back_what_was_not_used() -> None:
    """A reservation is a loan, from both budgets."""
    meter = Meter(BUDGET)
    meter.reserve(100, "clerk", BUDGET)
    meter.settle(100, answered("/a", 30))
    assert (meter.spent_micros, meter.reserved_micros) == (30, 0)
    meter.reserve(70, "clerk", BUDGET)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=12))
def test_the_cap_is_never_overshot(calls: list[tuple[int, int]]) -> None:
    """As long as no call costs more than was reserved for it, whatever calls run at once."""
    meter, open_calls = Meter(BUDGET), list[tuple[int, int]]()
    for reserve, share in calls:
        try:
            meter.reserve(reserve, "clerk", WIDE)
        except BudgetExceeded:
            if open_calls:
                reserved, cost = open_calls.pop(0)
                meter.settle(reserved, answered("/a", cost))
            continue
        open_calls.append((reserve, min(reserve, share)))
        assert meter.spent_micros + meter.reserved_micros <= 100
    for reserved, cost in open_calls:
        meter.settle(reserved, answered("/a", cost))
    assert meter.spent_micros <= 100
    assert meter.reserved_micros == 0


def test_a_call_dearer_than_reserved_leaves_nothing_for_the_next() -> None:
    """What a provider bills is counted in full, even above the cap."""
    meter = Meter(BUDGET)
    meter.reserve(90, "clerk", WIDE)
    meter.settle(90, answered("/a", 130))
    assert meter.spent_micros == 130
    with pytest.raises(BudgetExceeded, match="the run has -30 of 100 left"):
        meter.reserve(0, "clerk", WIDE)


def test_actions_are_counted_one_by_one() -> None:
    """The third of two is not done."""
    meter = Meter(BUDGET)
    meter.act("pay", "clerk", WIDE)
    meter.act("pay", "errand", None)
    with pytest.raises(
        BudgetExceeded, match="pay by clerk would be change 3 of a run that may make 2; it was not done"
    ):
        meter.act("pay", "clerk", WIDE)
    assert meter.actions == 2


def test_an_agents_actions_are_counted_for_it_alone() -> None:
    """Its third of two is not done; the next agent's first is."""
    meter = Meter(WIDE)
    meter.act("pay", "clerk", BUDGET)
    meter.act("pay", "clerk", BUDGET)
    with pytest.raises(BudgetExceeded, match="change 3 of the agent clerk in a run that may make 2"):
        meter.act("pay", "clerk", BUDGET)
    meter.act("pay", "reader", BUDGET)
    assert meter.actions == 3


def test_a_meter_is_rebuilt_from_evidence() -> None:
    """A crash forgets nothing: a call without a result counts with the whole sum reserved for it."""
    meter = Meter.replayed(
        BUDGET,
        [
            asked("/a", 50), answered("/a", 20, "notional"), asked("/b", 40),
            acted("read"), acted("write"), acted("irreversible"),
        ],
    )  # fmt: skip
    assert meter.totals() == {
        "cost_micros": 60,
        "currency": "USD",
        "price_basis": "notional",
        "model_calls": 1,
        "tool_calls": 3,
        "actions": 2,
        "input_tokens": 3,
        "output_tokens": 2,
    }


@pytest.mark.parametrize("ending", [[], [answered("/a", 7)]])
def test_every_model_call_that_was_lost_counts_with_what_was_reserved(ending: list[Record]) -> None:
    """However often it was asked again, and whether or not an answer came in the end."""
    meter = Meter.replayed(WIDE, [asked("/a", 50), asked("/b", 3), asked("/a", 40), asked("/a", 30), *ending])
    assert meter.spent_micros == 50 + 40 + (7 if ending else 30) + 3
    assert meter.by_agent["clerk"].spent_micros == meter.spent_micros


def test_what_is_done_again_after_a_doubt_is_one_change() -> None:
    """A person saw that the first attempt had not happened; both were calls."""
    meter = Meter.replayed(WIDE, [acted("irreversible"), acted("irreversible", doubt="gate")])
    assert (meter.actions, meter.by_agent["clerk"].actions, meter.tool_calls) == (1, 1, 2)


def test_an_agents_use_is_rebuilt_from_evidence() -> None:
    """A restart gives an agent neither money nor actions back."""
    records = [asked("/a", 50), answered("/a", 20), asked("/b", 40), acted("write"), acted("read"), acted("write", "x")]
    meter = Meter.replayed(WIDE, records)
    with pytest.raises(BudgetExceeded, match="the agent clerk in this run has 40 of 100 left"):
        meter.reserve(41, "clerk", BUDGET)
    meter.reserve(40, "clerk", BUDGET)
    meter.act("pay", "clerk", BUDGET)
    with pytest.raises(BudgetExceeded, match="the agent clerk in a run"):
        meter.act("pay", "clerk", BUDGET)
