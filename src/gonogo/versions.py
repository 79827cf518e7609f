"""Versions: what is in force when a run begins, so that nobody has to guess afterwards what acted."""

from __future__ import annotations

import platform
import sys
from functools import lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING

from gonogo.agents.offline import MODEL as OFFLINE
from gonogo.tools import TOOLS

if TYPE_CHECKING:
    from gonogo.model import Charter
    from gonogo.monitors.habits import HabitBook
    from gonogo.policy.law import Law
    from gonogo.policy.registry import Registry


_in_force: dict[tuple[object, ...], list[dict[str, str]]] = {}


def versions_in_force(
    charter: Charter, model: str | None, law: Law, registry: Registry, book: HabitBook
) -> list[dict[str, str]]:
    """Return mission, law, model, runtime, the monitors, and the agents that may act on the mission's systems.

    Beside each agent stands what its monitors compare it with: so many earlier runs, or not enough history.

    Put together once for all the runs that begin under the same.
    """
    key = (
        charter.name,
        charter.digest,
        charter.scope,
        model,
        law.digest,
        registry.digest,
        book.digest,
        book.state,
        len(TOOLS),
    )
    if key not in _in_force:
        _in_force[key] = _versions(charter, model or OFFLINE, law, registry, book)
    return _in_force[key]


def _versions(charter: Charter, model: str, law: Law, registry: Registry, book: HabitBook) -> list[dict[str, str]]:
    in_scope = {tool.name for tool in TOOLS.values() if tool.system in charter.scope}
    acting = {name for name, card in registry.agents.items() if in_scope.intersection(card.tools)}
    # Who hands work to one that acts takes part, too, through however many hands.
    while more := {
        name
        for name, card in registry.agents.items()
        if name not in acting and card.delegates is not None and acting.intersection(card.delegates.to)
    }:
        acting |= more
    rows = [
        ("mission", charter.name, charter.digest[:12], charter.digest),
        ("policy", "policies", law.digest[:12], law.digest),
        ("model", model, model, ""),
        *(("package", name, _version(package), "") for name, package in _PACKAGES.items()),
        ("python", sys.implementation.name, platform.python_version(), ""),
        ("monitors", "monitors", registry.monitors.digest[:12], registry.monitors.digest),
        *(
            row
            for name, card in registry.agents.items()
            if name in acting
            for row in (
                ("agent", name, card.version, card.digest),
                ("baseline", name, book.told(name, registry.monitors.of(name).history_runs), book.digest),
            )
        ),
    ]
    return [{"object": kind, "id": name, "version": number, "digest": digest} for kind, name, number, digest in rows]


_PACKAGES = {"gonogo": "gonogo", "prefect": "prefect", "pydantic-ai": "pydantic-ai-slim"}


@lru_cache
def _version(package: str) -> str:
    return version(package)
