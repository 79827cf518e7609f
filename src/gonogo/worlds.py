"""The world the law speaks about: missions, agents, systems and tools, as entities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gonogo.tools import TOOLS

if TYPE_CHECKING:
    import cedarpy

    from gonogo.model import Charter
    from gonogo.policy.law import Law
    from gonogo.policy.registry import AgentCard, Registry


_worlds: dict[tuple[str, str, int], cedarpy.Entities] = {}


def world(law: Law, registry: Registry, charter: Charter, tools: int) -> cedarpy.Entities:
    """Return everything the law can speak about; made anew when law, mission or tools change."""
    key = (law.digest + registry.digest, charter.name + charter.digest, tools)
    if key not in _worlds:
        facts: list[dict[str, Any]] = [
            _entity("Mission", charter.name, {"scope": list(charter.scope), "owner": charter.owner}),
            *(_entity("Agent", name, _mandate(card)) for name, card in registry.agents.items()),
            *(_entity("System", system, {}) for system in sorted({tool.system for tool in TOOLS.values()})),
            *(
                _entity("Tool", t.name, {"name": t.name, "system": t.system, "effect": t.effect}, ("System", t.system))
                for t in TOOLS.values()
            ),
        ]
        _worlds[key] = law.entities(facts)
    return _worlds[key]


def _mandate(card: AgentCard) -> dict[str, Any]:
    """Return what the law knows of an agent; to whom it delegates only where it does."""
    known: dict[str, Any] = {"tools": list(card.tools), "tier": card.tier, "owner": card.owner}
    if card.delegates is not None:
        known["delegates"] = [{"type": "Agent", "id": name} for name in card.delegates.to]
    return known


def _entity(kind: str, name: str, attrs: dict[str, Any], parent: tuple[str, str] | None = None) -> dict[str, Any]:
    parents = [] if parent is None else [{"type": parent[0], "id": parent[1]}]
    return {"uid": {"type": kind, "id": name}, "attrs": attrs, "parents": parents}
