"""Requests of the past, put together again from what is recorded: the question itself, and the world it was asked in.

The question is the payload of its decision. The world is the mission as its run began it, the tool as its call is
recorded, and the card of each agent by its digest, found in a policy folder that holds the very same card. What is not
found is not replaced by anything: the request then cannot be rebuilt, and says why.
"""

# duckdb types its results in part only.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import orjson
from pydantic import ValidationError

from gonogo.policy.entities import agent_entity, mission_entity, system_entity, tool_entity
from gonogo.policy.law import Request

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from duckdb import DuckDBPyConnection

    from gonogo.policy.registry import AgentCard, Registry

Missing = Literal["request", "tool", "card", "run", "schema", "other_verdict"]
"""Why a request cannot be put to the law again. request: it was erased, is large, or landed before requests were kept.
tool: its call was never recorded, as while it waits at a gate. card: no given folder holds the agent's card of that
time. run: its run's beginning has not landed. schema: it does not fit the proposed schema. other_verdict: under the law
of the record it comes to another verdict than is recorded, so something it stood on is not known."""

Later = Literal["in_doubt", "rolled_back", "disputed", "failed"]
"""What became of an action, where that was bad. disputed: a reviewer called it wrong."""

SAYS: dict[Missing, str] = {
    "request": "the request was erased, is large, or landed before requests were kept (gonogo rebuild)",
    "tool": "its tool is only known by name, because the call still waits or was never made",
    "card": "the agent's card of that time is in none of the given folders (--known FOLDER names another)",
    "run": "the beginning of its run has not landed",
    "schema": "it does not fit the proposed schema",
    "other_verdict": "under the law of its record it comes to another verdict than is recorded",
}

_ASKED = """
WITH asked AS (
    SELECT
        *,
        regexp_replace(regexp_replace(key, '/decision(:[^/]*)?$', ''), '/executed$', '') AS operation
    FROM decisions
    WHERE decided_at >= $since AND decided_at <= $until
),
called AS (
    SELECT
        run_id,
        regexp_replace(key, '/executed$', '') AS operation,
        any_value(system) AS system,
        any_value(effect) AS effect,
        count(DISTINCT system || '/' || effect) AS kinds,
        bool_or(outcome = 'done') AS is_done,
        bool_or(outcome = 'failed') AND NOT bool_or(outcome = 'done') AS has_failed,
        bool_or(outcome = 'in_doubt') AS is_in_doubt
    FROM tool_calls
    GROUP BY ALL
),
granted AS (
    SELECT
        asked.run_id,
        asked.key,
        list(DISTINCT approvals.role) AS roles,
        list(DISTINCT {'name': approvals.answered_by, 'proof': approvals.proof}) AS people
    FROM (SELECT run_id, key, unnest(approvals) AS id FROM asked) AS asked
    JOIN approvals ON approvals.run_id = asked.run_id AND approvals.id = asked.id
    GROUP BY ALL
),
disputed AS (
    SELECT DISTINCT run_id, regexp_replace(key, '/executed$', '') AS operation FROM reviews WHERE state = 'wrong'
),
undone AS (
    SELECT DISTINCT rolls_back AS run_id FROM runs WHERE rolls_back IS NOT NULL
),
agents AS (
    SELECT run_id, map_from_entries(list((id, digest))) AS cards
    FROM (SELECT DISTINCT run_id, id, digest FROM versions WHERE object = 'agent' AND digest IS NOT NULL)
    GROUP BY run_id
    -- Two cards of one agent in one run: which of them was asked is not on record.
    HAVING count(*) = count(DISTINCT id)
)
SELECT
    asked.run_id, asked.operation, asked.mission, asked.action, asked.verdict, asked.roles, asked.rules,
    len(asked.approvals) AS approvals, coalesce(granted.roles, []) AS granted, coalesce(granted.people, []) AS people,
    asked.needs::VARCHAR AS needs, asked.policy_digest, asked.agent_digest, asked.request::VARCHAR AS request,
    asked.decided_at, runs.scope, runs.owner, runs.started_at IS NOT NULL AS has_begun,
    called.system, called.effect, called.kinds, coalesce(called.is_done, FALSE),
    CASE
        WHEN called.is_in_doubt THEN 'in_doubt'
        WHEN called.is_done AND called.effect <> 'read' AND undone.run_id IS NOT NULL THEN 'rolled_back'
        WHEN called.is_done AND disputed.run_id IS NOT NULL THEN 'disputed'
        WHEN called.has_failed THEN 'failed'
    END AS later,
    agents.cards
FROM asked
LEFT JOIN runs ON runs.run_id = asked.run_id
LEFT JOIN called ON called.run_id = asked.run_id AND called.operation = asked.operation
LEFT JOIN granted ON granted.run_id = asked.run_id AND granted.key = asked.key
LEFT JOIN disputed ON disputed.run_id = asked.run_id AND disputed.operation = asked.operation
LEFT JOIN undone ON undone.run_id = asked.run_id
LEFT JOIN agents ON agents.run_id = asked.run_id
ORDER BY asked.run_id, asked.operation, asked.decided_at, approvals, asked.key
"""

_BATCH = 10_000


class Asked(NamedTuple):
    """One recorded decision, with what is known of its circumstances."""

    run_id: str
    operation: str
    mission: str
    action: str
    verdict: str
    roles: list[str] | None
    rules: list[str] | None
    approvals: int
    granted: list[str]
    """Roles that had said go."""
    people: list[dict[str, str]]
    """Who had, and what vouched for it."""
    needs: str | None
    policy_digest: str | None
    agent_digest: str | None
    request: str | None
    decided_at: datetime
    scope: list[str] | None
    owner: str | None
    has_begun: bool | None
    system: str | None
    effect: str | None
    kinds: int | None
    is_done: bool
    later: Later | None
    cards: dict[str, str] | None


class Rebuilt(NamedTuple):
    """A request, and the entities it speaks about."""

    request: Request
    facts: tuple[dict[str, Any], ...]
    key: str
    """The same for the same entities."""


class NotRebuiltError(Exception):
    """A request cannot be put together again."""

    def __init__(self, why: Missing) -> None:
        super().__init__(why)
        self.why: Missing = why


@dataclass(frozen=True, slots=True)
class Cards:
    """Agents' cards by their digest, of every policy folder that was given."""

    by_digest: dict[str, tuple[str, AgentCard]] = field(default_factory=dict[str, "tuple[str, AgentCard]"])

    @classmethod
    def of(cls, registries: Iterable[Registry]) -> Cards:
        """Return the cards of these registries, also as they are while a finding demotes an agent."""
        found: dict[str, tuple[str, AgentCard]] = {}
        for registry in registries:
            for each in (registry, registry.demoted(registry.agents)):
                found |= {card.digest: (name, card) for name, card in each.agents.items()}
        return cls(found)

    def entity(self, name: str, digest: str | None) -> dict[str, Any]:
        """Return an agent as it was.

        Raises:
            NotRebuiltError: nobody has its card of that digest.

        """
        known = self.by_digest.get(digest or "")
        if known is None or known[0] != name:
            raise NotRebuiltError("card")
        return agent_entity(name, known[1])


def asked_between(con: DuckDBPyConnection, since: datetime, until: datetime) -> Iterable[Asked]:
    """Yield every decision of a time, those on one action together and in their order."""
    cursor = con.execute(_ASKED, {"since": since, "until": until})
    while rows := cursor.fetchmany(_BATCH):
        yield from (Asked(*row) for row in rows)


def rebuilt(asked: Asked, cards: Cards) -> Rebuilt:
    """Put a request together again.

    Raises:
        NotRebuiltError: something that it needs is not on record, or not in the given folders.

    """
    if asked.request is None:
        raise NotRebuiltError("request")
    try:
        request = Request.model_validate(orjson.loads(asked.request))
    except (ValidationError, orjson.JSONDecodeError) as error:
        raise NotRebuiltError("request") from error
    if not asked.has_begun or asked.scope is None or asked.owner is None:
        raise NotRebuiltError("run")
    marks = [asked.mission, asked.owner, *asked.scope]
    facts = [mission_entity(asked.mission, asked.scope, asked.owner)]
    digests = {request.principal: asked.agent_digest}
    if request.resource[0] == "Agent" and request.resource not in digests:
        digests[request.resource] = (asked.cards or {}).get(request.resource[1])
    for (kind, name), digest in digests.items():
        if kind == "Agent":
            facts.append(cards.entity(name, digest))
            marks += [name, str(digest)]
    if request.resource[0] == "Tool":
        if asked.system is None or asked.effect is None or asked.kinds != 1:
            raise NotRebuiltError("tool")
        facts += [system_entity(asked.system), tool_entity(request.resource[1], asked.system, asked.effect)]
        marks += [request.resource[1], asked.system, asked.effect]
    return Rebuilt(request, tuple(facts), "\x1f".join(marks))
