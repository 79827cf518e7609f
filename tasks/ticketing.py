"""The ticketing and operations systems, as the missions need them.

`Ticketing` is the interface; `embedded_ticketing.py` is the one that needs no network. To connect
real systems, write a class with these methods and return it in `systems.py`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Protocol

from gonogo.model import Content, Noun
from policies.incidents import Action, HandledBy, Observation, Severity, Symptom, TicketUpdate


class Arrival(Noun):
    """A ticket that comes in."""

    number: str
    title: Annotated[str, Content()]
    description: Annotated[str, Content()]
    category: str
    impact: int
    urgency: int
    handled_by: HandledBy
    opened_at: datetime | None
    """The moment of arrival, where not given."""
    observations: tuple[Observation, ...]


class Ticket(Noun):
    """A ticket as it stands."""

    number: str
    title: Annotated[str, Content()]
    description: Annotated[str, Content()]
    category: str
    impact: int
    urgency: int
    state: str
    severity: Severity | None
    opened_at: datetime
    acknowledged_at: datetime | None
    observations: tuple[Observation, ...]


class EarlierTicket(Noun):
    """An earlier ticket of the same category."""

    number: str
    title: Annotated[str, Content()]
    severity: Severity | None
    state: str


class ServiceState(Noun):
    """A service that a ticket names, and what is still wrong with it."""

    service: str
    tier: int
    """1 = the business stops with it, 3 = few notice."""
    change_window_open: bool
    open_symptoms: tuple[Symptom, ...]


class Acknowledgement(Noun):
    """When a ticket was acknowledged, and how long after its opening, rounded up."""

    number: str
    acknowledged_at: datetime
    seconds: int


class ActionTaken(Noun):
    """A remediation on record."""

    reference: str
    service: str
    action: Action
    cleared: tuple[Symptom, ...]


class Closing(Noun):
    """When a ticket was resolved, and how long after its opening, rounded up."""

    number: str
    resolved_at: datetime
    seconds: int


class Receipt(Noun):
    """A change on record."""

    reference: str
    written_at: datetime


class Ticketing(Protocol):
    """The ticketing and operations systems.

    Every method raises `ToolFailed` where the system refuses. Those that change something do it
    once per key, and return the first receipt when asked again.
    """

    def open(self, arrival: Arrival, key: str) -> Receipt:
        """Enter a ticket, or reopen one that was resolved; one that is open only reports its symptoms again."""
        ...

    def ticket(self, number: str) -> Ticket:
        """Return a ticket."""
        ...

    def earlier(self, number: str, category: str) -> list[EarlierTicket]:
        """Return the latest tickets of a category other than this one, at most five."""
        ...

    def acknowledge(self, number: str, severity: Severity, summary: str, key: str) -> Acknowledgement:
        """Tell the reporter that somebody is on it."""
        ...

    def mirror(self, update: TicketUpdate, key: str) -> Receipt:
        """Keep a state of a ticket that another system handles; the newest is the ticket's state."""
        ...

    def post_update(self, number: str, audience: str, headline: str, text: str, key: str) -> Receipt:
        """Post a status update."""
        ...

    def resolve(self, number: str, summary: str, key: str) -> Closing:
        """Close a ticket whose symptoms are gone."""
        ...

    def reopen(self, number: str, reason: str, key: str) -> Receipt:
        """Open a ticket again that was resolved."""
        ...

    def hand_over(self, number: str, team: str, reason: str, key: str) -> Receipt:
        """Assign a ticket to a team of people."""
        ...

    def health(self, number: str) -> list[ServiceState]:
        """Return the state of every service a ticket names."""
        ...

    def remediate(self, number: str, service: str, action: Action, detail: str, key: str) -> ActionTaken:
        """Do one remediation on one service."""
        ...

    def take_back(self, kind: str, case: str, reference: str, reason: str, key: str) -> Receipt:
        """Take an entry of a case back, by its kind and the reference of its receipt; refuse what is not there."""
        ...
