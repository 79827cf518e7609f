"""Rosters: the agents a mission would use, known before it starts, so that none starts unregistered."""

from __future__ import annotations

from functools import lru_cache
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from gonogo.agents.agent import Agent
from gonogo.agents.delegation import Assignment
from gonogo.steps import Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@lru_cache(maxsize=64)
def roster(story: Callable[..., Any]) -> tuple[str, ...]:
    """Return the registered names that a story's steps act or ask under, as its modules name them.

    What is put together at run time is not seen here; it is refused when it is first used.
    """
    names: set[str] = set()
    for step in _steps(story):
        if step.acting is not None:
            names.add(step.acting)
        for value in step.work.__globals__.values():
            if isinstance(value, Agent):
                _enlist(cast("Agent[Any]", value), names)
            elif isinstance(value, Assignment):
                _enlist(cast("Assignment[Any, Any]", value).to, names)
    return tuple(sorted(names))


def _enlist(one: Agent[Any], names: set[str]) -> None:
    """Add an agent, and everybody it may hand work to."""
    names.add(one.name)
    for work in one.assignments:
        _enlist(work.to, names)


def _steps(story: Callable[..., Any]) -> Iterator[Step[Any, Any]]:
    """Yield the steps a story's module names, by themselves or in a module of steps."""
    for value in story.__globals__.values():
        if isinstance(value, Step):
            yield value
        elif isinstance(value, ModuleType):
            yield from (inner for inner in vars(value).values() if isinstance(inner, Step))
