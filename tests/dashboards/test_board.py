"""The page of the board, and its report in a file: seven numbers with receipts, and worth on one snapshot."""

from __future__ import annotations

import base64
import re
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from analytics import receipts, roi
from analytics.accounts import Amount
from analytics.errors import MartMissing, MartMoved
from dashboards import printing
from dashboards.boardroom import QUESTIONS, board_figures, whose_names
from dashboards.mart import current_mart
from dashboards.printing import board_report
from dashboards.tables import open_tables
from dashboards.vouchers import amount_of, assumptions_sheet, stands_on
from dashboards.wording import count, money
from dashboards.worth import SHEET, account_rows, accounts_table
from tests.dashboards.fleets import fleet, publish
from tests.dashboards.views import draw, markup, text

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

PAGE = "pages/board.py"


def test_the_board_shows_its_seven_numbers_in_order_each_with_a_question_and_a_receipt(home: Path) -> None:
    """What a member of the board asks, what the answer is, and what it takes to compute it again."""
    publish(home, fleet())
    app = draw(PAGE)
    said, figures = text(app), board_figures(current_mart(home))
    assert [figure.place for figure in figures] == [1, 2, 3, 4, 5, 6, 7]
    for figure in figures:
        assert figure.kpi.name in said
        assert QUESTIONS[figure.kpi.id] in said
        if figure.kpi.value is None:
            assert figure.kpi.why_nothing in said
        else:
            assert amount_of(figure.kpi)[0] in said
        assert figure.statement is None or " ".join(figure.statement.split()) in said
        assert figure.sql_sha256 is None or figure.sql_sha256 in said
    assert markup(app).count(": receipt</summary>") == 7


def test_what_a_number_of_money_stands_on_is_money(home: Path) -> None:
    """The mart keeps whole millionths; nobody on a board reads those."""
    publish(home, fleet())
    of = {figure.kpi.id: figure.kpi for figure in board_figures(current_mart(home))}
    for name in ("K1", "K6.full", "K36"):
        assert money(of[name].numerator, None) in stands_on(of[name])
    assert f"{money(of['K6.full'].numerator, 'USD')} / {count(of['K6.full'].denominator)}" in stands_on(of["K6.full"])
    for name in ("K1", "K36"):
        assert f" / {money(of[name].denominator, None)}" in stands_on(of[name])
    assert f"{of['K1'].numerator} millionths of money" in markup(draw(PAGE)), "a receipt has every digit, and its unit"
    assert f"{count(of['K8'].numerator)} / {count(of['K8'].denominator)}" in stands_on(of["K8"])


def test_the_board_names_what_its_numbers_stand_on(home: Path) -> None:
    """Snapshot, log, and assumptions with their version and who says so."""
    publish(home, fleet())
    said = text(draw(PAGE))
    digest = current_mart(home).row("SELECT * FROM snapshot")
    assert digest["evidence_digest"] in said
    assert digest["assumptions_digest"] in said
    assert "none: a drawn fleet keeps no log" in said
    assert "manual: wage per hour" in said
    assert "Example prices." in said, "nobody answers for the figures that ship"


def test_assumptions_are_folded_up_by_mission_with_every_digit(home: Path) -> None:
    """Whoever asks unfolds one mission; a large number is read with its thousands apart, and nothing is rounded."""
    assumed: list[dict[str, Any]] = [
        {"mission": None, "name": "currency", "value": "USD", "source": None, "as_of": None},
        *(
            {"mission": "claims_triage", "name": name, "value": value, "source": "Finance", "as_of": date(2026, 1, 1)}
            for name, value in (("plan.investment", "60000.00"), ("manual.minutes", "35"), ("okr", "1. Be 1000.0x"))
        ),
    ]
    shown = assumptions_sheet(assumed)
    assert "<summary><b>the whole house</b>: 1 assumption</summary>" in shown
    assert "<summary><b>claims triage</b>: 3 assumptions</summary>" in shown
    for words in (">plan: investment<", ">60,000.00<", ">35<", ">1. Be 1000.0x<", ">Finance<", ">01 Jan 2026<"):
        assert words in shown
    publish(home, fleet())
    assert "<b>claims triage</b>" in markup(draw(PAGE))


def test_the_board_of_a_unit_shows_that_units_numbers(home: Path) -> None:
    """A business unit is chosen like a mission, and by the address."""
    publish(home, fleet())
    mart = current_mart(home)
    assert whose_names(mart)[:3] == ["all", "unit:claims", "unit:operations"]
    (cost,) = [figure.kpi for figure in board_figures(mart, "unit:claims") if figure.kpi.id == "K6.full"]
    app = draw(PAGE)
    app.selectbox(key="whose").select("unit:claims").run()
    assert amount_of(cost)[0] in text(app)


def test_worth_keeps_money_and_hours_apart_and_shows_intervals(home: Path) -> None:
    """Cash and avoidance without a reference are zero; hours stand on a line of their own, in no total."""
    publish(home, fleet())
    said = text(draw(PAGE))
    account = roi.report(home).missions[0]
    assert account.per_success.low is not None
    for words in (
        "Cash released",
        "Spend avoided",
        "Capacity in use",
        "in no total",
        "by hand",
        "P(NPV > 0)",
        "NPV, 10th percentile",
        "Payback",
    ):
        assert words in said
    plan = next(one for each in roi.report(home).missions for one in each.forecasts)
    assert f"{plan.npv_p10:,.0f} USD" in said, "a sum without a currency is none"
    assert f"{account.value.hours:,.1f} h" in said if account.value else False


def test_worth_that_cannot_be_computed_says_why(home: Path) -> None:
    """A mart that was computed with other assumptions is not mixed with these."""

    def fill(con: DuckDBPyConnection) -> None:
        fleet()(con)

    publish(home, fill)
    _rewrite(home, "UPDATE snapshot SET assumptions_digest = 'older'")
    assert "The mart was computed with other assumptions" in text(draw(PAGE))


def _rewrite(home: Path, sql: str) -> None:
    import duckdb

    from analytics.marts import mart_path

    with duckdb.connect(str(mart_path(home))) as con:
        con.execute(sql)


def test_an_interval_that_does_not_exist_says_why(home: Path) -> None:
    """Too few runs have no interval, and no bar that looks like one."""
    publish(home, fleet())
    report = roi.report(home)
    thin = Amount(5, None, None, "example", "an interval needs 30 runs")
    shown = accounts_table(replace(report, missions=[replace(report.missions[0], per_success=thin)]))
    assert "an interval needs 30 runs" in shown
    assert 'class="range"' not in shown


def test_the_account_as_a_spreadsheet_is_in_whole_micro_units(home: Path) -> None:
    """What the page rounds, the file does not."""
    publish(home, fleet())
    report = roi.report(home)
    rows = list(account_rows(report))
    assert [row["full_micros"] for row in rows] == [each.full_micros for each in report.missions]
    assert all(set(row) <= set(SHEET) for row in rows)
    assert rows[0]["model_micros"] + rows[0]["review_micros"] + rows[0]["platform_micros"] == rows[0]["full_micros"]


def test_the_report_needs_nothing_beside_it(home: Path) -> None:
    """No address, no script, no picture of another place: it reads the same on any machine, years later."""
    publish(home, fleet())
    made = board_report(home)
    assert made.startswith("<!doctype html>")
    assert "default-src 'none'" in made.replace("&#x27;", "'")
    assert not re.search(r"https?://|<script|<link|<img|@import|url\(", made)


def test_the_numbers_of_the_report_are_those_of_the_receipt_inside_it(home: Path) -> None:
    """The file carries what computes it again, and gonogo takes it."""
    publish(home, fleet())
    made = board_report(home)
    found = re.search(r"data:application/json;base64,([\w+/=]+)", made)
    assert found is not None
    kept = base64.b64decode(found[1])
    assert receipts.recheck(home, kept)["different"] == []
    told = {line["id"]: line for line in orjson.loads(kept)["kpis"]}
    with open_tables(home) as tables:
        figures = board_figures(tables)
    for figure in figures:
        values = [row["value"] for row in told[figure.kpi.id]["values"] if row["mission"] == "all"]
        assert values == [figure.kpi.value]
        assert figure.kpi.name in made
    assert "These numbers disagree" not in made


def test_a_published_number_that_somebody_touched_is_told_in_the_report(home: Path) -> None:
    """What is printed was computed again, and says where the table says something else."""
    publish(home, fleet())
    _rewrite(home, "UPDATE kpis SET value = 99.9 WHERE id = 'K2b' AND mission = 'all'")
    assert "K2b come to other digits than were published" in board_report(home)


def test_a_report_is_of_one_snapshot_or_none(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mart that is replaced while the report is made is not mixed with the one before."""
    publish(home, fleet())
    real = receipts.receipt

    def older(of: Path, wanted: str | None = None) -> Any:
        told: Any = real(of, wanted)
        return {**told, "snapshot": {**told["snapshot"], "evidence_digest": "older"}}

    monkeypatch.setattr(printing.receipts, "receipt", older)
    with pytest.raises(MartMoved, match="ask again"):
        board_report(home)


def test_a_report_without_a_mart_says_what_to_run(home: Path) -> None:
    """Nothing is printed as zeros."""
    with pytest.raises(MartMissing, match="gonogo land"):
        board_report(home)


def test_what_came_from_outside_stays_text_in_the_report(home: Path) -> None:
    """A finding that quotes markup is read, not obeyed."""

    def fill(con: DuckDBPyConnection) -> None:
        fleet()(con)
        con.execute("UPDATE drift_findings SET sentence = '<script>alert(1)</script>', owner = '<b>me</b>'")

    publish(home, fill)
    made = board_report(home)
    assert "<script" not in made
    assert "&lt;b&gt;me&lt;/b&gt;" in made
