"""Return on agents: the account against arithmetic done by hand, the statistics against a second implementation."""

from __future__ import annotations

import random
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import exp, isclose
from statistics import NormalDist, fmean, median
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import yaml

from analytics import roi
from analytics.assumptions import Terms
from analytics.bootstraps import Interval, ratio_interval
from analytics.errors import AssumptionsBroken, KpiUnknown, MartMissing
from analytics.forecasts import Inputs, forecast
from analytics.kpis import report as kpis
from analytics.plans import benefits
from gonogo.settings import settings, using
from tests.analytics.auditor import half_up
from tests.analytics.chance import publish_rows

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from analytics.accounts import MissionRoi, RoiReport

TOLD = {"source": "finance", "as_of": "2026-01-01"}
TERMS: dict[str, Any] = {
    "business_unit": "claims",
    "manual": {"minutes": 30, "wage_per_hour": "40.00", "other_per_case": "1.50", **TOLD},
    "rules": {"cost_per_case": "2.00", "handled_percent": 30, **TOLD},
    "review": {"minutes_per_answer": 6, "wage_per_hour": "50.00", **TOLD},
    "platform": {"cost_per_run": "0.10", **TOLD},
    "value": {
        "cash_percent": 30, "cash_reference": "ledger 4711", "avoidance_percent": 20,
        "avoidance_reference": "budget 12", "redeployed_percent": 50, "redeployed_reference": "roster", **TOLD,
    },
    "plan": {
        "investment": "20000.00", "change_per_month": "100.00", "cases_per_month": 400, "spread_percent": 20,
        "adoption_percent": 70, "months": 24, **TOLD,
    },
}  # fmt: skip


@contextmanager
def assuming(folder: Path, terms: dict[str, Any], **rest: Any) -> Generator[Path]:
    """Declare assumptions of one's own for the block."""
    folder.mkdir(exist_ok=True)
    told = {
        "version": 7, "standing": "declared", "currency": "USD",
        "finance": {"discount_percent_per_year": "8", **TOLD}, "missions": {"claims_triage": terms}, **rest,
    }  # fmt: skip
    (folder / "assumptions.yaml").write_text(yaml.safe_dump(told), encoding="utf-8")
    with using(settings().model_copy(update={"policy_folder": folder})):
        yield folder


def flown(days: int, a_day: int, *, seed: int = 1, aside: int = 0) -> dict[str, list[dict[str, Any]]]:
    """Return runs of some days, a fifth of them failed, some answered by people, some set aside for people."""
    chance = random.Random(seed)  # noqa: S311 - rows for a test
    rows: dict[str, list[dict[str, Any]]] = {"runs": [], "gates": [], "measures": []}
    for number in range(days * a_day + aside):
        is_aside = number >= days * a_day
        begun = datetime(2026, 2, 1, 9, tzinfo=UTC) + timedelta(days=number % days, seconds=number)
        success = chance.random() < 0.8
        run = {"run_id": f"r{number:05}", "mission": "claims_triage"}
        fixed = {"requeues": 0, "model_calls": 1, "tool_calls": 0, "input_tokens": 0, "output_tokens": 0, "records": 5}
        rows["runs"].append(
            run | fixed
            | {
                "status": "done" if success else "failed",
                "outcome": "manual" if is_aside else "paid" if success else None, "success": success,
                "started_at": begun, "ended_at": begun, "last_recorded_at": begun,
                "cost_micros": chance.randrange(10_000, 400_000), "currency": "USD", "price_basis": "list",
            }
        )  # fmt: skip
        if number % 3 == 0:
            waited = chance.randrange(10**6)
            rows["gates"].append(
                run
                | {"gate": f"g{number}", "state": "answered", "answer": "go", "opened_at": begun, "waited_ms": waited}
            )
        if is_aside:
            seconds = {"name": "by_hand_seconds", "value": chance.randrange(600, 4_000), "unit": "seconds"}
            rows["measures"].append(run | seconds | {"measured_at": begun})
    return rows


def account(home: Path, rows: dict[str, list[dict[str, Any]]], folder: Path, terms: dict[str, Any]) -> MissionRoi:
    """Publish rows under assumptions, and return the account of the mission."""
    with assuming(folder, terms):
        publish_rows(home, rows)
        told: RoiReport = roi.report(home, "claims_triage")
    (one,) = told.missions
    return one


def test_the_account_is_arithmetic(tmp_path: Path) -> None:
    """Models as measured, answers at most as long as declared, platform a run; failures stay in; to the millionth."""
    rows = flown(20, 6)
    one = account(tmp_path / "home", rows, tmp_path / "policies", TERMS)
    waits = {gate["run_id"]: min(gate["waited_ms"], 360_000) for gate in rows["gates"]}
    review = {run: half_up(Fraction(ms * 50_000_000, 3_600_000)) for run, ms in waits.items()}
    successes = sum(run["success"] for run in rows["runs"])
    models = sum(run["cost_micros"] for run in rows["runs"])
    whole = models + sum(review.values()) + 120 * 100_000
    assert (one.runs, one.ended, one.successes, one.answers, one.clusters) == (120, 120, successes, 40, "days")
    assert (one.model_micros, one.review_micros, one.platform_micros) == (models, sum(review.values()), 12_000_000)
    assert one.full_micros == whole
    assert one.per_success.micros == half_up(Fraction(whole, successes))
    assert one.review_minutes == sum(waits.values()) / 60_000
    assert (one.manual.micros, one.manual.basis) == (21_500_000, "declared")
    assert one.per_success.micros is not None
    assert one.saving_declared.micros == 21_500_000 - one.per_success.micros
    with assuming(tmp_path / "policies", TERMS):
        full = next(kpi for kpi in kpis(tmp_path / "home") if (kpi.id, kpi.mission) == ("K6.full", "claims_triage"))
    assert (full.value, full.numerator) == (one.per_success.micros, one.full_micros)


def test_value_stands_on_three_lines_and_adds_up(tmp_path: Path) -> None:
    """Cash, avoidance and redeployed hours apart; hours that nobody is shown to use are on none of them."""
    one = account(tmp_path / "home", flown(12, 5), tmp_path / "policies", TERMS)
    worth = one.successes * 21_500_000
    assert one.value is not None
    assert (one.value.cash_micros, one.value.avoidance_micros) == (worth * 30 // 100, worth * 20 // 100)
    assert one.value.redeployed_micros == one.value.idle_micros == worth * 25 // 100
    assert one.value.hours == one.successes / 2
    bare = {name: terms for name, terms in TERMS.items() if name != "value"}
    none = account(tmp_path / "other", flown(12, 5), tmp_path / "policies", bare)
    assert none.value is not None
    assert (none.value.cash_micros, none.value.avoidance_micros, none.value.redeployed_micros) == (0, 0, 0)
    assert none.value.idle_micros == worth


def test_alternatives_have_every_case_done(tmp_path: Path) -> None:
    """What agents or rules leave undone is done by hand, so that the three can be compared."""
    one = account(tmp_path / "home", flown(12, 5), tmp_path / "policies", TERMS)
    agents, hand, rules = one.options
    left = one.ended - one.successes
    assert agents.micros_per_case == half_up(Fraction(one.full_micros + left * 21_500_000, one.ended))
    assert agents.handled_percent == 100 * one.successes / one.ended
    assert (hand.micros_per_case, rules.micros_per_case) == (21_500_000, 2_000_000 + 70 * 215_000)
    bare = {name: terms for name, terms in TERMS.items() if name != "rules"}
    assert account(tmp_path / "other", flown(12, 5), tmp_path / "policies", bare).options[2].reason is not None


def test_a_measured_baseline_needs_cases_set_aside_by_chance(tmp_path: Path) -> None:
    """Beside the declared saving, never instead of it; without such cases it is null and says so."""
    without = account(tmp_path / "none", flown(12, 5), tmp_path / "policies", TERMS)
    assert (without.manual_measured.micros, without.saving_measured.micros) == (None, None)
    assert without.saving_measured.reason == "the mission sets no cases aside for people"
    terms = TERMS | {"holdout": {"outcome": "manual", "measure": "by_hand_seconds", **TOLD}}
    few = account(tmp_path / "few", flown(12, 5, aside=12), tmp_path / "policies", terms)
    assert few.manual_measured.reason == "12 cases were set aside and measured; 30 are needed"
    rows = flown(12, 5, aside=40)
    many = account(tmp_path / "many", rows, tmp_path / "policies", terms)
    seconds = [row["value"] for row in rows["measures"]]
    expected = half_up(Fraction(sum(seconds) * 40_000_000, 3_600 * 40)) + 1_500_000
    assert many.manual_measured.micros == expected
    measured = expected
    assert (many.manual_measured.low or 0) < measured < (many.manual_measured.high or 0)
    assert many.manual_measured.low is not None
    assert many.runs == 60, "cases set aside are no cases of the agents"
    assert many.per_success.micros == without.per_success.micros
    assert many.saving_measured.micros == measured - (many.per_success.micros or 0)
    assert many.saving_declared.micros == without.saving_declared.micros


def test_few_runs_have_a_cost_and_no_interval(tmp_path: Path) -> None:
    """Thirty runs are the least for an interval or a forecast."""
    one = account(tmp_path / "home", flown(4, 7), tmp_path / "policies", TERMS)
    assert one.per_success.micros is not None
    assert (one.per_success.low, one.per_success.reason) == (None, "an interval needs 30 runs")
    assert (one.forecasts, one.forecast_reason) == ([], "a forecast needs 30 runs; there are 28")


@pytest.mark.parametrize(("lacking", "said"), [("plan", "declares no plan"), ("manual", "declares no manual baseline")])
def test_what_is_not_declared_is_not_forecast(tmp_path: Path, lacking: str, said: str) -> None:
    """Nothing is assumed by default."""
    terms = {name: told for name, told in TERMS.items() if name != lacking}
    one = account(tmp_path / "home", flown(12, 5), tmp_path / "policies", terms)
    assert one.forecasts == []
    assert said in (one.forecast_reason or "")


def test_without_assumptions_there_is_no_account(tmp_path: Path) -> None:
    """A missing, a broken and a changed file each have a sentence; so has a mission nobody flew."""
    home, folder = tmp_path / "home", tmp_path / "policies"
    with assuming(folder, TERMS), pytest.raises(MartMissing):
        roi.report(home)
    with assuming(folder, TERMS):
        publish_rows(home, flown(3, 5))
        with pytest.raises(KpiUnknown, match="No mission nonsuch has landed; there are claims_triage"):
            roi.report(home, "nonsuch")
    with assuming(folder, TERMS, version=8), pytest.raises(AssumptionsBroken, match="run gonogo land"):
        roi.report(home)
    with assuming(folder, TERMS | {"points": -1}), pytest.raises(AssumptionsBroken, match=r"claims_triage\.points"):
        roi.report(home)
    (folder / "assumptions.yaml").unlink()
    with (
        using(settings().model_copy(update={"policy_folder": folder})),
        pytest.raises(AssumptionsBroken, match="not there"),
    ):
        roi.report(home)


def test_two_currencies_are_not_added(tmp_path: Path) -> None:
    """Models in euros and people in dollars: no cost per success, and a reason."""
    rows = flown(12, 5)
    rows["runs"][0]["currency"] = "EUR"
    one = account(tmp_path / "home", rows, tmp_path / "policies", TERMS)
    assert (one.per_success.micros, one.options[0].micros_per_case) == (None, None)
    assert one.per_success.reason == "the costs are in more than one currency"


def _second_opinion(over: list[int], under: list[int], draws: int = 4_000) -> Interval:
    """Return the BCa interval once more, in plain Python with another generator."""
    chance, normal, clusters = random.Random(99), NormalDist(), len(over)  # noqa: S311 - statistics
    point = sum(over) / sum(under)
    found: list[float] = []
    for _ in range(draws):
        picked = chance.choices(range(clusters), k=clusters)
        found.append(sum(over[i] for i in picked) / sum(under[i] for i in picked))
    found.sort()
    bias = normal.inv_cdf(sum(value < point for value in found) / draws)
    left = [(sum(over) - o) / (sum(under) - u) for o, u in zip(over, under, strict=True)]
    apart = [fmean(left) - value for value in left]
    pull = sum(a**3 for a in apart) / (6 * sum(a**2 for a in apart) ** 1.5)
    ends: list[float] = []
    for tail in (0.025, 0.975):
        shifted = bias + normal.inv_cdf(tail)
        ends.append(found[min(draws - 1, int(normal.cdf(bias + shifted / (1 - pull * shifted)) * draws))])
    return Interval(point, *ends)


@pytest.mark.parametrize("seed", range(4))
def test_intervals_are_those_of_a_second_implementation(seed: int) -> None:
    """The ratio to the last digit; the bounds within a twelfth of the interval's width (both are drawn)."""
    chance = random.Random(seed)  # noqa: S311 - rows for a test
    under = [chance.randrange(1, 9) for _ in range(40)]
    over = [sum(round(chance.lognormvariate(10, 1)) for _ in range(each + 2)) for each in under]
    ours, theirs = ratio_interval(over, under), _second_opinion(over, under)
    assert ours is not None
    assert isclose(ours.value, theirs.value, rel_tol=1e-15)
    width = theirs.high - theirs.low
    assert abs(ours.low - theirs.low) < width / 12
    assert abs(ours.high - theirs.high) < width / 12
    assert ours == ratio_interval(over, under), "the same data give the same interval"


def test_an_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """Skewed costs and clustered days: 95 % claimed, at least 89 % seen in 200 fleets of 30 days."""
    chance = random.Random(5)  # noqa: S311 - statistics
    mean, hits = exp(10 + 0.32 + 0.045), 0
    for _ in range(200):
        runs = [chance.randrange(5, 20) for _ in range(30)]
        days = [chance.lognormvariate(0, 0.3) for _ in runs]
        costs = [
            round(sum(chance.lognormvariate(10, 0.8) for _ in range(count)) * day)
            for count, day in zip(runs, days, strict=True)
        ]
        found = ratio_interval(costs, runs)
        assert found is not None
        hits += found.low <= mean <= found.high
    assert hits >= 178


@pytest.mark.parametrize(("over", "under"), [([], []), ([5], [1]), ([5, 6], [0, 0]), ([5, 6, 7], [0, 0, 1])])
def test_data_that_are_too_thin_have_no_interval(over: list[int], under: list[int]) -> None:
    """Nothing to divide by, one cluster, or resamples without a success."""
    assert ratio_interval(over, under) is None


def test_costs_that_never_vary_have_an_interval_of_no_width() -> None:
    """All days alike: the bounds are the value."""
    assert ratio_interval([30] * 12, [3] * 12) == Interval(10.0, 10.0, 10.0)


def inputs(**more: Any) -> Inputs:
    """Return a plan without any uncertainty but what is given."""
    given: dict[str, Any] = {
        "investment": 12_000.0, "change_per_month": 0.0, "cases_per_month": 100, "spread": 0.0, "adoption": 1.0,
        "months": 24, "rate_per_year": 0.0, "runs": 10**9, "successes": 10**9, "cost_of_a_run": np.full(50, 5.0),
        "benefit": {"base": 15.0, "upside": 20.0, "full": 25.0},
    }  # fmt: skip
    return Inputs(**given | more)


def test_a_plan_without_uncertainty_is_school_arithmetic() -> None:
    """100 cases x (15 - 5) = 1,000 a month: 12 months to pay 12,000 back, 12,000 more after 24."""
    base = forecast(inputs(), "base")
    assert isclose(base.npv_p50, 12_000, rel_tol=1e-6)
    assert (base.payback_months, base.discounted_payback_months) == (12, 12) or base.payback_months == 13
    assert (base.p_npv_positive, base.p_payback) == (1.0, 1.0)
    rate = 1.1 ** (1 / 12) - 1
    discounted = forecast(inputs(rate_per_year=0.1), "base")
    assert isclose(discounted.npv_p50, sum(1_000 / (1 + rate) ** m for m in range(1, 25)) - 12_000, rel_tol=1e-6)
    assert (discounted.discounted_payback_months or 0) > 12
    assert forecast(inputs(), "full").npv_p50 > forecast(inputs(), "upside").npv_p50 > base.npv_p50


def test_what_never_pays_back_says_so() -> None:
    """A loss on every case, and a gain too small for the plan."""
    loss = forecast(inputs(benefit={"base": 4.0, "upside": 4.0, "full": 4.0}), "base")
    assert (loss.payback_months, loss.discounted_payback_months, loss.p_npv_positive, loss.p_payback) == (
        None,
        None,
        0,
        0,
    )
    assert forecast(inputs(investment=10**6), "base").payback_months is None
    assert forecast(inputs(investment=0.0), "base").payback_months == 0


def test_a_forecast_is_that_of_a_second_implementation() -> None:
    """P(NPV > 0) within two points, the quantiles within a thirtieth of their spread: both are drawn."""
    costs = np.linspace(4.0, 9.0, 101)
    given = inputs(
        investment=30_000.0, change_per_month=150.0, cases_per_month=200, spread=0.3, adoption=0.5, months=36,
        rate_per_year=0.12, runs=60, successes=45, cost_of_a_run=costs,
        benefit={"base": 18.0, "upside": 18.0, "full": 18.0},
    )  # fmt: skip
    ours = forecast(given, "base")
    chance, rate = random.Random(3), 1.12 ** (1 / 12) - 1  # noqa: S311 - statistics
    found: list[float] = []
    for _ in range(20_000):
        cases, adoption = 200 * chance.uniform(0.7, 1.3), chance.uniform(0.5, 1)
        cost = chance.choice(costs.tolist()) * chance.uniform(0.7, 1.3)
        net = cases * adoption * (chance.betavariate(45.5, 15.5) * 18 - cost) - 150
        found.append(sum(net / (1 + rate) ** month for month in range(1, 37)) - 30_000)
    found.sort()
    spread = found[18_000] - found[2_000]
    assert abs(ours.p_npv_positive - sum(value > 0 for value in found) / 20_000) < 0.02
    for told, place in ((ours.npv_p10, 2_000), (ours.npv_p50, 10_000), (ours.npv_p90, 18_000)):
        assert abs(told - found[place]) < spread / 30
    assert ours == forecast(given, "base"), "the same data give the same forecast"
    assert {swing.driver for swing in ours.tornado} == {"cases", "adoption", "success_rate", "cost_of_a_run"}
    widths = [abs(swing.at_p90 - swing.at_p10) for swing in ours.tornado]
    assert widths == sorted(widths, reverse=True)
    assert median(found) == pytest.approx(ours.npv_p50, abs=spread / 30)


def test_lines_hold_those_before_them() -> None:
    """Base is cash; upside adds avoidance; full adds only the hours that are shown to be redeployed."""
    found = benefits(Terms.model_validate(TERMS))
    assert found == {"base": 21.5 * 0.3, "upside": pytest.approx(21.5 * 0.5), "full": pytest.approx(21.5 * 0.75)}
    assert benefits(Terms()) == {"base": 0.0, "upside": 0.0, "full": 0.0}
