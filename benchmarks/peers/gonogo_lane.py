"""The mission lane beside raw Prefect: the same steps under one server, in turn, timed from outside and from inside."""

from __future__ import annotations

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# (Prefect's decorators are typed in part only)
import time
from typing import TYPE_CHECKING, Any

from benchmarks.peers.engine import STEPS, Sample

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from pathlib import Path

LANE_STEP = "step as a task run of a flow run"
BARE_STEP = "step as a task run of a flow run, nothing kept"
LANE_CPU = "processor time of a step as a task run, in its own process"
ADDED = "what gonogo adds to a task run, by the wall clock, in one flow run in turn"
SHARE = "share of gonogo in a step as a task run"
SHARE_CPU = "share of gonogo in a step as a task run, processor time of the loop's thread"


async def lane(folder: Path, runs: int) -> list[Sample]:
    """Fly the same ten steps with gonogo, with raw durable tasks and with raw bare tasks, in turn."""
    from benchmarks.peers import prefect_flows
    from benchmarks.peers.gonogo_missions import PAIRS, Case, pairs, ten_steps

    (raw,) = await prefect_flows.synced(folder, prefect_flows.ten_steps)
    watch = _Watch()
    names = ("gonogo", "gonogo cpu", "share", "share cpu", "raw", "raw cpu", "bare", "bare cpu")
    values: dict[str, list[float]] = {name: [] for name in names}

    async def gonogo(number: int) -> dict[str, float]:
        took = await _per_step("gonogo", ten_steps(Case(name=f"lane-{number}")))
        wall, processor = watch.taken()
        return took | {"share": wall / STEPS, "share cpu": processor / STEPS}

    async def raw_tasks(_number: int) -> dict[str, float]:
        return await _per_step("raw", raw())

    async def bare_tasks(_number: int) -> dict[str, float]:
        return await _per_step("bare", prefect_flows.ten_bare_steps())

    turns = [gonogo, raw_tasks, bare_tasks]
    for number in range(runs + 1):
        for turn in turns:
            for name, value in (await turn(number)).items():
                # The first ones pay for connections that the others find.
                values[name] += [value] if number else []
        # What one leaves for the server to do, another one's flight has to bear: each in its turn.
        turns = turns[1:] + turns[:1]
    watch.stop()
    for number in range(runs + 1):
        await pairs(Case(name=f"pairs-{number}"))
        if number == 0:
            PAIRS.clear()
    return [
        Sample(LANE_STEP, "ms", values["gonogo"]),
        Sample(LANE_STEP, "ms", values["raw"], system="prefect"),
        Sample(BARE_STEP, "ms", values["bare"], system="prefect"),
        Sample(ADDED, "ms", [step - bare for step, bare in PAIRS]),
        Sample(SHARE, "ms", values["share"]),
        Sample(SHARE_CPU, "ms", values["share cpu"]),
        Sample(LANE_CPU, "ms", values["gonogo cpu"]),
        Sample(LANE_CPU, "ms", values["raw cpu"], system="prefect"),
    ]


async def _per_step(name: str, flight: Awaitable[Any]) -> dict[str, float]:
    """Return the milliseconds a step takes, by the clock on the wall and by the processor's."""
    wall, processor = time.perf_counter(), time.process_time()
    await flight
    spent = {name: time.perf_counter() - wall, f"{name} cpu": time.process_time() - processor}
    return {each: seconds * 1_000 / STEPS for each, seconds in spent.items()}


class _Watch:
    """Times a mission from the inside: what is not Prefect's task engine is gonogo's share.

    It stands at the two doors between them, which are Prefect's own: the flow's function, with all
    of gonogo in it, and the call of a task, which is Prefect's but for the task's function.
    """

    def __init__(self) -> None:
        from prefect import Task

        from benchmarks.peers.gonogo_missions import do_step, ten_steps

        self._wall = self._processor = 0.0
        self._task, self._call = Task, Task.__call__
        call = self._call

        def timed_call(task: Any, *args: Any, **kwargs: Any) -> Any:
            made: Any = call(task, *args, **kwargs)
            return self._timed(made, -1) if task is do_step else made

        Task.__call__ = timed_call
        self._wrap(ten_steps, 1)
        self._wrap(do_step, 1)

    def _wrap(self, owner: Any, sign: int) -> None:
        inner = owner.fn

        async def timed(*args: Any, **kwargs: Any) -> Any:
            return await self._timed(inner(*args, **kwargs), sign)

        owner.fn = timed

    async def _timed(self, made: Awaitable[Any], sign: int) -> Any:
        wall, processor = time.perf_counter(), time.thread_time()
        try:
            return await made
        finally:
            self._wall += sign * (time.perf_counter() - wall)
            self._processor += sign * (time.thread_time() - processor)

    def taken(self) -> tuple[float, float]:
        """Return the milliseconds since it was last asked, by the clock on the wall and by this thread's."""
        taken = self._wall * 1_000, self._processor * 1_000
        self._wall = self._processor = 0.0
        return taken

    def stop(self) -> None:
        """Give Prefect its own call back."""
        self._task.__call__ = self._call
