"""Charts see a change soon, and raise false alarms as often as they were asked to."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.charts import FailureChart, cusum, cusum_limit, ewma, ewma_limit, failure_chart

SCORES = st.lists(st.floats(-4, 4, allow_nan=False), max_size=120)


def test_a_cusum_says_since_when() -> None:
    """Twenty values as ever, then one standard deviation more: the sum last left zero where the change is."""
    alarm = cusum([-1.0, 1.0] * 10 + [1.5] * 20, limit=5.0)
    assert alarm is not None
    assert (alarm.direction, alarm.since) == ("up", 19)
    assert alarm.at == 24


def test_a_fall_is_seen_as_well_as_a_rise() -> None:
    """Both sums run side by side."""
    alarm = cusum([0.0] * 5 + [-2.0] * 5, limit=4.0)
    assert alarm is not None
    assert (alarm.direction, alarm.since, alarm.at) == ("down", 5, 7)
    lower = ewma([0.0] * 5 + [-2.0] * 20, limit=3.0)
    assert lower is not None
    assert lower.direction == "down"


@given(SCORES)
def test_an_alarm_lies_within_what_was_looked_at(scores: list[float]) -> None:
    """It begins before it is seen, and beyond its limit."""
    for alarm in (cusum(scores, 3.0), ewma(scores, 2.0)):
        if alarm is not None:
            assert 0 <= alarm.since <= alarm.at < len(scores)
            assert alarm.statistic > alarm.limit


@given(SCORES, st.floats(1, 8))
def test_a_wider_limit_never_alarms_sooner(scores: list[float], limit: float) -> None:
    """Limits are comparable."""
    near, far = cusum(scores, limit), cusum(scores, limit + 1)
    assert far is None or (near is not None and near.at <= far.at)


@given(SCORES)
def test_mirrored_scores_give_the_mirrored_alarm(scores: list[float]) -> None:
    """Neither direction is favoured."""
    up, down = cusum(scores, 3.0), cusum([-score for score in scores], 3.0)
    assert (up is None) == (down is None)
    if up is not None and down is not None:
        assert up.at == down.at


def test_limits_grow_with_what_is_looked_at_and_with_what_is_not_known() -> None:
    """A longer stretch, a smaller reference, or fewer false alarms: each takes a wider limit."""
    assert cusum_limit(50, 300, 0.01) < cusum_limit(400, 300, 0.01)
    assert cusum_limit(100, 1_000, 0.01) < cusum_limit(100, 60, 0.01)
    assert cusum_limit(100, 300, 0.05) < cusum_limit(100, 300, 0.001)
    assert ewma_limit(50, 300, 0.01) < ewma_limit(400, 300, 0.01)
    assert ewma_limit(100, 300, 0.05) < ewma_limit(100, 300, 0.001)


def test_the_limit_of_a_known_reference_is_the_published_one() -> None:
    """At k = 0.5 and h = 5 there is a mean of 465 values between false alarms on two sides (Hawkins and Olwell 1998).

    Over 100 values that is a chance of about 1 - exp(-100 / 465), a little less for the start at zero.
    """
    assert cusum_limit(100, 1_000_000, 0.186) == pytest.approx(5.0, abs=0.15)


@pytest.mark.parametrize("false_alarm", [0.05, 0.2])
def test_false_alarms_come_as_often_as_asked_for(false_alarm: float) -> None:
    """Simulated with references of fifty values: the chance holds although the reference is hardly known."""
    random = Random(7)  # noqa: S311 - a simulation, not a secret
    length, reference, trials = 100, 50, 1_500
    limit, wide = cusum_limit(length, reference, false_alarm), ewma_limit(length, reference, false_alarm)
    counts = [0, 0]
    for _ in range(trials):
        known = [random.gauss(0, 1) for _ in range(reference)]
        off = sum(known) / reference
        scores = [random.gauss(0, 1) - off for _ in range(length)]
        counts[0] += cusum(scores, limit) is not None
        counts[1] += ewma(scores, wide) is not None
    for count in counts:
        assert 0.4 * false_alarm < count / trials < 1.6 * false_alarm


def test_failures_close_together_raise_an_alarm() -> None:
    """One in twenty is as ever; five in a row are not."""
    chart = failure_chart(15, 300, 100, 0.01)
    steady = [number % 20 == 0 for number in range(100)]
    assert chart.first_alarm(steady) is None
    alarm = chart.first_alarm(steady[:50] + [True] * 12)
    assert alarm is not None
    assert 40 <= alarm.since <= 51, "the failure before may belong to it"


def test_false_alarms_of_failures_come_no_more_often_than_asked_for() -> None:
    """Simulated at one failure in twenty, with the reference drawn anew each time."""
    random = Random(11)  # noqa: S311 - a simulation, not a secret
    trials, alarms = 800, 0
    for _ in range(trials):
        failures = sum(random.random() < 0.05 for _ in range(300))
        chart = failure_chart(failures, 300, 100, 0.05)
        alarms += chart.first_alarm([random.random() < 0.05 for _ in range(100)]) is not None
    assert alarms / trials <= 0.08


@pytest.mark.parametrize("failures", [0, 1, 150, 299, 300])
def test_any_reference_gives_a_chart(failures: int) -> None:
    """None, all, or half of it failed."""
    chart = failure_chart(failures, 300, 100, 0.01)
    assert chart.step >= 1
    assert chart.limit >= 1
    assert FailureChart(chart.step, chart.limit).first_alarm([]) is None
