"""A Postgres of the test suite's own: made in a temporary folder, durable, and killed when a test says so."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cache
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

import psycopg

if TYPE_CHECKING:
    from collections.abc import Iterator

SECONDS_MAX = 60.0
_numbers: Iterator[int] = count(1)


@cache
def programs() -> Path | None:
    """Return the folder of Postgres's own programs, wherever the system keeps them; ``None`` where there is none."""
    folders: list[Path] = []
    if (config := shutil.which("pg_config")) is not None:
        told = subprocess.run([config, "--bindir"], capture_output=True, text=True, check=False)
        folders.append(Path(told.stdout.strip() or "/nonexistent"))
    if (initdb := shutil.which("initdb")) is not None:
        folders.append(Path(initdb).resolve().parent)
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return next((f for f in folders if (f / "initdb").exists() and (f / "postgres").exists()), None)


def _owner() -> str | None:
    """Return whom to run the server as: Postgres refuses root."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return next(name for name in ("postgres", "nobody") if name in known)


@dataclass
class PostgresServer:
    """One server; what it acknowledged outlives its death, as ``fsync`` is on unless a test says otherwise."""

    bindir: Path
    folder: Path
    port: int
    owner: str | None
    process: subprocess.Popen[bytes] | None = None

    @classmethod
    def make(cls, bindir: Path) -> PostgresServer:
        """Make a cluster; nothing runs yet."""
        # Not below pytest's folder: another user has to get there.
        folder = Path(tempfile.mkdtemp(prefix="gonogo-pg-"))
        with closing(socket.create_server(("127.0.0.1", 0))) as probe:
            port = int(probe.getsockname()[1])
        made = cls(bindir, folder, port, _owner())
        if made.owner is not None:
            os.chown(folder, pwd.getpwnam(made.owner).pw_uid, -1)
        command = [bindir / "initdb", "-D", folder / "data", "-U", "gonogo", "-A", "trust", "-E", "UTF8", "--no-locale"]
        subprocess.run(command, check=True, capture_output=True, cwd=folder, user=made.owner)
        return made

    def start(self) -> None:
        """Start the server, and return once it answers."""
        options = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.folder,
            "max_connections": 50,
            "shared_buffers": "16MB",
        }
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        until = time.monotonic() + SECONDS_MAX
        while True:
            with (self.folder / "log").open("ab") as log:
                self.process = subprocess.Popen(
                    [self.bindir / "postgres", "-D", self.folder / "data", *settings],
                    cwd=self.folder, user=self.owner, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
                )  # fmt: skip
            while self.process.poll() is None:
                with suppress(psycopg.OperationalError), psycopg.connect(self.url(), autocommit=True):
                    return
                time.sleep(0.02)
            # Children of a killed server leave its memory a moment later; until then the next one does not start.
            assert time.monotonic() < until, (self.folder / "log").read_text()

    def stop(self, how: Literal["fast", "immediate", "kill"] = "fast") -> None:
        """Stop it: in order, at once without a checkpoint, or as a power cut would."""
        assert self.process is not None
        self.process.send_signal({"fast": signal.SIGINT, "immediate": signal.SIGQUIT, "kill": signal.SIGKILL}[how])
        self.process.wait(SECONDS_MAX)

    def remove(self) -> None:
        """Stop it and delete everything."""
        if self.process is not None and self.process.poll() is None:
            self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, schema: str | None = None) -> str:
        """Return the address of the server, or of one house in it."""
        options = "" if schema is None else f"&options={quote(f'-csearch_path={schema}')}"
        return f"postgresql://gonogo@/postgres?host={quote(str(self.folder), safe='')}&port={self.port}{options}"

    def house(self) -> str:
        """Make room for one more house, and return its address."""
        schema = f"house_{next(_numbers)}"
        ask(self.url(), f"CREATE SCHEMA {schema}")
        return self.url(schema)


def ask(url: str, query: str, *values: Any) -> list[tuple[Any, ...]]:
    """Ask a database past gonogo, as an operator or a forger would."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(query, values or None)  # pyright: ignore[reportArgumentType, reportCallIssue] - test SQL
        return cursor.fetchall() if cursor.description else []
