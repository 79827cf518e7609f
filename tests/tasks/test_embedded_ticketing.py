"""The embedded ticketing and operations systems."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from gonogo.errors import ToolFailed
from policies.incidents import Observation, TicketUpdate
from tasks.embedded import System
from tasks.embedded_ticketing import SCHEMA, SqliteTicketing
from tasks.ticketing import Arrival

if TYPE_CHECKING:
    from pathlib import Path


def arrival(number: str = "INC-1", **facts: Any) -> Arrival:
    """Return a ticket that comes in."""
    plain = {
        "number": number,
        "title": "search is slow",
        "description": "",
        "category": "application",
        "impact": 2,
        "urgency": 2,
        "handled_by": "house",
        "opened_at": None,
        "observations": (
            Observation(service="search", symptom="high_latency"),
            Observation(service="search", symptom="stale_cache"),
            Observation(service="somebody-elses", symptom="memory_leak"),
        ),
    }
    return Arrival.model_validate(plain | facts)


@pytest.fixture
def ticketing(tmp_path: Path) -> SqliteTicketing:
    """Return ticketing with one open ticket."""
    made = SqliteTicketing(System(tmp_path / "ticketing.db", SCHEMA))
    made.open(arrival(), "open")
    return made


def test_health_tells_tier_window_and_open_symptoms_of_every_named_service(ticketing: SqliteTicketing) -> None:
    """A service nobody rated is taken for one that many notice, its window for closed."""
    search, other = ticketing.health("INC-1")
    assert (search.service, search.tier, search.open_symptoms) == ("search", 2, ("high_latency", "stale_cache"))
    assert (other.service, other.tier, other.change_window_open) == ("somebody-elses", 2, False)


def test_a_remediation_clears_what_it_helps_against_and_nothing_else(ticketing: SqliteTicketing) -> None:
    """Once, and for this ticket and service only."""
    ticketing.open(arrival("INC-2"), "open-2")
    taken = ticketing.remediate("INC-1", "search", "scale_out", "4 replicas", "k")
    assert taken == ticketing.remediate("INC-1", "search", "scale_out", "4 replicas", "k")
    assert taken.cleared == ("high_latency",)
    assert ticketing.health("INC-1")[0].open_symptoms == ("stale_cache",)
    assert ticketing.health("INC-2")[0].open_symptoms == ("high_latency", "stale_cache")
    assert ticketing.remediate("INC-1", "search", "rollback_release", "", "k2").cleared == ()
    with ticketing.system.reading() as db:
        assert db.execute("select count(*) from actions").fetchone()[0] == 2


def test_a_ticket_is_acknowledged_once_and_its_time_is_rounded_up(ticketing: SqliteTicketing) -> None:
    """The first acknowledgement counts, whoever acknowledges again; never better than it was."""
    opened = datetime.now(UTC) - timedelta(seconds=90, milliseconds=1)
    ticketing.open(arrival("INC-2", opened_at=opened), "open-2")
    first = ticketing.acknowledge("INC-2", "sev2", "seen", "a1")
    assert first.seconds >= 91
    assert ticketing.acknowledge("INC-2", "sev3", "seen again", "a2").acknowledged_at == first.acknowledged_at


def test_a_ticket_with_open_symptoms_is_not_resolved(ticketing: SqliteTicketing) -> None:
    """Ticketing counts for itself, whatever it is told."""
    with pytest.raises(ToolFailed, match="3 open symptoms"):
        ticketing.resolve("INC-1", "done", "r")
    ticketing.remediate("INC-1", "search", "scale_out", "", "k1")
    ticketing.remediate("INC-1", "search", "clear_cache", "", "k2")
    ticketing.remediate("INC-1", "somebody-elses", "restart_service", "", "k3")
    assert ticketing.resolve("INC-1", "done", "r").seconds >= 0
    assert ticketing.ticket("INC-1").state == "Resolved"


def test_a_ticket_that_comes_back_after_it_was_resolved_starts_a_new_clock(ticketing: SqliteTicketing) -> None:
    """A drill that repeats is a new incident each time; an open ticket keeps its clock."""
    before = ticketing.ticket("INC-1").opened_at
    ticketing.open(arrival(), "open again")
    assert ticketing.ticket("INC-1").opened_at == before
    ticketing.open(arrival("DRILL", observations=(), opened_at=before - timedelta(days=1)), "d1")
    ticketing.acknowledge("DRILL", "sev4", "s", "a1")
    ticketing.resolve("DRILL", "done", "r1")
    ticketing.open(arrival("DRILL", observations=()), "d2")
    drill = ticketing.ticket("DRILL")
    assert (drill.state, drill.acknowledged_at) == ("Reopened", None)
    assert drill.opened_at >= before


def state(revision: int, word: str, at: str) -> TicketUpdate:
    """Return a state of the ticket in its source."""
    return TicketUpdate.model_validate(
        {
            "number": "INC-1",
            "incident_state": word,
            "active": True,
            "made_sla": True,
            "reassignment_count": 0,
            "reopen_count": 0,
            "opened_at": "2026-03-01T08:00:00Z",
            "sys_updated_at": at,
            "sys_mod_count": revision,
        }
    )


def test_the_newest_mirrored_state_is_the_tickets_whatever_arrives_last(ticketing: SqliteTicketing) -> None:
    """Order of arrival and offsets do not matter; a repetition is kept once."""
    ticketing.mirror(state(1, "Active", "2026-03-01T09:00:00Z"), "k1")
    ticketing.mirror(state(3, "Resolved", "2026-03-01T09:30:00-02:00"), "k3")
    ticketing.mirror(state(2, "Awaiting", "2026-03-01T11:00:00Z"), "k2")
    ticketing.mirror(state(3, "Resolved", "2026-03-01T11:30:00Z"), "k4")
    assert ticketing.ticket("INC-1").state == "Resolved"
    with ticketing.system.reading() as db:
        assert db.execute("select count(*) from states").fetchone()[0] == 3


def test_earlier_tickets_are_of_the_category_and_never_the_ticket_itself(ticketing: SqliteTicketing) -> None:
    """At most five, the latest first."""
    for number in range(7):
        opened = datetime(2026, 3, number + 1, tzinfo=UTC)
        ticketing.open(arrival(f"OLD-{number}", opened_at=opened), f"k{number}")
    ticketing.open(arrival("ELSE", category="network"), "else")
    found = [each.number for each in ticketing.earlier("INC-1", "application")]
    assert found == ["OLD-6", "OLD-5", "OLD-4", "OLD-3", "OLD-2"]


def test_words_and_handovers_are_on_record(ticketing: SqliteTicketing) -> None:
    """Who reads, and who takes over."""
    ticketing.post_update("INC-1", "internal", "h", "t", "u")
    ticketing.hand_over("INC-1", "on-call", "why", "h")
    with ticketing.system.reading() as db:
        assert tuple(db.execute("select audience, headline from updates").fetchone()) == ("internal", "h")
        assert tuple(db.execute("select team, reason from handovers").fetchone()) == ("on-call", "why")


def test_what_is_not_on_record_is_a_failure_with_a_way_out(ticketing: SqliteTicketing) -> None:
    """Unknown tickets and services are named, and nothing is done."""
    with pytest.raises(ToolFailed, match="no ticket INC-9; open it"):
        ticketing.acknowledge("INC-9", "sev1", "s", "k")
    with pytest.raises(ToolFailed, match="no service moon"):
        ticketing.remediate("INC-1", "moon", "clear_cache", "", "k")
