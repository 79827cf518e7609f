"""The measure of the matrix: it leaves out what it says, and sees everything else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gonogo.evidence.records import Record, seal
from tests.crash.projection import bare, doubts, order_holds, plain, projected
from tests.gonogo.toy.bank import CALLS
from tests.gonogo.toy.errands import Errand, Payment, run

if TYPE_CHECKING:
    from pathlib import Path

    from gonogo.evidence.records import Artifact

ERRAND = Errand(payments=[Payment(payee="a", cents=6_000)], letter="Dear Ada")


def record(artifact: Artifact, seq: int = 0, payload: bytes | None = None, **data: Any) -> Record:
    """Return a record of a run."""
    return seal({"runid": "r1"}, artifact, data, stream=("r1/flight", seq, "0" * 64), payload=payload)


def call(phase: str, **data: Any) -> Record:
    """Return a record about posting a letter."""
    return record("tool_call", phase=phase, key="/step:write/tool:post_letter", tool="post_letter", **data)


async def test_two_runs_of_a_case_have_one_projection(tmp_path: Path) -> None:
    """At another time, in another home, with other ids."""
    CALLS.clear()
    one, other = [await run(ERRAND, home=tmp_path / name, run_id="r1", answers="go") for name in ("one", "other")]
    assert projected(one.flight, one.desk) == projected(other.flight, other.desk)
    assert order_holds(one.flight)
    assert len(CALLS) == 4


@pytest.mark.parametrize(
    "changed",
    [
        ERRAND.model_copy(update={"letter": "Dear Bob"}),
        ERRAND.model_copy(update={"payments": [Payment(payee="a", cents=6_001)]}),
        ERRAND.model_copy(update={"payments": []}),
    ],
)
async def test_a_run_that_did_something_else_has_another(tmp_path: Path, changed: Errand) -> None:
    """One word, one cent, one payment."""
    one = await run(ERRAND, home=tmp_path / "one", run_id="r1", answers="go")
    other = await run(changed, home=tmp_path / "other", run_id="r1", answers="go")
    assert projected(one.flight, one.desk) != projected(other.flight, other.desk)


async def test_an_answer_of_somebody_else_is_another(tmp_path: Path) -> None:
    """Who said what at which gate is compared."""
    one = await run(ERRAND, home=tmp_path / "one", run_id="r1", answers="go")
    other = await run(ERRAND, home=tmp_path / "other", run_id="r1", answers="no_go")
    assert projected(one.flight, one.desk) != projected(other.flight, other.desk)


async def test_a_record_that_is_missing_or_there_twice_is_seen(tmp_path: Path) -> None:
    """Whichever it is."""
    went = await run(ERRAND, home=tmp_path, run_id="r1", answers="go")
    whole = projected(went.flight, went.desk)
    for left in went.flight:
        rest = [each for each in went.flight if each is not left]
        assert projected(rest, went.desk) != whole, left.fields
        if left.data["phase"] == "result":
            assert projected([*went.flight, left], went.desk) != whole


def test_a_second_result_and_a_result_without_a_beginning_break_the_order() -> None:
    """An operation begins, and ends once."""
    assert order_holds([call("intent"), call("result")])
    assert order_holds([call("intent"), call("intent"), call("result")])
    assert not order_holds([call("intent"), call("result"), call("result")])
    assert not order_holds([call("intent"), call("result"), call("intent")])
    assert not order_holds([call("result", outcome="done")])
    assert order_holds([call("result", outcome="refused")])


def test_a_doubt_is_an_intent_that_a_resumed_run_found_without_its_end() -> None:
    """Each attempt is another; one that ended is none."""
    resumed = record("run_record", phase="fact", event="resumed")
    first, second = call("intent"), call("intent")
    assert doubts([first, call("result"), resumed], {"post_letter"}) == set()
    assert doubts([first, resumed, resumed, second, resumed], {"post_letter"}) == {
        first.fields["id"], second.fields["id"],
    }  # fmt: skip
    assert doubts([first, resumed], {"wire"}) == set()


def test_a_lost_model_call_is_compared_without_what_was_reserved_for_it() -> None:
    """It may have been billed, so the run's total counts it; the undisturbed run's does not."""

    def asked(phase: str, **data: Any) -> Record:
        return record("model_call", phase=phase, key="/ask/model", **data)

    def end(cost: int) -> Record:
        return record("run_record", phase="result", totals={"cost_micros": cost, "tool_calls": 0})

    intent, answer = asked("intent", reserved_micros=7), asked("result", cost_micros=2)
    assert projected([intent, answer, end(2)], []) == projected([intent, intent, answer, end(9)], [])
    assert projected([intent, answer, end(2)], []) != projected([intent, intent, answer, end(2)], [])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2026-01-02T03:04:05.678901Z", "2027-11-22T13:14:15+02:00"),
        ('"payment-1: sent"', '"payment-23: sent"'),
        ("/gate:abcd2345", "/gate:zzzz7777"),
    ],
)
def test_what_changes_with_every_flight_has_one_name(one: str, other: str) -> None:
    """Times, numbers of a system, ids of gates."""
    assert plain(one) == plain(other) != one


@pytest.mark.parametrize("word", ["CLM-0001", "12.50 EUR", "2026-01-02", "paid"])
def test_what_a_case_says_stays(word: str) -> None:
    """Names, sums and days are the case's own."""
    assert plain(word) == word


def test_a_duration_is_left_out_and_its_measure_stays() -> None:
    """That it was measured is compared."""
    assert bare([{"name": "handling", "unit": "seconds", "value": 3}]) == [{"name": "handling", "unit": "seconds"}]
    assert bare({"value": 3, "unit": "count"}) == {"value": 3, "unit": "count"}
