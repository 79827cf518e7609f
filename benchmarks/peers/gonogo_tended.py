"""gonogo with a house's chores done beside it: evidence is taken into the log, checked, loaded and published."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, ClassVar

from analytics.marts import mart_path
from benchmarks.peers.gonogo import Gonogo
from benchmarks.peers.serving import serve
from gonogo.house.household import LAND_EVERY_SECONDS, SEQUENCE_EVERY_SECONDS
from gonogo.house.server import child

if TYPE_CHECKING:
    from pathlib import Path

CHORES = {"land": LAND_EVERY_SECONDS, "sequence": SEQUENCE_EVERY_SECONDS}
"""What ``gonogo up`` starts beside its flights, and how often each turn comes, in seconds."""

READY_SECONDS_MAX = 120


class Tended(Gonogo):
    """The same missions while two other processes load and sequence what they record."""

    setup: ClassVar[str] = "loader with its checks and marts, and sequencer, as gonogo up runs them beside"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._chores = ExitStack()

    async def open(self) -> None:
        """Start the chores; the first load, which imports what checks need, is over before anything is measured."""
        await self.mission("first")
        env = {**os.environ, "GONOGO_HOME": str(self.settings.home)}
        for chore, every in CHORES.items():
            command = [sys.executable, "-m", "gonogo", chore, "--every", str(every)]
            self._chores.enter_context(child(command, env, self.folder / f"{chore}.log"))
        async with asyncio.timeout(READY_SECONDS_MAX):
            while not mart_path(self.settings.home).exists():  # noqa: ASYNC110 - it comes from another process
                await asyncio.sleep(0.1)

    async def close(self) -> None:
        """Stop the chores."""
        self._chores.close()


if __name__ == "__main__":
    serve(lambda folder, _variant: Tended(folder), ("gonogo", "duckdb", "polars", "great-expectations"))
