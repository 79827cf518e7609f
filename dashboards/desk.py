"""The desk: gates that wait, what was said at gates like them, and the one way to answer."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dashboards.wording import spoken
from gonogo.approvals import answer_gate
from gonogo.ballots import Reply, accepted_answer
from gonogo.errors import GonogoError
from gonogo.evidence.journals import journal_of

if TYPE_CHECKING:
    from datetime import datetime

    from dashboards.mart import Mart
    from gonogo.evidence.journals import Journal
    from gonogo.settings import Settings

OPEN_SHOWN = 60
EARLIER_SHOWN = 6

_OPEN = """
SELECT
    gates.gate, gates.run_id, gates.mission, gates.action, gates.role, gates.opened_at, gates.deadline, runs.case_ref
FROM gates
LEFT JOIN runs USING (run_id)
WHERE gates.state = 'open' AND ($mission IS NULL OR gates.mission = $mission)
ORDER BY gates.deadline NULLS LAST, gates.opened_at, gates.gate
LIMIT $most
"""

_OPEN_COUNT = """
SELECT count(*) AS gates FROM gates WHERE state = 'open' AND ($mission IS NULL OR mission = $mission)
"""

_GATE = """
SELECT gates.*, runs.owner, runs.case_ref, runs.offline
FROM gates
LEFT JOIN runs USING (run_id)
WHERE gates.gate = $gate
ORDER BY gates.opened_at DESC
LIMIT 1
"""

_ALIKE = "mission = $mission AND action = $action AND role IS NOT DISTINCT FROM $role AND answer IS NOT NULL"

_EARLIER = f"""
SELECT gate, run_id, answer, answered_by, proof, reason, answered_at, waited_ms
FROM gates
WHERE {_ALIKE}
ORDER BY answered_at DESC, gate
LIMIT $most
"""  # noqa: S608 - our own condition

_EARLIER_COUNT = f"""
SELECT
    count(*) AS decisions,
    count(*) FILTER (WHERE answer = 'go') AS go,
    count(*) FILTER (WHERE answer = 'no_go' AND state = 'answered') AS no_go,
    count(*) FILTER (WHERE answer = 'revise') AS revise,
    count(*) FILTER (WHERE state = 'expired') AS expired,
    median(waited_ms) FILTER (WHERE state = 'answered') AS waited_ms
FROM gates
WHERE {_ALIKE}
"""  # noqa: S608 - our own condition


@dataclass(frozen=True, slots=True)
class Said:
    """What came of an answer, in one sentence."""

    accepted: bool
    sentence: str


def open_gates(mart: Mart, settings: Settings, mission: str | None) -> tuple[list[dict[str, Any]], int]:
    """Return gates that wait, nearest deadline first, and how many of them there are in all.

    A gate that was answered after the mart was published waits no more: the run's own desk says so.
    """
    total = mart.row(_OPEN_COUNT, mission=mission)["gates"]
    published = mart.row("SELECT published_at FROM snapshot")["published_at"]
    journal = journal_of(settings)
    gates = mart.rows(_OPEN, mission=mission, most=OPEN_SHOWN)
    waiting = [gate for gate in gates if not _answered_since(journal, gate, published)]
    return waiting, total - (len(gates) - len(waiting))


def _answered_since(journal: Journal, gate: dict[str, Any], published: datetime) -> bool:
    """Return whether a gate was answered since; a desk that cannot be read says nothing of the kind."""
    with suppress(OSError, GonogoError):
        changed = journal.desk_changed(gate["run_id"])
        return changed is not None and changed > published and _accepted(journal, gate) is not None
    return False


def _accepted(journal: Journal, gate: dict[str, Any]) -> object:
    return accepted_answer(journal.read_desk(gate["run_id"]), gate["gate"])


def gate_details(mart: Mart, gate: str) -> dict[str, Any]:
    """Return everything a reviewer needs to know of a gate."""
    return mart.row(_GATE, gate=gate)


def earlier(mart: Mart, gate: dict[str, Any]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the latest decisions on the same action by the same role, and how all of them went."""
    alike = {"mission": gate["mission"], "action": gate["action"], "role": gate["role"]}
    return mart.rows(_EARLIER, most=EARLIER_SHOWN, **alike), mart.row(_EARLIER_COUNT, **alike)


def answer(settings: Settings, gate: str, run_id: str, reply: Reply) -> Said:
    """Record an answer through gonogo's public verb, and wake the run; nothing else here changes anything."""
    from gonogo.house.waking import wake

    try:
        record = answer_gate(journal_of(settings), gate, reply, settings.environment, run_id)
    except GonogoError as error:
        return Said(accepted=False, sentence=str(error))
    told = f"{spoken(reply.answer)} at gate {gate} is recorded, by {record.data['by']} ({record.data['proof']})."
    try:
        return Said(accepted=True, sentence=f"{told} {wake(settings, run_id)}")
    except GonogoError as error:
        return Said(accepted=True, sentence=f"{told} The run could not be woken: {error}")
