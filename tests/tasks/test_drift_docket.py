"""The drift loop from end to end: found, owned, told once, and closed by later runs alone."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from uuid import UUID

import pytest
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

from analytics import drift
from analytics.drift import DriftReport, Finding, Reach, Terms
from analytics.errors import MartMissing
from gonogo import docket
from gonogo.errors import PolicyBroken, ToolFailed
from gonogo.house.loading import find_mission, load_flow
from gonogo.house.server import free_port
from gonogo.policy.registry import read_registry
from gonogo.policy.remedies import Remedies, read_remedies
from gonogo.settings import Settings, settings, using
from gonogo.testing import rehearse
from tasks import drift_docket
from tasks.rehearsal_claims import straightforward
from tasks.rehearsals import Random
from tasks.systems import ticketing

if TYPE_CHECKING:
    from collections.abc import Generator

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def home(tmp_path: Path) -> Generator[Settings]:
    """A home of its own, under the real policies."""
    chosen = settings().model_copy(update={"home": tmp_path, "policy_folder": ROOT / "policies"})
    with using(chosen):
        yield chosen


def finding(verdict: str = "drift", **more: Any) -> Finding:
    """Return a finding on the success rate."""
    said: dict[str, Any] = {
        "monitor": "outcome_rate",
        "mission": "claims_triage",
        "step": None,
        "should": 95.0,
        "is_now": 70.0,
        "unit": "% succeeded",
        "test": "exact",
        "statistic": None,
        "p": 0.001,
        "q": 0.001,
        "n_baseline": 300,
        "n_current": 100,
        "verdict": verdict,
        "severity": "high" if verdict == "drift" else "none",
        "sentence": "claims_triage: it fell.",
        **more,
    }
    return Finding(**said)


def reported(*findings: Finding) -> DriftReport:
    """Return a report of these findings."""
    reach = Reach(
        "claims-operations", NOW - timedelta(days=1), NOW, ["claims-triage"], ["claims_cashier", "claims_triage"]
    )
    return DriftReport(list(findings), "what was before", Terms(), {"claims_triage": reach})


def test_a_finding_has_owner_deputy_severity_due_time_and_route(home: Settings) -> None:
    """All of it before anybody is told."""
    before = datetime.now(UTC)
    (entry,) = drift_docket.open_new(home, reported(finding()))
    found = entry.found
    assert (found.owner, found.deputy, found.severity, found.route) == (
        "claims-operations", "claims-quality", "high", "ticket",
    )  # fmt: skip
    assert timedelta(hours=48) <= found.due_at - before <= timedelta(hours=48, minutes=1)
    assert (found.after, found.reference_through, found.needs_runs) == (NOW, NOW - timedelta(days=1), 100)


def test_only_drift_that_matters_is_owned(home: Settings) -> None:
    """Neither what holds, nor what nobody knows, nor a change for the better."""
    findings = [
        finding("ok"),
        finding("not_enough_data", severity="unknown"),
        finding(severity="low"),
        finding(mission="somebody_elses"),
    ]
    assert drift_docket.open_new(home, reported(*findings)) == []


@pytest.mark.parametrize(
    ("monitor", "severity", "route"),
    [
        ("config", "critical", "reapproval"),
        ("data", "critical", "pause"),
        ("confidence", "medium", "demote"),
        ("latency_p50", "medium", "ticket"),
    ],
)
def test_the_route_is_the_one_that_the_policy_names(home: Settings, monitor: str, severity: str, route: str) -> None:
    """The first that fits."""
    (entry,) = drift_docket.open_new(home, reported(finding(monitor=monitor, severity=severity)))
    assert entry.found.route == route
    assert entry.found.needs_runs == (59 if monitor in {"config", "data"} else 100)


@pytest.mark.parametrize(
    "text",
    [
        "remedies: {from_severity: grave}",
        "remedies: {routes: [{route: shout}]}",
        "remedies: {due_hours: {critical: 0}}",
        "remedies: {due_hours: {grave: 4}}",
        "routes: []",
    ],
)
def test_a_policy_that_does_not_hold_opens_nothing(home: Settings, tmp_path: Path, text: str) -> None:
    """The message names the file."""
    del home
    (tmp_path / "remedies.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(PolicyBroken, match=r"remedies\.yaml"):
        read_remedies(tmp_path)


def test_without_a_policy_every_finding_is_a_ticket(tmp_path: Path) -> None:
    """Nobody's silence lets a finding drop."""
    remedies = read_remedies(tmp_path)
    assert remedies == Remedies()
    assert (remedies.route("config", "critical", "any"), remedies.hours("critical")) == ("ticket", 4)


def test_an_owner_is_told_once(home: Settings) -> None:
    """After a crash before the record of it, the same ticket is asked for, and is the one that is there."""
    (entry,) = drift_docket.open_new(home, reported(finding()))
    told = [drift_docket.tell_owner(entry) for _ in range(3)]
    assert set(told) == {f"ticket {entry.id} for claims-operations"}
    ticket = ticketing().ticket(entry.id)
    assert (ticket.category, ticket.impact) == ("drift", 1)
    assert "it fell" in ticket.description
    assert [each.number for each in ticketing().earlier("another", "drift")] == [entry.id]


def later(monkeypatch: pytest.MonkeyPatch, *findings: Finding) -> list[Any]:
    """Let later runs be judged so; return what was asked."""
    asked: list[Any] = []

    def report(home: Path, terms: Terms | None = None, stretch: Any = None) -> DriftReport:
        del home, terms
        asked.append(stretch)
        return reported(*findings)

    monkeypatch.setattr(drift, "report", report)
    return asked


@pytest.mark.parametrize(
    "findings",
    [
        [],
        [finding("not_enough_data", n_current=40)],
        [finding("ok", n_current=60)],
        [finding("drift")],
        [finding("ok", monitor="latency_p50")],
        [finding("ok", step="pay")],
    ],
    ids=["nothing", "too few to judge", "too few to close", "still drifting", "another monitor", "another subject"],
)
def test_what_later_runs_do_not_show_is_not_closed(
    home: Settings, monkeypatch: pytest.MonkeyPatch, findings: list[Finding]
) -> None:
    """Absent data, thin data and other data leave it with its owner."""
    (entry,) = drift_docket.open_new(home, reported(finding()))
    docket.note_routed(home, entry, "ticket")
    later(monkeypatch, *findings)
    assert drift_docket.verify(home, entry) is None
    assert docket.entries(home)[0].state == "routed"


def test_later_runs_that_pass_close_it(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The question is asked of runs after the finding, against the reference it was found with."""
    (entry,) = drift_docket.open_new(home, reported(finding()))
    docket.note_routed(home, entry, "ticket")
    asked = later(monkeypatch, finding("ok", sentence="claims_triage: it holds."))
    closed = drift_docket.verify(home, entry)
    assert closed is not None
    assert (closed.state, closed.verified_runs, closed.closed_because) == ("closed", 100, "claims_triage: it holds.")
    assert (asked[0].mission, asked[0].after, asked[0].reference_through) == (
        "claims_triage", NOW, NOW - timedelta(days=1),
    )  # fmt: skip


def test_without_a_mart_nothing_is_closed(home: Settings) -> None:
    """An error is no verdict."""
    (entry,) = drift_docket.open_new(home, reported(finding()))
    docket.note_routed(home, entry, "ticket")
    with pytest.raises(MartMissing):
        drift_docket.verify(home, entry)


@contextmanager
def watching(monkeypatch: pytest.MonkeyPatch, *findings: Finding) -> Generator[tuple[Any, list[str]]]:
    """Give the flow without a server, over a report of these findings, and the events it emits."""
    later(monkeypatch, *findings)
    flow = load_flow(str(ROOT / "flows" / "watch_drift.py") + ":watch_drift")
    known = flow.fn.__globals__
    events: list[str] = []

    async def no_artifact(**told: object) -> None:
        """Take the report's page."""
        del told

    class Silent:
        def error(self, *told: object) -> None:
            """Hear, and say nothing."""

    def emit(event: str, resource: dict[str, str], **_: object) -> None:
        """Take an event."""
        events.append(f"{event} {min(resource.values())}")

    def land(home: Path) -> None:
        """Land nothing."""
        del home

    monkeypatch.setitem(known, "emit_event", emit)
    monkeypatch.setitem(known, "acreate_markdown_artifact", no_artifact)
    monkeypatch.setitem(known, "get_run_logger", Silent)
    monkeypatch.setattr(known["warehouse"], "land", land)
    yield flow.fn, events


def test_the_flow_opens_routes_and_says_so_once(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second look at the same drift opens and routes nothing."""
    with watching(monkeypatch, finding()) as (watch, events):
        assert asyncio.run(watch()) == "drift"
        (entry,) = docket.entries(home)
        assert (entry.state, entry.receipt) == ("routed", f"ticket {entry.id} for claims-operations")
        asyncio.run(watch())
    assert [event.split()[0] for event in events] == [
        "gonogo.finding.opened", "gonogo.finding.routed", "gonogo.drift.found", "gonogo.drift.found",
    ]  # fmt: skip
    assert docket.entries(home) == [entry]


def test_a_crash_between_opening_and_routing_is_made_up_for(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next watch routes what the one before opened, also where the drift is not seen any more."""
    drift_docket.open_new(home, reported(finding()))
    with watching(monkeypatch) as (watch, events):
        asyncio.run(watch())
    assert docket.entries(home)[0].state == "routed"
    assert [event.split()[0] for event in events] == ["gonogo.finding.routed"]


def test_a_crash_after_the_ticket_and_before_its_record_opens_no_second_ticket(
    home: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a route does carries the finding's id as its key."""
    (entry,) = drift_docket.open_new(home, reported(finding()))
    drift_docket.tell_owner(entry)
    with watching(monkeypatch) as (watch, _):
        asyncio.run(watch())
    assert len(ticketing().earlier("another", "drift")) == 1
    assert docket.entries(home)[0].state == "routed"


def test_an_owner_who_cannot_be_told_is_told_next_time(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The connector is down: the finding stays open, the watch goes on, and the next one routes it."""

    def down(entry: object) -> str:
        del entry
        raise ToolFailed("The ticketing system is down.")

    with watching(monkeypatch, finding()) as (watch, events):
        with monkeypatch.context() as broken:
            broken.setattr(drift_docket, "tell_owner", down)
            asyncio.run(watch())
            assert docket.entries(home)[0].state == "open"
        asyncio.run(watch())
    assert docket.entries(home)[0].state == "routed"
    assert [event.split()[0] for event in events].count("gonogo.finding.routed") == 1


def test_the_flow_closes_what_later_runs_show_gone(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """And says so once."""
    (entry,) = drift_docket.open_new(home, reported(finding()))
    docket.note_routed(home, entry, "ticket")
    with watching(monkeypatch, finding("ok")) as (watch, events):
        asyncio.run(watch())
        asyncio.run(watch())
    assert docket.entries(home)[0].state == "closed"
    assert [event.split()[0] for event in events] == ["gonogo.finding.closed"]


def test_a_mission_without_deployments_has_nothing_to_pause(home: Settings) -> None:
    """And the receipt says so instead of claiming a pause."""
    (entry,) = drift_docket.open_new(home, reported(finding()))
    by_hand = replace(entry, found=replace(entry.found, deployments=()))
    assert "no deployment to pause" in asyncio.run(drift_docket.pause_deployments(by_hand))


def test_a_finding_that_demotes_holds_from_its_route_until_it_is_closed(home: Settings) -> None:
    """Nobody is demoted by what nobody was told of; nobody stays demoted when later runs are right."""
    (entry,) = drift_docket.open_new(home, reported(finding(monitor="confidence", severity="medium")))
    assert entry.found.agents == ("claims_cashier",), "the mission itself is no registered agent"
    assert docket.demoted_agents(home) == frozenset()
    docket.note_routed(home, entry, drift_docket.told_demoted(entry))
    assert docket.demoted_agents(home) == {"claims_cashier"}
    docket.note_closed(home, entry, 100, "it holds")
    assert docket.demoted_agents(home) == frozenset()


def test_a_demoted_agent_proposes_and_nobody_else_changes(home: Settings) -> None:
    """Whoever executes proposes; whoever observes stays there; the digest says that it is another registry."""
    registry = read_registry(home.policy_folder)
    lower = registry.demoted({"claims_cashier", "claims_assessor", "nobody"})
    assert (lower.card("claims_cashier").tier, lower.card("claims_assessor").tier) == ("propose", "observe")
    assert lower.card("claims_cashier").digest != registry.card("claims_cashier").digest
    assert lower.digest != registry.digest
    assert registry.card("claims_cashier").tier == "execute_within_limits"
    assert registry.demoted(()) is registry
    others = registry.agents.keys() - {"claims_cashier"}
    assert {name: lower.card(name) for name in others} == {name: registry.card(name) for name in others}


async def test_a_flight_under_a_demotion_pays_nothing_alone(home: Settings) -> None:
    """What the cashier else pays at once waits for its owner; the run's version log shows another agent."""
    claim = straightforward(Random("demoted"), "1-0001")
    free = await rehearse(find_mission(home, "claims_triage"), claim, home=home.home)
    assert (free.outcome, free.told("approval_request")) == ("paid", [])
    (entry,) = drift_docket.open_new(home, reported(finding(monitor="confidence", severity="medium")))
    docket.note_routed(home, entry, drift_docket.told_demoted(entry))
    other = straightforward(Random("demoted"), "1-0002")
    held = await rehearse(find_mission(home, "claims_triage"), other, home=home.home, answers="no_go")
    assert held.outcome != "paid"
    assert "pay_claim" in [gate["action"] for gate in held.told("approval_request")]


class Server:
    """A Prefect server that knows some deployments."""

    def __init__(self, *known: str) -> None:
        self.known, self.paused = known, list[str]()

    async def __aenter__(self) -> Self:
        """Open."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""

    async def pause_deployment(self, identity: str) -> None:
        """Pause what is known."""
        if identity not in self.known:
            raise ObjectNotFound(LookupError(identity))
        self.paused.append(identity)


def test_the_deployments_the_runs_came_from_are_paused(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the identity that their evidence names."""
    (entry,) = drift_docket.open_new(home, reported(finding(monitor="data", severity="critical")))
    server = Server("claims-triage")
    monkeypatch.setattr("prefect.client.orchestration.get_client", lambda: server)
    assert asyncio.run(drift_docket.pause_deployments(entry)) == "paused claims-triage"
    assert server.paused == ["claims-triage"]


def test_a_server_that_is_away_is_a_failure_that_the_watch_knows(home: Settings) -> None:
    """Prefect's own client against a port nobody listens on: the finding stays open, and is tried again next time."""
    (entry,) = drift_docket.open_new(home, reported(finding(monitor="data", severity="critical")))
    known = str(UUID(int=1))
    away: dict[Any, Any] = {PREFECT_API_URL: f"http://127.0.0.1:{free_port()}/api", PREFECT_CLIENT_MAX_RETRIES: 0}
    named = replace(entry, found=replace(entry.found, deployments=(known,)))
    with temporary_settings(away), pytest.raises(ToolFailed, match=f"{known} of {entry.id} cannot be paused"):
        asyncio.run(drift_docket.pause_deployments(named))


def test_a_deployment_that_is_gone_leaves_the_finding_open(home: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ticket is there; that nothing was paused is not glossed over."""
    monkeypatch.setattr("prefect.client.orchestration.get_client", Server)
    with watching(monkeypatch, finding(monitor="data", severity="critical")) as (watch, _):
        asyncio.run(watch())
    assert docket.entries(home)[0].state == "open"
