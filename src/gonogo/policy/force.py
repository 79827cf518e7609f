"""What is in force: law, registry and approvers of a policy folder, read once and again when a file changes."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import TYPE_CHECKING

from gonogo.policy.approvers import Approvers, read_approvers
from gonogo.policy.law import Law, read_law
from gonogo.policy.registry import Registry, read_registry

if TYPE_CHECKING:
    from pathlib import Path


def stamp_of(folder: Path) -> tuple[tuple[str, int, int], ...]:
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
        PolicyBroken: one does not hold, or the approvers do not; see :func:`gonogo.policy.law.read_law`,
            :func:`gonogo.policy.registry.read_registry` and :func:`gonogo.policy.approvers.read_approvers`.

    """
    law, registry, _ = _in_force(folder, stamp_of(folder))
    return law, registry


def approvers_in_force(folder: Path) -> tuple[Law, Registry, Approvers]:
    """Return who may answer gates as well; a revocation counts from the next look on.

    Raises:
        PolicyBroken: as :func:`in_force`.

    """
    return _in_force(folder, stamp_of(folder))


@lru_cache(maxsize=4)
def _in_force(folder: Path, _stamp: object) -> tuple[Law, Registry, Approvers]:
    law, registry = read_law(folder), read_registry(folder)
    return law, registry, read_approvers(folder, registry.agents)
