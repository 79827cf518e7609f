"""Pilots: who schedules a run, what it waits for meanwhile, and the signals by which it leaves step and process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import datetime

    from gonogo.model import Lane
    from gonogo.runs import Run

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Wait:
    """Something a run cannot go on without: a gate's answer, or an outside event."""

    kind: Literal["gate", "event"]
    name: str
    """The gate's id, or the event's name."""
    deadline: datetime
    card: str = ""
    """What a person is shown, as markdown; gates only."""


class Pilot(Protocol):
    """Who schedules a run: Prefect, a batch, this process, a test. The mission cannot tell which."""

    @property
    def lane(self) -> Lane:
        """The lane the evidence names."""
        ...

    async def begin(self, run: Run) -> None:
        """Take over what came in at the lane's own door while the run slept.

        How the run began may not be on disk yet; whoever brings anything to its desk commits that first.
        """
        ...

    async def fly_step(self, step: Any, arguments: dict[str, Any], body: Callable[[], Awaitable[T]]) -> T:
        """Execute the recorded work of a :class:`gonogo.steps.Step`, and show it where the lane shows steps."""
        ...

    async def rest(self, run: Run) -> None:
        """Let a little time pass for one waiting branch, or raise to leave the process for longer."""
        ...


class Parked(BaseException):
    """The run waits and leaves its process; its evidence carries it. Nothing may swallow this."""


class Held(BaseException):
    """Work inside a step needs a gate or an event; the mission opens it and enters the step again.

    Prefect forbids suspending inside tasks, so the wait has to leave the task first.
    """

    def __init__(self, wait: Callable[[Run], Awaitable[None]]) -> None:
        super().__init__("held")
        self.wait = wait
