"""Cases to rehearse with: made up, varied, and the same for the same seed.

They cover every route, every kind of gate, an action that the law refuses, and cases that wait for
outside events. A ledger remembers the cases it has seen: use another seed for fresh ones.
"""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

from gonogo.errors import CaseRefused
from tasks import (
    rehearsal_claims,
    rehearsal_content,
    rehearsal_contracts,
    rehearsal_incidents,
    rehearsal_leads,
)

if TYPE_CHECKING:
    from datetime import datetime

MISSIONS = {
    "claims_triage": rehearsal_claims,
    "content_review": rehearsal_content,
    "contract_review": rehearsal_contracts,
    "incident_response": rehearsal_incidents,
    "lead_qualification": rehearsal_leads,
}


def demo_cases(mission: str, count: int, seed: int) -> list[dict[str, Any]]:
    """Return that many cases of a mission, as JSON; the kinds take turns, so a dozen shows them all.

    Raises:
        CaseRefused: there are no rehearsal cases of this mission.

    """
    made = _of(mission)
    kinds = made.KINDS
    rng = Random(f"{mission}/{seed}")  # noqa: S311 - cases have to be varied and repeatable, not secret
    return [kinds[index % len(kinds)](rng, f"{seed}-{index + 1:04d}") for index in range(count)]


def demo_events(mission: str, case: dict[str, Any]) -> list[tuple[str, dict[str, Any], datetime]]:
    """Return the outside events that such a case waits for, in order: name, body, and when it happened."""
    return _of(mission).events(case)


def _of(mission: str) -> Any:
    if mission not in MISSIONS:
        raise CaseRefused(f"There are no rehearsal cases of {mission}; there are of {', '.join(sorted(MISSIONS))}.")
    return MISSIONS[mission]
