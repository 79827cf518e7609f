"""Every page: with nothing, with the wrong thing, with a fleet, and with what an enemy would write."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from analytics.marts import mart_path
from tests.dashboards.fleets import fleet, publish, rows
from tests.dashboards.views import PAGES, draw, markup, objections, text

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(1)> **b** [x](javascript:alert(1)) $x$ :material/home:'


@pytest.mark.parametrize("page", PAGES)
def test_a_page_without_a_mart_says_what_to_run(home: Path, page: str) -> None:
    """A first visit finds the way out, and no error."""
    assert not home.exists()
    said = text(draw(page))
    assert "Nothing has landed yet" in said
    assert "gonogo demo" in said


@pytest.mark.parametrize("page", PAGES)
def test_a_page_of_an_empty_mart_says_what_to_run(home: Path, page: str) -> None:
    """Published, but nothing flown: the same answer."""
    publish(home)
    assert "Nothing has landed yet" in text(draw(page))


@pytest.mark.parametrize("page", PAGES)
def test_a_page_of_a_file_that_is_no_mart_says_so(home: Path, page: str) -> None:
    """Rubbish in place of the mart is told, not shown as zeros."""
    home.mkdir()
    mart_path(home).write_bytes(b"not a database" * 400)
    said = text(draw(page))
    assert "cannot be read right now" in said
    assert "gonogo land" in said


@pytest.mark.parametrize("page", PAGES)
def test_a_mart_of_another_version_is_not_guessed_at(home: Path, page: str) -> None:
    """A mart with another schema is refused with the way out."""
    publish(home, fleet())
    with duckdb.connect(str(mart_path(home))) as con:
        con.execute("UPDATE snapshot SET schema_digest = 'older'")
    said = text(draw(page))
    assert "another version of gonogo" in said
    assert "gonogo land" in said


@pytest.mark.parametrize("page", PAGES)
def test_a_page_without_settings_that_hold_says_which(home: Path, page: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong setting is named on the page."""
    publish(home, fleet())
    monkeypatch.setenv("GONOGO_GATE_DEADLINE_SECONDS", "soon")
    assert "GONOGO_GATE_DEADLINE_SECONDS" in text(draw(page))


@pytest.mark.parametrize("page", PAGES)
def test_a_page_with_a_fleet_is_drawn_and_says_how_old_it_is(home: Path, page: str) -> None:
    """The snapshot's age and size stand on every page."""
    publish(home, fleet(), now=datetime.now(UTC) - timedelta(minutes=3, seconds=5))
    said = text(draw(page))
    assert "Snapshot 3 min old" in said
    assert "240 runs" in said


@pytest.mark.parametrize("page", PAGES)
def test_what_came_from_outside_stays_text(home: Path, page: str) -> None:
    """Names, cards, cases and errors that hold markup are shown, not obeyed."""
    publish(home, _hostile)
    app = draw(page)
    assert objections(app) == []
    assert "<script>" not in markup(app)


def _hostile(con: DuckDBPyConnection) -> None:
    fleet(live=8)(con)
    for column in ("mission", "owner", "case_ref", "error", "outcome", "model", "run_id", "requester", "reason_code"):
        con.execute(f"UPDATE runs SET {column} = {column} || $evil", {"evil": HOSTILE})
    for column in (
        "run_id",
        "mission",
        "action",
        "role",
        "card",
        "requester",
        "answered_by",
        "reason",
        "gate",
        "proof",
    ):
        con.execute(f"UPDATE gates SET {column} = {column} || $evil", {"evil": HOSTILE})
    for table in ("steps", "measures"):
        con.execute(f"UPDATE {table} SET run_id = run_id || $evil, mission = mission || $evil", {"evil": HOSTILE})
    con.execute("UPDATE steps SET step = step || $evil", {"evil": HOSTILE})
    con.execute("UPDATE findings SET sentence = sentence || $evil, mission = mission || $evil", {"evil": HOSTILE})
    con.execute("UPDATE runs SET offline = FALSE, price_basis = $evil, currency = $evil", {"evil": HOSTILE})


def test_a_newer_mart_is_shown_without_a_restart(home: Path) -> None:
    """Replacing the file under an app that holds the old one open shows the new one."""
    publish(home, fleet(runs=40))
    app = draw()
    assert "of 40 runs" in text(app)
    publish(home, fleet(runs=50))
    assert "of 50 runs" in text(app.run())


def test_a_mart_that_appears_later_fills_the_page(home: Path) -> None:
    """The empty page goes on looking."""
    app = draw()
    assert "Nothing has landed yet" in text(app)
    publish(home, fleet(runs=40))
    assert "In the air" in text(app.run())


def test_live_runs_show_owner_step_cost_model_and_wait(home: Path) -> None:
    """What an operator asks first is in the row."""
    publish(home, fleet())
    said = text(draw())
    for word in ("service-operations", "remediate", "of 2.00 USD notional", "offline model", "duty-manager", "so far"):
        assert word in said


def test_a_silent_run_is_pointed_at(home: Path) -> None:
    """A flying run without evidence for ten minutes is marked."""

    def fill(con: DuckDBPyConnection) -> None:
        fleet()(con)
        con.execute("UPDATE runs SET last_recorded_at = now() - INTERVAL 25 MINUTE WHERE status = 'flying'")

    publish(home, fill)
    assert "silent" in text(draw())


def test_the_filters_keep_what_was_chosen_and_nothing_else(home: Path) -> None:
    """Mission and state narrow both tables."""
    publish(home, fleet())
    app = draw()
    app.selectbox(key="mission").select("claims_triage").run()
    assert "incident-response-" not in text(app)
    app.button_group(key="state").set_value(["failed"]).run()
    said = text(app)
    assert "Nothing that you chose to see is in the air" in said
    assert "tool failure" in said
    assert "paid" not in said


def test_a_view_can_be_sent_as_an_address(home: Path) -> None:
    """The filters are read from the address."""
    publish(home, fleet())
    said = text(draw(mission="claims triage"))
    assert "claims-triage-" in said
    assert "incident-response-" not in said


def test_a_long_list_says_how_much_it_leaves_out(home: Path) -> None:
    """Fifty rows of ninety are called fifty of ninety."""
    publish(home, fleet(runs=200, live=90))
    assert "the newest 50 of 90" in text(draw())


def test_sums_of_several_currencies_are_not_made(home: Path) -> None:
    """Euros and dollars are not added up."""

    def fill(con: DuckDBPyConnection) -> None:
        fleet()(con)
        con.execute("UPDATE runs SET currency = 'EUR' WHERE mission = 'claims_triage'")

    publish(home, fill)
    said = text(draw())
    assert "the costs are in more than one currency" in said
    assert "the costs are in more than one currency" in text(draw("pages/kpis.py"))


def test_quarantined_lines_are_told(home: Path) -> None:
    """Evidence that could not land is not passed over."""
    publish(home, fleet(), quarantined=3)
    assert "3 lines in quarantine" in text(draw())


def test_what_all_prices_are_is_said_once_even_beside_a_run_that_nothing_was_paid_for(home: Path) -> None:
    """A run that asked no model stands on no price, and makes no row repeat what the others share."""

    def fill(con: DuckDBPyConnection) -> None:
        fleet()(con)
        newest = "SELECT arg_max(run_id, ended_at) FROM runs"
        con.execute(f"UPDATE runs SET price_basis = NULL, currency = NULL, cost_micros = 0 WHERE run_id = ({newest})")

    publish(home, fill)
    landings = text(draw()).split("Landed last")[1]
    assert landings.count("notional") == 1
    assert "Cost, notional prices" in landings


@pytest.mark.parametrize(
    ("age", "warned"), [(timedelta(minutes=2), True), (timedelta(seconds=2), False), (timedelta(hours=2), False)]
)
def test_evidence_that_has_not_landed_is_told(home: Path, age: timedelta, *, warned: bool) -> None:
    """Newer evidence than the snapshot means that no loader runs, unless it is only just written."""
    now = datetime.now(UTC)
    publish(home, fleet(), now=now - timedelta(hours=1))
    desk = home / "journals" / "desk"
    desk.mkdir(parents=True)
    written = (now - age).timestamp()
    os.utime(desk, (written, written))
    assert ("has not landed" in text(draw())) is warned


def _no_currency(con: DuckDBPyConnection) -> None:
    fleet()(con)
    con.execute("UPDATE runs SET currency = NULL, price_basis = NULL, cost_micros = 0, offline = NULL, model = NULL")


def test_runs_that_were_never_priced_are_drawn(home: Path) -> None:
    """No model was asked, so there is no currency; nothing breaks."""
    publish(home, _no_currency)
    assert "nothing was priced" in text(draw())
    draw("pages/kpis.py")


def test_a_run_of_which_next_to_nothing_is_known_is_drawn(home: Path) -> None:
    """A crash after the first record leaves nulls; they are dashes, not errors."""
    bare: dict[str, Any] = {
        "run_id": "r", "mission": "m", "status": "flying", "cost_micros": 0, "model_calls": 0, "tool_calls": 0,
        "input_tokens": 0, "output_tokens": 0, "records": 1, "last_recorded_at": datetime.now(UTC),
    }  # fmt: skip

    def fill(con: DuckDBPyConnection) -> None:
        rows(con, "runs", [bare, {**bare, "run_id": "s", "status": "waiting"}])

    publish(home, fill)
    said = text(draw())
    assert "before its first step" in said
    assert "for an event" in said
    for page in PAGES:
        draw(page)


def test_exposure_says_what_live_runs_can_still_move_and_have_moved(home: Path) -> None:
    """Caps of live runs, less what they moved; a run without a cap makes it a lower bound, and is counted."""

    def fill(con: DuckDBPyConnection) -> None:
        fleet(runs=4, live=4)(con)
        con.execute("DELETE FROM tool_calls")
        con.execute("UPDATE runs SET status = 'flying', budget_amount_cents = NULL, budget_actions = 40")
        con.execute("UPDATE runs SET budget_amount_cents = 1000000 WHERE run_id = (SELECT min(run_id) FROM runs)")
        con.execute(
            "INSERT INTO tool_calls BY NAME SELECT run_id, 't' AS key, 1 AS occurrence, mission, 'write' AS effect, "
            "'in_doubt' AS outcome, 3 AS records, 0 AS recipients, 125050 AS amount_cents, started_at FROM runs "
            "WHERE budget_amount_cents IS NOT NULL"
        )

    publish(home, fill)
    said = text(draw())
    assert "Money at risk now 8,749.50 1,250.50 moved so far, in each tool's own currency; 3 runs" in said
    assert "Changes at risk now 159 3 records changed so far" in said
    assert "Changes in doubt 1" in said


def test_exposure_of_nothing_is_nothing(home: Path) -> None:
    """Nothing flies, nothing is at risk, and no zero pretends that a cap held."""
    publish(home, fleet(live=0))
    assert "Money at risk now — nothing is in the air" in text(draw())
