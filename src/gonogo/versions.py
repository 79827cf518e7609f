"""Versions: what is in force when a run begins, so that nobody has to guess afterwards what acted."""

from __future__ import annotations

import platform
import sys
from functools import lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING

from gonogo.agents.offline import MODEL as OFFLINE
from gonogo.tools import TOOLS
from gonogo.worlds import registry_of

if TYPE_CHECKING:
    from gonogo.model import Charter
    from gonogo.settings import Settings


def versions_in_force(charter: Charter, settings: Settings, policy_digest: str) -> list[dict[str, str]]:
    """Return mission, law, model, runtime, and the agents that may act on the mission's systems."""
    in_scope = {tool.name for tool in TOOLS.values() if tool.system in charter.scope}
    model = settings.model or OFFLINE
    rows = [
        ("mission", charter.name, charter.digest[:12], charter.digest),
        ("policy", "policies", policy_digest[:12], policy_digest),
        ("model", model, model, ""),
        *(("package", name, _version(package), "") for name, package in _PACKAGES.items()),
        ("python", sys.implementation.name, platform.python_version(), ""),
        *(
            ("agent", name, card.version, card.digest)
            for name, card in registry_of(settings.policy_folder).agents.items()
            if in_scope.intersection(card.tools)
        ),
    ]
    return [{"object": kind, "id": name, "version": number, "digest": digest} for kind, name, number, digest in rows]


_PACKAGES = {"gonogo": "gonogo", "prefect": "prefect", "pydantic-ai": "pydantic-ai-slim"}


@lru_cache
def _version(package: str) -> str:
    return version(package)
