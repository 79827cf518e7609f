"""Keys: the name of one operation of one run, the same on every replay.

A key is the parent scope, the branch, the kind and name of the operation, the digest of what went
in, and its occurrence among equals within that scope. Wall time and the order in which parallel
branches happen to run have no part in it.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from weakref import ReferenceType, ref

from gonogo.errors import MissionMisdefined

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator


@dataclass(slots=True)
class Scope:
    """A place in the run's tree of operations: the run itself, a step, a branch, an agent's turn."""

    path: str
    branch: str = ""
    _claims: dict[str, tuple[int, ReferenceType[asyncio.Task[object]] | None]] = field(
        default_factory=dict[str, tuple[int, ReferenceType[asyncio.Task[object]] | None]]
    )

    def claim(self, kind: str, name: str, digest: str = "") -> str:
        """Return the key of the next operation of this kind, name and input.

        Raises:
            MissionMisdefined: an equal operation was claimed by another asyncio task of the same
                scope. Which of the two came first depends on timing, so on a replay their results
                could be swapped.

        """
        stem = f"{kind}:{name}" + (f"({digest[:16]})" if digest else "")
        occurrence, owner = self._claims.get(stem, (0, None))
        task = _current_task()
        if occurrence and owner is not None and owner() is not task:
            msg = (
                f"{name} is called with the same arguments by two concurrent branches of {self.path or 'the run'}; "
                f'on a replay they could not be told apart. Name them: async with branch("..."): await {name}(...).'
            )
            raise MissionMisdefined(msg)
        self._claims[stem] = (occurrence + 1, ref(task) if task else None)
        return f"{self.path}/{stem}" + (f"#{occurrence}" if occurrence else "")

    def claimed(self, kind: str) -> int:
        """Return how many operations of a kind were claimed here so far."""
        return sum(count for stem, (count, _) in self._claims.items() if stem.startswith(f"{kind}:"))


def _current_task() -> asyncio.Task[object] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


_scope: ContextVar[Scope | None] = ContextVar("gonogo_scope", default=None)


def current_scope() -> Scope:
    """Return the scope operations are claimed in.

    Raises:
        MissionMisdefined: outside a mission there is none.

    """
    scope = _scope.get()
    if scope is None:
        msg = "Steps, tools, routes and gates only work inside a mission; call the mission, or rehearse() it."
        raise MissionMisdefined(msg)
    return scope


def enter(scope: Scope) -> Token[Scope | None]:
    """Make a scope the current one, in this task and those it starts, until :func:`leave`."""
    return _scope.set(scope)


def leave(token: Token[Scope | None]) -> None:
    """Go back to the scope that was current before."""
    _scope.reset(token)


@contextmanager
def entered(scope: Scope) -> Generator[Scope]:
    """Make a scope the current one for the block."""
    token = enter(scope)
    try:
        yield scope
    finally:
        leave(token)


@asynccontextmanager
async def branch(name: str) -> AsyncGenerator[None]:
    """Name a parallel branch, so that equal calls in sibling branches can be told apart.

    Raises:
        MissionMisdefined: a sibling that runs at the same time has the same name.

    """
    parent = current_scope()
    with entered(Scope(parent.claim("branch", name), branch=name)):
        yield
