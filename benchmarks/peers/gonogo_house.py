"""gonogo under Prefect: a house, the mission lane in it, and gates that wake flow runs through the warm runner."""

from __future__ import annotations

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# (Prefect's decorators are typed in part only)
import asyncio
import os
import shutil
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TypeVar

import httpx

from benchmarks.peers.door import Door, door
from benchmarks.peers.engine import Engine, Sample, moment_passed
from benchmarks.peers.prefect_server import TUNED
from benchmarks.peers.serving import serve
from benchmarks.peers.workloads import HUMAN_SECONDS

# Nothing here imports Prefect before the house is up: Prefect reads its settings when it is first imported.
from gonogo.house.household import house, runner
from gonogo.settings import settings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from gonogo.evidence.records import Record

    Answering = Callable[[httpx.AsyncClient, str, Record], Awaitable[None]]

T = TypeVar("T")

HERE = Path(__file__).parent
WARM_SECONDS = 1.0
LOOK_SECONDS = 0.01
GATE_SECONDS_MAX = 60.0

WARM = "gate wake-up of a warm flow run"
BY_DASHBOARD = "gate wake-up of a warm flow run, answered in the dashboard's process"
BY_COMMAND = "gate wake-up of a suspended flow run, answered as the command line does"
BY_RESUME = "gate wake-up of a suspended flow run, answered in Prefect's form"


class GonogoHouse(Engine):
    """A house with one deployment, its warm runner in this process."""

    sync: ClassVar[str] = "each step: intent and result in the run's journal and, synced, in its log, fdatasync"
    setup: ClassVar[str] = f"a house of its own; a gate's flow run stays warm for {WARM_SECONDS:g} s, then suspends"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._tenants = ExitStack()
        self._opened: Door | None = None

    async def open(self) -> None:
        """Move into a repository of missions, and bring the house up in it."""
        shutil.copytree(HERE / "house", self.folder / "house")
        shutil.copytree(HERE / "law", self.folder / "house" / "policies")
        os.chdir(self.folder / "house")
        os.environ |= TUNED | {
            "GONOGO_HOME": str(self.folder / "home"),
            "GONOGO_ENVIRONMENT": "dev",
            "GONOGO_REQUESTER": "benchmark",
            "GONOGO_GATE_WARM_SECONDS": str(WARM_SECONDS),
        }
        self.settings = settings()
        self.address = self._tenants.enter_context(house(self.settings, port=None, dashboard_port=None))
        self._tenants.enter_context(runner(self.settings))

    async def close(self) -> None:
        """Leave nothing running."""
        self._tenants.close()

    async def extras(self, workload: str, runs: int) -> list[Sample]:
        """Measure the one workload that was asked for."""
        match workload:
            case "mission-lane-gate":
                commands = await self._wake_ups("warm", self._decide, runs)
                clicks = await self._wake_ups("click", self._click, runs)
                return [Sample(WARM, "ms", commands), Sample(BY_DASHBOARD, "ms", clicks)]
            case "gate-wake-suspended":
                commands = await self._wake_ups("command", self._decide, runs, is_suspended=True)
                resumes = await self._wake_ups("resume", self._resume, runs, is_suspended=True)
                return [Sample(BY_COMMAND, "ms", commands), Sample(BY_RESUME, "ms", resumes)]
            case _:
                from benchmarks.peers.gonogo_lane import lane

                return await lane(self.folder, runs)

    async def _wake_ups(self, name: str, answer: Answering, runs: int, *, is_suspended: bool = False) -> list[float]:
        """Return the milliseconds of so many wake-ups; the first one, which pays for connections, left out."""
        found = [await self._gate(f"{name}-{number}", answer, is_suspended=is_suspended) for number in range(runs + 1)]
        return found[1:]

    async def _gate(self, run_id: str, answer: Answering, *, is_suspended: bool) -> float:
        """Fly to a gate, answer it, and return the milliseconds until the mission's own code goes on."""
        from benchmarks.peers.gonogo_missions import Case
        from gonogo.evidence.journals import journal_of
        from gonogo.house.handing import schedule

        journal = journal_of(self.settings)
        flow_run = schedule(self.address.api_url, "gated", Case(name=run_id), run_id, journal)
        (request,) = await _until(lambda: _told(journal.read_flight(run_id), "approval_request"))
        async with httpx.AsyncClient(base_url=self.address.api_url) as api:
            if is_suspended:
                await _until_paused(api, flow_run)
            await asyncio.sleep(HUMAN_SECONDS)
            begun = time.perf_counter()
            await answer(api, flow_run, request)
            await _until(lambda: journal.has_ended(run_id))
        last = _told(journal.read_flight(run_id), "run_record")[-1]
        if last.data["status"] != "done":
            raise RuntimeError(f"the run ended {last.data}")
        return (moment_passed(run_id) - begun) * 1_000

    async def _decide(self, _api: httpx.AsyncClient, _flow_run: str, request: Record) -> None:
        """Answer as `gonogo decide` does, from another thread."""
        from gonogo.approvals import Reply, answer_gate
        from gonogo.evidence.journals import journal_of
        from gonogo.house.waking import wake

        reply, journal = Reply("go", "benchmark", "measured", "cli"), journal_of(self.settings)
        await asyncio.to_thread(answer_gate, journal, request.data["gate"], reply, self.settings.environment)
        await asyncio.to_thread(wake, self.settings, request.run_id)

    async def _click(self, _api: httpx.AsyncClient, _flow_run: str, request: Record) -> None:
        """Let another process answer through the dashboard's verb; it is told when the button is pressed."""
        said = await asyncio.to_thread(self._door().press, request.data["gate"], request.run_id)
        if not said["accepted"]:
            raise RuntimeError(f"the dashboard's answer was refused: {said['sentence']}")

    def _door(self) -> Door:
        """Return the dashboard's process, started once."""
        if self._opened is None:
            self._opened = self._tenants.enter_context(door())
        return self._opened

    async def _resume(self, api: httpx.AsyncClient, flow_run: str, _request: Record) -> None:
        """Answer as the form of the Prefect UI does: only the server is told; one that is busy is asked again."""
        form = {"answer": "go", "reason": "measured", "name": "benchmark"}
        while True:
            reply = await api.post(f"/flow_runs/{flow_run}/resume", json={"run_input": form})
            if reply.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
        if reply.raise_for_status().json()["status"] != "ACCEPT":
            raise RuntimeError(f"Prefect did not resume the flow run: {reply.text}")


def _told(records: list[Record], artifact: str) -> list[Record]:
    return [record for record in records if record.artifact == artifact]


async def _until(look: Callable[[], T]) -> T:
    deadline = time.monotonic() + GATE_SECONDS_MAX
    while not (found := look()):
        if time.monotonic() > deadline:
            raise RuntimeError("the gated mission did not come as far as expected")
        await asyncio.sleep(LOOK_SECONDS)
    return found


async def _until_paused(api: httpx.AsyncClient, flow_run: str) -> None:
    deadline = time.monotonic() + GATE_SECONDS_MAX
    while time.monotonic() < deadline:
        reply = await api.get(f"/flow_runs/{flow_run}")
        if reply.is_success and reply.json()["state_type"] == "PAUSED":
            return
        await asyncio.sleep(LOOK_SECONDS)
    raise RuntimeError("the flow run was not suspended")


if __name__ == "__main__":
    serve(lambda folder, _variant: GonogoHouse(folder), ("gonogo", "prefect"))
