"""Where the code that runs now is: in which run, in which step, and on whose mandate."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gonogo.errors import MissionMisdefined
from gonogo.evidence.scopes import Scope, enter, leave
from gonogo.settings import using

if TYPE_CHECKING:
    from collections.abc import Generator

    from gonogo.runs import Run

_run: ContextVar[Run | None] = ContextVar("gonogo_run", default=None)
_inside: ContextVar[executing | None] = ContextVar("gonogo_step", default=None)


def current_run() -> Run:
    """Return the run in flight.

    Raises:
        MissionMisdefined: there is none.
        asyncio.CancelledError: it was told to abort.

    """
    run = _run.get()
    if run is None:
        msg = "Steps, tools, routes and gates only work inside a mission; call the mission, or rehearse() it."
        raise MissionMisdefined(msg)
    # A mission that swallowed the cancellation begins nothing more.
    run.refuse_if_aborted()
    return run


def flying_run() -> Run | None:
    """Return the run in flight, or ``None``; for connectors, which finish what they began, also where it is aborted."""
    return _run.get()


def current_step() -> str | None:
    """Return the key of the step being executed, or ``None`` in mission code."""
    inside = _inside.get()
    return None if inside is None else inside.scope.path


def acting_agent() -> str | None:
    """Return the registered agent on whose mandate the step acts, or ``None`` for the mission itself."""
    inside = _inside.get()
    return None if inside is None else inside.acting


def declared_retries() -> int | None:
    """Return how often the step has its calls repeated; ``None`` where it leaves that to each dependency."""
    inside = _inside.get()
    return None if inside is None else inside.retries


@contextmanager
def flying(run: Run) -> Generator[Run]:
    """Make a run the current one for the block."""
    token = _run.set(run)
    try:
        with using(run.settings):
            yield run
    finally:
        _run.reset(token)


@dataclass(slots=True)
class executing:  # noqa: N801 - reads as the context manager it is; a generator costs three times as much
    """Mark the block as the inside of a step: its scope, its key, whose mandate it acts on, what it has repeated."""

    scope: Scope
    acting: str | None
    retries: int | None = None
    _tokens: tuple[Token[executing | None], Token[Scope | None]] | None = None

    def __enter__(self) -> None:
        """Enter the step."""
        self._tokens = (_inside.set(self), enter(self.scope))

    def __exit__(self, *_raised: object) -> None:
        """Leave it."""
        if self._tokens is not None:
            inside, scope = self._tokens
            leave(scope)
            _inside.reset(inside)


def step_fields() -> dict[str, str]:
    """Return the envelope fields that tie a record to the step it happened in."""
    key = current_step()
    return {} if key is None else {"stepid": key}
