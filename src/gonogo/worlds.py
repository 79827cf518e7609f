"""The law and the world it speaks about, read from the policy folder and kept until a file changes."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from gonogo.policy.law import Law, read_law
from gonogo.policy.registry import Registry, read_registry
from gonogo.tools import TOOLS

if TYPE_CHECKING:
    from pathlib import Path

    import cedarpy

    from gonogo.model import Charter
    from gonogo.policy.registry import AgentCard


def _stamp(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Return what changes when any file of a folder changes."""
    try:
        with os.scandir(folder) as entries:
            files = [(entry.name, entry.stat()) for entry in entries if entry.is_file()]
    except OSError:
        return ()
    return tuple(sorted((name, known.st_mtime_ns, known.st_size) for name, known in files))


def in_force(folder: Path) -> tuple[Law, Registry]:
    """Return the law and the registry of a policy folder; looks once whether a file has changed.

    Raises:
        PolicyBroken: one does not hold; see :func:`gonogo.policy.law.read_law` and
            :func:`gonogo.policy.registry.read_registry`.

    """
    return _in_force(folder, _stamp(folder))


@lru_cache(maxsize=4)
def _in_force(folder: Path, _stamp: object) -> tuple[Law, Registry]:
    return read_law(folder), read_registry(folder)


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
