"""`gonogo demo`: the whole story, unattended; afterwards DuckDB answers, and nothing runs any more."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tasks.rehearsals import MISSIONS
from tests.e2e.command import PATIENCE_SECONDS, Command, Done
from tests.e2e.houses import ask_mart, is_open, kill_all, processes_of

if TYPE_CHECKING:
    from collections.abc import Generator

pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.fixture(scope="module", name="told")
def _told(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[Command, Done]]:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    """The home of a demo, and what the demo said."""
    folder = tmp_path_factory.mktemp("demo")
    scratch = folder / "scratch"
    scratch.mkdir()
    gonogo = Command(folder / "home", scratch)
    try:
        yield gonogo, gonogo.start("demo").wait(PATIENCE_SECONDS * 4)
    finally:
        kill_all(gonogo.home)


def ask(gonogo: Command, query: str) -> list[tuple[Any, ...]]:
    """Ask what the demo left behind."""
    return ask_mart(gonogo.home / "mart.duckdb", query)


def test_it_ends_well_and_says_where_to_look(told: tuple[Command, Done]) -> None:
    """Exit 0; gates, answers, a refusal, numbers and the drift verdict are on the screen."""
    _gonogo, done = told
    assert done.code == 0, done.err
    assert "Traceback" not in done.err
    for words in ("offline", "Gates, and who answered", "no-go", "Refused by policy", "KPIs", "Drift of claims_triage"):
        assert words in done.out


def test_nothing_is_left_running(told: tuple[Command, Done]) -> None:
    """No process of this home, nobody on its port, no address of a house."""
    gonogo, done = told
    found = re.search(r"http://127\.0\.0\.1:(\d+)", done.out)
    assert found is not None
    assert processes_of(gonogo.home) == []
    assert not is_open(int(found[1]))
    assert not (gonogo.home / "house.json").exists()


def test_every_run_has_landed(told: tuple[Command, Done]) -> None:
    """What the evidence knows, the mart knows; every run of every mission has ended."""
    gonogo, _done = told
    rows = ask(gonogo, "select mission, run_id, status from runs")
    assert {run_id for _, run_id, _ in rows} == set(gonogo.journal.run_ids())
    assert {mission for mission, _, _ in rows} == set(MISSIONS)
    assert {status for _, _, status in rows} == {"done", "no_go"}


def test_sql_says_who_approved_what_and_when(told: tuple[Command, Done]) -> None:
    """Each answer with its person, action, reason and time; both words occur."""
    gonogo, _done = told
    query = (
        "select answer, answered_by, action, reason, proof, answered_at - opened_at from gates where state = 'answered'"
    )
    rows = ask(gonogo, query)
    given = [record for run in gonogo.journal.run_ids() for record in gonogo.told(run, "approval_record")]
    assert len(rows) == len(given) > 0
    assert {row[0] for row in rows} == {"go", "no_go"}
    assert all(by and action and reason for _, by, action, reason, _, _ in rows)
    assert {row[4] for row in rows} == {"unproven"}
    assert all(waited.total_seconds() > 0 for *_, waited in rows)


def test_sql_says_what_each_run_cost(told: tuple[Command, Done]) -> None:
    """A run's cost is the sum of its model calls in the evidence; what nobody could read cost nothing."""
    gonogo, _done = told
    rows = ask(gonogo, "select run_id, cost_micros, currency, price_basis from runs")
    for run_id, cost, currency, basis in rows:
        calls = gonogo.told(run_id, "model_call", "result")
        assert cost == sum(call.data["cost_micros"] for call in calls)
        assert (cost > 0, currency, basis) == ((True, "USD", "notional") if calls else (False, None, None))


def test_sql_says_which_policy_refused_which_action(told: tuple[Command, Done]) -> None:
    """Rule, reason, who, and what, for each refusal in the evidence."""
    gonogo, _done = told
    rows = ask(gonogo, "select principal, action, rules, because from decisions where verdict = 'deny'")
    asked = [record for run in gonogo.journal.run_ids() for record in gonogo.told(run, "policy_decision")]
    assert len(rows) == sum(record.data["verdict"] == "deny" for record in asked) > 0
    assert ("claims_cashier", "pay_claim", ["payee-on-policy"]) in [row[:3] for row in rows]
    assert all(rules and because for _, _, rules, because in rows)


def test_sql_says_which_model_and_version_acted(told: tuple[Command, Done]) -> None:
    """The scripted model says that it is one; agents stand with their version, missions with their digest."""
    gonogo, _done = told
    models = ask(gonogo, "select distinct requested_model, offline from model_calls")
    agents = dict(ask(gonogo, "select distinct agent_id, agent_version from model_calls"))
    versions = ask(gonogo, "select object, id, version from versions")
    assert models == [("offline:scripted", True)]
    assert {"claims_assessor", "incident_coordinator", "incident_monitor", "incident_planner"} <= set(agents)
    assert all(agents.values())
    assert {"mission", "policy", "agent", "model", "package", "python"} <= {kind for kind, _, _ in versions}
    assert all(version for kind, _, version in versions if kind in {"mission", "agent", "package"})
