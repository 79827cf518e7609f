"""Compare should and is, say so where people look, and see to it that somebody owns what drifted.

Trigger    every hour                    prefect.yaml, `watch-drift`
Work       analytics/drift.py compares; tasks/drift_docket.py opens, routes and closes findings
Law        policies/paths.yaml (declared paths), policies/remedies.yaml (routes, due times)
Events     `gonogo.finding.opened`, `.routed`, `.closed`, one for each; `gonogo.drift.found` for each mission
Evidence   table `drift_findings`; a finding closes only when later runs pass the question it was found by
On call    the mission's owner; `gonogo drift` and `gonogo findings` show the same
"""

import asyncio
from uuid import NAMESPACE_URL, uuid5

from prefect import flow, get_run_logger
from prefect.artifacts import acreate_markdown_artifact
from prefect.events import emit_event

from analytics import drift, warehouse
from gonogo import docket
from gonogo.docket import Entry
from gonogo.errors import GonogoError
from gonogo.settings import settings
from tasks import drift_docket


@flow
async def watch_drift() -> str:
    """Land the evidence, compare every mission with what should be, and route, verify and publish what was found."""
    chosen = settings()
    await asyncio.to_thread(warehouse.land, chosen.home)
    report = await asyncio.to_thread(drift.report, chosen.home)
    for entry in await asyncio.to_thread(drift_docket.open_new, chosen, report):
        _tell("opened", entry)
    for entry in await asyncio.to_thread(docket.entries, chosen):
        match entry.state:
            case "open":
                await _route(entry)
            case "routed":
                closed = await asyncio.to_thread(drift_docket.verify, chosen, entry)
                if closed is not None:
                    _tell("closed", closed)
            case "closed":
                pass
    await asyncio.to_thread(warehouse.land, chosen.home)
    lines = [f"- **{finding.verdict.replace('_', ' ')}**: {finding.sentence}" for finding in report.findings]
    told = f"# Should beside is: {report.verdict.replace('_', ' ')}\n\nCompared with {report.baseline}.\n\n"
    await acreate_markdown_artifact(
        markdown=told + "\n".join(lines), key="drift", description="The latest drift report"
    )
    for mission in sorted({finding.mission for finding in report.findings if finding.verdict == "drift"}):
        emit_event("gonogo.drift.found", {"prefect.resource.id": f"gonogo.mission.{mission}"})
    return report.verdict


async def _route(entry: Entry) -> None:
    """Bring a finding to its owner; one that cannot be brought stays open, and is tried again next time."""
    try:
        done = [await asyncio.to_thread(drift_docket.tell_owner, entry)]
        match entry.found.route:
            case "pause":
                done.append(await drift_docket.pause_deployments(entry))
            case "demote":
                done.append(drift_docket.told_demoted(entry))
            case _:
                pass
    except GonogoError as error:
        get_run_logger().error("%s", error)
        return
    routed = await asyncio.to_thread(docket.note_routed, settings(), entry, "; ".join(done))
    if routed is not None:
        _tell("routed", routed)


def _tell(what: str, entry: Entry) -> None:
    """Emit the finding's event; the same event has the same id, however often it is emitted."""
    found = entry.found
    emit_event(
        f"gonogo.finding.{what}",
        {"prefect.resource.id": f"gonogo.finding.{entry.id}", "prefect.resource.name": found.sentence[:200]},
        related=[
            {"prefect.resource.id": f"gonogo.mission.{found.mission}", "prefect.resource.role": "mission"},
        ],
        payload={"severity": found.severity, "owner": found.owner, "route": found.route, "receipt": entry.receipt},
        id=uuid5(NAMESPACE_URL, f"gonogo:{entry.id}:{what}"),
    )
