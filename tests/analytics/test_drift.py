"""Drift is called where there is some, not where there is none, and never on too little."""

from __future__ import annotations

import re
from math import comb
from pathlib import Path
from typing import TYPE_CHECKING

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics import drift
from analytics.baselines import baseline_path
from analytics.comparisons import benjamini_hochberg, fisher_exact, rank_sum
from analytics.conformance import EXACT
from analytics.drift import Terms
from analytics.errors import BaselineBroken
from analytics.trials import SCENARIOS, try_scenario
from analytics.warehouse import land

if TYPE_CHECKING:
    from analytics.drift import DriftReport, Finding
    from analytics.trials import Scenario
    from tests.analytics.conftest import Fleet

SMALL = Terms(window_runs=10, minimum_runs=8, minimum_tail_runs=10)
"""Terms for fleets small enough to write by hand."""


def fly(fleet: Fleet, name: str, runs: int, *, failures: int = 0, latency_us: int = 50_000) -> None:
    """Fly runs of one step, the first of which fail; latencies differ by a few percent."""
    for number in range(runs):
        flight = fleet.run(f"{name}-{number:03d}").begin()
        flight.step("assess", latency_us=latency_us + number * latency_us // 100)
        bad = number < failures
        flight.end(None if bad else "paid", status="failed" if bad else "done", success=not bad)


def of(report: DriftReport, monitor: str) -> Finding:
    """Return the one finding of a monitor."""
    hits = [finding for finding in report.findings if finding.monitor == monitor]
    assert len(hits) == 1
    return hits[0]


def test_equal_runs_are_ok(fleet: Fleet) -> None:
    """Nothing beyond chance, and the sentence says what was compared."""
    fly(fleet, "a", 20, failures=1)
    fly(fleet, "b", 10)
    land(fleet.home)
    report = drift.report(fleet.home, SMALL)
    assert report.verdict == "ok"
    outcome = of(report, "outcome_rate")
    assert (outcome.should, outcome.is_now, outcome.n_baseline, outcome.n_current) == (95.0, 100.0, 20, 10)
    assert (outcome.verdict, outcome.severity) == ("ok", "none")
    assert "100.0 % over the latest 10 runs and should be 95.0 %" in outcome.sentence


def test_failing_runs_are_drift_of_high_severity(fleet: Fleet) -> None:
    """From no failures in twenty to eight in ten."""
    fly(fleet, "a", 20)
    fly(fleet, "b", 10, failures=8)
    land(fleet.home)
    report = drift.report(fleet.home, SMALL)
    outcome = of(report, "outcome_rate")
    assert (report.verdict, outcome.verdict, outcome.severity) == ("drift", "drift", "high")
    assert outcome.p == pytest.approx(comb(10, 8) / comb(30, 8))
    assert (outcome.should, outcome.is_now) == (100.0, 20.0)


def test_a_slower_step_is_drift_and_a_faster_one_is_good_news(fleet: Fleet) -> None:
    """Both directions are said, with their own severity; values are right within a bin."""
    fly(fleet, "a", 20)
    fly(fleet, "b", 10, latency_us=150_000)
    land(fleet.home)
    median = of(drift.report(fleet.home, SMALL), "latency_p50")
    assert (median.step, median.verdict, median.severity) == ("assess", "drift", "medium")
    assert median.should == pytest.approx(54.5, rel=0.03)
    assert median.is_now == pytest.approx(156, rel=0.03)
    assert (median.statistic or 0) > 0
    fly(fleet, "c", 10, latency_us=50_000)
    land(fleet.home)
    faster = of(drift.report(fleet.home, Terms(window_runs=10, minimum_runs=8)), "latency_p50")
    assert faster.severity in {"none", "low"}


def test_a_difference_too_small_to_matter_is_ok(fleet: Fleet) -> None:
    """Beyond chance is not enough: a millisecond more on a millisecond is nobody's business."""
    fly(fleet, "a", 20, latency_us=1_000)
    fly(fleet, "b", 10, latency_us=3_000)
    land(fleet.home)
    median = of(drift.report(fleet.home, SMALL), "latency_p50")
    assert (median.verdict, (median.q or 1) < 0.001) == ("ok", True)
    assert "too small to matter" in median.sentence


def test_too_few_runs_are_never_green(fleet: Fleet) -> None:
    """Below the minimum on either side nothing is tested and nothing is ok."""
    fly(fleet, "a", 5, failures=5)
    fly(fleet, "b", 10)
    land(fleet.home)
    report = drift.report(fleet.home, SMALL)
    assert report.verdict == "not_enough_data"
    # Exact checks need no baseline: ten runs without a violation are enough for these terms.
    compared = [finding for finding in report.findings if finding.test != EXACT]
    assert {(finding.verdict, finding.severity, finding.p) for finding in compared} == {
        ("not_enough_data", "unknown", None)
    }
    assert "8 are needed on each side" in of(report, "outcome_rate").sentence


def test_no_runs_at_all_are_not_enough(fleet: Fleet) -> None:
    """An empty report is no good report."""
    land(fleet.home)
    assert drift.report(fleet.home).verdict == "not_enough_data"


def test_runs_that_still_fly_are_not_compared(fleet: Fleet) -> None:
    """Only what has ended has an outcome."""
    fly(fleet, "a", 20)
    fly(fleet, "b", 9)
    for number in range(5):
        fleet.run(f"open-{number}").begin().step("assess", latency_us=9_000_000)
    land(fleet.home)
    assert of(drift.report(fleet.home, SMALL), "latency_p50").n_current == 10


def test_a_sealed_baseline_stays_what_should_be(fleet: Fleet) -> None:
    """Slow drift cannot move the reference; runs of before the sealing are not compared with themselves."""
    fly(fleet, "a", 20)
    land(fleet.home)
    drift.seal_baseline(fleet.home)
    assert drift.report(fleet.home, SMALL).verdict == "not_enough_data"
    fly(fleet, "b", 30, failures=30)
    land(fleet.home)
    sealed = drift.report(fleet.home, SMALL)
    assert of(sealed, "outcome_rate").should == 100.0
    assert (of(sealed, "outcome_rate").n_baseline, sealed.verdict) == (20, "drift")
    assert "sealed at" in sealed.baseline
    baseline_path(fleet.home).unlink()
    assert of(drift.report(fleet.home, SMALL), "outcome_rate").n_baseline == 40


@pytest.mark.parametrize("spoilt", [b"", b"{}", b"[]", b'{"content":{"bins_per_octave":32},"sha256":"0"}'])
def test_a_baseline_that_was_edited_is_refused(fleet: Fleet, spoilt: bytes) -> None:
    """The command says so; the mart carries a finding that is not green."""
    fly(fleet, "a", 2)
    land(fleet.home)
    baseline_path(fleet.home).write_bytes(spoilt)
    with pytest.raises(BaselineBroken, match="seal a new baseline"):
        drift.report(fleet.home)
    fly(fleet, "b", 1)
    land(fleet.home)
    assert fleet.ask("SELECT monitor, verdict FROM findings") == [("baseline", "not_enough_data")]


def test_one_edited_number_breaks_the_seal(fleet: Fleet) -> None:
    """The digest covers every count."""
    fly(fleet, "a", 2)
    land(fleet.home)
    path = drift.seal_baseline(fleet.home)
    told = orjson.loads(path.read_bytes())
    told["content"]["outcomes"][0]["successes"] -= 1
    path.write_bytes(orjson.dumps(told))
    with pytest.raises(BaselineBroken):
        drift.report(fleet.home)


def test_false_alarms_stay_under_the_stated_rate() -> None:
    """On 400 missions without drift at most 5 % are called drifting; the guide states the exact figure."""
    tally = try_scenario(SCENARIOS[0])
    assert tally.share <= 5.0
    assert stated_in_guide(tally.scenario) == f"{tally.share:.1f}"


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SCENARIOS[1:], ids=lambda scenario: scenario.name)
def test_the_guide_states_what_is_detected(scenario: Scenario) -> None:
    """The table of detection rates is this program's output, too."""
    assert stated_in_guide(scenario.name) == f"{try_scenario(scenario).share:.1f}"


def stated_in_guide(scenario: str) -> str:
    """Return the percentage the guide gives for a scenario."""
    guide = Path(__file__).parents[2] / "docs" / "guides" / "drift.md"
    found = re.search(rf"\| {re.escape(scenario)} \| ([0-9.]+) % \|", guide.read_text(encoding="utf-8"))
    assert found is not None, f"docs/guides/drift.md does not state a rate for: {scenario}"
    return found[1]


def test_fisher_is_exact() -> None:
    """The lady tasting tea, and a table done by hand."""
    assert fisher_exact(4, 4, 0, 4) == pytest.approx(2 / 70)
    assert fisher_exact(3, 4, 1, 4) == pytest.approx(34 / 70)
    assert fisher_exact(0, 0, 3, 5) == 1.0
    assert fisher_exact(5, 10, 50, 100) == pytest.approx(1.0)


@given(st.data())
def test_fisher_agrees_with_counting_every_table(data: st.DataObject) -> None:
    """Against integer arithmetic that enumerates all tables with the same margins."""
    size_a, size_b = data.draw(st.integers(1, 25)), data.draw(st.integers(1, 25))
    hits_a, hits_b = data.draw(st.integers(0, size_a)), data.draw(st.integers(0, size_b))
    hits = hits_a + hits_b

    def ways(in_a: int) -> int:
        return comb(size_a, in_a) * comb(size_b, hits - in_a) if 0 <= hits - in_a <= size_b else 0

    seen = ways(hits_a)
    counted = sum(ways(in_a) for in_a in range(size_a + 1) if ways(in_a) <= seen)
    assert fisher_exact(hits_a, size_a, hits_b, size_b) == pytest.approx(counted / comb(size_a + size_b, hits))


def test_rank_sum_by_hand() -> None:
    """A = 1, 2, 3 and B = 4, 5, 6: every pair is won, z is 4.5 over the root of 5.25."""
    assert rank_sum(9.0, 3, 3, 0.0).z == pytest.approx(4.5 / 5.25**0.5)
    assert rank_sum(4.5, 3, 3, 0.0).p == pytest.approx(1.0)
    assert rank_sum(0.0, 0, 3, 0.0).p == 1.0
    assert rank_sum(4.5, 3, 3, 6.0**3 - 6).p == 1.0, "all values equal"


def test_benjamini_hochberg_by_hand() -> None:
    """Four p-values: each times four over its rank, made monotone from the largest down."""
    assert benjamini_hochberg([0.01, 0.04, 0.03, 0.5]) == pytest.approx([0.04, 4 * 0.04 / 3, 4 * 0.04 / 3, 0.5])
    assert benjamini_hochberg([]) == []
