"""How long from throwing the switch to the last side effect: ``python -m tests.gonogo.measure_halting [TRIALS]``.

Runaways carve without end: as a batch in one process, as processes of their own, and as flow runs of a
Prefect server (the lane of the warm runner) that is killed before the first throw. Every trial throws the
switch from outside by its file alone, waits for the acknowledgement, and re-arms. Prints milliseconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gonogo.cases import Flyer
from gonogo.house.halting import StandDown
from gonogo.lanes.batch import fly_batch
from gonogo.settings import Settings, using
from gonogo.switches import Target, halt, halts, rearm
from tests.gonogo.toy import POLICIES
from tests.gonogo.toy.stone import Quarry, carved, runaway

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

ROOT = Path(__file__).resolve().parents[2]
ALL = Target("all")
CASES, PROCESSES = 20, 3


def settings_of(home: Path) -> Settings:
    """Return the settings of every flight of a trial."""
    return Settings(home=home, policy_folder=POLICIES, requester="tester", cases=CASES)


def trial(home: Settings) -> tuple[int, int, int]:
    """Throw, wait, re-arm; returns milliseconds to the last stroke and to the acknowledgement, and late strokes."""
    thrown_ns = time.time_ns()
    thrown = halt(home, ALL, "A trial.", by="trial", signal="trial")
    down = StandDown(home)
    still = down.wait((thrown,), 60.0)
    acknowledged_ns = time.time_ns()
    if still:
        raise SystemExit(f"{still} did not stop")
    time.sleep(0.3)
    strokes = carved(home.home)
    last_ns = strokes[-1][1]
    late = sum(at > acknowledged_ns for _, at in strokes)
    (home.home / "stone").unlink()
    return max(0, last_ns - thrown_ns) // 1_000_000, (acknowledged_ns - thrown_ns) // 1_000_000, late


def carving(home: Settings, who: int) -> None:
    """Wait until so many carve."""
    deadline = time.monotonic() + 120
    while len({text.partition(" ")[0] for text, _ in carved(home.home)}) < who:
        if time.monotonic() > deadline:
            raise SystemExit("the runaways did not start")
        time.sleep(0.02)


def again_and_again(home: Settings, flight: Callable[[str], Any], stop: threading.Event) -> None:
    """Fly something anew whenever nothing is halted."""
    turn = 0
    while not stop.is_set():
        if halts(home):
            time.sleep(0.01)
            continue
        turn += 1
        asyncio.run(flight(f"{os.getpid()}-{threading.get_ident()}-{turn}"))


@contextlib.contextmanager
def batch(home: Settings) -> Generator[int]:
    """Twenty cases in this process, in a thread of their own."""

    async def flight(name: str) -> None:
        flyers = [Flyer(f"{name}-{n}", "", Quarry(name=f"{name}-{n}")) for n in range(CASES)]
        await fly_batch(runaway, flyers, home, lambda _landing: None)

    with _thread(home, flight):
        yield CASES


@contextlib.contextmanager
def flow_runs(home: Settings) -> Generator[int]:
    """Four flow runs in this process, as the warm runner flies them; their server is dead from here on."""
    from gonogo.house.server import environment, free_port, prefect_server

    with prefect_server(home.home, free_port()) as api_url:
        os.environ.update(environment(home.home, api_url))

        async def flight(name: str) -> None:
            cases = [runaway(Quarry(name=f"{name}-{n}"), return_state=True) for n in range(4)]  # pyright: ignore[reportCallIssue] - Prefect's own parameter
            await asyncio.gather(*cases, return_exceptions=True)

        stopped = threading.Event()

        def fly() -> None:
            with using(home):
                asyncio.run(flight("flow"))
            stopped.set()

        thread = threading.Thread(target=fly, daemon=True)
        thread.start()
        carving(home, 4)
    yield 4


@contextlib.contextmanager
def _thread(home: Settings, flight: Callable[[str], Any]) -> Generator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=again_and_again, args=(home, flight, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(60)


@contextlib.contextmanager
def processes(home: Settings) -> Generator[int]:
    """Three processes that fly one run each."""
    command = [sys.executable, "-m", "tests.gonogo.measure_halting", "fly", str(home.home)]
    children = [subprocess.Popen(command, cwd=ROOT) for _ in range(PROCESSES)]
    try:
        yield PROCESSES
    finally:
        for child in children:
            child.kill()
            child.wait()


def measure(name: str, lane: Any, trials: int) -> None:
    """Print one row."""
    with tempfile.TemporaryDirectory() as folder:
        home = settings_of(Path(folder))
        last: list[int] = []
        acknowledged: list[int] = []
        late = 0
        with lane(home) as who:
            for _ in range(trials):
                carving(home, who)
                found = trial(home)
                last.append(found[0])
                acknowledged.append(found[1])
                late += found[2]
                # What flies on purpose without end would be in the way of the next lane.
                if trials > 1:
                    rearm(home, ALL, "The next trial.", by="trial")
            halt(home, ALL, "The trials are over.", by="trial")
    sys.stdout.write(
        f"{name:42} trials {trials:4}"
        f"  last effect p50 {_share(last, 0.5):5} p99 {_share(last, 0.99):5} max {max(last):5}"
        f"  acknowledged p50 {_share(acknowledged, 0.5):5} p99 {_share(acknowledged, 0.99):5}  late effects {late}\n"
    )
    sys.stdout.flush()


def _share(found: list[int], share: float) -> int:
    return sorted(found)[min(len(found) - 1, int(len(found) * share))]


async def _alone(name: str, home: Settings) -> None:
    from gonogo.flights import fly
    from gonogo.lanes.local import LocalPilot
    from gonogo.plans import Plan

    await fly(runaway, Quarry(name=name), Plan(name, LocalPilot(), home))


def main() -> None:
    """Measure all lanes, or be one of the processes."""
    if sys.argv[1:2] == ["fly"]:
        home = settings_of(Path(sys.argv[2]))
        again_and_again(home, lambda name: _alone(name, home), threading.Event())
    trials = int(sys.argv[1]) if sys.argv[1:] else 100
    measure("batch lane, 20 cases in one process", batch, trials)
    measure("3 processes of their own", processes, trials)
    for _ in range(max(1, trials // 20)):
        measure("4 flow runs in one process, server killed", flow_runs, 1)


if __name__ == "__main__":
    main()
