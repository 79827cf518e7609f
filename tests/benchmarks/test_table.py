"""The table: who is best, by how much, who failed and why, and what was guaranteed."""

from __future__ import annotations

from typing import Any

from benchmarks.rounds import Failure, Measured
from benchmarks.table import render


def about(system: str, in_flight: int = 64, **more: Any) -> dict[str, Any]:
    """Return what a process says of itself."""
    return {"system": system, "sync": "each step: a row", "setup": "", "in_flight": in_flight, "versions": {}, **more}


def measured(**by_system: float) -> Measured:
    """Return a fleet's figures."""
    return Measured(
        values={("fleet-200", "missions per second", "1/s", name): [value] for name, value in by_system.items()},
        about={name: about(name) for name in by_system},
    )


def lines(found: Measured) -> list[str]:
    """Return the table's lines, single-spaced."""
    return [" ".join(line.split()) for line in render(found).splitlines()]


def test_the_best_stands_first_with_the_ratio_beside_the_others() -> None:
    """More missions a second are better."""
    shown = lines(measured(dbos=30.0, gonogo=900.0, floor=1_800.0))
    place = shown.index("missions per second, 1/s, more is better")
    assert shown[place + 1 : place + 4] == ["floor 1,800 2.00 x worse 1", "gonogo 900 1", "dbos 30.0 30.0 x better 1"]


def test_less_is_better_of_time() -> None:
    """The quickest stands first."""
    values = {("mission-10", "durable step", "ms", name): [v] for name, v in {"gonogo": 0.3, "dbos": 2.4}.items()}
    shown = lines(Measured(values=values))
    place = shown.index("durable step, ms, less is better")
    assert shown[place + 1 : place + 3] == ["gonogo 0.300 1", "dbos 2.40 8.00 x better 1"]


def test_who_failed_stands_in_the_table_with_the_reason() -> None:
    """Nobody is dropped in silence."""
    found = measured(gonogo=900.0)
    found.failures.append(Failure("restate", "fleet-200", "not installed: npm is not on the path"))
    found.failures.append(Failure("crewai", "gate", "RuntimeError: nobody came"))
    shown = lines(found)
    assert "restate failed: not installed: npm is not on the path" in shown
    assert shown.index("crewai failed: RuntimeError: nobody came") > shown.index(
        "gate: a gate after step 5: somebody says go"
    )


def test_the_concurrency_is_stated_and_who_could_not_bear_it() -> None:
    """The same for everyone, or said."""
    found = measured(gonogo=900.0, prefect=3.0)
    found.about["prefect"] = about("prefect", in_flight=4)
    found.about["else"] = about("pydantic-ai-prefect", in_flight=2)
    assert lines(found)[1] == "fleet-200: 200 missions of 10 steps, 64 in flight (prefect 4, since more loses runs)"


def test_everybody_s_guarantee_set_up_and_versions_are_told() -> None:
    """A figure without its guarantee compares nothing."""
    found = measured(dbos=30.0)
    found.about["dbos"] = about("dbos", setup="polls every 10 ms", versions={"dbos": "3.4.0"})
    assert lines(found)[-2:] == [
        "When a step counts as done:",
        "dbos: each step: a row. Set-up: polls every 10 ms. [dbos 3.4.0]",
    ]


def test_a_note_stands_with_its_workload() -> None:
    """A fleet that was cut short says so."""
    found = measured(prefect=3.0)
    found.notes["fleet-200", "prefect"] = "90 of 200 missions in 30 s"
    assert "(prefect: 90 of 200 missions in 30 s)" in lines(found)


def test_a_count_has_no_ratio() -> None:
    """Steps executed twice are counted, not compared."""
    values = {("recovery", "steps executed twice", "steps", name): [1.0] for name in ("gonogo", "dbos")}
    assert lines(Measured(values=values))[-3:] == ["gonogo 1.00 1", "dbos 1.00 1", ""]


def test_nothing_measured_is_an_empty_table() -> None:
    """Not an error."""
    assert lines(Measured()) == ["median gonogo is values"]
