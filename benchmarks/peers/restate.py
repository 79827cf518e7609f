"""Restate: its own server keeps the journal, a Python service does the steps; gates are durable promises."""

from __future__ import annotations

# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false, reportUntypedFunctionDecorator=false
# (the library is installed in the peer's own environment)
import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, ClassVar

import httpx
import hypercorn
import restate
from hypercorn.asyncio import serve as serve_http

from benchmarks.peers.engine import GATE_AFTER, STEPS, Engine, passed_gate, work
from benchmarks.peers.serving import serve

INGRESS, ADMIN = "BENCHMARK_RESTATE_INGRESS", "BENCHMARK_RESTATE_ADMIN"
"""Where a process that was started by another finds the server the other has started."""
START_SECONDS_MAX = 60.0

ten_steps = restate.Workflow("TenSteps")
fan = restate.Workflow("Fan")
gated = restate.Workflow("Gated")


@ten_steps.main("run")
async def run_ten_steps(ctx: restate.WorkflowContext) -> str:
    """Take ten durable steps, one after the other."""
    for index in range(STEPS):
        await ctx.run_typed(f"step-{index}", work, index=index)
    return "done"


@fan.main("run")
async def run_fan(ctx: restate.WorkflowContext, width: int) -> str:
    """Take many durable steps at once."""
    await restate.gather(*(ctx.run_typed(f"step-{index}", work, index=index) for index in range(width)))
    return "done"


@gated.main("run")
async def run_gated(ctx: restate.WorkflowContext) -> str:
    """Take ten durable steps, and wait for a promise in between."""
    for index in range(GATE_AFTER):
        await ctx.run_typed(f"step-{index}", work, index=index)
    _at_gate[ctx.key()].set()
    await ctx.promise("answer").value()
    passed_gate(ctx.key())
    for index in range(GATE_AFTER, STEPS):
        await ctx.run_typed(f"step-{index}", work, index=index)
    return "done"


@gated.handler("answer")
async def answer_gated(ctx: restate.WorkflowSharedContext) -> str:
    """Keep the promise."""
    await ctx.promise("answer").resolve("go")
    return "taken"


_at_gate: dict[str, asyncio.Event] = {}


class Restate(Engine):
    """A server as a child, and the service in this process."""

    sync: ClassVar[str] = "each step: a record in the server's log (RocksDB), write-ahead log synced, group commit"
    setup: ClassVar[str] = "single node, no telemetry"

    def versions(self) -> dict[str, str]:
        """Return the server's version."""
        package = _npm() / "@restatedev" / "restate-server" / "package.json"
        return {"restate-server": json.loads(package.read_text())["version"]}

    async def open(self) -> None:
        """Start the server, if nobody has, and the service, and make them known to each other."""
        self.server = None if INGRESS in os.environ else _start_server(self.folder)
        self.http = httpx.AsyncClient(timeout=600, limits=httpx.Limits(max_connections=None))
        self.flights: dict[str, asyncio.Task[str]] = {}
        self.gone = asyncio.Event()
        port = _port_of(self.folder)
        config = hypercorn.Config()
        config.bind = [f"127.0.0.1:{port}"]
        config.accesslog = None
        app = restate.app([ten_steps, fan, gated])
        self.service = asyncio.create_task(serve_http(app, config, shutdown_trigger=self.gone.wait))
        await self._until_up(f"{os.environ[ADMIN]}/health")
        deployment = {"uri": f"http://127.0.0.1:{port}", "force": True}
        (await self.http.post(f"{os.environ[ADMIN]}/deployments", json=deployment)).raise_for_status()

    async def close(self) -> None:
        """Stop both."""
        self.gone.set()
        await asyncio.wait({self.service}, timeout=5)
        if self.server is not None:
            self.server.kill()
            self.server.wait()

    async def mission(self, run_id: str) -> None:
        """Call the workflow."""
        await self._call("TenSteps", run_id, "run")

    async def fan_out(self, run_id: str, width: int) -> None:
        """Gather parallel steps."""
        await self._call("Fan", run_id, "run", width)

    async def to_gate(self, run_id: str) -> None:
        """Call the workflow, and wait until it waits."""
        _at_gate[run_id] = asyncio.Event()
        self.flights[run_id] = asyncio.create_task(self._call("Gated", run_id, "run"))
        await _at_gate[run_id].wait()

    async def answer(self, run_id: str) -> None:
        """Have the promise kept."""
        await self._call("Gated", run_id, "answer")

    async def landed(self, run_id: str) -> None:
        """Wait for the workflow."""
        await self.flights.pop(run_id)

    async def recover(self, run_id: str) -> None:
        """Start the workflow, or attach to the one the server is retrying."""
        begun = self.folder / "begun"
        if not begun.exists():
            begun.touch()
            await self.mission(run_id)
            return
        url = f"{os.environ[INGRESS]}/restate/workflow/TenSteps/{run_id}/attach"
        (await self.http.get(url)).raise_for_status()

    async def _call(self, service: str, run_id: str, handler: str, given: Any = None) -> str:
        url = f"{os.environ[INGRESS]}/{service}/{run_id}/{handler}"
        reply = await (self.http.post(url) if given is None else self.http.post(url, json=given))
        reply.raise_for_status()
        return reply.text

    async def _until_up(self, url: str) -> None:
        deadline = time.monotonic() + START_SECONDS_MAX
        while time.monotonic() < deadline:
            try:
                if (await self.http.get(url)).is_success:
                    return
            except httpx.HTTPError:
                pass
            await asyncio.sleep(0.05)
        raise RuntimeError("the Restate server did not start")


def _npm() -> Path:
    return Path(sys.prefix) / "npm" / "node_modules"


def _start_server(folder: Path) -> subprocess.Popen[bytes]:
    ingress, admin, node = _free_port(), _free_port(), _free_port()
    os.environ[INGRESS], os.environ[ADMIN] = f"http://127.0.0.1:{ingress}", f"http://127.0.0.1:{admin}"
    settings = {
        "RESTATE_DISABLE_TELEMETRY": "true",
        "RESTATE_LISTEN_MODE": "tcp",
        "RESTATE_BASE_DIR": str(folder / "restate"),
        "RESTATE_BIND_PORT": str(node),
        "RESTATE_INGRESS__BIND_PORT": str(ingress),
        "RESTATE_ADMIN__BIND_PORT": str(admin),
    }
    # The package's own command only starts this one, and would leave it behind when it is stopped.
    binary = next((_npm() / "@restatedev").glob("restate-server-*/bin/restate-server"))
    with (folder / "restate.log").open("wb") as log:
        return subprocess.Popen(
            [str(binary), "--no-logo"],
            env=os.environ | settings,
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
        )


def _port_of(folder: Path) -> int:
    """Return the service's port; the same for a process that takes over from a dead one."""
    known = folder / "port"
    if not known.exists():
        known.write_text(str(_free_port()))
    return int(known.read_text())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


if __name__ == "__main__":
    serve(lambda folder, _variant: Restate(folder), ("restate-sdk",))
