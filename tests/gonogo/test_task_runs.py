"""Task runs: what Prefect is shown of a step, and what it is spared."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from prefect import Task
from pydantic import BaseModel

from gonogo import step


class Load(BaseModel):
    """Something large."""

    rows: list[int] = []


@step
async def plain(load: Load) -> int:
    """Count."""
    return len(load.rows)


@step(task_run_name="count-{name}")
async def named(name: str) -> str:
    """Count by name."""
    return name


async def body() -> None:
    """Do the recorded work."""


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Return what Prefect's tasks are called with."""
    calls: list[dict[str, Any]] = []

    async def call(_task: Any, **arguments: Any) -> None:
        calls.append(arguments)

    monkeypatch.setattr(Task, "__call__", call)
    return calls


async def test_a_step_gives_prefect_no_arguments_to_walk_through(given: list[dict[str, Any]]) -> None:
    """They are in the evidence; of a large one every step would pay for several walks."""
    await plain.as_task_run({"load": Load(rows=[1, 2])}, body)
    assert given == [{"return_state": True}]


async def test_a_step_named_by_its_arguments_gives_them(given: list[dict[str, Any]]) -> None:
    """Prefect makes the name of them."""
    await named.as_task_run({"name": "ada"}, body)
    assert given == [{"name": "ada", "return_state": True}]


def test_the_tasks_own_function_takes_what_it_is_given_and_nothing_else() -> None:
    """Prefect binds a call to it before anything runs."""
    assert [list(inspect.signature(each.fn).parameters) for each in (plain, named)] == [[], ["name"]]
