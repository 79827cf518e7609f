"""Retention: how long payloads are kept, by mission; read from ``policies/retention.yaml``."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from gonogo.errors import PolicyBroken
from gonogo.policy.texts import read_text

if TYPE_CHECKING:
    from pathlib import Path

DAYS_MAX = 36_600
FILE = "retention.yaml"


class RetentionClass(BaseModel):
    """How long something is kept once its run has ended."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    payload_days: Annotated[int, Field(ge=0, le=DAYS_MAX)]
    """After so many days the payloads of a run go; its records and their proofs stay."""
    because: str
    """Why so long, and no longer: one sentence."""


class Retention(BaseModel):
    """The classes, and which mission is of which."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    classes: dict[str, RetentionClass]
    default: str
    """The class of every mission that is not named."""
    missions: dict[str, str] = Field(default_factory=dict[str, str])

    def class_of(self, mission: str) -> str:
        """Return a mission's class."""
        return self.missions.get(mission, self.default)

    def payloads_kept(self, mission: str) -> timedelta:
        """Return how long a mission's payloads are kept after the end of the run."""
        return timedelta(days=self.classes[self.class_of(mission)].payload_days)


def read_retention(folder: Path) -> Retention:
    """Return the classes in force.

    Raises:
        PolicyBroken: the file is missing or does not hold; nothing is purged then.

    """
    path = folder / FILE
    try:
        found = Retention.model_validate(read_text(path))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise PolicyBroken(f"{path}: {where}: {first['msg']}. Nothing is purged.") from error
    unknown = sorted({found.default, *found.missions.values()} - found.classes.keys())
    if unknown:
        raise PolicyBroken(f"{path} has no class {', '.join(unknown)}; nothing is purged.")
    return found
