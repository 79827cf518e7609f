"""A process whose disk fills at one byte after the other: ``full_disk.py FOLDER``; prints what came of each attempt."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from gonogo import Outcome, mission, step
from gonogo.errors import EvidenceUnwritable
from tests.gonogo.toy.bank import CALLS, label
from tests.gonogo.toy.errands import run


class Accounts(BaseModel):
    """Accounts to label."""

    names: list[str]


class Labelled(Outcome):
    """All of them."""

    outcome: Literal["labelled"]
    successes = frozenset({"labelled"})


@step
async def put_label(account: str) -> int:
    """Label one account."""
    return await label(account=account, labels={"seen"})


@mission(owner="counter", scope=["bank"])
async def labelling(case: Accounts) -> Labelled:
    """Label accounts one after the other."""
    for name in case.names:
        await put_label(name)
    return Labelled(outcome="labelled")


async def fly(home: Path, limit_bytes: int) -> dict[str, Any]:
    """Fly with files that cannot grow beyond a size, and say what happened."""
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    CALLS.clear()
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
    sentence = ""
    try:
        await run(Accounts(names=["a", "b", "c"]), flying=labelling, home=home, run_id="r1")
    except EvidenceUnwritable as error:
        sentence = str(error)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    journal = home / "journals" / "flights" / "r1.jsonl"
    return {
        "sentence": sentence,
        "calls": [asdict(call) for call in CALLS],
        "journal": journal.read_text() if journal.exists() else "",
    }


async def main() -> None:
    """Fill the disk at many places, then free it and go on."""
    for limit_bytes in range(0, 40_000, 1_000):
        home = Path(sys.argv[1]) / str(limit_bytes)
        first = await fly(home, limit_bytes)
        second = await fly(home, resource.RLIM_INFINITY)
        sys.stdout.write(json.dumps({"limit_bytes": limit_bytes, "first": first, "second": second}) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
