"""Known-bad requests: what an attentive approver refuses. Text of the policy folder, put at gates to see who looks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from gonogo.errors import PolicyBroken
from gonogo.model import Noun
from gonogo.policy.texts import read_section

if TYPE_CHECKING:
    from pathlib import Path

FILE = "probes.yaml"

_Name = Annotated[str, Field(min_length=1, max_length=80)]


class KnownBad(Noun):
    """One request that has to be refused."""

    id: _Name
    mission: _Name
    agent: _Name
    """On whose mandate it is asked."""
    tool: _Name
    args: dict[str, Any]
    """The tool's arguments, as the law knows them."""
    preview: str = ""
    """What the card says would change."""
    wrong: Annotated[str, Field(min_length=1, max_length=1_000)]
    """What is wrong with it, which nobody is shown before they have answered."""


def read_probes(folder: Path) -> tuple[KnownBad, ...]:
    """Read ``probes.yaml``; nobody is probed where there is none.

    Raises:
        PolicyBroken: the file does not hold; the message names the field.

    """
    path = folder / FILE
    if not path.exists():
        return ()
    try:
        found = TypeAdapter(tuple[KnownBad, ...]).validate_python(read_section(path, "probes"))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, ("probes", *first["loc"])))
        raise PolicyBroken(f"{path}: {where}: {first['msg']}.") from error
    if len({each.id for each in found}) < len(found):
        raise PolicyBroken(f"{path}: two probes have the same id.")
    return found
