"""Cases to fly, under names of the test's own choosing."""

from __future__ import annotations

from random import Random
from typing import Any

from tasks import rehearsal_claims, rehearsal_incidents


def claim(kind: str, name: str) -> dict[str, Any]:
    """Return a claim of a kind of the rehearsals; its id is `CLM-<name>`."""
    return getattr(rehearsal_claims, kind)(Random(name), name)  # noqa: S311 - varied and repeatable, not secret


def incident(kind: str, name: str) -> dict[str, Any]:
    """Return an incident of a kind of the rehearsals; its number is `INC-<name>`."""
    return getattr(rehearsal_incidents, kind)(Random(name), name)  # noqa: S311 - varied and repeatable, not secret
