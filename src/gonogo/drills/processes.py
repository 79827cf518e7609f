"""Separate processes of a drill: started once, each flies one of the flights of every trial, without any server."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, cast

import orjson

from gonogo.drills.trials import FLIGHTS
from gonogo.errors import StepTimedOut

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import AsyncGenerator

    from gonogo.drills.runaways import Loose
    from gonogo.drills.trials import Fly
    from gonogo.plans import LandingStatus
    from gonogo.settings import Settings

NOWHERE = "http://127.0.0.1:9/api"
"""Where no Prefect server is: what is drilled here has to work without one."""

PATIENCE_SECONDS = 600.0
"""A process that says nothing for so long has hung, and the drill has failed."""


@asynccontextmanager
async def flying_apart() -> AsyncGenerator[Fly]:
    """Start the processes, and give out a way to fly in them; they are gone after the block."""
    environment = {**os.environ, "PREFECT_API_URL": NOWHERE, "PREFECT_SERVER_ANALYTICS_ENABLED": "false"}
    victims = [await _start(environment) for _ in range(FLIGHTS)]
    try:
        for victim in victims:
            await _answer(victim)

        async def fly(made: Settings, loose: list[Loose]) -> list[LandingStatus]:
            return list(
                await asyncio.gather(*(_fly(victim, made, each) for victim, each in zip(victims, loose, strict=False)))
            )

        yield fly
    finally:
        for victim in victims:
            with suppress(ProcessLookupError):
                victim.kill()
            await victim.wait()


async def _start(environment: dict[str, str]) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gonogo.drills.victim", env=environment,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip


async def _fly(victim: Process, made: Settings, loose: Loose) -> LandingStatus:
    assert victim.stdin is not None
    told = {"home": str(made.home), "law": str(made.policy_folder), "loose": loose.model_dump()}
    victim.stdin.write(orjson.dumps(told) + b"\n")
    await victim.stdin.drain()
    return cast("LandingStatus", await _answer(victim))


async def _answer(victim: Process) -> str:
    """Return what a process says next.

    Raises:
        StepTimedOut: it says nothing, or is gone.

    """
    assert victim.stdout is not None
    try:
        line = await asyncio.wait_for(victim.stdout.readline(), PATIENCE_SECONDS)
    except TimeoutError:
        line = b""
    if not line:
        raise StepTimedOut("A process of the drill does not answer; look at the load of this machine and drill again.")
    return orjson.loads(line)
