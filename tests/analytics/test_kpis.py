"""Every KPI against arithmetic done by hand on a small fleet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from analytics import kpis
from analytics.errors import MartMissing
from analytics.formulas import FORMULAS
from analytics.marts import open_mart
from analytics.warehouse import land

if TYPE_CHECKING:
    from pathlib import Path

    from analytics.formulas import Formula
    from analytics.kpis import Kpi
    from tests.analytics.conftest import Fleet


def of(found: list[Kpi], kpi_id: str, mission: str = "all", segment: str | None = None) -> Kpi:
    """Return the one KPI asked for."""
    hits = [kpi for kpi in found if (kpi.id, kpi.mission, kpi.segment) == (kpi_id, mission, segment)]
    assert len(hits) == 1, hits
    return hits[0]


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory, fleet_class: type[Fleet]) -> Fleet:
    """Five claims and one incident, landed; what happened is in the lines below."""
    fleet = fleet_class(tmp_path_factory.mktemp("books"))
    # Paid alone, for 100.
    fleet.flown("c1", measures={"sla_kept": 1, "handling": 10})
    # Paid after a planned go: a gate, and no intervention.
    two = fleet.run("c2").begin()
    key = two.step("assess", latency_us=3_000)
    two.model("/m", step_key=key, cost_micros=101)
    two.decide("gate")
    two.ask("g2")
    two.answer("g2", "go")
    two.decide("allow", approvals=["a1"])
    two.end(measures={"sla_kept": 0, "handling": 40})
    # A person said no: an intervention; it cost money and brought nothing.
    three = fleet.run("c3").begin()
    key = three.step("assess", latency_us=5_000)
    three.model("/m", step_key=key, cost_micros=400)
    three.decide("gate")
    three.ask("g3")
    three.answer("g3", "no_go")
    three.end(None, status="no_go", success=False, reason_code="approval_denied")
    # Silence said no: no intervention. Policy refused an action.
    four = fleet.run("c4").begin()
    four.decide("deny")
    four.ask("g4")
    four.answer("g4", "no_go", by="deadline", proof="clock")
    four.end(None, status="no_go", success=False, reason_code="approval_expired")
    # Still flying, and has cost something already.
    five = fleet.run("c5").begin()
    five.model("/m", step_key=five.step("assess", outcome=None), cost_micros=50)
    # Handed to a person by rule.
    fleet.run("i1", "incident_response").begin().end("escalated", success=False, escalated=True)
    land(fleet.home)
    return fleet


@pytest.fixture(scope="module")
def counted(books: Fleet) -> list[Kpi]:
    """The KPIs of those six runs."""
    return kpis.report(books.home)


def test_runs_and_outcomes_are_counted(counted: list[Kpi]) -> None:
    """Six runs, five ended; each outcome's share is of the ended ones."""
    assert of(counted, "runs").value == 6
    assert of(counted, "runs", "claims_triage").value == 5
    paid = of(counted, "outcome_mix", "claims_triage", "paid")
    assert (paid.value, paid.numerator, paid.denominator) == (50.0, 2, 4)
    assert of(counted, "outcome_mix", "claims_triage", "no_go").value == 50.0
    assert of(counted, "outcome_mix", "all", "paid").value == 40.0
    assert of(counted, "success_rate", "claims_triage").value == 50.0
    assert of(counted, "success_rate").value == 40.0


def test_a_success_carries_the_cost_of_the_failures(counted: list[Kpi]) -> None:
    """100 + 101 + 400 + 50 over two successes is 325.5: 326 millionths, half rounded up."""
    per_success = of(counted, "K6", "claims_triage")
    assert (per_success.value, per_success.numerator, per_success.denominator) == (326, 651, 2)
    assert (per_success.unit, per_success.basis) == ("USD micros per success", "list")
    per_run = of(counted, "K4", "claims_triage")
    assert (per_run.value, per_run.numerator, per_run.denominator) == (150, 601, 4)
    assert isinstance(per_success.value, int)
    assert per_success.value >= (per_run.value or 0), "K6 is never below K4"


def test_a_planned_go_is_a_gate_and_no_intervention(counted: list[Kpi]) -> None:
    """Three of four claims met a gate; in one a person changed the course; silence did in another."""
    gates = of(counted, "K2a", "claims_triage")
    assert (gates.value, gates.numerator, gates.denominator) == (75.0, 3, 4)
    interventions = of(counted, "K2b", "claims_triage")
    assert (interventions.value, interventions.numerator, interventions.denominator) == (25.0, 1, 4)


def test_escalations_blocks_and_service_levels(counted: list[Kpi]) -> None:
    """Shares over their own denominators, all of them stated."""
    assert of(counted, "K14", "incident_response").value == 100.0
    assert of(counted, "K14").value == 20.0
    blocks = of(counted, "K23", "claims_triage")
    assert (blocks.numerator, blocks.denominator) == (1, 3), "a decision made again is no new action"
    assert blocks.value == pytest.approx(1_000 / 3)
    kept = of(counted, "K13", "claims_triage")
    assert (kept.value, kept.numerator, kept.denominator) == (50.0, 1, 2)


def test_latency_and_measures_are_quantiles_of_what_was_measured(counted: list[Kpi]) -> None:
    """1, 3 and 5 ms of finished steps; the open one is none. 10 and 40 seconds of handling."""
    median = of(counted, "K19.p50", "claims_triage", "assess")
    assert (median.value, median.unit, median.denominator) == (3.0, "ms", 3)
    assert of(counted, "K19.p95", "claims_triage", "assess").value == pytest.approx(4.8)
    mean = of(counted, "measure.mean", "claims_triage", "handling")
    assert (mean.value, mean.unit, mean.numerator, mean.denominator) == (25.0, "seconds", 50, 2)
    assert of(counted, "measure.median", "claims_triage", "handling").value == 25.0


def test_nothing_to_divide_by_is_null_with_a_reason(counted: list[Kpi]) -> None:
    """A mission without successes has no cost per success; zero would be a lie."""
    none = of(counted, "K6", "incident_response")
    assert (none.value, none.denominator, none.reason) == (None, 0, "no run has succeeded yet")
    unmeasured = of(counted, "K13", "incident_response")
    assert (unmeasured.value, unmeasured.reason) == (None, "no run with a service level has ended yet")


def test_an_empty_fleet_has_numbers_that_say_so(fleet: Fleet) -> None:
    """Before the first run every KPI is there, zero runs counted, shares null with their reason."""
    land(fleet.home)
    found = kpis.report(fleet.home)
    assert of(found, "runs").value == 0
    assert [(kpi.id, kpi.reason) for kpi in found if kpi.value is None and not kpi.reason] == []
    assert of(found, "success_rate").reason == "no run has ended yet"
    assert of(found, "K23").reason == "no action has been proposed yet"


def test_two_currencies_are_not_added(fleet: Fleet) -> None:
    """Nobody can say what a dollar and a euro cost together."""
    for number, currency in enumerate(("USD", "EUR")):
        flight = fleet.run(f"r{number}").begin()
        flight.model("/m", step_key=flight.step("assess"), currency=currency)
        flight.end()
    land(fleet.home)
    cost = of(kpis.report(fleet.home), "K6")
    assert (cost.value, cost.reason) == (None, "the costs are in more than one currency")


def test_step_costs_add_up_to_run_costs(books: Fleet) -> None:
    """To the millionth: steps, runs, model calls, and what the runs said themselves."""
    steps, runs, calls = books.ask(
        "SELECT (SELECT sum(cost_micros) FROM steps), (SELECT sum(cost_micros) FROM runs), "
        "(SELECT sum(cost_micros) FROM costs)",
    )[0]
    assert steps == runs == calls == 651
    assert books.one("SELECT count(*) FROM runs WHERE total_cost_micros <> cost_micros") == 0


def test_the_mart_carries_the_same_numbers(counted: list[Kpi], books: Fleet) -> None:
    """What a dashboard reads from the table is what the command line computes."""
    rows = books.ask("SELECT id, mission, segment, value, unit FROM kpis")
    computed = [(kpi.id, kpi.mission, kpi.segment, kpi.value, kpi.unit) for kpi in counted]
    assert sorted(map(repr, rows)) == sorted(
        repr((i, m, s, None if v is None else float(v), u)) for i, m, s, v, u in computed
    )


@pytest.mark.parametrize("formula", [f for f in FORMULAS if f.statement], ids=lambda formula: formula.id)
def test_a_formula_is_one_statement_anyone_can_run(formula: Formula, books: Fleet) -> None:
    """No parameters, no second statement; the columns are the ones a KPI is made of."""
    assert formula.statement is not None
    with open_mart(books.home) as con:
        parsed = con.extract_statements(formula.statement)
        assert len(parsed) == 1
        columns = con.sql(formula.statement).columns
    assert {"mission", "value", "numerator", "denominator"} <= set(columns)


def test_without_a_mart_the_way_out_is_named(tmp_path: Path) -> None:
    """The first command anybody types may be the wrong one."""
    with pytest.raises(MartMissing, match="run gonogo land first"):
        kpis.report(tmp_path)
