"""A house for tests: `gonogo up` on free ports, its whole process tree known, nothing left behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import httpx
import pytest

from gonogo.house.server import free_port
from tests.e2e.command import BUSY, PATIENCE_SECONDS, until

if TYPE_CHECKING:
    from tests.e2e.command import Command, Started


@dataclass(slots=True)
class UpHouse:
    """`gonogo up` for one home; can be stopped, killed and brought up again."""

    gonogo: Command
    port: int = field(default_factory=free_port)
    dashboard_port: int = field(default_factory=free_port)
    started: Started | None = None

    @property
    def url(self) -> str:
        """Where Prefect's UI is."""
        return f"http://127.0.0.1:{self.port}"

    def up(self) -> None:
        """Bring the house up, unless it is."""
        if self.started is not None and self.started.process.poll() is None:
            return
        ports = ("--port", str(self.port), "--dashboard-port", str(self.dashboard_port))
        self.started = started = self.gonogo.start("up", *ports)
        until(lambda: self._card() == started.process.pid or started.process.poll() is not None, "the house's card")
        assert started.process.poll() is None, self.said()

    def _card(self) -> int:
        """Return the process the house's address names; 0 while there is none."""
        try:
            return int(json.loads((self.gonogo.home / "house.json").read_text(encoding="utf-8"))["pid"])
        except FileNotFoundError:
            return 0

    def said(self) -> str:
        """Return what the house printed and logged, for a failure's report."""
        logs = sorted((self.gonogo.home / "logs").glob("*.log"))
        tails = [f"{log.name}: {log.read_text(encoding='utf-8', errors='replace')[-2000:]}" for log in logs]
        own = "" if self.started is None else self.started.out.read_text() + self.started.err.read_text()
        return "\n".join([own, *tails])

    def stop(self) -> int:
        """Ask the house to go, as a service manager does, and return its exit code."""
        assert self.started is not None
        self.started.process.send_signal(signal.SIGTERM)
        try:
            return self.started.process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            pytest.fail(f"the house does not go:\n{self.said()}")

    def kill_tree(self) -> None:
        """Take every process of the house away at once, as a power cut would."""
        kill_all(self.gonogo.home)
        if self.started is not None:
            self.started.process.wait(PATIENCE_SECONDS)
        until(lambda: not processes_of(self.gonogo.home), "the end of every process")

    def get(self, path: str) -> Any:
        """Ask the Prefect API."""
        return self._call("GET", path, None)

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Ask the Prefect API; a busy SQLite is asked again."""
        return self._call("POST", path, body)

    def patch(self, path: str, body: dict[str, Any]) -> None:
        """Change something through the Prefect API."""
        self._call("PATCH", path, body)

    def _call(self, method: str, path: str, body: dict[str, Any] | None) -> Any:
        def answered() -> httpx.Response | None:
            reply = httpx.request(method, f"{self.url}/api{path}", json=body, timeout=120)
            return None if reply.status_code == BUSY else reply

        reply = until(answered, f"an answer to {path}").raise_for_status()
        return reply.json() if reply.content else None

    def flow_run(self, run_id: str) -> dict[str, Any]:
        """Return the Prefect flow run that flies a run."""
        tagged = {"flow_runs": {"tags": {"all_": [f"gonogo-run:{run_id}"]}}}
        (flow_run,) = self.post("/flow_runs/filter", tagged)
        return flow_run

    def state_of(self, run_id: str) -> str:
        """Return what Prefect calls the run's state."""
        return self.flow_run(run_id)["state_name"]

    def until_state(self, run_id: str, name: str) -> None:
        """Wait until Prefect calls the run's state so."""
        until(lambda: self.state_of(run_id) == name, f"{name} of {run_id} (now {self.state_of(run_id)})")

    def until_ended(self, run_id: str) -> dict[str, Any]:
        """Wait until the evidence says that a run has ended, and return its last record's body."""
        until(lambda: run_id not in self.gonogo.journal.live_run_ids(), f"the end of {run_id}")
        return self.gonogo.told(run_id, "run_record", "result")[-1].data

    def asleep(self, case: dict[str, Any], mission: str = "claims_triage") -> str:
        """Hand a case to the house, and return its run once it sleeps at a gate in Prefect."""
        done = self.gonogo("run", mission, "--no-wait", "--json", case=case)
        assert done.code == 5, done.err + self.said()
        run_id = done.json["run_id"]
        self.until_state(run_id, "Suspended")
        return run_id

    def mart(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the published mart; nothing where none is published yet."""
        path = self.gonogo.home / "mart.duckdb"
        return ask_mart(path, query, *values) if path.exists() else []


def ask_mart(path: Path, query: str, *values: object) -> list[tuple[Any, ...]]:
    """Ask a mart in SQL, as anybody with DuckDB can."""
    with duckdb.connect(path, read_only=True) as con:
        return con.execute(query, list(values)).fetchall()


def processes_of(home: Path) -> list[int]:
    """Return every process that was started for a home: its environment says so, whoever its parent is."""
    if sys.platform != "linux":
        pytest.skip("the process tree is read from /proc, which only Linux has")
    mark = b"\0GONOGO_HOME=" + os.fsencode(home) + b"\0"
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark in b"\0" + (entry / "environ").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue  # gone while it was looked at, or somebody else's
    return found


def kill_all(home: Path) -> None:
    """Kill every process that was started for a home."""
    for pid in processes_of(home):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def is_open(port: int) -> bool:
    """Whether somebody listens on a port of this machine."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def killed(house: UpHouse, *words: str) -> int:
    """Kill the process of a house whose command holds these words, and return it once it is gone."""
    (pid,) = having(house, *words)
    os.kill(pid, signal.SIGKILL)
    until(lambda: pid not in having(house, *words), f"the end of {pid}")
    return pid


def having(house: UpHouse, *words: str) -> list[int]:
    """Return the processes of a house whose command holds these words."""
    found: list[int] = []
    for pid in processes_of(house.gonogo.home):
        try:
            command = (Path("/proc") / str(pid) / "cmdline").read_bytes().decode().split("\0")
        except OSError:
            continue  # gone while it was looked at
        if set(words) <= set(command):
            found.append(pid)
    return found


def told(house: UpHouse, name: str) -> list[str]:
    """Return what the house has written into the log of one of its tenants."""
    lines = (house.gonogo.home / "logs" / f"{name}.log").read_text(encoding="utf-8").splitlines()
    return [line.partition(" gonogo up: ")[2] for line in lines if " gonogo up: " in line]
