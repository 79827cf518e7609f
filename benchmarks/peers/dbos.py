"""DBOS: workflows of steps, on SQLite, or on a Postgres of its own (variant ``postgres``); agents by pydantic-ai."""

from __future__ import annotations

# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUntypedFunctionDecorator=false
# (the library is installed in the peer's own environment)
import asyncio
import sqlite3
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, ClassVar

from dbos import DBOS, DBOSConfig, SetWorkflowID
from pydantic_ai import Agent
from pydantic_ai.durable_exec.dbos import DBOSDurability

from benchmarks.peers.engine import GATE_AFTER, RESULT, STEPS, Engine, passed_gate, work
from benchmarks.peers.postgres import postgres, postgres_version
from benchmarks.peers.scripted import INSTRUCTIONS, PROMPT, scripted_model
from benchmarks.peers.serving import serve

if TYPE_CHECKING:
    from pathlib import Path

POLL_SECONDS = 0.01


@DBOS.step()
async def do_step(index: int) -> str:
    """Do the work of one step."""
    return work(index)


@DBOS.step()
async def look_up(account: str) -> str:
    """Return what is known of an account."""
    return account + RESULT


@DBOS.workflow()
async def ten_steps() -> None:
    """Take ten durable steps, one after the other."""
    for index in range(STEPS):
        await do_step(index)


@DBOS.workflow()
async def fan_out(width: int) -> None:
    """Take many durable steps at once."""
    await asyncio.gather(*(do_step(index) for index in range(width)))


@DBOS.workflow()
async def gated(run_id: str) -> None:
    """Take ten durable steps, and wait for a message in between."""
    for index in range(GATE_AFTER):
        await do_step(index)
    _at_gate[run_id].set()
    await DBOS.recv_async("answer", timeout_seconds=600)
    passed_gate(run_id)
    for index in range(GATE_AFTER, STEPS):
        await do_step(index)


clerk = Agent(
    scripted_model(), name="clerk", instructions=INSTRUCTIONS, tools=[look_up], capabilities=[DBOSDurability()]
)


@DBOS.workflow()
async def consult() -> str:
    """Let the agent make its turn."""
    return (await clerk.run(PROMPT)).output


_at_gate: dict[str, asyncio.Event] = {}


class Dbos(Engine):
    """Workflows started in the process that executes them."""

    setup: ClassVar[str] = f"looks for messages every {POLL_SECONDS * 1_000:.0f} ms instead of every second"
    sync: ClassVar[str] = "each step: a committed row in SQLite, WAL, synchronous=FULL"

    def _database(self) -> str:
        path = self.folder / "dbos.db"
        with closing(sqlite3.connect(path)) as database:
            # Stays with the file; synchronous=FULL is what DBOS's connections have by themselves.
            database.execute("PRAGMA journal_mode=WAL")
        return f"sqlite:///{path}"

    async def open(self) -> None:
        """Launch DBOS; workflows a dead process left behind are continued by that."""
        config: DBOSConfig = {
            "name": "benchmark",
            "system_database_url": self._database(),
            "log_level": "WARNING",
            "run_admin_server": False,
            "notification_listener_polling_interval_sec": POLL_SECONDS,
        }
        DBOS(config=config)
        DBOS.launch()

    async def close(self) -> None:
        """Stop it."""
        DBOS.destroy()

    async def mission(self, run_id: str) -> None:
        """Run the workflow."""
        with SetWorkflowID(run_id):
            await ten_steps()

    async def fan_out(self, run_id: str, width: int) -> None:
        """Gather parallel steps."""
        with SetWorkflowID(run_id):
            await fan_out(width)

    async def ask(self, run_id: str) -> None:
        """Run the agent's workflow."""
        with SetWorkflowID(run_id):
            await consult()

    async def to_gate(self, run_id: str) -> None:
        """Start the workflow, and wait until it waits."""
        _at_gate[run_id] = asyncio.Event()
        with SetWorkflowID(run_id):
            await DBOS.start_workflow_async(gated, run_id)
        await _at_gate[run_id].wait()

    async def answer(self, run_id: str) -> None:
        """Send the message."""
        await DBOS.send_async(run_id, "go", topic="answer")

    async def landed(self, run_id: str) -> None:
        """Wait for the workflow's result."""
        handle = await DBOS.retrieve_workflow_async(run_id)
        await handle.get_result(polling_interval_sec=POLL_SECONDS)

    async def recover(self, run_id: str) -> None:
        """Start the workflow; where launching has begun to continue it, wait for that."""
        with SetWorkflowID(run_id):
            handle = await DBOS.start_workflow_async(ten_steps)
        await handle.get_result(polling_interval_sec=POLL_SECONDS)


class DbosOnPostgres(Dbos):
    """The same, on a Postgres server that lives as long as the measurement."""

    setup: ClassVar[str] = "LISTEN and NOTIFY, as it comes"
    sync: ClassVar[str] = "each step: a committed row in Postgres, fsync=on, synchronous_commit=on"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._server = ExitStack()

    def versions(self) -> dict[str, str]:
        """Return the version of the Postgres server."""
        return postgres_version()

    def _database(self) -> str:
        # A process that is to be killed has a database of its own, or its parent would continue its work.
        return f"{self._server.enter_context(postgres(self.folder))}/dbos_{self.folder.name.replace('-', '_')}"

    async def close(self) -> None:
        """Stop both."""
        await super().close()
        self._server.close()


if __name__ == "__main__":
    serve(
        lambda folder, variant: DbosOnPostgres(folder) if variant == "postgres" else Dbos(folder),
        ("dbos", "pydantic-ai-slim"),
    )
