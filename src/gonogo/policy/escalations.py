"""Escalations of exceptions: who is told of one that its owner does not close, and after how long. Reviewed text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from pydantic import Field

from gonogo.errors import PolicyBroken
from gonogo.model import Noun
from gonogo.policy.rules import Rung, rungs_of
from gonogo.policy.texts import read_section

if TYPE_CHECKING:
    from pathlib import Path

FILE = "escalations.yaml"


class Escalations(Noun):
    """The ladders of exceptions."""

    everybody: tuple[Rung, ...] = ()
    """Of every owner that has none of its own; nobody is told, if there is none."""
    owners: dict[str, tuple[Rung, ...]] = Field(default_factory=dict[str, tuple[Rung, ...]])

    def of(self, owner: str) -> tuple[Rung, ...]:
        """Return the ladder of an owner's exceptions."""
        return self.owners.get(owner, self.everybody)


def read_escalations(folder: Path) -> Escalations:
    """Read ``escalations.yaml``; without it no exception climbs.

    Raises:
        PolicyBroken: the file does not hold; the message names the field.

    """
    path = folder / FILE
    if not path.exists():
        return Escalations()
    content = read_section(path, "exceptions")
    if not isinstance(content, dict):
        raise PolicyBroken(f"{path}: exceptions is no list of ladders; write ladder: and owners: below it.")
    known = cast("dict[str, Any]", content)
    stray = sorted(set(known) - {"ladder", "owners"})
    owners: object = known.get("owners") or {}
    if stray or not isinstance(owners, dict):
        raise PolicyBroken(f"{path}: exceptions knows ladder and owners only, not {', '.join(stray) or 'this'}.")
    ladders = {str(owner): _rungs(text, f"{path}: {owner}") for owner, text in cast("dict[Any, Any]", owners).items()}
    everybody = _rungs(known["ladder"], f"{path}: ladder") if "ladder" in known else ()
    return Escalations(everybody=everybody, owners=ladders)


def _rungs(text: object, where: str) -> tuple[Rung, ...]:
    if not isinstance(text, str):
        raise PolicyBroken(f'{where}: a ladder is text like "1d director, 3d board".')
    return rungs_of(text, where)
