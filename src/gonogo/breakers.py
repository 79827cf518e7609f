"""Breakers: what a process knows of a dependency, and whether it may be asked now.

What processes share stands on a fusebox. A call looks at what was read there within the last
second, and takes its turn from a slice that was leased: the store is asked once a second at most, and
where something changes.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Literal, TypeVar

from gonogo import fuseboxes
from gonogo.errors import DependencyOpen
from gonogo.fuseboxes import Fusebox, Known, fusebox_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from gonogo.dependencies import Dependency
    from gonogo.settings import Settings

T = TypeVar("T")

FRESH_SECONDS = 1.0
"""How old what a process knows may be: for so long it asks on, once others have found a dependency failing."""

SLICE_SECONDS = 0.25
"""Turns of so long under the rate are leased at once, and a quarter of the burst at most."""

LEASE_SECONDS = 0.5
"""Turns that were leased and not taken by then are given up, so that quiet processes do not save them."""

Ended = Literal["answered", "failed", "neither"]
"""It answered, also with a refusal; it failed, or could not be reached; or our own code failed, which says nothing."""


class Breaker:
    """One dependency, as one process knows it."""

    def __init__(self, board: Fusebox, name: str, facts: Dependency) -> None:
        self.name = name
        self.facts = facts
        self._board = board
        self._known = Known()
        self._read_at = float("-inf")
        self._open_until = 0.0
        self._turns = 0
        self._turns_until = 0.0

    @property
    def has_failed(self) -> bool:
        """Whether an answer now would change what is known."""
        return self._known.failures > 0

    async def admit(self) -> bool:
        """Return once the dependency may be asked; whether it is only tried, as the one call that may.

        Raises:
            DependencyOpen: it is left alone, and until when; or no turn is to be had in time.

        """
        now = time.monotonic()
        if now - self._read_at >= FRESH_SECONDS:
            # Whoever comes while this is read goes by what was known before.
            self._read_at = now
            self._learn(await self._quickly(lambda: fuseboxes.read(self._board, self.name)))
        is_probe = self._known.is_open and await self._probe()
        if self.facts.rate_per_second is not None:
            try:
                await self._turn()
            except BaseException:
                await self.ended("neither", is_probe=is_probe)
                raise
        return is_probe

    async def _probe(self) -> bool:
        left = self._open_until - time.monotonic()
        lease_us = (self.facts.timeout_seconds + 1) * 1_000_000
        if left > 0 or not await self._asked(lambda: fuseboxes.probe(self._board, self.name, lease_us)):
            if left <= 0:
                # Another process tries it; what came of that is read with the next call.
                self._read_at = float("-inf")
            raise self._refusal(max(left, 0.0))
        return True

    def _refusal(self, left: float) -> DependencyOpen:
        again = (datetime.now(UTC) + timedelta(seconds=left)).isoformat(timespec="seconds")[:19]
        when = f"it is tried again at {again}Z" if left else "another call tries it now"
        failed = f"{self._known.failures} failure{'s' * (self._known.failures != 1)} in a row"
        error = DependencyOpen(f"{self.name} is left alone after {failed}; {when}.")
        error.again_us = int(left * 1_000_000)
        return error

    async def _turn(self) -> None:
        """Take a turn under the rate, or wait for one."""
        if self._turns > 0 and time.monotonic() < self._turns_until:
            self._turns -= 1
            return
        facts = self.facts
        period, burst = facts.period_us, facts.calls_at_once
        many = max(1, min(burst // 4, int(SLICE_SECONDS * 1_000_000 / period)))

        def book(turns: int, patience_us: int) -> int | None:
            return fuseboxes.book(self._board, self.name, turns, period_us=period, burst=burst, patience_us=patience_us)

        if many > 1 and await self._asked(lambda: book(many, 0)) is not None:
            self._turns, self._turns_until = many - 1, time.monotonic() + LEASE_SECONDS
            return
        wait_us = await self._asked(lambda: book(1, facts.timeout_seconds * 1_000_000))
        if wait_us is None:
            raise DependencyOpen(
                f"{self.name} may be asked {facts.rate_per_second} times in a second, and no turn is free within "
                f"{facts.timeout_seconds} s; start less at once, or raise its rate in policies/dependencies.yaml."
            )
        if wait_us:
            await asyncio.sleep(wait_us / 1_000_000)

    async def ended(self, how: Ended, *, is_probe: bool) -> None:
        """Take note of how a call that was admitted ended; the store is told where that changes anything."""
        facts = self.facts
        if how == "failed":
            cool_us = facts.cool_down_seconds * 1_000_000
            self._learn(
                await self._asked(
                    lambda: fuseboxes.failed(
                        self._board, self.name, most=facts.breaker_failures, cool_us=cool_us, is_probe=is_probe
                    )
                )
            )
        elif how == "answered" and (is_probe or self._known.failures):
            await self._asked(lambda: fuseboxes.answered(self._board, self.name, is_probe=is_probe))
            if is_probe or not self._known.is_open:
                self._learn(Known())
        elif how == "neither" and is_probe:
            await self._asked(lambda: fuseboxes.release(self._board, self.name))

    def _learn(self, known: Known) -> None:
        self._known = known
        self._read_at = time.monotonic()
        self._open_until = self._read_at + known.left_us / 1_000_000

    async def _quickly(self, question: Callable[[], T]) -> T:
        """Ask here where that is quicker than a thread."""
        return question() if self._board.is_quick else await asyncio.to_thread(question)

    async def _asked(self, question: Callable[[], T]) -> T:
        """Ask in a thread: a write may have to wait for another process."""
        return await asyncio.to_thread(question)


def breaker_of(chosen: Settings, name: str, facts: Dependency) -> Breaker:
    """Return this process's breaker of a dependency; another one where what is declared of it has changed."""
    board = fusebox_of(chosen)
    found: Breaker | None = board.kept.get(name)
    if found is None or (found.facts is not facts and found.facts != facts):
        found = board.kept[name] = Breaker(board, name, facts)
    return found
