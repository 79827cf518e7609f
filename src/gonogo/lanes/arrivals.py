"""Arrivals: cases of several missions that come in over time, flown in the order that is fair.

There is no queue here. What waits, waits where it came from (a file, a table, a stream): a case is
taken when there is room for it, at most ``settings.cases`` fly at a time, and whoever supplies them
is held back for as long. So memory does not grow with what waits, and a crash loses nothing: the
same lines flown again go on where they stopped, as any batch does.

The rule: within a mission, first come, first served. Between missions, turns: of the missions that
have a case waiting, the one that has waited longest for a turn begins its first. So while a case
stands at the head of its line, at most one case of each other mission begins before it, however
many of them wait.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from gonogo.errors import CaseRefused
from gonogo.lanes.batch import Resting, fly_case, fly_rest, land
from gonogo.lanes.collecting import collecting_in_rounds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from gonogo.cases import Flyer
    from gonogo.plans import Flyable, Landing
    from gonogo.settings import Settings


@dataclass(slots=True)
class Line:
    """The cases of one mission, in the order in which they came or will come; each says when."""

    mission: Flyable
    coming: Iterable[Flyer]
    _source: Iterator[Flyer] | None = None
    _head: Flyer | None = None

    def head(self) -> Flyer | None:
        """Return the case whose turn is next, without taking it; ``None`` at the end of the line.

        Raises:
            CaseRefused: it does not say when it came.

        """
        if self._source is None:
            self._source = iter(self.coming)
        if self._head is None:
            self._head = next(self._source, None)
        if self._head is not None and self._head.arrived is None:
            raise CaseRefused(f"{self._head.ref} does not say when it came in, so it has no place in a line.")
        return self._head

    def take(self) -> Flyer:
        """Take the head of the line."""
        taken = self.head()
        if taken is None:
            raise CaseRefused(f"Nobody stands in the line of {self.mission.charter.name}.")
        self._head = None
        return taken


@dataclass(slots=True)
class Turns:
    """Whose turn it is, among several lines."""

    lines: deque[Line]
    _choosing: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def next(self) -> tuple[Line, Flyer] | None:
        """Return the next case, once there is one; ``None`` when every line has ended."""
        async with self._choosing:
            while True:
                now = datetime.now(UTC)
                due: datetime | None = None
                for line in tuple(self.lines):
                    head = line.head()
                    if head is None:
                        self.lines.remove(line)
                    elif head.arrived is not None and head.arrived <= now:
                        # Whoever had a turn stands behind everybody else.
                        self.lines.remove(line)
                        self.lines.append(line)
                        return line, line.take()
                    elif head.arrived is not None:
                        due = head.arrived if due is None else min(due, head.arrived)
                if due is None:
                    return None
                await asyncio.sleep((due - now).total_seconds())


async def fly_arrivals(
    lines: Iterable[Line],
    settings: Settings,
    landed: Callable[[Landing], None],
    begun: Callable[[Flyer], None] = lambda _: None,
) -> None:
    """Fly every case of every line when it has come and its turn is there, and tell ``landed`` how each one landed.

    When each came in and how long it waited for its turn is in its evidence. ``begun`` is told of each
    case as it is taken. One that failed for now flies again when all others have, as in any batch.
    """
    turns, resting = Turns(deque(lines)), list[Resting]()
    with collecting_in_rounds():
        await asyncio.gather(*(_work(turns, settings, landed, begun, resting) for _ in range(settings.cases)))
        await fly_rest(resting, settings, landed)


async def _work(
    turns: Turns,
    settings: Settings,
    landed: Callable[[Landing], None],
    begun: Callable[[Flyer], None],
    resting: list[Resting],
) -> None:
    """Fly one case after the other until no line has any."""
    while (turn := await turns.next()) is not None:
        line, flyer = turn
        begun(flyer)
        land(line.mission, flyer, await fly_case(line.mission, flyer, settings), landed, resting)
