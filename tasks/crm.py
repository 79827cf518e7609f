"""The CRM and the calendars of sales, as the missions need them.

`Crm` is the interface; `embedded_crm.py` is the one that needs no network. To connect a real CRM,
write a class with these methods and return it in `systems.py`. Amounts are cents of EUR; times are
ISO 8601 text with an offset.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Protocol

from gonogo.model import Content, Noun
from policies.lead_scorecard import Grade, Score
from policies.leads import Lead, Profile, Segment, Track

if TYPE_CHECKING:
    from tasks.firms import Firm


class Entered(Noun):
    """What intake did with a lead: entered now, or known already."""

    reference: str
    is_new: bool


class LeadFile(Noun):
    """A lead as the CRM knows it; who the person is stays there."""

    lead_id: str
    company: str | None
    country: str | None
    message: Annotated[str, Content()]
    expected_value_cents: int
    profile: Profile


class Placed(Noun):
    """Where the CRM has put a lead; nothing is set until it was placed."""

    lead_id: str
    firm_number: str | None = None
    segment: Segment | None = None
    owner: str | None = None


class ContactFacts(Noun):
    """What the law must know before a person is contacted, all from the CRM."""

    lead_id: str
    owner: str | None
    grade: Grade | None
    opted_out: bool
    contacts_this_campaign: int
    expected_value_cents: int
    open_meetings: int
    """Meetings with this person that are still ahead, whatever lead they came from."""


class CrmReceipt(Noun):
    """A change on record."""

    reference: str
    written_at: str


class Meeting(Noun):
    """A meeting on record."""

    reference: str
    owner: str
    starts_at: str


class Crm(Protocol):
    """The CRM and the calendars of its owners.

    Every method raises `ToolFailed` where the system refuses. Those that change something do it
    once per key, and return the first receipt when asked again.
    """

    def register(self, lead: Lead, key: str) -> Entered:
        """Enter a lead; refuse a known id with other facts."""
        ...

    def lead(self, lead_id: str) -> LeadFile:
        """Return a lead."""
        ...

    def record_score(self, lead_id: str, score: Score, key: str) -> Score:
        """Keep a lead's score; the newest counts."""
        ...

    def place(self, lead_id: str, firm: Firm | None, segment: Segment, key: str) -> Placed:
        """Put a lead under its firm's account, or among private clients; give it the account's owner."""
        ...

    def placement(self, lead_id: str) -> Placed:
        """Return where a lead has been put."""
        ...

    def contact_facts(self, lead_id: str) -> ContactFacts:
        """Return what must be known before the person is contacted."""
        ...

    def assign(self, facts: ContactFacts, reason: str, key: str) -> CrmReceipt:
        """Give a lead to its owner to call, provided that the facts it was decided on still hold."""
        ...

    def nurture(self, facts: ContactFacts, track: Track, reason: str, key: str) -> CrmReceipt:
        """Put a lead on a list that is written to, provided that the facts still hold."""
        ...

    def refer(self, lead_id: str, reason: str, key: str) -> CrmReceipt:
        """Put a lead in the queue of the people who find out which firm it is."""
        ...

    def leave_alone(self, lead_id: str, reason: str, key: str) -> CrmReceipt:
        """Never contact the lead's person again, on this lead or any other."""
        ...

    def free_slots(self, owner: str) -> list[str]:
        """Return when an owner can be met, soonest first; empty where the calendar is full."""
        ...

    def book(self, facts: ContactFacts, starts_at: str, key: str) -> Meeting:
        """Book the owner's slot, provided that it is still free and the facts still hold."""
        ...

    def take_back(self, kind: str, case: str, reference: str, reason: str, key: str) -> CrmReceipt:
        """Take an entry of a case back, by its kind and the reference of its receipt; refuse what is not there."""
        ...
