"""A Postgres server of its own for a measurement, where the binaries exist. Standard library only."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

START_SECONDS_MAX = 30.0
URL = "BENCHMARK_POSTGRES_URL"
"""Where a process that was started by another finds the server the other has started."""


def binaries() -> Path | None:
    """Return the folder with ``postgres`` and ``initdb``, or ``None`` where there is none."""
    on_path = shutil.which("postgres")
    packaged = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"))
    found = Path(on_path) if on_path else (packaged[-1] if packaged else None)
    return found.parent if found and (found.parent / "initdb").exists() else None


def postgres_version() -> dict[str, str]:
    """Return the server's version; nothing where there is none."""
    tools = binaries()
    if tools is None:
        return {}
    told = subprocess.run([str(tools / "postgres"), "--version"], check=True, capture_output=True, text=True)
    return {"postgres": told.stdout.split()[-1] if "(" not in told.stdout else told.stdout.split()[2]}


@contextmanager
def postgres(folder: Path) -> Generator[str]:
    """Run a server for the block and yield its URL, without a database; as it comes: every commit is synced.

    Args:
        folder: where its log goes.

    Raises:
        RuntimeError: there are no binaries, or it did not start.

    """
    if URL in os.environ:
        yield os.environ[URL]
        return
    tools = binaries()
    if tools is None:
        raise RuntimeError("Postgres is not installed")
    port, user = _free_port(), _account()
    # Not in our own folders: Postgres refuses to run as root, and its account may not enter them.
    home = Path(tempfile.mkdtemp(prefix="gonogo-benchmark-", dir="/var/tmp"))
    if user is not None:
        shutil.chown(home, user)
    data = home / "data"
    initdb = [str(tools / "initdb"), "-D", str(data), "-U", "benchmark", "-A", "trust", "-E", "UTF8"]
    command = [str(tools / "postgres"), "-D", str(data), "-p", str(port), "-k", str(home), "-h", "127.0.0.1"]
    try:
        with (folder / "postgres.log").open("wb") as log:
            subprocess.run(initdb, check=True, stdout=log, stderr=log, user=user, cwd="/")
            server = subprocess.Popen(command, stdout=log, stderr=log, user=user, cwd="/")
        try:
            _wait(server, port)
            os.environ[URL] = f"postgresql://benchmark@127.0.0.1:{port}"
            yield os.environ[URL]
        finally:
            os.environ.pop(URL, None)
            server.terminate()
            server.wait()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _account() -> str | None:
    """Return the account to run as; ``None`` for our own."""
    if os.getuid() != 0:
        return None
    try:
        return pwd.getpwnam("postgres").pw_name
    except KeyError:
        raise RuntimeError("Postgres does not run as root, and there is no account postgres") from None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(server: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + START_SECONDS_MAX
    while server.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("the Postgres server did not start")
