"""The board: what flies and what waits, read from the journals alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from gonogo.approvals import asking_of, superseded
from gonogo.ballots import accepted_answer, accepted_answers, quorum_of
from gonogo.errors import RunUnknown
from gonogo.evidence.ledger import only
from gonogo.evidence.payloads import whole
from gonogo.ladders import reached
from gonogo.model import Asking, Noun, RunStatus
from gonogo.reviews import open_requests
from gonogo.verdicts import is_review

if TYPE_CHECKING:
    from gonogo.evidence.journals import Journal
    from gonogo.evidence.records import Record


class RunView(Noun):
    """One run, as an operator sees it."""

    run_id: str
    mission: str
    owner: str
    lane: str
    status: RunStatus
    outcome: str | None
    step: str | None
    """The last step that began."""
    started: str
    updated: str
    cost_micros: int
    currency: str
    model: str
    offline: bool
    waits: tuple[str, ...]
    evidence: int
    error: str | None


class GateRow(Noun):
    """One gate that waits, as an approver sees it."""

    gate: str
    run_id: str
    mission: str
    action: str
    role: str
    because: tuple[str, ...]
    options: tuple[str, ...]
    about: Asking
    requester: str
    opened: str
    deadline: str
    args: dict[str, Any]
    card: str
    risk: str | None = None
    """As a rule names it."""
    quorum: int = 1
    """How many different people must say go."""
    said: tuple[str, ...] = ()
    """Who of them has."""
    escalated: tuple[str, ...] = ()
    """Roles of the ladder that may answer by now, too."""
    glass: str = ""
    """The role that may go alone in an emergency; empty where nobody may."""


def run_view(journal: Journal, run_id: str) -> RunView | None:
    """Return a run, or ``None`` where nothing is recorded of it yet."""
    records = journal.read_flight(run_id)
    if not records:
        return None
    first, own = records[0].data, only(records, "run_record")
    last = own[-1].data
    cost = sum(r.data["cost_micros"] for r in only(records, "model_call") if r.data["phase"] == "result")
    if last["phase"] == "result":
        # What the run counted itself: calls that were lost to a crash, and may have been billed, included.
        cost = last["totals"]["cost_micros"]
    steps = only(records, "step_record")
    waits: tuple[str, ...] = ()
    if last.get("event") == "waiting":
        status: RunStatus = "waiting"
        waits = (*last["gates"], *last["events"])
    elif last["phase"] == "result":
        status = last["status"]
    else:
        status = "flying"
        waits = tuple(row.gate for row in open_gates_of(journal, records))
        if waits:
            status = "waiting"
    return RunView(
        run_id=run_id,
        mission=first["mission"],
        owner=first["owner"],
        lane=last.get("lane") or first["lane"],
        status=status,
        outcome=last.get("outcome"),
        step=steps[-1].data["step"] if steps else None,
        started=records[0].fields["time"],
        updated=records[-1].fields["time"],
        cost_micros=cost,
        currency="USD",
        model=first["model"],
        offline=first["offline"],
        waits=waits,
        evidence=len(records),
        error=last.get("error"),
    )


def run_views(journal: Journal) -> list[RunView]:
    """Return every run, oldest first."""
    found = (run_view(journal, run_id) for run_id in journal.run_ids())
    return sorted((view for view in found if view is not None), key=lambda view: view.started)


def find_run(journal: Journal, text: str) -> str:
    """Return the run a person means: its id, or an unambiguous part of it.

    Raises:
        RunUnknown: none matches, or several do.

    """
    known = journal.run_ids()
    if text in known:
        return text
    found = [run_id for run_id in known if text in run_id]
    if len(found) > 1:
        # A rollback bears the name of its run; whoever names a part of both means the run.
        found = [run_id for run_id in found if not run_id.endswith("-rollback")]
    if len(found) == 1:
        return found[0]
    what = "No run" if not found else f"{len(found)} runs"
    raise RunUnknown(f"{what} called {text}; `gonogo runs` lists them.")


def open_gates(journal: Journal) -> list[GateRow]:
    """Return every gate that waits for an answer, oldest first."""
    rows = [row for run_id in journal.live_run_ids() for row in open_gates_of(journal, journal.read_flight(run_id))]
    return sorted(rows, key=lambda row: row.opened)


def open_reviews(journal: Journal) -> list[GateRow]:
    """Return every sample that waits for a review, of runs that have ended, too; oldest first.

    Searches every run for reviews, so it is for people who ask, not for loops.
    """
    return [_row(request, journal.read_desk(request.run_id)) for request in open_requests(journal)]


def open_gates_of(journal: Journal, records: list[Record]) -> list[GateRow]:
    """Return the gates of one run that wait."""
    requests = [request for request in only(records, "approval_request") if not is_review(request)]
    if not requests:
        return []
    desk = journal.read_desk(requests[0].run_id)
    last = {request.data["gate"]: request for request in requests}
    unanswered = [request for gate_id, request in last.items() if accepted_answer(desk, gate_id) is None]
    return [
        _row(whole(journal.payloads, request), desk) for request in unanswered if superseded(records, request) is None
    ]


def _row(request: Record, desk: list[Record]) -> GateRow:
    data, body = request.data, request.body_object()
    return GateRow(
        gate=data["gate"],
        run_id=request.run_id,
        mission=request.fields["missionid"],
        action=data["action"],
        role=data["role"],
        because=tuple(data["because"]),
        options=tuple(data["options"]),
        about=asking_of(request),
        requester=data["requester"],
        opened=request.fields["time"],
        deadline=data["deadline"],
        args=body.get("args", {}),
        card=body.get("card", ""),
        risk=data.get("risk"),
        quorum=quorum_of(request),
        said=tuple(each.data["by"] for each in accepted_answers(desk, data["gate"])),
        escalated=reached(request, datetime.now(UTC)),
        glass=data.get("break_glass", {}).get("role", ""),
    )
