"""Systems: what is asked of each exists, is pinned, and is known on both sides."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from benchmarks import systems
from benchmarks.environments import HERE
from benchmarks.machine import facts
from benchmarks.peers import workloads
from benchmarks.peers.engine import Crash, Engine
from benchmarks.peers.workloads import FULL, QUICK
from benchmarks.systems import PARTS, Part
from benchmarks.table import WHAT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.folder + part.variant)
def test_every_part_has_a_peer_that_knows_its_workloads(part: Part) -> None:
    """A name that nobody answers to would be a failure in every run."""
    assert (HERE / "peers" / f"{part.module}.py").is_file()
    assert set(part.workloads) <= set(workloads.WORKLOADS)


@pytest.mark.parametrize("name", systems.ENVIRONMENTS)
def test_every_pin_of_an_environment_is_exact(name: str) -> None:
    """The same versions tomorrow."""
    pins = [line for line in (HERE / "peers" / f"{name}.txt").read_text().splitlines() if not line.startswith("#")]
    assert pins
    assert [pin for pin in pins if not re.fullmatch(r"[A-Za-z0-9_.-]+==[A-Za-z0-9_.+!-]+", pin)] == []


def test_both_sides_and_the_table_know_the_same_workloads() -> None:
    """What is measured is shown."""
    assert set(systems.WORKLOADS) == set(workloads.WORKLOADS) == set(WHAT)


def test_choosing_a_system_and_a_workload_leaves_what_has_both() -> None:
    """Nobody is started for nothing."""
    assert [part.module for part in systems.chosen(["gonogo", "floor"], ["agent-11"])] == ["gonogo"]
    assert systems.chosen(["pydantic-ai"], ["gate"]) == []


def test_everybody_flies_with_the_same_concurrency_but_those_who_lose_runs() -> None:
    """And they say so themselves."""

    class Fragile(Engine):
        in_flight_max = 4

    assert (FULL.at_once(Engine), FULL.at_once(Fragile), QUICK.at_once(Fragile)) == (64, 4, 4)


def test_a_scene_counts_every_execution_of_every_step(tmp_path: Path) -> None:
    """Once, twice, never."""
    scene = Crash(tmp_path)
    assert scene.executions() == [0] * 10
    for index in (0, 1, 1, 9):
        scene.leave_trace(index)
    assert scene.executions() == [1, 2, 0, 0, 0, 0, 0, 0, 0, 1]


def test_machine_facts_name_no_host_no_user_and_no_path() -> None:
    """They are published."""
    told = facts()
    assert told["cores"] >= 1
    assert not [value for value in told.values() if isinstance(value, str) and value.startswith("/")]
    assert not {"host", "hostname", "user", "node"} & set(told)
