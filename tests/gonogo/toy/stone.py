"""A stonemason: what he carves takes as long as a test wants, and what he carved stands for ever."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gonogo import Budget, mission, step, tool
from gonogo.settings import settings
from tests.gonogo.toy.stories import Case, Told

if TYPE_CHECKING:
    from pathlib import Path


@dataclass
class Work:
    """What goes on at the stone, in this process."""

    begun: asyncio.Event = field(default_factory=asyncio.Event)
    may_end: asyncio.Event = field(default_factory=asyncio.Event)
    cut_off: list[str] = field(default_factory=list[str])
    """Whose calls were cancelled while they were at it."""


STROKE_SECONDS = 0.005

WORK: list[Work] = []
"""The work of the test that runs now."""


def carved(home: Path) -> list[tuple[str, int]]:
    """Return what stands on the stone: text, and when it was carved, in nanoseconds of the clock."""
    try:
        lines = (home / "stone").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    return [(line.partition(" ")[2], int(line.partition(" ")[0])) for line in lines]


def _strike(text: str) -> None:
    stone = os.open(settings().home / "stone", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(stone, f"{time.time_ns()} {text}\n".encode())
    finally:
        os.close(stone)


@tool(system="bank", effect="irreversible")
async def carve(text: str, *, idempotency_key: str = "") -> str:
    """Carve a text into the stone; a stroke takes its time, so that others find some, too."""
    del idempotency_key
    await asyncio.sleep(STROKE_SECONDS)
    _strike(text)
    return text


@tool(system="bank", effect="irreversible", check="Look at the stone.")
async def carve_slowly(text: str, *, idempotency_key: str = "") -> str:
    """Begin to carve, and end when the test says so."""
    del idempotency_key
    await _dwell("carve_slowly")
    _strike(text)
    return text


@tool(system="bank", effect="read")
async def read_slowly(text: str) -> str:
    """Read for as long as the test says."""
    await _dwell("read_slowly")
    return text


async def _dwell(name: str) -> None:
    work = WORK[-1]
    work.begun.set()
    try:
        await work.may_end.wait()
    except asyncio.CancelledError:
        work.cut_off.append(name)
        raise


@step
async def carve_without_end(name: str) -> str:
    """Carve one number after the other; nobody ever says that it is enough."""
    for number in range(1_000_000):
        await carve(text=f"{name} {number}")
    return "never"


class Quarry(Case):
    """Whose stone it is."""

    name: str = "a"


SAFE_STATE = "A stroke is carved whole or not at all."


@mission(owner="counter", scope=["bank"], budget=Budget(usd="1.00", actions=1_000_000), safe_state=SAFE_STATE)
async def runaway(case: Quarry) -> Told:
    """Carve until somebody stops it."""
    return Told(outcome="told", text=await carve_without_end(case.name))
