"""The embedded CRM and the calendars of its owners."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from gonogo.errors import ToolFailed
from policies.lead_scorecard import Score
from policies.leads import Lead
from tasks import embedded_crm
from tasks.embedded import System
from tasks.embedded_crm import SCHEMA, SqliteCrm
from tasks.firms import Firm

if TYPE_CHECKING:
    from pathlib import Path

FIRM = Firm(number="DE-1", name="Probe AG", country="DE", industry="tools", employees=5_000, status="active")


def lead(number: int = 1, **facts: Any) -> Lead:
    """Return a lead, with these facts."""
    plain = {"lead_id": f"LEAD-{number}", "person": f"PER-{number}", "profile": {"month": "may"}}
    return Lead.model_validate(plain | facts)


@pytest.fixture
def crm(tmp_path: Path) -> SqliteCrm:
    """Return a CRM with one scored lead among private clients."""
    made = SqliteCrm(System(tmp_path / "crm.db", SCHEMA))
    made.register(lead(), "lead")
    made.record_score("LEAD-1", Score(points=200, grade="A", reasons=("month may: +1",), scorecard="1@x"), "score")
    made.place("LEAD-1", None, "private", "place")
    return made


def rows(crm: SqliteCrm, query: str) -> list[tuple[Any, ...]]:
    """Return what stands in the file."""
    with crm.system.reading() as db:
        return [tuple(row) for row in db.execute(query)]


def test_a_lead_can_be_read_back_without_its_person(crm: SqliteCrm) -> None:
    """Who scores sees words and profile, and nobody's number."""
    assert crm.lead("LEAD-1").profile.month == "may"
    assert "person" not in type(crm.lead("LEAD-1")).model_fields


def test_a_lead_that_comes_again_must_say_the_same(crm: SqliteCrm) -> None:
    """The same lead is known; another one under its id is refused, with what differs."""
    assert crm.register(lead(), "again").is_new is False
    with pytest.raises(ToolFailed, match="another person"):
        crm.register(lead(person="PER-9"), "wrong")


def test_the_newest_score_counts(crm: SqliteCrm) -> None:
    """A lead that was scored again has its last grade."""
    crm.record_score("LEAD-1", Score(points=1, grade="D", reasons=(), scorecard="2@y"), "later")
    assert crm.contact_facts("LEAD-1").grade == "D"


def test_leads_of_one_firm_share_an_account_and_its_owner(crm: SqliteCrm) -> None:
    """Whoever looks after a firm looks after all of its leads."""
    for number in (2, 3):
        crm.register(lead(number), f"lead-{number}")
    first, second = (crm.place(f"LEAD-{number}", FIRM, FIRM.segment, f"place-{number}") for number in (2, 3))
    assert first.owner == second.owner
    assert rows(crm, "select firm_number, segment from accounts") == [("DE-1", "enterprise")]


def test_private_clients_go_to_whoever_has_the_fewest(crm: SqliteCrm) -> None:
    """Four leads, two owners, two each."""
    for number in (2, 3, 4):
        crm.register(lead(number), f"lead-{number}")
        crm.place(f"LEAD-{number}", None, "private", f"place-{number}")
    assert rows(crm, "select owner, count(*) from leads group by owner order by owner") == [("greta", 2), ("hugo", 2)]


def test_a_meeting_exists_once_however_often_it_is_asked_for(crm: SqliteCrm) -> None:
    """Same key, same receipt, one meeting."""
    facts = crm.contact_facts("LEAD-1")
    slot = crm.free_slots("greta")[0]
    assert crm.book(facts, slot, "book") == crm.book(facts, slot, "book")
    assert rows(crm, "select lead_id, owner, starts_at, idempotency_key from meetings") == [
        ("LEAD-1", "greta", slot, "book")
    ]
    assert slot not in crm.free_slots("greta")
    assert crm.contact_facts("LEAD-1").open_meetings == 1


def test_a_slot_is_given_to_one_of_many_who_want_it_at_the_same_moment(crm: SqliteCrm) -> None:
    """Eight leads, one slot, eight threads: one meeting, and seven are told why not."""
    numbers = range(2, 10)
    for number in numbers:
        crm.register(lead(number), f"lead-{number}")
        crm.place(f"LEAD-{number}", FIRM, "enterprise", f"place-{number}")
    slot = crm.free_slots("amara")[0]
    facts = {number: crm.contact_facts(f"LEAD-{number}") for number in numbers}

    def book(number: int) -> str:
        try:
            return crm.book(facts[number], slot, f"book-{number}").reference
        except ToolFailed as error:
            return str(error)

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(book, numbers))
    assert len([each for each in told if each.startswith("meeting-")]) == 1
    assert len([each for each in told if "booked at" in each]) == 7
    assert rows(crm, "select count(*) from meetings") == [(1,)]


@pytest.mark.parametrize("when", ["2020-01-01T08:00:00+00:00", "2026-06-06T08:00:00+00:00", "tomorrow", ""])
def test_a_time_that_no_calendar_offers_is_refused(crm: SqliteCrm, when: str) -> None:
    """The past, a weekend, a word: nothing is booked."""
    with pytest.raises(ToolFailed, match="cannot be met at"):
        crm.book(crm.contact_facts("LEAD-1"), when, "book")


def test_slots_are_hours_of_working_days_from_tomorrow(crm: SqliteCrm, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a Friday the first one is on Monday."""
    monkeypatch.setattr(embedded_crm, "now", lambda: datetime(2026, 6, 5, 16, tzinfo=UTC))
    free = crm.free_slots("greta")
    assert free[0] == "2026-06-08T08:00:00+00:00"
    assert len(free) == embedded_crm.DAYS_AHEAD * len(embedded_crm.HOURS_UTC)
    assert {datetime.fromisoformat(slot).weekday() for slot in free} == {0, 1, 2, 3, 4}


def test_nobody_is_contacted_on_facts_that_changed(crm: SqliteCrm) -> None:
    """Between a go and the meeting the person opted out: no meeting, no call, no letter."""
    facts = crm.contact_facts("LEAD-1")
    crm.register(lead(2, person="PER-1"), "other lead, same person")
    crm.leave_alone("LEAD-2", "asked for it", "out")
    for ask in (
        lambda: crm.book(facts, crm.free_slots("greta")[0], "book"),
        lambda: crm.assign(facts, "r", "assign"),
        lambda: crm.nurture(facts, "monthly_letter", "r", "nurture"),
    ):
        with pytest.raises(ToolFailed, match="changed since"):
            ask()
    assert crm.contact_facts("LEAD-1").opted_out is True
    assert rows(crm, "select count(*) from meetings") == [(0,)]


def test_a_person_is_on_a_list_once(crm: SqliteCrm) -> None:
    """However many leads tell of them."""
    crm.register(lead(2, person="PER-1"), "second")
    for name in ("LEAD-1", "LEAD-2"):
        crm.nurture(crm.contact_facts(name), "monthly_letter", "r", f"nurture {name}")
    assert rows(crm, "select track, person from nurture_lists") == [("monthly_letter", "PER-1")]


@pytest.mark.parametrize("call", ["lead", "placement", "contact_facts"])
def test_a_lead_that_is_not_there_is_refused(crm: SqliteCrm, call: str) -> None:
    """The message names it."""
    with pytest.raises(ToolFailed, match="no lead LEAD-404"):
        getattr(crm, call)("LEAD-404")


def test_an_owner_who_is_not_there_has_no_calendar(crm: SqliteCrm) -> None:
    """An empty calendar and no calendar are not the same."""
    with pytest.raises(ToolFailed, match="knows no owner nobody"):
        crm.free_slots("nobody")
