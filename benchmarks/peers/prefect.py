"""Raw Prefect: a flow run a mission, a task run a step, on a tuned server with SQLite; agents by pydantic-ai."""

from __future__ import annotations

# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
# (the libraries are installed in the peer's own environment; Prefect is typed in part only)
import asyncio
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from benchmarks.peers.engine import Engine
from benchmarks.peers.postgres import postgres, postgres_version
from benchmarks.peers.prefect_server import prefect_server
from benchmarks.peers.serving import serve

if TYPE_CHECKING:
    from pathlib import Path

LOOK_SECONDS = 0.01


class Prefect(Engine):
    """Flows called in the process that executes them."""

    sync: ClassVar[str] = (
        "each step: a result file, fdatasync; the server's own SQLite is WAL, synchronous=NORMAL, as it comes"
    )
    setup: ClassVar[str] = (
        "task runs are recorded in batches of 500, logs stay out of the API, pauses are polled every 50 ms"
    )
    in_flight_max: ClassVar[int | None] = 4

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._server = ExitStack()
        self._flights: dict[str, asyncio.Task[Any]] = {}

    async def open(self) -> None:
        """Start the server, then import Prefect: it reads its settings once."""
        self._server.enter_context(prefect_server(self.folder, self._database()))
        from benchmarks.peers import prefect_flows

        self.pausing = prefect_flows.PAUSING
        flows = (prefect_flows.ten_steps, prefect_flows.fan_out, prefect_flows.gated)
        self.ten_steps, self.wide, self.gated = await prefect_flows.synced(self.folder, *flows)

    def _database(self) -> str | None:
        """Return the URL of the server's database; ``None`` for SQLite."""
        return None

    async def close(self) -> None:
        """Stop the server."""
        self._server.close()

    async def mission(self, run_id: str) -> None:
        """Call the flow."""
        await self.ten_steps.with_options(flow_run_name=run_id)()

    async def fan_out(self, run_id: str, width: int) -> None:
        """Gather parallel tasks."""
        await self.wide.with_options(flow_run_name=run_id)(width)

    async def to_gate(self, run_id: str) -> None:
        """Call the flow, and wait until the server has it as Paused."""
        from prefect import get_client

        self._flights[run_id] = asyncio.create_task(self.gated(run_id))
        async with get_client() as client:
            while True:
                flow_run = self.pausing.get(run_id)
                state = (await client.read_flow_run(UUID(flow_run))).state if flow_run else None
                if state is not None and state.is_paused():
                    return
                await asyncio.sleep(LOOK_SECONDS)

    async def answer(self, run_id: str) -> None:
        """Resume the flow run."""
        from prefect.flow_runs import aresume_flow_run

        await aresume_flow_run(UUID(self.pausing[run_id]))

    async def landed(self, run_id: str) -> None:
        """Wait for the flow."""
        await self._flights.pop(run_id)

    async def recover(self, run_id: str) -> None:
        """Fly a flow run by its name; one that died is put back into flight, and its tasks are found kept."""
        from prefect import get_client
        from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterName
        from prefect.flow_engine import run_flow
        from prefect.states import AwaitingRetry

        async with get_client() as client:
            mine = FlowRunFilter(name=FlowRunFilterName(any_=[run_id]))
            begun = await client.read_flow_runs(flow_run_filter=mine)
            if begun:
                await client.set_flow_run_state(begun[0].id, AwaitingRetry(), force=True)
                run = await client.read_flow_run(begun[0].id)
            else:
                run = await client.create_flow_run(self.ten_steps, name=run_id)
        running: Any = run_flow(self.ten_steps, flow_run=run)
        await running


class PrefectOnPostgres(Prefect):
    """The same, its server on a Postgres that lives as long as the measurement."""

    sync: ClassVar[str] = "each step: a result file, fdatasync; the server's own Postgres is fsync=on"
    in_flight_max: ClassVar[int | None] = None

    def versions(self) -> dict[str, str]:
        """Return the version of the Postgres server."""
        return postgres_version()

    def _database(self) -> str | None:
        url = self._server.enter_context(postgres(self.folder))
        return f"{url.replace('postgresql:', 'postgresql+asyncpg:')}/postgres"


class PydanticAiOnPrefect(Prefect):
    """An agent whose model requests and tool calls are task runs."""

    async def open(self) -> None:
        """Build the agent once the server is up."""
        await super().open()
        from prefect import flow
        from pydantic_ai import Agent
        from pydantic_ai.durable_exec.prefect import PrefectDurability

        from benchmarks.peers import prefect_flows
        from benchmarks.peers.pydantic_ai import look_up
        from benchmarks.peers.scripted import INSTRUCTIONS, PROMPT, scripted_model

        clerk = Agent(
            scripted_model(),
            name="clerk",
            instructions=INSTRUCTIONS,
            tools=[look_up],
            capabilities=[PrefectDurability()],
        )

        @flow(persist_result=True)
        async def consult() -> str:
            """Let the agent make its turn."""
            return (await clerk.run(PROMPT)).output

        (self.consult,) = await prefect_flows.synced(self.folder, consult)

    async def ask(self, run_id: str) -> None:
        """Call the agent's flow."""
        await self.consult.with_options(flow_run_name=run_id)()


VARIANTS = {"": Prefect, "postgres": PrefectOnPostgres, "agents": PydanticAiOnPrefect}

if __name__ == "__main__":
    serve(
        lambda folder, variant: VARIANTS[variant](folder),
        ("prefect", "pydantic-ai-slim"),
    )
