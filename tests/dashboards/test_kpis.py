"""The page of numbers: units, reasons, prices that are no bill, and verdicts that claim no more than they know."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from analytics.marts import mart_path
from dashboards.figures import Kpi, as_csv, figures, outcomes
from dashboards.mart import current_mart
from dashboards.printing import board_report
from dashboards.wording import count, money
from tests.dashboards.drawings import FINDINGS
from tests.dashboards.fleets import fleet, publish, rows
from tests.dashboards.views import draw, markup, text

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

PAGE = "pages/kpis.py"


def test_shares_are_shown_with_what_they_rest_on(home: Path) -> None:
    """A rate without its counts convinces nobody."""
    publish(home, fleet())
    said = text(draw(PAGE))
    rate = figures(current_mart(home)).of("success_rate", None)
    assert rate.value is not None
    assert f"{rate.value:.1f} %" in said
    assert f"{rate.numerator} of {rate.denominator} landed runs reached their goal" in said


def test_a_number_that_does_not_exist_says_why(home: Path) -> None:
    """Null is a dash and a reason, never a zero."""
    publish(home, fleet())
    app = draw(PAGE)
    app.selectbox(key="mission").select("claims_triage").run()
    assert "SLA kept — no run with a service level has ended yet" in text(app)


def test_a_mission_without_any_landing_is_shown(home: Path) -> None:
    """Only runs in the air: every rate is a dash."""
    publish(home, fleet(runs=9, live=9))
    said = text(draw(PAGE))
    assert "No run has landed yet" in said
    assert "Cost per successful outcome — no run has succeeded yet" in said


@pytest.mark.parametrize(("basis", "loud"), [("notional", True), ("mixed", True), ("list", False), ("declared", False)])
def test_prices_that_no_bill_stands_behind_are_called_so_loudly(home: Path, basis: str, *, loud: bool) -> None:
    """Notional sums wear a mark and a notice; real ones only name their basis."""
    publish(home, fleet(basis=basis))
    app = draw(PAGE)
    assert f"{basis} prices" in text(app).lower()
    assert ('class="basis loud"' in markup(app)) is loud
    assert ('class="notice"' in markup(app)) is loud


def test_an_unknown_price_basis_is_not_taken_for_a_bill(home: Path) -> None:
    """A word from outside the vocabulary is loud, too."""
    publish(home, fleet(basis="guessed"))
    assert 'class="basis loud"' in markup(draw(PAGE))


@pytest.mark.parametrize("where", [PAGE, "pages/board.py", "pages/findings.py", "the report"])
@pytest.mark.parametrize(("evidence", "is_told"), [("other evidence", True), ("this evidence", False)])
def test_numbers_of_an_earlier_snapshot_say_so(home: Path, where: str, evidence: str, *, is_told: bool) -> None:
    """Facts come at once and numbers later; a reader is told which numbers these are, wherever they stand."""
    publish(home, fleet())
    with duckdb.connect(str(mart_path(home))) as con:
        con.execute("UPDATE snapshot SET evidence_digest = 'this evidence'; DELETE FROM computations")
        at = datetime.now(UTC) - timedelta(minutes=4, seconds=30)
        basis = {"computed_at": at, "seconds": 9.0, "evidence_digest": evidence, "records": 31, "runs": 1}
        rows(con, "computations", [basis])
    said = board_report(home) if where == "the report" else text(draw(where))
    assert ("KPIs and findings were computed 4 min ago" in said) is is_told


def _found(*findings: dict[str, Any]) -> Any:
    def fill(con: DuckDBPyConnection) -> None:
        fleet()(con)
        con.execute("DELETE FROM findings")
        rows(con, "findings", list(findings))

    return fill


DRIFT, OK, TOO_FEW = FINDINGS


@pytest.mark.parametrize(
    ("findings", "verdict"),
    [
        ((DRIFT, OK, TOO_FEW), "1 comparison drifted"),
        ((OK, TOO_FEW), "No drift seen, but 1 of 2 comparisons cannot be judged"),
        ((TOO_FEW,), "Too little data to say that all is well"),
        ((), "Nothing was compared yet"),
        ((OK,), "Everything is as it should be"),
        (({**OK, "verdict": "perhaps"},), "Too little data to say that all is well"),
    ],
)
def test_the_drift_verdict_claims_no_more_than_is_known(
    home: Path, findings: tuple[dict[str, Any], ...], verdict: str
) -> None:
    """Not enough data is a state of its own, and never good news."""
    publish(home, _found(*findings))
    app = draw(PAGE)
    assert verdict in text(app)
    looks_good = 'class="verdict"><span class="pill is-blue">' in markup(app)
    assert looks_good is (findings == (OK,))


def test_a_drift_shows_its_sentence_and_severity(home: Path) -> None:
    """The finding is readable as it stands."""
    publish(home, _found(DRIFT))
    said = text(draw(PAGE))
    assert "Success rate of incident response drift, high Success fell from 91.0 % to 78.0 %." in said


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(seconds=40), "1 second"),
        (timedelta(minutes=4), "5 seconds"),
        (timedelta(minutes=50), "2 minutes"),
        (timedelta(hours=40), "1 hour"),
        (timedelta(days=50), "1 day"),
        (timedelta(days=300), "7 days"),
        (timedelta(days=3000), "1 month"),
    ],
)
def test_bars_over_time_are_as_wide_as_the_time_asks(home: Path, span: timedelta, words: str) -> None:
    """Seconds after the first demo, months after years."""
    now = datetime.now(UTC)

    def fill(con: DuckDBPyConnection) -> None:
        con.execute("SET TimeZone = 'UTC'")
        fleet(runs=6, live=0)(con)
        con.execute("UPDATE runs SET ended_at = $last", {"last": now})
        con.execute(
            "UPDATE runs SET ended_at = $first WHERE run_id = (SELECT min(run_id) FROM runs)", {"first": now - span}
        )

    publish(home, fill)
    bars, width = outcomes(current_mart(home), None, "UTC")
    assert width.words == words
    assert sum(bar["runs"] for bar in bars) == 6
    draw(PAGE)


def test_days_are_those_of_the_viewer(home: Path) -> None:
    """Half past eleven in the evening UTC is the next day in Berlin."""

    def fill(con: DuckDBPyConnection) -> None:
        fleet(runs=2, live=0)(con)
        con.execute("UPDATE runs SET ended_at = '2026-06-01 23:30:00+00'")
        con.execute(
            "UPDATE runs SET ended_at = '2026-07-11 12:00:00+00' WHERE run_id IN (SELECT min(run_id) FROM runs)"
        )

    publish(home, fill)
    mart = current_mart(home)
    assert [bar["bar"].day for bar in outcomes(mart, None, "UTC")[0]] == [1, 11]
    assert [bar["bar"].hour for bar in outcomes(mart, None, "Europe/Berlin")[0]] == [0, 0]
    assert outcomes(mart, None, "Europe/Berlin")[0][0]["bar"].day == 2


def test_the_spreadsheet_is_whole_and_inert(home: Path) -> None:
    """Every number goes out unrounded, and no cell is a formula."""
    publish(home, fleet())
    shown = figures(current_mart(home)).all
    evil = Kpi("x", "=cmd()", "-1+1", "@sum", 1.5, "%", None, None, "+1", None)
    lines = as_csv([*shown, evil]).decode("utf-8-sig").splitlines()
    assert len(lines) == len(shown) + 2
    assert lines[-1] == "x,'=cmd(),'-1+1,'@sum,1.5,%,,,'+1,"


def test_every_kpi_of_the_mart_can_be_said(home: Path) -> None:
    """No unit is unknown to the page."""
    publish(home, fleet())
    for kpi in figures(current_mart(home)).all:
        assert kpi.said
        assert "micros" not in kpi.said


def test_what_all_numbers_rest_on_is_money_where_it_is_money(home: Path) -> None:
    """The mart keeps millionths; nobody reads those, and a unit is called what the board calls it."""
    publish(home, fleet())
    shown = markup(draw(PAGE))
    known = figures(current_mart(home))
    cost = known.of("K6", None)
    assert f">{money(cost.numerator, 'USD')} / {count(cost.denominator)}</td>" in shown
    for raw in (cost.numerator, known.of("K1", None).numerator):
        assert count(raw) not in shown
    assert 'data-label="Whose">unit claims<' in shown
    assert 'data-label="Whose">the whole house<' in shown
