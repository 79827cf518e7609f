"""The workloads: what is timed, how often, and from when to when. Standard library only."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.peers.engine import GATE_AFTER, MODEL_REQUESTS, STEPS, TOOL_CALLS, Crash, Sample, moment_passed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from benchmarks.peers.engine import Engine

OPERATIONS = MODEL_REQUESTS + TOOL_CALLS
HUMAN_SECONDS = 0.05
"""How long the person at the gate thinks; never counted."""
CHILD_SECONDS_MAX = 60.0
SAMPLING_SECONDS_MAX = 6.0
SAMPLES_MIN = 3

STEP = "durable step"
GATED_STEP = f"durable step, gate after step {GATE_AFTER}, without the human wait"
WAKE_UP = "gate wake-up, answer to next line"
FLEET = "missions per second"
RECOVERY = "kill -9 to landed, process start included"
TWICE = "steps executed twice"
OPERATION = "agent operation"


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of everything a round does."""

    missions: int = 20
    warm_ups: int = 3
    gates: int = 10
    fan_outs: int = 5
    width: int = 50
    fleet: int = 200
    in_flight: int = 64
    asks: int = 20
    lanes: int = 10
    """Missions of each kind in the mission lane."""
    lane_gates: int = 6
    """Gates of flow runs: each takes a second or two."""

    def at_once(self, engine: Engine | type[Engine]) -> int:
        """Return how many missions of a fleet are in flight at once."""
        return min(self.in_flight, engine.in_flight_max or self.in_flight)


FULL = Sizes()
QUICK = Sizes(missions=2, warm_ups=1, gates=1, fan_outs=1, width=5, fleet=6, in_flight=4, asks=1, lanes=1, lane_gates=1)


async def _timed(flight: Awaitable[None]) -> float:
    begun = time.perf_counter()
    await flight
    return time.perf_counter() - begun


async def _sampled(fly: Callable[[str], Awaitable[None]], name: str, runs: int) -> list[float]:
    """Return the milliseconds of each of so many flights; of fewer, but three at least, where they take long."""
    values: list[float] = []
    until = time.monotonic() + SAMPLING_SECONDS_MAX
    for number in range(runs):
        if number >= SAMPLES_MIN and time.monotonic() > until:
            break
        values.append(await _timed(fly(f"{name}-{number}")) * 1_000)
    return values


async def mission(engine: Engine, sizes: Sizes) -> list[Sample]:
    """One mission after the other; the wall time of each, divided by its steps."""
    for number in range(sizes.warm_ups):
        await engine.mission(f"warm-{number}")
    values = await _sampled(engine.mission, "m", sizes.missions)
    return [Sample(STEP, "ms", [value / STEPS for value in values]), *await engine.extras("mission-10", sizes.missions)]


async def gate(engine: Engine, sizes: Sizes) -> list[Sample]:
    """Gated missions: the time to wake up, and the time of everything but the person."""
    wake_ups: list[float] = []
    steps: list[float] = []

    async def through_gate(run_id: str) -> None:
        begun = time.perf_counter()
        await engine.to_gate(run_id)
        reached = time.perf_counter()
        await asyncio.sleep(HUMAN_SECONDS)
        answered = time.perf_counter()
        await engine.answer(run_id)
        await engine.landed(run_id)
        landed = time.perf_counter()
        passed = moment_passed(run_id)
        wake_ups.append((passed - answered) * 1_000)
        steps.append((reached - begun + landed - passed) * 1_000 / STEPS)

    await _sampled(through_gate, "g", sizes.gates + 1)
    # The first one pays for connections and caches that the others find.
    return [Sample(WAKE_UP, "ms", wake_ups[1:]), Sample(GATED_STEP, "ms", steps[1:])]


async def fan_out(engine: Engine, sizes: Sizes) -> list[Sample]:
    """One mission of parallel steps, several times."""

    async def fan(run_id: str) -> None:
        await engine.fan_out(run_id, sizes.width)

    await fan("warm-fan")
    return [Sample(f"{sizes.width} parallel durable steps", "ms", await _sampled(fan, "f", sizes.fan_outs))]


async def fleet(engine: Engine, sizes: Sizes) -> list[Sample]:
    """Many missions at once; where they take long, those that landed in time."""
    await engine.mission("warm-fleet")
    runs = [f"fleet-{number}" for number in range(sizes.fleet)]
    begun = time.perf_counter()
    landed = await engine.fleet(runs, sizes.at_once(engine))
    seconds = time.perf_counter() - begun
    note = "" if landed == sizes.fleet else f"{landed} of {sizes.fleet} missions in {seconds:.0f} s"
    return [Sample(FLEET, "1/s", [landed / seconds], note=note)]


async def agent(engine: Engine, sizes: Sizes) -> list[Sample]:
    """Turns of an agent; the wall time of each run, divided by its model requests and tool calls."""
    for number in range(sizes.warm_ups):
        await engine.ask(f"warm-ask-{number}")
    values = await _sampled(engine.ask, "a", sizes.asks)
    more = await engine.extras("agent-11", sizes.asks)
    return [Sample(OPERATION, "ms", [value / OPERATIONS for value in values]), *more]


async def mission_lane(engine: Engine, sizes: Sizes) -> list[Sample]:
    """The same steps as flow runs and task runs of a Prefect server, with gonogo and without, in turn."""
    return await engine.extras("mission-lane", sizes.lanes)


async def mission_lane_gate(engine: Engine, sizes: Sizes) -> list[Sample]:
    """Gates of flow runs that are still warm, answered from outside."""
    return await engine.extras("mission-lane-gate", sizes.lane_gates)


async def gate_wake_suspended(engine: Engine, sizes: Sizes) -> list[Sample]:
    """Gates of flow runs that have left their process, answered at both doors."""
    return await engine.extras("gate-wake-suspended", sizes.lane_gates)


async def recovery(engine: Engine, sizes: Sizes) -> list[Sample]:
    """Kill a process inside a step, start it again, and see what it does twice.

    Raises:
        RuntimeError: the mission did not land, or left a step out.

    """
    del sizes
    scene = Crash(engine.folder / "scene")
    scene.folder.mkdir()
    scene.hang.touch()
    command = [sys.executable, "-m", *_module(), "--folder", str(scene.folder), "--recover", "r-1"]
    first = _start(command)
    deadline = time.monotonic() + CHILD_SECONDS_MAX
    while not scene.hanging.exists():
        if first.poll() is not None or time.monotonic() > deadline:
            _kill(first)
            raise RuntimeError("the process that was to be killed did not come as far as the step to die in")
        await asyncio.sleep(0.005)
    scene.hang.unlink()
    begun = time.perf_counter()
    _kill(first)
    second = _start(command)
    try:
        code = await asyncio.to_thread(second.wait, CHILD_SECONDS_MAX)
    finally:
        _kill(second)
    seconds = time.perf_counter() - begun
    executions = scene.executions()
    if code or 0 in executions:
        raise RuntimeError(f"the second process ended with {code}, and the steps were executed {executions} times")
    twice = float(sum(executions) - STEPS)
    return [Sample(RECOVERY, "s", [seconds]), Sample(TWICE, "steps", [twice])]


def _module() -> list[str]:
    """Return the module this process was started as, with its variant."""
    spec = sys.modules["__main__"].__spec__
    if spec is None:
        raise RuntimeError("a peer is started with python -m, so that it can start itself again")
    variant = [argument for argument in sys.argv[1:] if argument.startswith("--variant=")]
    return [spec.name, *variant]


def _start(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, start_new_session=True, stdout=sys.stderr, stdin=subprocess.DEVNULL)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill -9 a process with everything it started, and wait until it is gone."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


WORKLOADS: dict[str, Callable[[Engine, Sizes], Awaitable[list[Sample]]]] = {
    "mission-10": mission,
    "gate": gate,
    "fan-out-50": fan_out,
    "fleet-200": fleet,
    "agent-11": agent,
    "mission-lane": mission_lane,
    "mission-lane-gate": mission_lane_gate,
    "gate-wake-suspended": gate_wake_suspended,
    "recovery": recovery,
}
"""In the order they are run: what kills processes comes last."""
