"""The drill of the kill switch: every signal, in every lane, measured from the throw to the last side effect."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import httpx

from gonogo.drills.ground import write_law
from gonogo.drills.logbook import logged
from gonogo.drills.processes import flying_apart
from gonogo.drills.runaways import SIGNALS, Signal
from gonogo.drills.trials import attempt, fly_here, scratch
from gonogo.errors import StepTimedOut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gonogo.drills.trials import Fly, Trial
    from gonogo.settings import Settings

Lane = Literal["batch", "warm_runner", "processes", "server_down"]
"""Where runaways fly: this process as a batch, the runner of a house, processes of their own that never had a Prefect
server, or the runner of a house whose server has just died."""

LANES: tuple[Lane, ...] = get_args(Lane)

LIMIT_US: dict[Lane, int] = {
    "batch": 1_000_000,
    "warm_runner": 1_000_000,
    "processes": 3_000_000,
    "server_down": 1_000_000,
}
"""What 99 of 100 trials may take from the throw to the last side effect, in microseconds."""

Tell = Callable[["Row"], None]
Elsewhere = Callable[["Sequence[Lane]"], "list[Row]"]

GONE_SECONDS_MAX, GONE_LOOK_SECONDS = 60.0, 0.05
"""How long is waited for a server to be gone, and how often is looked."""

HOUSED: frozenset[Lane] = frozenset({"warm_runner", "server_down"})
"""Lanes that are drilled in the runner of a house."""


@dataclass(frozen=True, slots=True)
class Row:
    """How one signal went in one lane."""

    signal: Signal
    lane: Lane
    trials: int
    caught: int
    effects: int
    effects_after: int
    p50_us: int
    p99_us: int
    most_us: int
    limit_us: int
    passed: bool
    why: str = ""
    """The first thing that was not as it should be."""


async def drill_abort(
    settings: Settings,
    *,
    trials: int,
    lanes: Sequence[Lane] = ("batch", "processes"),
    signals: Sequence[Signal] = SIGNALS,
    drill_id: str | None = None,
    tell: Tell | None = None,
    elsewhere: Elsewhere | None = None,
) -> list[Row]:
    """Let runaways loose in a scratch home, and record in the real one how each signal went.

    Args:
        settings: whose evidence the result becomes.
        trials: how often each signal is tried in each lane.
        lanes: where.
        signals: which.
        drill_id: the id under which the result is recorded; a new one, if not given.
        tell: told of each signal and lane once it is measured.
        elsewhere: drills those lanes that need a house, where this process is none.

    Returns:
        One row a signal and lane; all of it is recorded when this returns.

    """
    rows: list[Row] = []
    housed: list[Lane] = [lane for lane in lanes if lane in HOUSED and elsewhere is not None]

    def measured(row: Row) -> None:
        rows.append(row)
        note({"drill": "abort", **{k: v for k, v in asdict(row).items() if k != "why"}})
        if tell is not None:
            tell(row)

    with tempfile.TemporaryDirectory(prefix="gonogo-drill-", ignore_cleanup_errors=True) as place:
        async with logged(settings, "abort", drill_id) as note:
            write_law(Path(place) / "policies")
            async with AsyncExitStack() as stack:
                for lane in lanes:
                    if lane in housed:
                        continue
                    if lane == "server_down":
                        await server_gone()
                    fly: Fly = await stack.enter_async_context(flying_apart()) if lane == "processes" else fly_here
                    for signal in signals:
                        measured(await _drill_one(settings, Path(place), signal, lane, fly=fly, trials=trials))
            if elsewhere is not None and housed:
                for row in await asyncio.to_thread(elsewhere, housed):
                    measured(row)
    return rows


async def _drill_one(settings: Settings, place: Path, signal: Signal, lane: Lane, *, fly: Fly, trials: int) -> Row:
    """Try one signal in one lane, each time in a home of its own, which is gone afterwards."""
    tried: list[Trial] = []
    for number in range(trials):
        home = place / f"{lane}-{signal}-{number}"
        tried.append(await attempt(scratch(settings, home, place / "policies"), signal, fly, LIMIT_US[lane]))
        await asyncio.to_thread(shutil.rmtree, home, ignore_errors=True)
    return _row(signal, lane, tried)


async def server_gone() -> None:
    """Return once the Prefect server that this process knows does not answer any more.

    Raises:
        StepTimedOut: it goes on answering, so nothing would be shown.

    """
    url, until = os.environ.get("PREFECT_API_URL", ""), time.monotonic() + GONE_SECONDS_MAX
    async with httpx.AsyncClient(timeout=1) as client:
        while url:
            try:
                await client.get(f"{url}/health")
            except httpx.HTTPError:
                return
            if time.monotonic() > until:
                raise StepTimedOut(f"The Prefect server at {url} is still up; drill server_down with --lane.")
            await asyncio.sleep(GONE_LOOK_SECONDS)


def _row(signal: Signal, lane: Lane, tried: list[Trial]) -> Row:
    """Return what all trials of one signal in one lane come to."""
    latencies = sorted(trial.latency_us for trial in tried)
    caught = sum(trial.caught for trial in tried)
    late = sum(trial.effects_after for trial in tried)
    p99 = percentile(latencies, 99)
    return Row(
        signal=signal,
        lane=lane,
        trials=len(tried),
        caught=caught,
        effects=sum(trial.effects for trial in tried),
        effects_after=late,
        p50_us=percentile(latencies, 50),
        p99_us=p99,
        most_us=latencies[-1],
        limit_us=LIMIT_US[lane],
        passed=caught == len(tried) and not late and p99 <= LIMIT_US[lane],
        why=next((trial.why for trial in tried if trial.why), ""),
    )


def percentile(ordered: list[int], percent: int) -> int:
    """Return the value that so many percent of an ordered list do not exceed (nearest rank)."""
    return ordered[-(-len(ordered) * percent // 100) - 1]
