"""The terms of the incident law, the runbook, and the one fork an incident meets.

These nouns are what `incidents.cedar`, the tools and the mission speak about. Times carry an
offset, durations are whole seconds; severity 1 is the worst, as are impact, urgency and tier 1.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, ClassVar, Literal

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from gonogo import route
from gonogo.model import Content, Measure, Noun, Outcome

Severity = Literal["sev1", "sev2", "sev3", "sev4"]
"""How much the business feels it: sev1 = it stops, sev4 = somebody noticed."""

Symptom = Literal[
    "memory_leak",
    "high_error_rate",
    "high_latency",
    "queue_backlog",
    "stale_cache",
    "database_unreachable",
    "bad_release",
    "disk_full",
    "unexplained",
]
"""What monitoring or a user sees; `unexplained` has no runbook."""

Action = Literal["restart_service", "clear_cache", "scale_out", "failover_database", "rollback_release", "purge_data"]
"""Every remediation there is; each is a tool of the same name, ruled by `incidents.cedar`."""

Risk = Literal["low", "medium", "high", "destructive"]

HandledBy = Literal["house", "source"]
"""`house`: remediated here. `source`: handled in another system, classified and followed here."""

IncidentRoute = Literal["follow", "remediate", "hand_over"]
"""Handled elsewhere and followed here, remediated here, or handed to people at once."""

RemediationResult = Literal["done", "denied", "refused", "failed"]
"""Done; a person said no-go; the law forbids it; the system could not."""

ACKNOWLEDGE_WITHIN: dict[Severity, timedelta] = {
    "sev1": timedelta(minutes=5),
    "sev2": timedelta(minutes=15),
    "sev3": timedelta(hours=1),
    "sev4": timedelta(hours=4),
}
"""The service level of acknowledgement, from the ticket's opening."""

CONFIDENCE_ALONE_PCT = 50
"""Below, a situation is not understood well enough to touch anything."""

ON_CALL = "on-call"
"""The team that takes what the mission must not finish."""

Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""A business key: letters, digits, dots, dashes and underscores, at most 64."""

Level = Annotated[int, Field(ge=1, le=3)]
"""1 = high, 2 = medium, 3 = low."""

Text = Annotated[str, StringConstraints(max_length=4_000)]


class RunbookEntry(Noun):
    """What helps against a symptom, and how much it risks."""

    symptom: Symptom
    action: Action
    risk: Risk
    replicas: int | None = None
    """How many to scale out to, where the action is `scale_out`."""
    why: str


RUNBOOK: tuple[RunbookEntry, ...] = (
    RunbookEntry(symptom="stale_cache", action="clear_cache", risk="low", why="The cache refills from the source."),
    RunbookEntry(
        symptom="high_latency", action="scale_out", risk="low", replicas=4, why="More replicas share the load."
    ),
    RunbookEntry(symptom="memory_leak", action="restart_service", risk="medium", why="A restart frees the memory."),
    RunbookEntry(symptom="high_error_rate", action="restart_service", risk="medium", why="A restart drops bad state."),
    RunbookEntry(
        symptom="queue_backlog", action="scale_out", risk="medium", replicas=12, why="More workers drain the queue."
    ),
    RunbookEntry(symptom="bad_release", action="rollback_release", risk="high", why="The last release worked."),
    RunbookEntry(symptom="database_unreachable", action="failover_database", risk="high", why="The replica answers."),
    RunbookEntry(symptom="disk_full", action="purge_data", risk="destructive", why="Old data is what fills the disk."),
)
"""What may be proposed at all; `incidents.cedar` says who decides."""


class Observation(Noun):
    """A service, and what is wrong with it."""

    service: Identifier
    symptom: Symptom


class TicketUpdate(Noun):
    """The event `ticket_updated`: a ticket's state after a change, in the words of the source system."""

    number: Identifier
    incident_state: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    active: bool
    made_sla: bool
    """Whether the source system still counts its service level as kept."""
    reassignment_count: Annotated[int, Field(ge=0)]
    reopen_count: Annotated[int, Field(ge=0)]
    opened_at: AwareDatetime
    resolved_at: AwareDatetime | None = None
    closed_at: AwareDatetime | None = None
    sys_updated_at: AwareDatetime
    sys_mod_count: Annotated[int, Field(ge=0)]
    """The source system's revision number."""
    priority: Annotated[int, Field(ge=1, le=5)] | None = None
    assignment_group: str | None = None
    category: str | None = None

    @property
    def is_final(self) -> bool:
        """Whether the ticket is closed for good.

        A ticket can be closed, reopened and closed again, and an exported history carries its last
        closing time in every row: closed counts once that time has been reached.
        """
        closed = self.incident_state == "Closed" and not self.active
        return closed and (self.closed_at is None or self.sys_updated_at >= self.closed_at)

    def newest(self, other: TicketUpdate | None) -> TicketUpdate:
        """Return the later of two states; events may arrive out of order."""
        if other is None:
            return self
        return max(self, other, key=lambda each: (each.sys_updated_at, each.sys_mod_count))

    @property
    def severity(self) -> Severity | None:
        """The severity that the source's priority stands for; its lowest priorities are all sev4."""
        scale: tuple[Severity, ...] = ("sev1", "sev2", "sev3", "sev4", "sev4")
        return None if self.priority is None else scale[self.priority - 1]

    @property
    def handling_seconds(self) -> int | None:
        """From opening to closing; ``None`` while there is no closing time."""
        return None if self.closed_at is None else int((self.closed_at - self.opened_at).total_seconds())

    @property
    def resolving_seconds(self) -> int | None:
        """From opening to resolution; ``None`` where none was recorded."""
        return None if self.resolved_at is None else int((self.resolved_at - self.opened_at).total_seconds())


class Incident(Noun):
    """One incident, as it comes in."""

    number: Identifier
    title: Annotated[str, StringConstraints(min_length=1, max_length=200), Content()]
    description: Annotated[Text, Content()] = ""
    """The reporter's words; read by an agent, obeyed by nobody."""
    category: str = "general"
    impact: Level = 2
    urgency: Level = 2
    opened_at: AwareDatetime | None = None
    """When the clock of the service level started; the moment of arrival, where not given."""
    observations: tuple[Observation, ...] = ()
    handled_by: HandledBy = "house"
    source: TicketUpdate | None = None
    """The ticket's state in the other system on arrival."""

    @model_validator(mode="after")
    def _hangs_together(self) -> Incident:
        if (self.handled_by == "source") != (self.source is not None):
            msg = "source is given exactly where handled_by is 'source'"
            raise ValueError(msg)
        if self.source is not None and self.source.number != self.number:
            msg = f"source.number {self.source.number} is not the incident's number {self.number}"
            raise ValueError(msg)
        return self

    @property
    def services(self) -> tuple[str, ...]:
        """Every service the ticket names, once, in order."""
        return tuple(dict.fromkeys(observation.service for observation in self.observations))


class Situation(Noun):
    """What the monitor makes of an incident."""

    severity: Severity
    confidence_pct: Annotated[int, Field(ge=0, le=100)]
    """0 = a guess, 100 = certain."""
    summary: Annotated[str, StringConstraints(min_length=1, max_length=1_000)]
    related: tuple[str, ...] = ()
    """Earlier tickets that look alike."""


class PlanStep(Noun):
    """One runbook action on one service."""

    service: Identifier
    action: Action
    replicas: Annotated[int, Field(ge=1, le=1_000)] | None = None
    reason: Annotated[str, StringConstraints(max_length=500)] = ""


class Plan(Noun):
    """The steps an agent proposes; steps on one service keep their order, services are independent."""

    steps: Annotated[tuple[PlanStep, ...], Field(max_length=8)] = ()

    @property
    def by_service(self) -> dict[str, tuple[PlanStep, ...]]:
        """The steps of each service, in order."""
        services = dict.fromkeys(step.service for step in self.steps)
        return {name: tuple(step for step in self.steps if step.service == name) for name in services}


class Remediation(Noun):
    """What became of one planned step."""

    service: Identifier
    action: Action
    result: RemediationResult
    note: str


class StatusUpdate(Noun):
    """What the scribe posted."""

    update_id: str
    audience: Literal["internal", "public"]
    headline: str


class Resolution(Outcome):
    """How an incident ended.

    `resolved` here, or `followed` to its end in the source system, is success; `handed_over` gives
    it to people by rule. A measure that was not taken is ``None``.
    """

    successes: ClassVar[frozenset[str]] = frozenset({"resolved", "followed"})
    escalations: ClassVar[frozenset[str]] = frozenset({"handed_over"})

    outcome: Literal["resolved", "handed_over", "followed"]
    number: Identifier
    severity: Severity
    summary: str
    time_to_acknowledge_seconds: Annotated[int | None, Measure("seconds")] = None
    sla_kept: Annotated[bool | None, Measure("flag")] = None
    """Acknowledged in time; for a followed ticket, what its source says."""
    severity_agrees: Annotated[bool | None, Measure("flag")] = None
    """Whether the source's priority says the same severity."""
    remediations_done: Annotated[int | None, Measure("count")] = None
    remediations_stopped: Annotated[int | None, Measure("count")] = None
    reassignments: Annotated[int | None, Measure("count")] = None
    reopens: Annotated[int | None, Measure("count")] = None
    handling_seconds: Annotated[int | None, Measure("seconds")] = None
    """From opening to the end of handling: closed in the source, resolved here."""
    resolving_seconds: Annotated[int | None, Measure("seconds")] = None
    updates_followed: Annotated[int | None, Measure("count")] = None


@route
def incident_route(incident: Incident, situation: Situation) -> IncidentRoute:
    """What another house handles is followed; what nobody understands is not touched."""
    if incident.handled_by == "source":
        return "follow"
    understood = situation.confidence_pct >= CONFIDENCE_ALONE_PCT
    return "remediate" if understood and incident.observations else "hand_over"
