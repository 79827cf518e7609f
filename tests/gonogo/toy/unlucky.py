"""Missions that meet trouble in a roundabout way: out of a task group, or with another plan at hand."""

from __future__ import annotations

import asyncio

from gonogo import mission
from gonogo.errors import GonogoError
from tests.gonogo.toy.errands import Errand, Report, settle


@mission(owner="counter", scope=["bank"])
async def grouped(case: Errand) -> Report:
    """Pay within a task group, which wraps what its branches raise."""
    async with asyncio.TaskGroup() as group:
        group.create_task(settle(case.payments[0]))
    return Report(outcome="settled")


@mission(owner="counter", scope=["bank"])
async def undaunted(case: Errand) -> Report:
    """Take another way where a payment fails."""
    try:
        await settle(case.payments[0])
    except GonogoError:
        return Report(outcome="declined")
    return Report(outcome="settled")
