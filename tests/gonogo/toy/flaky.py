"""A depot that fails on demand: what it is to do next stands in a script, and everything it really did in a list."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel

from gonogo import Outcome, mission, step, tool
from tests.gonogo.toy import POLICIES
from tests.gonogo.toy.errands import run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gonogo.missions import Mission
    from gonogo.testing import Rehearsal

SCRIPT: list[BaseException | Callable[[], str] | str] = []
"""What the depot does next: raise this, call this, or answer this; ``fine`` once the script is over."""

DONE: list[tuple[str, str]] = []
"""What was really done: the tool, and the idempotency key it came with."""


async def _next(tool_name: str, key: str = "") -> str:
    what = SCRIPT.pop(0) if SCRIPT else "fine"
    await asyncio.sleep(0)
    if isinstance(what, BaseException):
        raise what
    DONE.append((tool_name, key))
    if what == "hang":
        await asyncio.Event().wait()
    return what() if callable(what) else what


async def _is_held(answer: str, what: str) -> bool:
    await asyncio.sleep(0)
    return answer != "lie" and bool(what)


@tool(system="depot", effect="read")
async def fetch(what: str) -> str:
    """Fetch something."""
    del what
    return await _next("fetch")


@tool(system="depot", effect="write", confirm=_is_held)
async def book(what: str, *, idempotency_key: str = "") -> str:
    """Book something; a second time under the same key changes nothing."""
    del what
    return await _next("book", idempotency_key)


@tool(system="depot", effect="irreversible", idempotent=False)
async def ship(what: str) -> str:
    """Ship something; twice is two parcels."""
    del what
    return await _next("ship")


class Wanted(BaseModel):
    """What is wanted of the depot."""

    tool: Literal["fetch", "book", "ship"] = "fetch"


class Got(Outcome):
    """What came of it."""

    outcome: Literal["got", "gave_up"]
    successes = frozenset({"got"})
    what: str = ""


TOOLS = {"fetch": fetch, "book": book, "ship": ship}


@step
async def do(wanted: str) -> str:
    """Do it, by the depot's own terms."""
    return await TOOLS[wanted](what="a crate")


@step(timeout_seconds=0.05, on_failure="escalate")
async def do_quickly(wanted: str) -> str:
    """Do it, or have a person look."""
    return await TOOLS[wanted](what="a crate")


@step(retries=0, on_failure="terminate")
async def do_once(wanted: str) -> str:
    """Do it, or leave it."""
    return await TOOLS[wanted](what="a crate")


@mission(owner="stores", scope=["depot"])
async def haul(case: Wanted) -> Got:
    """Have the depot do something."""
    return Got(outcome="got", what=await do(case.tool))


@mission(owner="stores", scope=["depot"], name="haul_quickly")
async def haul_quickly(case: Wanted) -> Got:
    """Have the depot do something in time."""
    return Got(outcome="got", what=await do_quickly(case.tool))


@mission(owner="stores", scope=["depot"], name="haul_once")
async def haul_once(case: Wanted) -> Got:
    """Have the depot do something, without a second try."""
    return Got(outcome="got", what=await do_once(case.tool))


@mission(owner="stores", scope=["depot"], name="haul_strictly", on_failure={"tool_failure": "requeue"})
async def haul_strictly(case: Wanted) -> Got:
    """Have the depot do something, and come back where it cannot."""
    return Got(outcome="got", what=await do(case.tool))


def policies(folder: Path, terms: str) -> Path:
    """Return the toy's law, with these terms of the depot."""
    made = folder / "policies"
    made.mkdir(exist_ok=True)
    for path in POLICIES.iterdir():
        (made / path.name).write_bytes(path.read_bytes())
    (made / "dependencies.yaml").write_text(f"dependencies:\n  depot: {{{terms}}}\n")
    return made


async def hauled(
    home: Path, wanted: str = "fetch", flying: Mission[Any, Any] = haul, terms: str = "backoff_ms: 1", **how: Any
) -> Rehearsal:
    """Fly the run ``r1``, or fly it on."""
    folder = policies(home, terms)
    overrides = {"policy_folder": folder, "requeue_seconds": 1, **how.pop("overrides", {})}
    return await run(Wanted.model_validate({"tool": wanted}), flying=flying, home=home, run_id="r1",
                     overrides=overrides, **how)  # fmt: skip
