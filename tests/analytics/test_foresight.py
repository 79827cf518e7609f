"""Numbers about what was foreseen, against arithmetic by hand and the auditor's second implementation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from analytics import kpis
from analytics.assumptions import read_assumptions
from analytics.marts import open_mart
from analytics.stores import insert_rows
from gonogo.settings import settings, using
from tests.analytics.auditor import Auditor
from tests.analytics.auditor_beside import foresight
from tests.analytics.chance import exported, publish_at_random, publish_rows

if TYPE_CHECKING:
    from collections.abc import Generator

    from analytics.kpis import Kpi

CALENDAR = {
    "days": ["mon", "tue", "wed", "thu", "fri"], "opens": "08:00", "closes": "18:00", "timezone": "Europe/Berlin",
    "holidays": ["2026-03-09"], "source": "house rules", "as_of": "2026-01-01",
}  # fmt: skip


FEES = {"per_call": {"pay": "0.0300005", "read": "0.001"}, "source": "price list", "as_of": "2026-01-01"}


def declared(folder: Path, calendar: dict[str, Any] | None) -> dict[str, Any]:
    """Write the real assumptions with a calendar and fees of tools, and return them."""
    told = yaml.safe_load(Path("policies/assumptions.yaml").read_text(encoding="utf-8"))
    if calendar is not None:
        told |= {"calendar": calendar, "tool_fees": FEES}
    folder.mkdir(exist_ok=True)
    (folder / "assumptions.yaml").write_text(yaml.safe_dump(told), encoding="utf-8")
    return told


@pytest.fixture
def assumed(tmp_path: Path) -> Generator[dict[str, Any]]:
    """Business hours from eight to six in Berlin, on workdays that are no holiday."""
    told = declared(tmp_path / "policies", CALENDAR)
    with using(settings().model_copy(update={"policy_folder": tmp_path / "policies"})):
        yield told


def run(number: int, begun: datetime, ended: datetime | None = None, **more: Any) -> dict[str, Any]:
    """Return a run that is done."""
    return {
        "run_id": f"r{number}", "mission": "claims_triage", "status": "done", "started_at": begun,
        "ended_at": ended or begun, "last_recorded_at": ended or begun, "cost_micros": 0, "model_calls": 0,
        "tool_calls": 0, "input_tokens": 0, "output_tokens": 0, "records": 1, "requeues": 0, **more,
    }  # fmt: skip


def one(home: Path, kpi: str, mission: str = "claims_triage") -> Kpi:
    """Return a KPI of a mission."""
    (found,) = [each for each in kpis.report(home) if (each.id, each.mission) == (kpi, mission)]
    return found


def test_a_weekend_and_a_holiday_do_not_count(assumed: dict[str, Any], tmp_path: Path) -> None:
    """From Friday 17:00 to Tuesday 09:00, with Monday off, two hours were worked; nights count for nothing."""
    del assumed
    friday = datetime(2026, 3, 6, 16, tzinfo=UTC)
    tuesday = datetime(2026, 3, 10, 8, tzinfo=UTC)
    runs = [
        run(1, friday, tuesday, sla_seconds=7_200),
        run(2, friday, tuesday, sla_seconds=7_199),
        run(3, friday, friday, sla_seconds=1, status="failed"),
        run(4, friday, tuesday),
    ]
    publish_rows(tmp_path / "home", {"runs": runs})
    found = one(tmp_path / "home", "K13.business")
    assert (found.numerator, found.denominator) == (1, 3)


def test_summer_time_is_heeded(assumed: dict[str, Any], tmp_path: Path) -> None:
    """On 30 March 2026 eight o'clock in Berlin is six in UTC, where it was seven on the Friday before."""
    del assumed
    runs = [
        run(1, datetime(2026, 3, 30, 5, tzinfo=UTC), datetime(2026, 3, 30, 7, tzinfo=UTC), sla_seconds=3_600),
        run(2, datetime(2026, 3, 27, 5, tzinfo=UTC), datetime(2026, 3, 27, 7, tzinfo=UTC), sla_seconds=0),
    ]
    publish_rows(tmp_path / "home", {"runs": runs})
    found = one(tmp_path / "home", "K13.business")
    assert (found.numerator, found.denominator) == (2, 2)


def test_a_call_that_was_refused_costs_nothing(assumed: dict[str, Any], tmp_path: Path) -> None:
    """Two payments begun, one refused; a tool without a fee is no part of it. Half a millionth rounds up."""
    del assumed

    def call(place: int, tool: str, outcome: str) -> dict[str, Any]:
        return {
            "run_id": "r1", "key": f"/t{place}", "occurrence": 1, "mission": "claims_triage", "tool": tool,
            "effect": "write", "outcome": outcome,
        }  # fmt: skip

    calls = [call(1, "pay", "done"), call(2, "pay", "failed"), call(3, "pay", "refused"), call(4, "letter", "done")]
    day = datetime(2026, 3, 2, tzinfo=UTC)
    publish_rows(tmp_path / "home", {"runs": [run(1, day)], "tool_calls": calls})
    found = one(tmp_path / "home", "K27")
    assert (found.value, found.denominator, found.unit) == (30_001, 2, "USD micros per call")
    assert found.basis == "example"


def test_without_a_calendar_there_is_no_number(tmp_path: Path) -> None:
    """Wall time is not business time."""
    declared(tmp_path / "policies", None)
    with using(settings().model_copy(update={"policy_folder": tmp_path / "policies"})):
        publish_rows(tmp_path / "home", {"runs": [run(1, datetime(2026, 3, 6, 16, tzinfo=UTC), sla_seconds=60)]})
    found = one(tmp_path / "home", "K13.business")
    assert (found.value, "calendar" in str(found.reason)) == (None, True)


@pytest.mark.parametrize(
    "wrong",
    [{"timezone": "Europe/Atlantis"}, {"closes": "08:00"}, {"days": []}, {"days": ["someday"]}, {"opens": "08:00Z"}],
)
def test_a_calendar_that_does_not_hold_assumes_nothing(tmp_path: Path, wrong: dict[str, Any]) -> None:
    """The fault names the file and what is wrong with it."""
    declared(tmp_path / "policies", CALENDAR | wrong)
    found = read_assumptions(tmp_path / "policies")
    assert found.assumptions is None
    assert "assumptions.yaml: calendar" in str(found.fault)


def test_the_forecast_is_the_mean_of_four_weeks_before(tmp_path: Path) -> None:
    """100, 200, 300 and 400 foretell 250; it was 400, so it is 150 of 400 off. A week that is not over counts not."""
    monday = datetime(2026, 3, 2, tzinfo=UTC)
    costs = [100, 200, 300, 400, 400, 9_999]
    runs = [run(n, monday + timedelta(weeks=n), cost_micros=cost, currency="USD") for n, cost in enumerate(costs)]
    publish_rows(tmp_path / "home", {"runs": runs})
    found = one(tmp_path / "home", "K35.forecast")
    assert (found.value, found.numerator, found.denominator) == (0.375, 600, 1_600)
    publish_rows(tmp_path / "short", {"runs": runs[1:]})
    assert one(tmp_path / "short", "K35.forecast").reason == (
        "fewer than five whole weeks have passed, or the last one cost nothing"
    )


def test_a_finding_counts_once_it_is_closed_or_past_its_time(tmp_path: Path) -> None:
    """Two closed, one of them late; one open and past its time; one that has time left is not due."""
    day = datetime(2026, 3, 2, tzinfo=UTC)

    def finding(number: int, due: int, closed: int | None) -> dict[str, Any]:
        return {
            "finding": f"f{number}", "run_id": "docket", "mission": "claims_triage", "monitor": "cost",
            "state": "routed" if closed is None else "closed", "opened_at": day, "due_at": day + timedelta(days=due),
            "closed_at": None if closed is None else day + timedelta(days=closed),
        }  # fmt: skip

    findings = [finding(1, 3, 2), finding(2, 3, 4), finding(3, 3, None), finding(4, 30, None)]
    publish_rows(tmp_path / "home", {"runs": [run(1, day + timedelta(days=9))], "drift_findings": findings})
    found = one(tmp_path / "home", "K33")
    assert (found.numerator, found.denominator) == (1, 3)


def test_the_drift_index_is_the_largest_standardised_gap(tmp_path: Path) -> None:
    """90 % of 300 and 80 % of 100 are 2.61 standard errors apart; a shift of z = -1.5 is less."""
    publish_rows(tmp_path / "home", {"runs": [run(1, datetime(2026, 3, 2, tzinfo=UTC))]})
    base = {"mission": "claims_triage", "unit": "%", "test": "t", "verdict": "ok", "severity": "none", "sentence": ""}
    rows = [
        {**base, "monitor": "outcome_rate", "should": 90.0, "is_now": 80.0, "n_baseline": 300, "n_current": 100},
        {**base, "monitor": "cost", "should": 1.0, "is_now": 2.0, "statistic": -1.5, "n_baseline": 9, "n_current": 9},
        {**base, "monitor": "input", "should": 1.0, "is_now": 2.0, "statistic": 99.0, "n_baseline": 9, "n_current": 9},
        {**base, "monitor": "escalation_rate", "should": 0.0, "is_now": 50.0, "n_baseline": 1, "n_current": 2,
         "verdict": "not_enough_data"},
    ]  # fmt: skip
    formula = next(formula for formula in kpis.chosen("K32"))
    with open_mart(tmp_path / "home") as con:
        con.execute("CREATE TEMP TABLE findings AS FROM mart.findings")
        insert_rows(con, "temp.findings", rows)
        found = con.execute(str(formula.statement)).fetchall()
    pooled = (300 * 0.9 + 100 * 0.8) / 400
    expected = 0.1 / sqrt(pooled * (1 - pooled) * (1 / 300 + 1 / 100))
    assert [(mission, pytest.approx(value)) for mission, value, *_ in found] == [
        (None, expected), ("claims_triage", expected),
    ]  # fmt: skip


@pytest.mark.parametrize("seed", [11, 12])
def test_an_auditor_comes_to_the_same_digits_under_a_calendar(
    assumed: dict[str, Any], tmp_path: Path, seed: int
) -> None:
    """On marts at random, for every mission, unit and all."""
    publish_at_random(tmp_path / "home", seed, 250)
    with open_mart(tmp_path / "home") as con:
        audited = foresight(Auditor(exported(con), assumed), CALENDAR, FEES)
    found = kpis.report(tmp_path / "home")
    for name in ("K13.business", "K27"):
        assert any(kpi.value is not None for kpi in found if kpi.id == name)
    for kpi in found:
        if kpi.id in audited:
            expected = audited[kpi.id].get((kpi.mission, None))
            assert kpi.value == (expected if expected is None else pytest.approx(expected, rel=1e-12)), kpi
