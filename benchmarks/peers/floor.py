"""The floor: what the disk itself asks for one durable record a step. No engine, no replay, no gate."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, ClassVar

from benchmarks.peers.engine import STEPS, Engine, work
from benchmarks.peers.serving import serve

if TYPE_CHECKING:
    from pathlib import Path


class JsonlFloor(Engine):
    """A file for each mission; a line, written and synced, for each step."""

    sync: ClassVar[str] = "each step: a line in a file, fdatasync"

    async def mission(self, run_id: str) -> None:
        """Write and sync ten lines."""
        self._write(run_id, STEPS)

    async def fan_out(self, run_id: str, width: int) -> None:
        """Do what parallel steps amount to at best: all lines in one write, one sync."""
        self._write(run_id, 1, width)

    async def fleet(self, run_ids: list[str], in_flight: int) -> int:
        """Fly the missions in so many threads."""
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(in_flight) as pool:
            await asyncio.gather(*(loop.run_in_executor(pool, self._write, run_id, STEPS) for run_id in run_ids))
        return len(run_ids)

    def _write(self, run_id: str, syncs: int, lines: int = 1) -> None:
        path = self.folder / f"{run_id}.jsonl"
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            for index in range(syncs):
                os.write(descriptor, f'{{"step":{index},"result":"{work(index)}"}}\n'.encode() * lines)
                os.fdatasync(descriptor)
        finally:
            os.close(descriptor)


class SqliteFloor(Engine):
    """One database in WAL mode with synchronous=FULL; a committed row for each step."""

    sync: ClassVar[str] = "each step: a committed row, WAL, synchronous=FULL"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._steps = self._connect()
        self._steps.execute("CREATE TABLE steps (run TEXT, step INTEGER, result TEXT, PRIMARY KEY (run, step))")

    def _connect(self) -> sqlite3.Connection:
        steps = sqlite3.connect(self.folder / "floor.db", isolation_level=None, timeout=60)
        steps.execute("PRAGMA journal_mode=WAL")
        steps.execute("PRAGMA synchronous=FULL")
        return steps

    async def mission(self, run_id: str) -> None:
        """Commit ten rows."""
        self._write(self._steps, run_id, STEPS)

    async def fan_out(self, run_id: str, width: int) -> None:
        """Do what parallel steps amount to at best: all rows in one transaction."""
        self._steps.execute("BEGIN")
        self._write(self._steps, run_id, width)
        self._steps.execute("COMMIT")

    async def fleet(self, run_ids: list[str], in_flight: int) -> int:
        """Fly the missions one after the other: one writer at a time is all that SQLite has."""
        del in_flight
        with closing(self._connect()) as steps:
            for run_id in run_ids:
                self._write(steps, run_id, STEPS)
        return len(run_ids)

    @staticmethod
    def _write(steps: sqlite3.Connection, run_id: str, rows: int) -> None:
        for index in range(rows):
            steps.execute("INSERT INTO steps VALUES (?, ?, ?)", (run_id, index, work(index)))


if __name__ == "__main__":
    serve(lambda folder, variant: SqliteFloor(folder) if variant == "sqlite" else JsonlFloor(folder), ())
