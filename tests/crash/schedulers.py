"""Where Prefect is told or asked: hooks around task runs, sleeping, waking, and the end of a flow run."""

from __future__ import annotations

import functools
from typing import Any

from prefect import flow_runs

from gonogo.house import fleet, keeper
from gonogo.lanes import prefect
from gonogo.steps import Step
from tests.crash.points import around, at


def hook() -> None:
    """Put hooks around everything that the mission lane says to Prefect."""
    around(Step, "as_task_run", "task run")
    around(prefect, "fly_flow_run", "flow run")
    around(prefect, "aread_flow_run_input", "form")
    around(prefect, "resume", "wake")
    around(keeper, "resume", "wake")
    around(fleet, "propose_state", "take")
    for name in ("propose_state", "propose_state_sync"):
        # Between the two of it and what follows, Prefect has the run asleep and not yet its form.
        around(flow_runs, name, "sleep in Prefect")
    _before(prefect, "asuspend_flow_run")
    _before(prefect, "apause_flow_run")


def _before(owner: Any, name: str) -> None:
    """Pass a point before a function that may end by leaving the process."""
    whole = getattr(owner, name)

    @functools.wraps(whole)
    async def asked(*args: Any, **kwargs: Any) -> Any:
        at("sleep in Prefect, asked")
        return await whole(*args, **kwargs)

    setattr(owner, name, asked)
