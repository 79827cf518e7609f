"""Arrivals replayed: the head of the real trace through all missions, and fairness counted rightly."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from benchmarks import arrivals
from benchmarks.arrivals import Arrival, most_overtaken, out_of_order, percentile

if TYPE_CHECKING:
    from pathlib import Path

needs_data = pytest.mark.skipif(not arrivals.DATA.exists(), reason="the arrivals are not beside this repository")


def taken(*order: tuple[str, int, float]) -> list[tuple[Arrival, float]]:
    """Return cases as they were taken: mission, number in the trace, when it came; one is taken a second."""
    return [(Arrival(number, mission, came), float(at)) for at, (mission, number, came) in enumerate(order, start=10)]


def test_whoever_is_taken_before_one_that_came_earlier_is_counted() -> None:
    """Within a mission only."""
    assert out_of_order(taken(("a", 1, 0), ("b", 0, 0), ("a", 2, 0))) == 0
    assert out_of_order(taken(("a", 2, 0), ("a", 1, 0))) == 1


def test_turns_of_others_count_from_when_a_case_stood_at_the_head_of_its_line_and_had_come() -> None:
    """Two of another mission in a row while one waits are two; before it came, or behind its like, they are none."""
    assert most_overtaken(taken(("a", 0, 0), ("b", 1, 0), ("a", 2, 0), ("b", 3, 0))) == 1
    assert most_overtaken(taken(("a", 0, 0), ("a", 1, 0), ("b", 2, 0))) == 2
    assert most_overtaken(taken(("a", 0, 0), ("a", 1, 0), ("b", 2, 12))) == 0


def test_a_percentile_is_a_value_that_was_there() -> None:
    """And 0 of nothing."""
    assert (percentile([3, 1, 2], 0.5), percentile([3, 1, 2], 0.99), percentile([], 0.5)) == (2, 3, 0)


def test_without_the_trace_the_command_says_so_and_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is measured, and nobody takes that for a figure."""
    monkeypatch.setattr(sys, "argv", ["arrivals", "--data", str(tmp_path / "none.csv")])
    assert arrivals.main() == 0
    assert "Nothing was measured" in capsys.readouterr().err


@needs_data
@pytest.mark.slow
async def test_the_head_of_the_trace_loses_nobody_and_overtakes_nobody(tmp_path: Path) -> None:
    """Thirty arrivals at once: every one lands or waits for a person, in order, and says how long it waited."""
    come = arrivals.read_arrivals(arrivals.DATA, 1_000_000.0, 30)
    watch, waits, _ = await arrivals.replay(come, tmp_path, 4)
    assert watch.statuses.total() == len(come) == sum(map(len, waits.values()))
    assert watch.statuses["failed"] == 0
    assert out_of_order(watch.taken) == 0
    assert most_overtaken(watch.taken) <= 1
    assert max(watch.depths) >= 10
    assert max(wait for each in waits.values() for wait in each) > 0
