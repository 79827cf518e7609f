"""The drill of the kill switch: every signal, in every lane, measured from the throw to the last side effect."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from gonogo.drills.ground import write_law
from gonogo.drills.logbook import logged
from gonogo.drills.processes import flying_apart
from gonogo.drills.runaways import SIGNALS, Signal
from gonogo.drills.trials import attempt, fly_here, scratch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gonogo.drills.trials import Fly, Trial
    from gonogo.settings import Settings

Lane = Literal["batch", "warm_runner", "processes"]
"""Where runaways fly: this process as a batch, the runner of a house, or processes of their own."""

LIMIT_US: dict[Lane, int] = {"batch": 1_000_000, "warm_runner": 1_000_000, "processes": 3_000_000}
"""What 99 of 100 trials may take from the throw to the last side effect, in microseconds."""

Tell = Callable[["Row"], None]


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
) -> list[Row]:
    """Let runaways loose in a scratch home, and record in the real one how each signal went.

    Args:
        settings: whose evidence the result becomes.
        trials: how often each signal is tried in each lane.
        lanes: where.
        signals: which.
        drill_id: the id under which the result is recorded; a new one, if not given.
        tell: told of each signal and lane once it is measured.

    Returns:
        One row a signal and lane; all of it is recorded when this returns.

    """
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="gonogo-drill-", ignore_cleanup_errors=True) as place:
        async with logged(settings, "abort", drill_id) as note:
            law = Path(place) / "policies"
            write_law(law)
            async with AsyncExitStack() as stack:
                for lane in lanes:
                    fly: Fly = await stack.enter_async_context(flying_apart()) if lane == "processes" else fly_here
                    for signal in signals:
                        homes = [Path(place) / f"{lane}-{signal}-{number}" for number in range(trials)]
                        tried = [
                            await attempt(scratch(settings, home, law), signal, fly, LIMIT_US[lane]) for home in homes
                        ]
                        rows.append(_row(signal, lane, tried))
                        note({"drill": "abort", **{k: v for k, v in asdict(rows[-1]).items() if k != "why"}})
                        if tell is not None:
                            tell(rows[-1])
    return rows


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
