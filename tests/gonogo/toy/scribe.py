"""A process that writes a journal until somebody kills it, and says which records are safe.

``scribe.py PLACE`` appends from several branches at once and prints a record's number once it is durable.
``scribe.py PLACE hold`` takes the lease, says so, and holds it; told anything, it appends once and says how that went.
PLACE is the folder of a home, or the address of a Postgres.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gonogo.errors import GonogoError
from gonogo.evidence.journals import journal_of
from gonogo.settings import Settings

if TYPE_CHECKING:
    from gonogo.evidence.streams import Stream


async def _write(stream: Stream, branch: int) -> None:
    for turn in range(1_000_000):
        data: dict[str, Any] = {"objects": [], "branch": branch, "turn": turn}
        record = stream.append({"runid": "r1"}, "step_record", data, payload=b'"%s"' % (b"x" * (turn % 300)))
        await stream.commit()
        os.write(1, f"{record.seq}\n".encode())


def _write_once(stream: Stream) -> None:
    try:
        stream.append({"runid": "r1"}, "step_record", {"objects": [], "late": True})
        stream.commit_now()
    except GonogoError as error:
        os.write(1, f"{type(error).__name__}: {error}\n".encode())
    else:
        os.write(1, b"written\n")


async def _main() -> None:
    place = sys.argv[1]
    chosen = Settings(journals=place) if place.startswith("postgresql://") else Settings(home=Path(place))
    stream = journal_of(chosen).open_flight("r1")
    if sys.argv[2:] == ["hold"]:
        os.write(1, b"held\n")
        sys.stdin.readline()
        _write_once(stream)
        return
    await asyncio.gather(*(_write(stream, branch) for branch in range(5)))


if __name__ == "__main__":
    asyncio.run(_main())
