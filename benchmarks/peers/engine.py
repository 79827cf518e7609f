"""What a system is asked to do to be measured: the same work for everyone. Standard library only."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from pathlib import Path

STEPS = 10
"""Durable steps of a mission, one after the other."""

GATE_AFTER = 5
"""Steps before the gate of a gated mission."""

CRASH_IN = 5
"""Index of the step that is in flight when its process is killed."""

MODEL_REQUESTS, TOOL_CALLS = 6, 5
"""What an agent's turn consists of."""

FLEET_SECONDS_MAX = 30.0
"""A fleet that is not through by then is measured by what has landed."""

RESULT = "x" * 1_000
"""What every step returns: 1 kB."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One metric's single values, as measured in one round."""

    metric: str
    unit: str
    values: list[float]
    system: str = ""
    """Whose it is, where that is not the system that was asked."""
    note: str = ""
    """What a reader has to know beside the figure."""


class Engine:
    """One system under measurement; ``benchmarks/systems.py`` says which workloads it is asked for."""

    sync: ClassVar[str] = ""
    """What is on disk, and how surely, when a step counts as done."""
    setup: ClassVar[str] = ""
    """How it is set up where that differs from how it comes."""
    in_flight_max: ClassVar[int | None] = None
    """More missions at once than this lose runs; ``None`` where the benchmark's own number holds."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        """Where everything durable goes; on a real disk."""

    async def open(self) -> None:
        """Get ready; nothing of this is measured."""

    async def close(self) -> None:
        """Leave nothing running."""

    def versions(self) -> dict[str, str]:
        """Return the versions of servers and the like; those of Python packages are known without."""
        return {}

    async def mission(self, run_id: str) -> None:
        """Fly ten sequential durable steps."""
        raise NotImplementedError

    async def fan_out(self, run_id: str, width: int) -> None:
        """Fly one mission of so many parallel durable steps."""
        raise NotImplementedError

    async def fleet(self, run_ids: list[str], in_flight: int) -> int:
        """Fly many missions, at most so many at once; returns how many landed.

        After ``FLEET_SECONDS_MAX`` no more are begun.
        """
        waiting = iter(run_ids)
        until = time.monotonic() + FLEET_SECONDS_MAX
        landed = 0

        async def fly() -> None:
            nonlocal landed
            for run_id in waiting:
                await self.mission(run_id)
                landed += 1
                if time.monotonic() > until:
                    return

        await asyncio.gather(*(fly() for _ in range(in_flight)))
        return landed

    async def to_gate(self, run_id: str) -> None:
        """Fly a gated mission until a person is needed."""
        raise NotImplementedError

    async def answer(self, run_id: str) -> None:
        """Say go; may return before the mission goes on, or after it has ended."""
        raise NotImplementedError

    async def landed(self, run_id: str) -> None:
        """Return once a gated mission has ended."""
        raise NotImplementedError

    async def ask(self, run_id: str) -> None:
        """Let an agent make its turn of model requests and tool calls, each of them durable."""
        raise NotImplementedError

    async def recover(self, run_id: str) -> None:
        """Fly a mission in a process that may be killed; called again, continue it."""
        await self.mission(run_id)

    async def extras(self, workload: str, runs: int) -> list[Sample]:
        """Return what only this system has to show for a workload, from so many runs each."""
        del workload, runs
        return []


def work(index: int) -> str:
    """Do what a step does: nothing, and return 1 kB. In a process that is to be killed, leave a trace first."""
    if _CRASH is not None:
        _CRASH.leave_trace(index)
    return RESULT


@dataclass(frozen=True, slots=True)
class Crash:
    """The scene of a crash: every execution of a step leaves a trace; while told to, one step hangs."""

    folder: Path

    @property
    def traces(self) -> Path:
        """One line for each time a step's own code was reached."""
        return self.folder / "traces"

    @property
    def hang(self) -> Path:
        """While this exists, a step hangs in the middle."""
        return self.folder / "hang"

    @property
    def hanging(self) -> Path:
        """Exists once a step hangs."""
        return self.folder / "hanging"

    def leave_trace(self, index: int) -> None:
        """Record that a step is executed; hang in it, if that is the plan."""
        descriptor = os.open(self.traces, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(descriptor, f"{index}\n".encode())
        os.close(descriptor)
        if index == CRASH_IN and self.hang.exists():
            self.hanging.touch()
            while True:
                time.sleep(60)

    def executions(self) -> list[int]:
        """Return how often each step was executed."""
        told = [int(line) for line in self.traces.read_text().split()] if self.traces.exists() else []
        return [told.count(index) for index in range(STEPS)]


_CRASH: Crash | None = None


def at_the_scene(folder: Path) -> None:
    """Make this the process that is to be killed."""
    global _CRASH  # noqa: PLW0603 - a step's own code has no other way to know which process it is in
    _CRASH = Crash(folder)


_PASSED: dict[str, float] = {}


def passed_gate(run_id: str) -> None:
    """Note the moment a mission's own code goes on behind its gate."""
    _PASSED.setdefault(run_id, time.perf_counter())


def moment_passed(run_id: str) -> float:
    """Return that moment, in seconds of ``time.perf_counter``."""
    return _PASSED[run_id]
