"""Entitlements: whether the law lets a person give an answer, with the proof they have.

The law, the people and the agents' cards are those of the moment it is asked at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gonogo import emergencies
from gonogo.asked import NotProven, RunOut, risk_in
from gonogo.emergencies import lacking, overdue_reviews
from gonogo.enactments import check_enacted
from gonogo.errors import PolicyBroken
from gonogo.evidence.canon import plain_text
from gonogo.policy.force import approvers_in_force
from gonogo.policy.law import Request
from gonogo.statements import BREAK_GLASS, Said

if TYPE_CHECKING:
    from datetime import datetime

    from gonogo.asked import Asked, By, Holding
    from gonogo.policy.approvers import Approvers
    from gonogo.policy.law import Law
    from gonogo.policy.registry import Registry
    from gonogo.policy.rules import Risk
    from gonogo.settings import Settings

ACTION = "approve"
"""What the law calls an answer at a gate."""


def check_rules(
    settings: Settings, asked: Asked, said: Said, proof: By, at: datetime, *, ceiling: Risk | None = None
) -> Holding:
    """Let the law say whether this person may give this answer, with this proof; return how they hold the role.

    Args:
        settings: whose law.
        asked: what is asked.
        said: what is said, and by whom.
        proof: what vouches for that.
        at: when.
        ceiling: up to which risk the proof was enrolled, where that is said.

    Raises:
        NotProven: the law has nothing to say about answers; RunOut where it says no.

    """
    law, registry, approvers = _in_force(settings, asked)
    person = approvers.people.get(said.by)
    if person is None or not person.counts(at):
        raise RunOut(f"{plain_text(said.by, 80)} is not enrolled, or no longer; `gonogo approvers list` tells.")
    card = registry.agents.get(asked.agent)
    is_glass = said.code == BREAK_GLASS
    holds, standing_in = _holding(approvers, asked, said, at)
    further: dict[str, Any] = {"delegators": standing_in}
    if is_glass:
        further = {"reason_characters": len(said.reason), "overdue": overdue_reviews(settings, said.by, at)}
    elif ceiling is not None:
        further["ceiling"] = ceiling
    request = Request(
        principal=("Person", said.by),
        action=emergencies.ACTION if is_glass else ACTION,
        resource=("Gate", asked.subject),
        call={
            "environment": asked.environment,
            "mission": asked.mission,
            "requester": asked.requester,
            "agent_owner": "" if card is None else card.owner,
            "executor": asked.executor,
        },
        args={
            "action": asked.action,
            "role": asked.role,
            "answer": said.answer,
            "risk": risk_in(asked.risk, asked.environment),
            "proof": proof,
            "holds": holds,
            **further,
        },
    )
    names = sorted(approvers.names_of(said.by))
    facts: list[dict[str, Any]] = [
        {"uid": {"type": "Person", "id": said.by}, "attrs": {"names": names, "teams": list(person.teams)}},
        {"uid": {"type": "Gate", "id": asked.subject}, "attrs": {}},
    ]
    earlier = sorted({each for one in asked.earlier for each in approvers.names_of(one)})
    try:
        ruling = law.decide(request, law.entities([{"parents": [], **fact} for fact in facts]), (), earlier)
    except PolicyBroken as error:
        raise NotProven(f"The law has no rules for answers with proof (approvals.cedar): {error}") from error
    if ruling.verdict != "allow":
        raise RunOut(f"{', '.join(ruling.rules)}: {' '.join(ruling.because)}{lacking(asked, said, holds)}")
    return holds


def _in_force(settings: Settings, asked: Asked) -> tuple[Law, Registry, Approvers]:
    """Return the law, the registry and the approvers; outside ``dev`` only those that somebody approved."""
    try:
        if asked.environment != "dev":
            check_enacted(settings, asked.environment)
        return approvers_in_force(settings.policy_folder)
    except PolicyBroken as error:
        raise RunOut(f"{error}") from error


def _holding(approvers: Approvers, asked: Asked, said: Said, at: datetime) -> tuple[Holding, list[str]]:
    """Return how a person has the role, and every name of those they stand in for."""
    roles = approvers.people[said.by].roles
    if said.code == BREAK_GLASS:
        # Nobody lends that role, and no ladder leads to it.
        return ("own" if asked.glass in roles else "none"), []
    if asked.role in roles:
        return "own", []
    delegators = approvers.delegators(said.by, asked.role, asked.action, asked.args, at)
    names = sorted({each for one in delegators for each in approvers.names_of(one)})
    if names:
        return "delegated", names
    return ("escalated" if asked.rungs.intersection(roles) else "none"), []
