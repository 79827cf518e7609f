"""The world the law speaks about: missions, agents, systems and tools, as entities."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gonogo.policy.entities import agent_entity, mission_entity, system_entity, tool_entity
from gonogo.tools import TOOLS

if TYPE_CHECKING:
    import cedarpy

    from gonogo.model import Charter
    from gonogo.policy.law import Law
    from gonogo.policy.registry import Registry


_worlds: dict[tuple[str, str, int], cedarpy.Entities] = {}


def world(law: Law, registry: Registry, charter: Charter, tools: int) -> cedarpy.Entities:
    """Return everything the law can speak about; made anew when law, mission or tools change."""
    key = (law.digest + registry.digest, charter.name + charter.digest, tools)
    if key not in _worlds:
        facts: list[dict[str, Any]] = [
            mission_entity(charter.name, charter.scope, charter.owner),
            *(agent_entity(name, card) for name, card in registry.agents.items()),
            *(system_entity(system) for system in sorted({tool.system for tool in TOOLS.values()})),
            *(tool_entity(tool.name, tool.system, tool.effect) for tool in TOOLS.values()),
        ]
        _worlds[key] = law.entities(facts)
    return _worlds[key]
