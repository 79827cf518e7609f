"""The drift loop's work: put findings on the docket, bring them to their owners, close what later runs show gone.

Every function may be done again after a crash at any point: opening and closing are facts that are written
once (`gonogo.docket`), and what a route does carries the finding's id as its key.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from analytics import drift
from analytics.baselines import Stretch
from gonogo import docket
from gonogo.docket import Found
from gonogo.errors import ToolFailed
from gonogo.policy.registry import read_registry
from gonogo.policy.remedies import read_remedies
from tasks.systems import ticketing
from tasks.ticketing import Arrival

if TYPE_CHECKING:
    from analytics.drift import DriftReport, Finding
    from gonogo.docket import Entry
    from gonogo.policy.registry import Registry
    from gonogo.policy.remedies import Remedies
    from gonogo.settings import Settings

VERIFY_RUNS: Final = 100
"""How many later runs have to be judged before a comparison or a chart counts as back to what it should be."""

VERIFY_EXACT_RUNS: Final = 59
"""The same for exact checks: no violation in 59 runs bounds their rate at 5 %, with 95 % confidence."""

_EXACT: Final = frozenset({"config", "path", "data"})

NOBODY: Final = "platform"
"""Who owns findings of a mission that names no owner."""

_IMPACT: Final = {"critical": 1, "high": 1, "medium": 2, "low": 3}

_ASKS: Final = {
    "ticket": "Find out why, and put it right.",
    "pause": "The mission's deployments are paused. Put it right, then resume them in Prefect.",
    "reapproval": "Approve what is in force by sealing it (gonogo drift --seal), or put back what was approved.",
    "demote": "The mission's agents propose what they else would do, until later runs show it gone; find out why.",
}


def open_new(settings: Settings, report: DriftReport) -> list[Entry]:
    """Put every drift that somebody has to own on the docket, once, and return what is new.

    Raises:
        PolicyBroken: ``policies/remedies.yaml`` does not hold; nothing is opened.
        EvidenceUnwritable: the recorder cannot write; nothing is opened.

    """
    remedies, registry = read_remedies(settings.policy_folder), read_registry(settings.policy_folder)
    drifting = [each for each in report.findings if each.verdict == "drift" and remedies.owns(each.severity)]
    found = [_found(each, report, remedies, registry) for each in drifting]
    return docket.open_findings(settings, [each for each in found if each is not None])


def _found(finding: Finding, report: DriftReport, remedies: Remedies, registry: Registry) -> Found | None:
    reach = report.reaches.get(finding.mission)
    if reach is None or reach.current_through is None:
        return None
    owner = reach.owner or NOBODY
    deputies = sorted({card.deputy for card in registry.agents.values() if card.owner == owner})
    return Found(
        monitor=finding.monitor,
        mission=finding.mission,
        subject=finding.step or "",
        severity=finding.severity,
        owner=owner,
        deputy=next(iter(deputies), ""),
        route=remedies.route(finding.monitor, finding.severity, finding.mission),
        due_at=datetime.now(UTC) + timedelta(hours=remedies.hours(finding.severity)),
        sentence=finding.sentence,
        reference_through=reach.reference_through,
        after=reach.current_through,
        needs_runs=VERIFY_EXACT_RUNS if finding.monitor in _EXACT else VERIFY_RUNS,
        deployments=tuple(sorted(reach.deployments or ())),
        agents=tuple(sorted(registry.agents.keys() & set(reach.agents or ()))),
    )


def tell_owner(entry: Entry) -> str:
    """Open the finding's ticket and assign it to its owner; return what was done. Done once, however often it is asked.

    Raises:
        ToolFailed: the ticketing system refuses or cannot be reached; the finding stays open.

    """
    found, desk = entry.found, ticketing()
    arrival = Arrival(
        number=entry.id,
        title=f"Drift of {found.mission}: {found.monitor} {found.subject}".strip(),
        description=f"{found.sentence} {_ASKS[found.route]} Due {found.due_at:%Y-%m-%d %H:%M} UTC.",
        category="drift",
        impact=_IMPACT[found.severity],
        urgency=_IMPACT[found.severity],
        handled_by="house",
        opened_at=entry.opened_at,
        observations=(),
    )
    receipt = desk.open(arrival, f"{entry.id}/open")
    desk.hand_over(entry.id, found.owner, found.severity, f"{entry.id}/hand_over")
    return f"ticket {receipt.reference} for {found.owner}"


async def pause_deployments(entry: Entry) -> str:
    """Pause the Prefect deployments that the drifting runs came from; return what was done.

    A deployment that is paused already stays so. Runs that fly go on; nothing new starts by schedule.

    Raises:
        ToolFailed: Prefect knows no such deployment, or cannot be reached; the finding stays open.

    """
    if not entry.found.deployments:
        return "no deployment to pause: its runs were started by hand"
    from httpx import HTTPError
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectNotFound

    for deployment in entry.found.deployments:
        try:
            async with get_client() as client:
                await client.pause_deployment(deployment)
        # A status is an HTTPError, too; a server that cannot be reached may be a RuntimeError of the client's opening.
        except (ObjectNotFound, HTTPError, RuntimeError, ValueError) as error:
            said = f"{type(error).__name__}: {error}"
            raise ToolFailed(
                f"Deployment {deployment} of {entry.id} cannot be paused ({said}); look whether it is still there."
            ) from error
    return f"paused {', '.join(entry.found.deployments)}"


def told_demoted(entry: Entry) -> str:
    """Return whom the finding demotes, once it is routed."""
    agents = ", ".join(entry.found.agents)
    return f"demoted to propose: {agents}" if agents else "nobody to demote: no registered agent acted"


def verify(settings: Settings, entry: Entry) -> Entry | None:
    """Ask a routed finding's question again on later runs alone; close it where enough of them pass.

    Absent data closes nothing: with too few runs, or where the comparison cannot be made any more, the
    finding stays.

    Raises:
        MartMissing: nothing is published.
        BaselineBroken: the sealed baseline is not what was sealed.

    """
    found = entry.found
    # Where a sealed baseline was used there is nothing before `after` to compare with but that.
    through = found.reference_through or datetime.fromtimestamp(0, UTC)
    later = drift.report(settings.home, stretch=Stretch(found.mission, through, found.after))
    for each in later.findings:
        if (each.monitor, each.mission, each.step or "") == found.key and each.verdict == "ok":
            return docket.note_closed(settings, entry, each.n_current, each.sentence)
    return None
