"""Figures: medians, ratios, and the file they are kept in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.results import Row, ratio, read_rows, rows_of, write_rows

if TYPE_CHECKING:
    from pathlib import Path


def row(value: float, *, system: str = "dbos", unit: str = "ms", workload: str = "mission-10") -> Row:
    """Return a figure."""
    return Row(workload, system, "durable step", value, unit, 3)


def test_a_figure_is_the_median_of_all_single_values() -> None:
    """One slow run out of three says nothing."""
    (found,) = rows_of({("mission-10", "durable step", "ms", "dbos"): [2.0, 900.0, 2.5]})
    assert (found.value, found.runs, found.system, found.metric) == (2.5, 3, "dbos", "durable step")


def test_a_figure_has_four_digits_and_no_more() -> None:
    """More would be noise."""
    assert [r.value for r in rows_of({("gate", "x", "ms", "dbos"): [1.23456789]})] == [1.235]


def test_a_metric_without_values_is_no_figure() -> None:
    """Nothing measured is not zero."""
    assert rows_of({("gate", "x", "ms", "dbos"): []}) == []


def test_figures_stand_in_the_order_of_the_table() -> None:
    """Workload first, then gonogo, then the peers, then the floor; strangers last."""
    values = {
        (workload, "m", "ms", system): [1.0]
        for workload in ("recovery", "mission-10")
        for system in ("stranger", "floor", "dbos", "gonogo")
    }
    assert [(r.workload, r.system) for r in rows_of(values)] == [
        (workload, system)
        for workload in ("mission-10", "recovery")
        for system in ("gonogo", "dbos", "floor", "stranger")
    ]


def test_twice_the_time_is_twice_as_good() -> None:
    """Less is better of milliseconds."""
    assert ratio(row(3.0), row(1.5, system="gonogo")) == 2.0


def test_half_the_missions_is_twice_as_good() -> None:
    """More is better of missions per second."""
    assert ratio(row(50.0, unit="1/s"), row(100.0, unit="1/s", system="gonogo")) == 2.0


def test_a_quicker_peer_shows_as_one() -> None:
    """Below 1, gonogo is worse, and the table says so."""
    assert ratio(row(1.0), row(4.0, system="gonogo")) == 0.25


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (row(1.0), None),
        (row(0.0), row(1.0, system="gonogo")),
        (row(1.0), row(0.0, system="gonogo")),
        (row(1.0, unit="steps"), row(1.0, unit="steps", system="gonogo")),
        (row(1.0, system="gonogo"), row(1.0, system="gonogo")),
    ],
)
def test_where_a_ratio_says_nothing_there_is_none(theirs: Row, ours: Row | None) -> None:
    """Counts, zeros, and ourselves."""
    assert ratio(theirs, ours) is None


@settings(deadline=None)
@given(st.floats(0.001, 1e6), st.floats(0.001, 1e6), st.sampled_from(["ms", "1/s"]))
def test_swapping_sides_inverts_a_ratio(one: float, other: float, unit: str) -> None:
    """What is n times better one way is n times worse the other way."""
    there = ratio(row(one, unit=unit), row(other, unit=unit, system="gonogo"))
    back = ratio(row(other, unit=unit), row(one, unit=unit, system="gonogo"))
    assert there is not None
    assert back is not None
    assert there * back == pytest.approx(1.0)


def test_the_file_is_a_list_of_six_fields_each(tmp_path: Path) -> None:
    """Scripts read it; nothing else stands in it."""
    path = tmp_path / "results.json"
    write_rows(path, [row(1.5), row(2.5, system="gonogo")])
    assert json.loads(path.read_text())[0] == {
        "workload": "mission-10",
        "system": "dbos",
        "metric": "durable step",
        "value": 1.5,
        "unit": "ms",
        "runs": 3,
    }
    assert read_rows(path) == [row(1.5), row(2.5, system="gonogo")]


def test_no_figures_are_an_empty_list(tmp_path: Path) -> None:
    """Still JSON, still a list."""
    path = tmp_path / "results.json"
    write_rows(path, [])
    assert read_rows(path) == []


@pytest.mark.parametrize("content", ["", "{", '[{"workload": 1}]', "[1]", '{"results": []}'])
def test_a_file_that_holds_no_figures_is_refused_with_the_way_out(tmp_path: Path, content: str) -> None:
    """Whatever somebody put there."""
    path = tmp_path / "results.json"
    path.write_text(content)
    with pytest.raises(ValueError, match="make bench"):
        read_rows(path)


def test_a_missing_file_is_refused_with_the_way_out(tmp_path: Path) -> None:
    """Before the first run there is none."""
    with pytest.raises(ValueError, match="make bench"):
        read_rows(tmp_path / "results.json")
