"""A process that writes a journal until somebody kills it, and says which records are safe.

``scribe.py FOLDER`` appends from several branches at once and prints a record's number once it is durable.
``scribe.py FOLDER hold`` takes the lease, says so, and holds it.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gonogo.evidence.journal import FileJournal

if TYPE_CHECKING:
    from gonogo.evidence.streams import Stream


async def _write(stream: Stream, branch: int) -> None:
    for turn in range(1_000_000):
        data: dict[str, Any] = {"objects": [], "branch": branch, "turn": turn}
        record = stream.append({"runid": "r1"}, "step_record", data, payload=b'"%s"' % (b"x" * (turn % 300)))
        await stream.commit()
        os.write(1, f"{record.seq}\n".encode())


async def _main() -> None:
    stream = FileJournal(Path(sys.argv[1])).open_flight("r1")
    if sys.argv[2:] == ["hold"]:
        os.write(1, b"held\n")
        signal.pause()
    await asyncio.gather(*(_write(stream, branch) for branch in range(5)))


if __name__ == "__main__":
    asyncio.run(_main())
