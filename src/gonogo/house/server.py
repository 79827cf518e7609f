"""A Prefect server of our own: a child process on a free port, quiet, with its state under our home."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import httpx

from gonogo.errors import ServerUnreachable

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path

START_SECONDS_MAX = 300.0
"""A new home takes a server through every migration of its database: minutes where the disk is busy."""

STOP_SECONDS_MAX = 20.0

QUIET: dict[str, str] = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    # The second UI makes the browser call an outside analytics host; the first calls nobody.
    "PREFECT_SERVER_UI_V2_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_LOGGING_LEVEL": "WARNING",
    "PREFECT_SERVER_LOGGING_LEVEL": "ERROR",
    "PREFECT_CLI_PROMPT": "false",
    "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": "30",
    # One write a second for all task-run events instead of one each: fewer locks on SQLite.
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_READ_BATCH_SIZE": "500",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_BATCH_SIZE": "500",
    "PREFECT_SERVER_SERVICES_TASK_RUN_RECORDER_FLUSH_INTERVAL": "1",
}
"""What a house sets for everything Prefect starts in it; an environment that sets one already wins."""


def free_port(host: str = "127.0.0.1") -> int:
    """Return a port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether nobody listens on a port now."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) != 0


def environment(home: Path, api_url: str | None = None) -> dict[str, str]:
    """Return the environment of everything in a house."""
    values = {**QUIET, "PREFECT_HOME": str((home / "prefect").resolve()), **os.environ}
    if api_url is not None:
        values["PREFECT_API_URL"] = api_url
    return values


def tell_prefect(values: Mapping[str, str]) -> None:
    """Set what Prefect takes from the environment, also where it has been imported, and has read it, already."""
    os.environ.update(values)
    if "prefect" in sys.modules:
        from prefect.context import refresh_global_settings_context

        refresh_global_settings_context()


@contextmanager
def child(command: list[str], env: dict[str, str], log: Path) -> Generator[subprocess.Popen[bytes]]:
    """Run a child in its own process group for the block, its output in a file; it is gone afterwards."""
    process = start(command, env, log)
    try:
        yield process
    finally:
        stop(process)


def start(command: list[str], env: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Start a child in its own process group, its output at the end of a file."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as sink:
        return subprocess.Popen(  # noqa: S603 - the commands are our own
            command, env=env, stdout=sink, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, start_new_session=True
        )


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the child and its children to go; insist when they do not."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            continue
        break


@contextmanager
def prefect_server(home: Path, port: int, host: str = "127.0.0.1") -> Generator[str]:
    """Run a Prefect server for the block and yield its API URL once it answers.

    Raises:
        ServerUnreachable: it stopped, or did not answer in time; the message names its log.

    """
    with server_process(home, port, host) as (_, url):
        yield url


@contextmanager
def server_process(home: Path, port: int, host: str = "127.0.0.1") -> Generator[tuple[subprocess.Popen[bytes], str]]:
    """Run a Prefect server for the block, and yield its process as well, for whoever has to take it away.

    Raises:
        ServerUnreachable: it stopped, or did not answer in time; the message names its log.

    """
    url = f"http://{host}:{port}/api"
    log = home / "logs" / "prefect-server.log"
    with child(server_command(port, host), environment(home, url), log) as process:
        until = time.monotonic() + START_SECONDS_MAX
        while not _answers(url):
            if process.poll() is not None or time.monotonic() > until:
                raise ServerUnreachable(f"The Prefect server did not start; {log} says why.")
            time.sleep(0.05)
        yield process, url


def server_command(port: int, host: str = "127.0.0.1") -> list[str]:
    """Return what runs a Prefect server."""
    return [sys.executable, "-m", "gonogo.house.serving", "server", "start", "--host", host, "--port", str(port)]


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", timeout=1).is_success
    except httpx.HTTPError:
        return False
