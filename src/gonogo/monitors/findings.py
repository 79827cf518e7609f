"""Findings: what a monitor saw, against which threshold, and what is done about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from gonogo.policy.limits import Reach

Monitor = Literal[
    "spend_velocity",
    "agent_spend",
    "mission_spend",
    "loop",
    "no_progress",
    "circular_delegation",
    "out_of_bounds",
    "policy_blocks",
    "tool_mix",
    "recipients",
    "amounts",
    "hours",
]
"""The monitors, by the name of their limit in ``policies/monitors.yaml``."""

VERSIONS: dict[Monitor, int] = {
    "spend_velocity": 1,
    "agent_spend": 1,
    "mission_spend": 1,
    "loop": 1,
    "no_progress": 1,
    "circular_delegation": 1,
    "out_of_bounds": 1,
    "policy_blocks": 1,
    "tool_mix": 1,
    "recipients": 1,
    "amounts": 1,
    "hours": 1,
}
"""Raised by whoever changes what a monitor counts, so that evidence says which judgement it was."""

Basis = Literal["declared", "baseline"]
"""What the threshold comes from: the reviewed limit, or the agent's own history."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a monitor does not let pass in silence."""

    monitor: Monitor
    action: Literal["flag", "halt"]
    reach: Reach
    what: str
    """What was seen, in one sentence; holds no payload."""
    threshold: int
    observed: int
    unit: str
    """The unit of both numbers."""
    basis: Basis = "declared"

    @property
    def judge(self) -> str:
        """The monitor and its version, as ``loop@1``."""
        return f"{self.monitor}@{VERSIONS[self.monitor]}"
