"""The desk: gates that wait, what was said at gates like them, and the one way to answer."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from dashboards.wording import spoken
from gonogo.approvals import answer_gate, find_request
from gonogo.ballots import Reply, accepted_answer, accepted_answers, quorum_of
from gonogo.drafts import draft
from gonogo.errors import AnswerRefused, GonogoError
from gonogo.evidence.journals import journal_of
from gonogo.settings import process_settings
from gonogo.viewings import note_viewed

if TYPE_CHECKING:
    from datetime import datetime

    from dashboards.mart import Mart
    from gonogo.drafts import Draft
    from gonogo.evidence.journals import Journal
    from gonogo.model import Answer, Proof
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
SELECT gates.*, runs.owner, runs.case_ref, runs.offline, runs.cost_micros, runs.currency, runs.model_calls
FROM gates
LEFT JOIN runs USING (run_id)
WHERE gates.gate = $gate
ORDER BY gates.opened_at DESC
LIMIT 1
"""

_ALIKE = (
    "gates.mission = $mission AND gates.action = $action AND gates.role IS NOT DISTINCT FROM $role "
    "AND gates.answer IS NOT NULL"
)

_EARLIER = f"""
SELECT
    gates.gate, gates.run_id, gates.answer, gates.answered_by, gates.proof, gates.reason, gates.answered_at,
    gates.waited_ms, runs.status, runs.outcome
FROM gates
LEFT JOIN runs USING (run_id)
WHERE {_ALIKE}
ORDER BY gates.answered_at DESC, gates.gate
LIMIT $most
"""  # noqa: S608 - our own condition

_EARLIER_COUNT = f"""
SELECT
    count(*) AS decisions,
    count(*) FILTER (WHERE gates.answer = 'go') AS go,
    count(*) FILTER (WHERE gates.answer = 'no_go' AND gates.state = 'answered') AS no_go,
    count(*) FILTER (WHERE gates.answer = 'revise') AS revise,
    count(*) FILTER (WHERE gates.state = 'expired') AS expired,
    median(gates.waited_ms) FILTER (WHERE gates.state = 'answered') AS waited_ms,
    count(*) FILTER (WHERE gates.answer = 'go' AND runs.status = 'done' AND runs.success) AS went_well,
    count(*) FILTER (WHERE gates.answer = 'go' AND runs.status IN ('done', 'no_go', 'aborted', 'failed')) AS went
FROM gates
LEFT JOIN runs USING (run_id)
WHERE {_ALIKE}
"""  # noqa: S608 - our own condition


@dataclass(frozen=True, slots=True)
class Said:
    """What came of an answer, in one sentence."""

    accepted: bool
    sentence: str
    by: str = ""
    """Who answered, where that was recorded as an answer that counts."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What a gate takes, and who has said go to it, by the journals alone."""

    risk: str | None
    """As its rule names it."""
    quorum: int
    said: tuple[str, ...]


def standing(settings: Settings, gate: str, run_id: str) -> Standing | None:
    """Return what a gate takes and who has said go; ``None`` where its evidence cannot be read now."""
    with suppress(OSError, GonogoError):
        journal = journal_of(settings)
        position = (journal.flight_position(run_id), journal.desk_position(run_id))
        return _standing(str(settings.home), gate, run_id, position)
    return None


@st.cache_data(max_entries=256, show_spinner=False)
def _standing(home: str, gate: str, run_id: str, position: tuple[int, int]) -> Standing:
    """Return the same; read again where the run's streams have grown."""
    del home, position
    journal = journal_of(process_settings())
    request = find_request(journal, gate, run_id)
    said = tuple(each.data["by"] for each in accepted_answers(journal.read_desk(run_id), gate))
    return Standing(request.data.get("risk"), quorum_of(request), said)


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
    by, proof = record.data["by"], record.data["proof"]
    told = f"{spoken(reply.answer)} at gate {gate} is recorded, by {by} ({proof})."
    if record.data.get("partial"):
        return Said(accepted=True, sentence=f"{told} It takes others, too; the gate waits for them.", by=by)
    try:
        return Said(accepted=True, sentence=f"{told} {wake(settings, run_id)}", by=by)
    except GonogoError as error:
        return Said(accepted=True, sentence=f"{told} The run could not be woken: {error}", by=by)


def draft_of(
    settings: Settings, place: tuple[str, str], option: Answer, who: tuple[str, str], changes: dict[str, Any]
) -> Draft:
    """Return what somebody signs to give an answer.

    Args:
        settings: whose journals.
        place: the gate, and its run.
        option: the answer.
        who: the person's enrolled name, and the reason in words.
        changes: for ``revise``: the arguments wanted instead.

    Raises:
        GonogoError: there is no such gate, or it cannot be signed.

    """
    if not all(text.strip() for text in who):
        raise AnswerRefused("say your name, as enrolled, and a reason first.")
    return draft(settings, find_request(journal_of(settings), *place), option, who, changes=changes)


def note_opened(settings: Settings, run_id: str, gate: str, who: tuple[str, Proof], at: datetime) -> bool:
    """Record who opened a card and what vouches for the name; whether that is on record now."""
    with suppress(OSError, GonogoError):
        note_viewed(settings, run_id, gate, who[0], proof=who[1], at=at)
        return True
    return False
