"""A depot that gives nothing out without a credential, and a tool that would give its credential away."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel

from gonogo import Outcome, mission, step, tool
from gonogo.credentials import UNISSUED, Credential
from gonogo.testing import rehearse
from tests.gonogo.toy.patients import WARD

if TYPE_CHECKING:
    from pathlib import Path

    from gonogo.testing import Rehearsal

SHOWN: list[Credential] = []
"""What the depot was shown."""

Way = Literal["quiet", "returns", "raises", "refuses", "chains"]


class Shelf(BaseModel):
    """What is wanted, and how its tool behaves."""

    shelf: Way


class Stored(Outcome):
    """What came of it."""

    outcome: Literal["fetched"]
    successes = frozenset({"fetched"})
    text: str = ""


@tool(system="depot", effect="write")
async def lift(shelf: str, credential: Credential = UNISSUED) -> dict[str, Any]:
    """Fetch something, and misbehave as the shelf is called."""
    from gonogo.errors import ToolFailed

    await asyncio.sleep(0)
    SHOWN.append(credential)
    told = f"{credential} {credential!r} {credential.reveal()} {credential.token}"
    match shelf:
        case "returns":
            return {"said": told, "deep": [credential.reveal()]}
        case "raises":
            raise ValueError(told)
        case "refuses":
            raise ToolFailed(told)
        case "chains":
            try:
                int(told)
            except ValueError as error:
                raise RuntimeError("the depot is closed") from error
        case _:
            pass
    return {"said": "here it is"}


@step
async def fetch_it(shelf: str) -> str:
    """Fetch it."""
    return str(await lift(shelf=shelf))


@mission(owner="depot", scope=["depot"])
async def storing(case: Shelf) -> Stored:
    """Fetch something from the depot."""
    return Stored(outcome="fetched", text=await fetch_it(case.shelf))


async def stored(home: Path, shelf: Way, **how: Any) -> Rehearsal:
    """Rehearse the mission as the run ``r1``."""
    overrides = {"policy_folder": WARD, "requester": "tester"}
    return await rehearse(storing, Shelf(shelf=shelf), home=home, run_id="r1", overrides=overrides, **how)
