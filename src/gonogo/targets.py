"""Targets: what can be halted, and one throw of a switch for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from gonogo.evidence.canon import timestamp

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import datetime

TargetKind = Literal["run", "mission", "agent", "all"]
"""What a halt stops: one run, every run of a mission, every run that employs an agent, or everything."""

UNREADABLE = "switchboard_unreadable"
"""The signal of a halt that nobody threw: what is halted cannot be read, so everything is."""


@dataclass(frozen=True, slots=True)
class Target:
    """What is halted. Names are compared as they are; nothing is a pattern, and no file bears them."""

    kind: TargetKind
    name: str = ""
    """The run, mission or agent; empty for ``all``."""

    def __str__(self) -> str:
        """Say it as a person would."""
        return "everything" if self.kind == "all" else f"{self.kind} {self.name}"

    def covers(self, run_id: str | None, mission: str | None, agents: Collection[str] = ()) -> bool:
        """Whether a run of a mission that employs these agents is meant."""
        match self.kind:
            case "all":
                return True
            case "run":
                return self.name == run_id
            case "mission":
                return self.name == mission
            case "agent":
                return self.name in agents


@dataclass(frozen=True, slots=True)
class Halt:
    """One throw of a switch."""

    target: Target
    reason: str
    by: str
    """Who: a name, which nobody has proved, or the monitor that gave the signal."""
    signal: str | None
    """The signal that threw it; ``None`` where a person did."""
    when: datetime
    id: str = ""
    figures: Mapping[str, int | str] = field(default_factory=dict[str, "int | str"], hash=False)
    """What the signal measured, and the threshold it exceeded; whole numbers and text."""
    environment: str = "dev"
    """Where it was thrown; that decides whose name lifts it."""

    @property
    def sentence(self) -> str:
        """Who halted what when, and why."""
        how = f", signal {self.signal}" if self.signal else ""
        return f"Halted: {self.target}, by {self.by}{how}, at {timestamp(self.when)[:19]}Z: {self.reason.rstrip('.')}."

    @property
    def way_out(self) -> str:
        """The command that re-arms the target, or what is to be done first."""
        if self.signal == UNREADABLE:
            return "let the switchboard be read again; there is nothing to re-arm"
        option = {"run": "", "mission": "--mission ", "agent": "--agent ", "all": "--all"}[self.target.kind]
        return f"gonogo rearm {option}{self.target.name} --reason TEXT --as NAME"
