"""Compare should and is, and say so where people look.

Trigger    every hour                    prefect.yaml, `watch-drift`
Work       analytics/drift.py
Event      `gonogo.drift.found`, one for each comparison that drifted
On call    the mission's owner; `gonogo drift` shows the same
"""

import asyncio

from prefect import flow
from prefect.artifacts import acreate_markdown_artifact
from prefect.events import emit_event

from analytics import drift, warehouse
from gonogo.settings import settings


@flow
async def watch_drift() -> str:
    """Land the evidence, compare every mission with its baseline, and publish what was found."""
    home = settings().home
    await asyncio.to_thread(warehouse.land, home)
    report = await asyncio.to_thread(drift.report, home)
    lines = [f"- **{finding.verdict.replace('_', ' ')}**: {finding.sentence}" for finding in report.findings]
    told = f"# Should beside is: {report.verdict.replace('_', ' ')}\n\nCompared with {report.baseline}.\n\n"
    await acreate_markdown_artifact(
        markdown=told + "\n".join(lines), key="drift", description="The latest drift report"
    )
    for finding in report.findings:
        if finding.verdict == "drift":
            emit_event("gonogo.drift.found", {"prefect.resource.id": f"gonogo.mission.{finding.mission}"})
    return report.verdict
