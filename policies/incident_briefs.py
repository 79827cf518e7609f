"""Who is told what about an incident: the coordinator's orders, and the briefs of its specialists.

A brief is all that a specialist is told. None has a field for free text: what the coordinator reads
(people's reasons, notes of remediations) cannot be written into one by mistake.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from gonogo.model import Noun
from policies.incidents import Identifier, Remediation, Severity, Text

Stage = Literal["assess", "plan", "tell"]
"""What an incident needs now: to be understood, a plan, words for those who wait."""


class CoordinationOrder(Noun):
    """What the coordinator is asked: the stage, and everything the mission knows so far."""

    stage: Stage
    number: Identifier
    severity: Severity | None = None
    """The severity in force, once it is known."""
    summary: Text = ""
    """What is wrong, in the monitor's words."""
    remediations: tuple[Remediation, ...] = ()
    """What was done and what was not, with people's reasons; not for the public."""
    open_symptoms: int | None = None
    """How many symptoms are still open, once remediation is over."""


class Coordination(Noun):
    """What the coordinator concludes once its specialists are done."""

    stage: Stage
    note: Annotated[str, StringConstraints(max_length=1_000)]
    """Where the incident stands, put together from what the specialists brought back; for the record."""


class MonitorBrief(Noun):
    """All that the monitor is told."""

    number: Identifier


class PlannerBrief(Noun):
    """All that the planner is told."""

    number: Identifier


class ScribeBrief(Noun):
    """All that the scribe is told."""

    number: Identifier
    severity: Severity
    open_symptoms: Annotated[int, Field(ge=0)]
