"""Rounds: what peers report is taken as it is, and one that breaks stops nobody."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from benchmarks import environments, rounds
from benchmarks.environments import NotInstalledError
from benchmarks.rounds import SLOW_SECONDS, Failure, Measured, measure
from benchmarks.systems import Part

if TYPE_CHECKING:
    from pathlib import Path

FLOOR = Part("floor", "floor", ("mission-10", "fleet-200"))
GHOST = Part("ghost", "no_such_peer", ("mission-10",))


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    """Keep scratch out of the repository."""
    monkeypatch.setattr(environments, "ENVS", tmp_path / "envs")


def report(**more: Any) -> dict[str, Any]:
    """Return one line of a peer's report."""
    return {"workload": "mission-10", "seconds": 0.1, **more}


def sample(*values: float, system: str = "", note: str = "") -> dict[str, Any]:
    """Return one metric of such a line."""
    return {"metric": "durable step", "unit": "ms", "values": list(values), "system": system, "note": note}


def test_values_of_all_rounds_are_pooled() -> None:
    """A median of everything, not of medians."""
    found = Measured()
    found.take(FLOOR, report(samples=[sample(1.0, 2.0)]))
    found.take(FLOOR, report(samples=[sample(3.0, note="three")]))
    assert found.values == {("mission-10", "durable step", "ms", "floor"): [1.0, 2.0, 3.0]}
    assert found.notes == {("mission-10", "floor"): "three"}


def test_a_process_may_measure_a_peer_beside_itself() -> None:
    """The mission lane flies raw Prefect in turn with ours."""
    found = Measured()
    found.take(FLOOR, report(samples=[sample(1.0), sample(2.0, system="prefect")]))
    assert [key[-1] for key in found.values] == ["floor", "prefect"]


def test_the_same_failure_is_told_once_and_on_one_line() -> None:
    """However often a round repeats it, and however long it is."""
    found = Measured()
    for _ in range(3):
        found.take(FLOOR, report(error="OSError: no\n  space" + "!" * 1_000))
    (failure,) = found.failures
    assert failure.reason.startswith("OSError: no space!!!")
    assert len(failure.reason) == 300


def test_a_workload_that_takes_long_is_not_asked_for_again() -> None:
    """One value of a slow fleet has to do."""
    found = Measured()
    found.take(FLOOR, report(seconds=SLOW_SECONDS + 1))
    assert found.slow == {("floor", "mission-10")}


def test_a_peer_that_does_not_start_is_reported_and_the_others_are_measured(capsys: pytest.CaptureFixture[str]) -> None:
    """Here the first one is not even there."""
    found = measure([GHOST, FLOOR], ["mission-10", "fleet-200"], 1, quick=True)
    (failure,) = found.failures
    assert (failure.system, failure.workload) == ("ghost", "mission-10")
    assert "no_such_peer" in failure.reason
    assert {key[0] for key in found.values} == {"mission-10", "fleet-200"}
    assert found.about[FLOOR.folder]["sync"]
    assert "round 1 of 1: floor (mission-10, fleet-200)" in capsys.readouterr().err
    assert [path.name for path in environments.ENVS.iterdir()] == [".gitignore"]


def test_what_cannot_be_installed_is_reported_for_each_workload(monkeypatch: pytest.MonkeyPatch) -> None:
    """And nothing is started."""

    def refuse(_name: str | None) -> Path:
        raise NotInstalledError("npm is not on the path")

    monkeypatch.setattr(rounds, "python_of", refuse)
    found = measure([FLOOR], ["fleet-200"], 3, quick=True)
    assert found.failures == [Failure("floor", "fleet-200", "not installed: npm is not on the path")]
    assert not found.values


def test_without_postgres_its_variants_are_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine may have none."""
    monkeypatch.setattr(rounds, "binaries", lambda: None)
    part = Part("floor-postgres", "floor", ("mission-10",), needs_postgres=True)
    found = measure([part], ["mission-10"], 1, quick=True)
    assert [failure.reason for failure in found.failures] == ["not installed: no Postgres binaries on this machine"]


def test_a_peer_that_hangs_is_stopped_and_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """It gets its time, and no more."""
    monkeypatch.setattr(rounds, "PART_SECONDS_MAX", 0.0)
    found = measure([FLOOR], ["mission-10"], 1, quick=True)
    assert [failure.reason for failure in found.failures] == ["not finished after 0 s"]


def test_a_peer_inherits_nobody_s_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's settings for one system would make it another one."""
    for name in ("GONOGO_HOME", "PREFECT_API_URL", "DBOS_SYSTEM_DATABASE_URL", "LANGSMITH_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.setenv(name, "mine")
    assert "mine" not in rounds.environment().values()
