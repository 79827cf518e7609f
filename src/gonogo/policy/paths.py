"""Declared paths: in which order a mission's steps and tool calls have to come, as reviewed text.

What stands here is what should be; it is never learned from what runs did.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from gonogo.errors import PolicyBroken
from gonogo.model import Noun
from gonogo.policy.texts import read_section

if TYPE_CHECKING:
    from pathlib import Path

Event = Annotated[str, Field(pattern=r"^(step|tool):[A-Za-z_][A-Za-z0-9_]*$")]
"""A step or a tool by its name: ``step:assess_damage``, ``tool:pay_claim``."""

_TAKES_THEN = frozenset({"precedence", "response", "not_together"})


class Constraint(Noun):
    """One sentence about the order of things in a run, in the words of DECLARE."""

    kind: Literal["existence", "absence", "at_most", "precedence", "response", "not_together"]
    """existence: a run that is done had it. absence: no run has it. at_most: no run has it more than
    ``most`` times. precedence: ``then`` never comes before ``event``. response: after ``event``, ``then``
    still comes, in a run that is done. not_together: no run has both."""
    event: Event
    then: Event | None = None
    most: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _says_what_its_kind_needs(self) -> Constraint:
        if (self.then is not None) != (self.kind in _TAKES_THEN):
            raise ValueError(f"then belongs to {', '.join(sorted(_TAKES_THEN))}, which need it, and to no other kind")
        if (self.most is not None) != (self.kind == "at_most"):
            raise ValueError("most belongs to at_most, which needs it, and to no other kind")
        return self

    @property
    def name(self) -> str:
        """The constraint in one word, the same wherever it is shown."""
        return " ".join(
            [self.kind, self.event, *([self.then] if self.then else []), *([str(self.most)] if self.most else [])]
        )

    @property
    def sentence(self) -> str:
        """What is wrong with a run that breaks it."""
        match self.kind:
            case "existence":
                return f"done without {self.event}"
            case "absence":
                return f"{self.event} is not part of the mission"
            case "at_most":
                return f"{self.event} more than {self.most} times"
            case "precedence":
                return f"{self.then} before {self.event}"
            case "response":
                return f"{self.event} without {self.then} after it"
            case "not_together":
                return f"{self.event} and {self.then} in one run"


def read_paths(folder: Path) -> dict[str, tuple[Constraint, ...]]:
    """Return the declared path of each mission in ``paths.yaml``; none where there is no such file.

    Raises:
        PolicyBroken: the file does not hold; the message names the file and the field.

    """
    path = folder / "paths.yaml"
    if not path.exists():
        return {}
    try:
        return TypeAdapter(dict[str, tuple[Constraint, ...]]).validate_python(read_section(path, "paths"))
    except ValidationError as error:
        first = error.errors()[0]
        raise PolicyBroken(f"{path}: {'.'.join(map(str, ('paths', *first['loc'])))}: {first['msg']}.") from error
