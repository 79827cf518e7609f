"""Raw Prefect as its users write it: async flows of async tasks with kept results. Imported once a server is up."""

from __future__ import annotations

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownParameterType=false
# pyright: reportUnknownArgumentType=false, reportMissingTypeArgument=false
# (Prefect's decorators are typed in part only)
import asyncio
import os
from typing import TYPE_CHECKING, Any

from prefect import flow, task
from prefect.cache_policies import INPUTS, RUN_ID
from prefect.filesystems import LocalFileSystem
from prefect.flow_runs import apause_flow_run
from prefect.runtime import flow_run

from benchmarks.peers.engine import GATE_AFTER, RESULT, STEPS, passed_gate, work

if TYPE_CHECKING:
    from pathlib import Path

    from prefect import Flow

PAUSE_POLL_SECONDS = 0.05
KEPT: dict[str, Any] = {"persist_result": True, "cache_policy": INPUTS + RUN_ID, "retries": 0}


class SyncedFileSystem(LocalFileSystem):
    """Prefect's own result files, synced: the guarantee everybody here gives."""

    _block_type_name = "Synced File System"
    _block_type_slug = "synced-file-system"

    async def awrite_path(self, path: str, content: bytes) -> str:
        """Write a file, and return once it is on disk."""
        return self.write_path(path, content)

    def write_path(self, path: str, content: bytes) -> str:
        """Write a file, and return once it is on disk."""
        target = self._resolve_path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            file.write(content)
            file.flush()
            os.fdatasync(file.fileno())
        return str(target)


@task(**KEPT)
async def do_step(index: int) -> str:
    """Do the work of one step."""
    return work(index)


@task(**KEPT)
async def look_up(account: str) -> str:
    """Return what is known of an account."""
    return account + RESULT


@flow(persist_result=True)
async def ten_steps() -> None:
    """Take ten durable steps, one after the other."""
    for index in range(STEPS):
        await do_step(index)


@task(persist_result=False)
async def do_bare_step(index: int) -> str:
    """Do the work of one step, and keep nothing."""
    return work(index)


@flow(persist_result=False)
async def ten_bare_steps() -> None:
    """Take ten steps that no crash survives."""
    for index in range(STEPS):
        await do_bare_step(index)


@flow(persist_result=True)
async def fan_out(width: int) -> None:
    """Take many durable steps at once."""
    await asyncio.gather(*(do_step(index) for index in range(width)))


@flow(persist_result=True)
async def gated(run_id: str) -> None:
    """Take ten durable steps, and pause in between."""
    for index in range(GATE_AFTER):
        await do_step(index)
    PAUSING[run_id] = str(flow_run.id)
    await apause_flow_run(timeout=600, poll_interval=PAUSE_POLL_SECONDS, key=run_id)  # pyright: ignore[reportCallIssue, reportArgumentType] - typed as whole seconds, taken as any
    passed_gate(run_id)
    for index in range(GATE_AFTER, STEPS):
        await do_step(index)


PAUSING: dict[str, str] = {}
"""Flow run of each mission that is about to pause."""


async def synced(folder: Path, *flows: Flow) -> list[Any]:
    """Return the flows with results that are synced to disk."""
    storage = SyncedFileSystem(basepath=str(folder / "results"))
    await storage.asave("synced", overwrite=True)
    return [each.with_options(result_storage=storage) for each in flows]
