"""The meter: reserved before, settled after, rebuilt from evidence."""

from __future__ import annotations

import asyncio
import pickle
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
from gonogo.reaches import ONE_RECORD, Reach
from gonogo.uses import model_claim, tool_claim

BUDGET = Budget(usd=Decimal("0.000100"), actions=2)
WIDE = Budget(usd=Decimal(1), actions=100)


def told(artifact: Artifact, **data: Any) -> Record:
    """Return a record of a call."""
    return seal({"runid": "r1"}, artifact, data, stream=("r1/flight", 0, GENESIS))


def answered(key: str, micros: int, basis: str = "list", agent: str = "clerk") -> Record:
    """Return the result of a model call."""
    return told(
        "model_call", key=key, phase="result", agent=agent, outcome="done", latency_us=1,
        cost_micros=micros, input_tokens=3, output_tokens=2,
        price_basis=basis,
    )  # fmt: skip


def asked(key: str, micros: int, agent: str = "clerk") -> Record:
    """Return the intent of a model call."""
    return told("model_call", key=key, phase="intent", agent=agent, reserved_micros=micros)


def acted(effect: str, principal: str = "clerk", **more: Any) -> Record:
    """Return the intent of a tool call."""
    return told("tool_call", phase="intent", effect=effect, principal=principal, **more)


def reserve(meter: Meter, micros: int, agent: str, mandate: Budget) -> None:
    """Reserve for a model call."""
    meter.reserve(model_claim(micros, 10), agent, mandate, f"A call of {agent}")


def act(meter: Meter, principal: str, mandate: Budget | None, reach: Reach = ONE_RECORD, system: str = "bank") -> None:
    """Reserve for a change, and begin it."""
    claim = tool_claim(system, "write", reach)
    meter.reserve(claim, principal, mandate, f"pay by {principal}")
    meter.settle(claim, acted("write", principal))


def test_a_call_that_could_cost_more_than_is_left_is_refused() -> None:
    """The sentence tells both sums and the way out."""
    meter = Meter(BUDGET)
    reserve(meter, 100, "clerk", WIDE)
    with pytest.raises(
        BudgetExceeded, match="A call of clerk could cost 1 micro-USD and the run has 0 of 100 left; the call was not"
    ):
        reserve(meter, 1, "clerk", WIDE)


def test_an_agents_own_budget_is_a_cap_within_the_runs() -> None:
    """One agent that has used up its own leaves the others theirs."""
    meter = Meter(WIDE)
    reserve(meter, 100, "clerk", BUDGET)
    with pytest.raises(BudgetExceeded, match="the agent clerk in this run has 0 of 100 left"):
        reserve(meter, 1, "clerk", BUDGET)
    reserve(meter, 100, "reader", BUDGET)
    assert meter.reserved_micros == 200


def test_a_refused_call_reserves_nothing() -> None:
    """Neither from the run nor from the agent."""
    meter = Meter(WIDE)
    with pytest.raises(BudgetExceeded):
        reserve(meter, 101, "clerk", BUDGET)
    reserve(meter, 100, "clerk", BUDGET)
    assert meter.reserved_micros == 100


def test_settling_gives_back_what_was_not_used() -> None:
    """A reservation is a loan, from both budgets."""
    meter = Meter(BUDGET)
    reserve(meter, 100, "clerk", BUDGET)
    meter.settle(model_claim(100, 10), answered("/a", 30))
    assert (meter.spent_micros, meter.reserved_micros) == (30, 0)
    reserve(meter, 70, "clerk", BUDGET)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=12))
def test_the_cap_is_never_overshot(calls: list[tuple[int, int]]) -> None:
    """As long as no call costs more than was reserved for it, whatever calls run at once."""
    meter, open_calls = Meter(BUDGET), list[tuple[int, int]]()
    for most, share in calls:
        try:
            reserve(meter, most, "clerk", WIDE)
        except BudgetExceeded:
            if open_calls:
                reserved, cost = open_calls.pop(0)
                meter.settle(model_claim(reserved, 10), answered("/a", cost))
            continue
        open_calls.append((most, min(most, share)))
        assert meter.spent_micros + meter.reserved_micros <= 100
    for reserved, cost in open_calls:
        meter.settle(model_claim(reserved, 10), answered("/a", cost))
    assert meter.spent_micros <= 100
    assert meter.reserved_micros == 0


def test_a_call_dearer_than_reserved_leaves_nothing_for_the_next() -> None:
    """What a provider bills is counted in full, even above the cap."""
    meter = Meter(BUDGET)
    reserve(meter, 90, "clerk", WIDE)
    meter.settle(model_claim(90, 10), answered("/a", 130))
    assert meter.spent_micros == 130
    with pytest.raises(BudgetExceeded, match="the run has -30 of 100 left"):
        reserve(meter, 0, "clerk", WIDE)


def test_actions_are_counted_one_by_one() -> None:
    """The third of two is not done."""
    meter = Meter(BUDGET)
    act(meter, "clerk", WIDE)
    act(meter, "errand", None)
    with pytest.raises(
        BudgetExceeded, match="pay by clerk would use 1 changes and the run has 0 of 2 left; the call was not made"
    ):
        act(meter, "clerk", WIDE)
    assert meter.actions == 2


def test_an_agents_actions_are_counted_for_it_alone() -> None:
    """Its third of two is not done; the next agent's first is."""
    meter = Meter(WIDE)
    act(meter, "clerk", BUDGET)
    act(meter, "clerk", BUDGET)
    with pytest.raises(
        BudgetExceeded, match="pay by clerk would use 1 changes and the agent clerk in this run has 0 of 2 left"
    ):
        act(meter, "clerk", BUDGET)
    act(meter, "reader", BUDGET)
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
        reserve(meter, 41, "clerk", BUDGET)
    reserve(meter, 40, "clerk", BUDGET)
    act(meter, "clerk", BUDGET)
    with pytest.raises(BudgetExceeded, match="the agent clerk in this run has 0 of 2"):
        act(meter, "clerk", BUDGET)


@pytest.mark.parametrize(
    ("cap", "reach", "sentence"),
    [
        ({"records": 5}, Reach(records=6), "would use 6 records and the run has 5 of 5 left"),
        ({"recipients": 5}, Reach(records=1, recipients=6), "would use 6 recipients"),
        ({"amount_cents": 5}, Reach(records=1, amount_cents=6), "would use 6 cents moved"),
        ({"systems": 1}, Reach(records=1, systems=("press",)), "would use 2 systems and the run has 1 of 1 left"),
        ({"tool_calls": 0}, ONE_RECORD, "would use 1 tool calls"),
    ],
)
def test_a_blast_radius_is_refused_before_it_is_reached(cap: dict[str, Any], reach: Reach, sentence: str) -> None:
    """And what fits exactly is not."""
    meter = Meter(Budget(**cap))
    with pytest.raises(BudgetExceeded, match=sentence) as refused:
        act(meter, "clerk", None, reach)
    assert refused.value.shortage is not None
    assert refused.value.shortage["cap"] == next(iter(cap.values()))
    act(Meter(Budget(records=6, recipients=6, amount_cents=6, systems=2, tool_calls=1)), "clerk", None, reach)


def test_a_system_is_counted_once() -> None:
    """However often it is changed; the next one is refused."""
    meter = Meter(Budget(systems=1))
    act(meter, "clerk", None)
    act(meter, "clerk", None)
    with pytest.raises(BudgetExceeded, match="systems"):
        act(meter, "clerk", None, system="press")


@pytest.mark.parametrize("cap", [{"tokens": 9}, {"model_calls": 0}])
def test_tokens_and_model_calls_are_reserved_too(cap: dict[str, Any]) -> None:
    """Ten tokens of nine, the first call of none."""
    with pytest.raises(BudgetExceeded):
        reserve(Meter(Budget(**cap)), 1, "clerk", WIDE)


def test_a_reach_is_rebuilt_from_evidence() -> None:
    """Each record as its intent tells it; one that tells nothing has changed one record in its system."""
    reach = {"records": 3, "recipients": 2, "amount_cents": 500, "systems": ["press"]}
    meter = Meter.replayed(WIDE, [acted("write", system="bank"), acted("write", system="bank", reach=reach)])
    assert meter.total.spent["records"] == 4
    assert (meter.total.spent["recipients"], meter.total.spent["amount_cents"]) == (2, 500)
    assert meter.total.systems == {"bank", "press"}


def test_time_in_the_air_is_rebuilt_from_evidence() -> None:
    """Up to the last call begun, and as long as that call took; side by side they took no longer than the longest."""
    records = [
        acted("read", flown_ms=2_000),
        told("tool_call", phase="result", latency_us=500_000),
        told("tool_call", phase="result", latency_us=200_000),
    ]
    meter = Meter.replayed(Budget(seconds=2), records)
    assert meter.clock.milliseconds == 2_500
    with pytest.raises(BudgetExceeded, match="would use 1 seconds in the air and the run has 0 of 2 left"):
        meter.check_time("pay by clerk")


def test_the_clock_stands_while_nothing_is_done() -> None:
    """Waiting is not flying."""
    clock = Meter(WIDE).clock
    clock.let(run=True)
    clock.let(run=False)
    flown = clock.milliseconds
    assert clock.milliseconds == flown
    assert Meter(WIDE).time_left() is None


async def test_a_call_in_flight_is_ended_when_the_time_is_over() -> None:
    """And its own time-out stays its own."""
    never = asyncio.Event()
    meter = Meter(Budget(seconds=0))
    with pytest.raises(BudgetExceeded, match="was ended after 0 seconds in the air"):
        await meter.within(never.wait(), "pay")

    async def late() -> None:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        await Meter(Budget(seconds=100)).within(late(), "pay")


@pytest.mark.parametrize("reach", [{"records": -1}, {"amount_cents": 1.5}, {"recipients": True}, {"records": 10**16}])
def test_a_reach_that_cannot_be_counted_is_none(reach: dict[str, Any]) -> None:
    """A negative one would give something back."""
    with pytest.raises(ValueError, match="is a whole number"):
        Reach(**reach)


def test_a_refusal_survives_a_pickle() -> None:
    """With which budget it was."""
    error = BudgetExceeded("too much", {"whose": "run", "cap": 1})
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert (str(again), again.shortage) == ("too much", {"whose": "run", "cap": 1})
