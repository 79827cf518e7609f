"""The incident mission, flown on every route: the evidence, the law, the agents and ticketing are real."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

from flows.incident_response import incident_response
from gonogo.evidence.journals import journal_of
from gonogo.flights import fly
from gonogo.lanes.local import LocalPilot
from gonogo.plans import Plan, read_case
from gonogo.settings import settings
from gonogo.testing import GateView, Rehearsal, Reply, rehearse
from tasks import rehearsal_incidents as kinds
from tasks.rehearsals import Random, demo_cases, demo_events

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gonogo.model import Answer


def case(kind: Callable[[Random, str], dict[str, Any]], **facts: Any) -> dict[str, Any]:
    """Return an incident of a kind, with these facts."""
    return kind(Random("flows"), "1-0001") | facts


def events(incident: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return what happens to a ticket in its source."""
    return [(name, body) for name, body, _ in demo_events("incident_response", incident)]


def on_record(home: Path, query: str) -> list[tuple[Any, ...]]:
    """Return what stands in ticketing."""
    with closing(sqlite3.connect(home / "systems" / "ticketing.db")) as db:
        return db.execute(query).fetchall()


def asked(flown: Rehearsal) -> set[tuple[str, str]]:
    """Return which gates opened, for what and whom."""
    return {(gate["action"], gate["role"]) for gate in flown.told("approval_request")}


def ended(flown: Rehearsal) -> dict[str, Any]:
    """Return the outcome with its measures."""
    assert flown.landing.outcome is not None, flown.landing
    return flown.landing.outcome


async def test_a_low_risk_step_is_done_alone_and_the_ticket_resolved(tmp_path: Path) -> None:
    """Acknowledged in time, remediated, told inside the house, closed."""
    flown = await rehearse(incident_response, case(kinds.stale_cache), home=tmp_path)
    outcome = ended(flown)
    assert (outcome["outcome"], asked(flown)) == ("resolved", set())
    assert outcome["sla_kept"] is True
    assert outcome["time_to_acknowledge_seconds"] <= 60
    assert (outcome["remediations_done"], outcome["remediations_stopped"]) == (1, 0)
    assert on_record(tmp_path, "select action, service from actions") == [("clear_cache", "product-cache")]
    assert on_record(tmp_path, "select state from tickets") == [("Resolved",)]
    assert on_record(tmp_path, "select audience from updates") == [("internal",)]


async def test_a_late_acknowledgement_is_measured_and_breaks_the_service_level(tmp_path: Path) -> None:
    """The clock runs from the ticket's opening, wherever that was."""
    flown = await rehearse(
        incident_response, case(kinds.stale_cache, opened_at="2026-03-01T08:00:00+00:00"), home=tmp_path
    )
    assert ended(flown)["sla_kept"] is False
    assert ended(flown)["time_to_acknowledge_seconds"] > 86_400


async def test_an_outage_opens_two_gates_side_by_side_and_then_tells_the_public(tmp_path: Path) -> None:
    """The run leaves with both gates open; answered later, both steps are done, and the public is told last."""
    incident = read_case(incident_response, case(kinds.outage))
    here = settings().model_copy(update={"home": tmp_path})
    parked = await fly(incident_response, incident, Plan("outage", LocalPilot(lane="batch", patience="leave"), here))
    assert parked.status == "waiting"
    assert on_record(tmp_path, "select count(*) from actions") == [(0,)]
    opened = journal_of(here).read_flight("outage")
    actions = {record.data["action"] for record in opened if record.artifact == "approval_request"}
    assert actions == {"failover_database", "restart_service"}
    flown = await rehearse(incident_response, incident, answers="go", home=tmp_path, run_id="outage")
    assert asked(flown) == {
        ("failover_database", "incident-commander"),
        ("restart_service", "incident-commander"),
        ("post_update", "communications-lead"),
    }
    assert ended(flown)["outcome"] == "resolved"
    assert set(on_record(tmp_path, "select action, service from actions")) == {
        ("failover_database", "orders-db"),
        ("restart_service", "checkout-api"),
    }
    assert on_record(tmp_path, "select audience from updates") == [("public",)]


async def test_one_no_go_of_two_hands_over_what_is_left(tmp_path: Path) -> None:
    """The branch that was passed is done, the other is not, and on-call is told both."""

    def says(gate: GateView) -> Answer:
        return "no_go" if gate.action == "failover_database" else "go"

    flown = await rehearse(incident_response, case(kinds.outage), answers=says, home=tmp_path)
    outcome = ended(flown)
    assert (outcome["outcome"], outcome["remediations_done"], outcome["remediations_stopped"]) == ("handed_over", 1, 1)
    assert on_record(tmp_path, "select action from actions") == [("restart_service",)]
    ((team, reason),) = on_record(tmp_path, "select team, reason from handovers")
    assert team == "on-call"
    assert "failover_database on orders-db: denied" in reason
    assert "restart_service on checkout-api: done" in reason
    assert "approval_denied" in [e["reason_code"] for e in flown.told("exception_record")]


async def test_silence_at_a_gate_hands_the_incident_over(tmp_path: Path) -> None:
    """Nobody answers: nothing is rolled back, and a person gets the ticket."""
    flown = await rehearse(incident_response, case(kinds.bad_release), home=tmp_path)
    assert ended(flown)["outcome"] == "handed_over"
    assert on_record(tmp_path, "select count(*) from actions") == [(0,)]
    assert "approval_expired" in [e["reason_code"] for e in flown.told("exception_record")]


async def test_a_purge_outside_the_window_is_refused_and_handed_over(tmp_path: Path) -> None:
    """Nobody is asked, because nobody may; the refusal is on record with its rule."""
    flown = await rehearse(incident_response, case(kinds.full_disk), answers="go", home=tmp_path)
    assert (ended(flown)["outcome"], asked(flown)) == ("handed_over", set())
    denied = [d for d in flown.told("policy_decision") if d["verdict"] == "deny"]
    assert {rule for d in denied for rule in d["rules"]} >= {"no-purge-outside-the-window"}
    assert on_record(tmp_path, "select count(*) from actions") == [(0,)]


async def test_a_purge_inside_the_window_waits_for_the_commander(tmp_path: Path) -> None:
    """The same action, another service: its change window is open."""
    flown = await rehearse(incident_response, case(kinds.full_archive), answers="go", home=tmp_path)
    assert (ended(flown)["outcome"], asked(flown)) == ("resolved", {("purge_data", "incident-commander")})


async def test_a_large_scale_out_says_on_its_card_what_it_does(tmp_path: Path) -> None:
    """Replicas, symptoms, tier and window, from operations."""
    cards: list[str] = []

    def says(gate: GateView) -> Answer:
        cards.append(gate.card)
        return "go"

    flown = await rehearse(incident_response, case(kinds.backlog), answers=says, home=tmp_path)
    assert ended(flown)["outcome"] == "resolved"
    assert "to `12` replicas" in cards[0]
    assert "queue_backlog" in cards[0]
    assert on_record(tmp_path, "select detail from actions") == [("12 replicas",)]


async def test_what_nobody_understands_is_acknowledged_and_handed_over_untouched(tmp_path: Path) -> None:
    """No plan, no action."""
    flown = await rehearse(incident_response, case(kinds.unexplained), home=tmp_path)
    assert ended(flown)["outcome"] == "handed_over"
    assert ended(flown)["time_to_acknowledge_seconds"] is not None
    assert "propose" not in [step["step"] for step in flown.told("step_record")]


async def test_public_words_can_be_revised_and_then_passed(tmp_path: Path) -> None:
    """A reviewer's remark goes back to the scribe; the changed words are another gate."""
    seen: list[str] = []

    def says(gate: GateView) -> Answer | Reply:
        if gate.action != "post_update":
            return "go"
        seen.append(gate.args["text"])
        return Reply("revise", "grace", "say that we keep watching", "rehearsal") if len(seen) == 1 else "go"

    flown = await rehearse(incident_response, case(kinds.outage), answers=says, home=tmp_path)
    assert ended(flown)["outcome"] == "resolved"
    assert len(seen) == 2
    assert seen[0] != seen[1]
    assert on_record(tmp_path, "select text from updates") == [(seen[1],)]


async def test_a_no_go_to_public_words_leaves_them_unposted_and_the_incident_resolved(tmp_path: Path) -> None:
    """The service is well; the silence has an owner."""

    def says(gate: GateView) -> Answer:
        return "no_go" if gate.action == "post_update" else "go"

    flown = await rehearse(incident_response, case(kinds.outage), answers=says, home=tmp_path)
    assert ended(flown)["outcome"] == "resolved"
    assert on_record(tmp_path, "select count(*) from updates") == [(0,)]
    assert "communications-lead" in [e["owner"] for e in flown.told("exception_record")]


async def test_a_ticket_handled_elsewhere_is_followed_to_its_end(tmp_path: Path) -> None:
    """Every state is mirrored, and every measure is of the last one."""
    incident = case(kinds.handled_elsewhere)
    told = events(incident)
    flown = await rehearse(incident_response, incident, events=told, home=tmp_path)
    outcome, last = ended(flown), told[-1][1]
    assert (outcome["outcome"], outcome["updates_followed"]) == ("followed", len(told))
    assert (outcome["sla_kept"], outcome["reopens"]) == (last["made_sla"], last["reopen_count"])
    assert outcome["reassignments"] == last["reassignment_count"]
    assert outcome["severity_agrees"] is True
    assert outcome["handling_seconds"] > 0
    assert on_record(tmp_path, "select count(*) from states") == [(len(told) + 1,)]
    assert on_record(tmp_path, "select state from tickets") == [("Closed",)]
    assert outcome["time_to_acknowledge_seconds"] is None


async def test_a_ticket_that_is_closed_on_arrival_needs_no_event(tmp_path: Path) -> None:
    """A history of one row is an incident, too."""
    incident = case(kinds.handled_elsewhere)
    incident["source"] |= {
        "incident_state": "Closed",
        "active": False,
        "closed_at": incident["source"]["sys_updated_at"],
    }
    flown = await rehearse(incident_response, incident, home=tmp_path)
    assert (ended(flown)["outcome"], ended(flown)["updates_followed"]) == ("followed", 0)


async def test_an_update_of_another_ticket_is_set_aside_with_an_owner(tmp_path: Path) -> None:
    """A misdirected delivery changes nothing."""
    incident = case(kinds.handled_elsewhere)
    told = events(incident)
    stray = (told[0][0], told[0][1] | {"number": "INC-other"})
    flown = await rehearse(incident_response, incident, events=[stray, *told], home=tmp_path)
    assert ended(flown)["updates_followed"] == len(told)
    assert "data_mismatch" in [e["reason_code"] for e in flown.told("exception_record")]


async def test_a_source_that_falls_silent_is_handed_over(tmp_path: Path) -> None:
    """The wait has an end, and then a person looks."""
    incident = case(kinds.handled_elsewhere)
    flown = await rehearse(incident_response, incident, home=tmp_path, overrides={"event_deadline_seconds": 0})
    assert ended(flown)["outcome"] == "handed_over"
    assert "timeout" in [e["reason_code"] for e in flown.told("exception_record")]


async def test_a_dozen_rehearsal_incidents_show_every_ending(tmp_path: Path) -> None:
    """The demo's cases cover every outcome, both roles and a refusal."""
    flown = [
        await rehearse(incident_response, incident, answers="go", events=events(incident), home=tmp_path)
        for incident in demo_cases("incident_response", 12, 5)
    ]
    assert {each.outcome for each in flown} == {"resolved", "handed_over", "followed"}
    assert {role for each in flown for _, role in asked(each)} == {"incident-commander", "communications-lead"}
    verdicts = [d["verdict"] for each in flown for d in each.told("policy_decision")]
    assert "deny" in verdicts
    assert {each.landing.status for each in flown} == {"done"}
