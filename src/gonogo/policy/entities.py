"""Entities: missions, agents, systems and tools as the law speaks about them.

The same facts make the same entities, in a flight and in whatever puts its requests to the law again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gonogo.policy.registry import AgentCard


def mission_entity(name: str, scope: Iterable[str], owner: str) -> dict[str, Any]:
    """Return a mission: the systems it may touch, and who answers for it."""
    return _entity("Mission", name, {"scope": list(scope), "owner": owner})


def agent_entity(name: str, card: AgentCard) -> dict[str, Any]:
    """Return an agent by its card; to whom it delegates only where it does."""
    known: dict[str, Any] = {"tools": list(card.tools), "tier": card.tier, "owner": card.owner}
    if card.delegates is not None:
        known["delegates"] = [{"type": "Agent", "id": each} for each in card.delegates.to]
    return _entity("Agent", name, known)


def system_entity(name: str) -> dict[str, Any]:
    """Return a system of record."""
    return _entity("System", name, {})


def tool_entity(name: str, system: str, effect: str) -> dict[str, Any]:
    """Return a tool: the system it belongs to, and what it does to the world."""
    entity = _entity("Tool", name, {"name": name, "system": system, "effect": effect})
    return entity | {"parents": [{"type": "System", "id": system}]}


def _entity(kind: str, name: str, attrs: dict[str, Any]) -> dict[str, Any]:
    return {"uid": {"type": kind, "id": name}, "attrs": attrs, "parents": []}
