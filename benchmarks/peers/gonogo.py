"""gonogo without a scheduler: the batch lane, and at gates the lane that stays in its process."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from benchmarks.peers.engine import STEPS, Engine, Sample
from benchmarks.peers.gonogo_missions import (
    Case,
    PersonCase,
    consult,
    fan_out,
    gated,
    ten_sealed_steps,
    ten_steps,
    ten_tool_calls,
)
from benchmarks.peers.serving import serve
from benchmarks.peers.workloads import OPERATIONS
from gonogo.approvals import Reply, answer_gate
from gonogo.cases import Flyer
from gonogo.evidence.journals import journal_of
from gonogo.flights import fly
from gonogo.house.waking import wake
from gonogo.lanes.batch import fly_batch
from gonogo.lanes.local import LocalPilot
from gonogo.plans import Landing, Plan
from gonogo.settings import settings

if TYPE_CHECKING:
    from gonogo.missions import Mission
    from gonogo.pilots import Wait
    from gonogo.runs import Run

LAW = Path(__file__).parent / "law"


class Gonogo(Engine):
    """Missions flown as ``gonogo run --each`` flies them where no Prefect server is up."""

    sync: ClassVar[str] = "each step: intent and result in the run's journal and, synced, in its log, fdatasync"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.settings = settings().model_copy(
            update={"home": folder / "home", "policy_folder": LAW, "environment": "dev", "model": None, "cases": 1}
        )
        self.journal = journal_of(self.settings)
        self._flights: dict[str, asyncio.Task[Landing]] = {}
        self._gates: dict[str, str] = {}

    async def mission(self, run_id: str) -> None:
        """Fly ten steps in the batch lane."""
        await self._fly(ten_steps, [Case(name=run_id)])

    async def fan_out(self, run_id: str, width: int) -> None:
        """Gather parallel steps."""
        await self._fly(fan_out, [Case(name=run_id, width=width)])

    async def fleet(self, run_ids: list[str], in_flight: int) -> int:
        """Fly one batch."""
        await self._fly(ten_steps, [Case(name=run_id) for run_id in run_ids], in_flight)
        return len(run_ids)

    async def ask(self, run_id: str) -> None:
        """Let the governed agent make its turn."""
        await self._fly(consult, [Case(name=run_id)])

    async def _fly(self, mission: Mission[Any, Any], cases: list[Case], in_flight: int = 1) -> None:
        landings: list[Landing] = []
        chosen = self.settings.model_copy(update={"cases": in_flight})
        await fly_batch(mission, [Flyer(case.name, "", case) for case in cases], chosen, landings.append)
        _all_done(landings, len(cases))

    async def to_gate(self, run_id: str) -> None:
        """Fly until the gate is announced to whoever started the run."""
        reached: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def announce(_run: Run, wait: Wait) -> None:
            reached.set_result(wait.name)

        plan = Plan(run_id, LocalPilot(announce=announce), self.settings)
        self._flights[run_id] = asyncio.create_task(fly(gated, Case(name=run_id), plan))
        await asyncio.wait({reached, self._flights[run_id]}, return_when=asyncio.FIRST_COMPLETED)
        if not reached.done():
            raise RuntimeError(f"the run landed before its gate: {self._flights[run_id].result()}")
        self._gates[run_id] = reached.result()

    async def answer(self, run_id: str) -> None:
        """Answer as ``gonogo decide`` does, from another thread."""
        await asyncio.to_thread(self._decide, run_id)

    def _decide(self, run_id: str) -> None:
        reply = Reply("go", "benchmark", "measured", "cli")
        answer_gate(self.journal, self._gates[run_id], reply, self.settings.environment)
        wake(self.settings, run_id)

    async def landed(self, run_id: str) -> None:
        """Wait for the flight."""
        _all_done([await self._flights.pop(run_id)], 1)

    async def extras(self, workload: str, runs: int) -> list[Sample]:
        """Measure what no peer has: steps decided by the law or sealed for a person, and an agent's turn on replay."""
        if workload == "mission-10":
            values = [await self._timed(ten_tool_calls, Case(name=f"t-{n}")) / STEPS for n in range(runs + 1)]
            people = [PersonCase(name=f"s-{n}", number=f"PERSON-{n}") for n in range(runs + 1)]
            sealed = [await self._timed(ten_sealed_steps, person) / STEPS for person in people]
            return [
                Sample("durable step with a governed tool call in it", "ms", values[1:]),
                Sample("durable step with a sealed field", "ms", sealed[1:]),
            ]
        if workload == "agent-11":
            values = [await self._replayed(f"replay-{number}") / OPERATIONS for number in range(runs)]
            return [Sample("agent operation on replay, no model and no tool called", "ms", values)]
        return []

    async def _timed(self, mission: Mission[Any, Any], case: Case) -> float:
        """Return the milliseconds of one flight."""
        begun = time.perf_counter()
        await self._fly(mission, [case])
        return (time.perf_counter() - begun) * 1_000

    async def _replayed(self, run_id: str) -> float:
        """Fly once, let a crash have come before the step's own result, and return the milliseconds of the rest."""
        await self.ask(run_id)
        path = self.journal.flight_path(run_id)
        lines = path.read_bytes().splitlines(keepends=True)
        records = self.journal.read_flight(run_id)
        operations = sum(r.artifact in {"model_call", "tool_call"} and r.data["phase"] == "result" for r in records)
        ended = next(r.seq for r in records if r.artifact == "step_record" and r.data["phase"] == "result")
        path.write_bytes(b"".join(lines[:ended]))
        milliseconds = await self._timed(consult, Case(name=run_id))
        again = sum(
            r.artifact in {"model_call", "tool_call"} and r.data["phase"] == "result" and r.seq >= ended
            for r in self.journal.read_flight(run_id)
        )
        if operations != OPERATIONS or again:
            raise RuntimeError(f"{operations} operations were recorded and {again} of them were done again on replay")
        return milliseconds


def _all_done(landings: list[Landing], count: int) -> None:
    missed = [landing for landing in landings if landing.status != "done"]
    if missed or len(landings) != count:
        raise RuntimeError(f"{len(landings)} of {count} missions landed; not done: {missed[:1]}")


if __name__ == "__main__":
    serve(lambda folder, _variant: Gonogo(folder), ("gonogo", "prefect", "pydantic-ai-slim", "cedarpy"))
