"""Wording: a quantity never reads as more, less or other than it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from dashboards.wording import clock, duration, latency, left, money, percent, plural, spoken, zone

NOW = datetime(2026, 11, 20, 14, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-4, "0 s"), (0, "0 s"), (59.9, "59 s"), (60, "1 min"), (3_599, "59 min"), (7_800, "2 h 10 min"), (7_200, "2 h"),
     (86_400, "1 d"), (90_000, "1 d 1 h")],
)  # fmt: skip
def test_durations_are_said_in_their_two_largest_units(seconds: float, said: str) -> None:
    """And never rounded up."""
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("microseconds", "said"),
    [(None, "—"), (850, "850 µs"), (12_300, "12.3 ms"), (1_420_000, "1.4 s"), (75_000_000, "1 min")],
)
def test_latencies_are_said_in_a_unit_that_fits(microseconds: float | None, said: str) -> None:
    """From microseconds to minutes."""
    assert latency(microseconds) == said


@pytest.mark.parametrize(
    ("micros", "said"),
    [(None, "—"), (0, "0.00 USD"), (3, "< 0.0001 USD"), (18_700, "0.0187 USD"), (1_000_000, "1.00 USD"),
     (1_234_567_890, "1,234.57 USD")],
)  # fmt: skip
def test_a_little_money_is_never_shown_as_none(micros: int | None, said: str) -> None:
    """Small sums keep four decimals, large ones two."""
    assert money(micros, "USD") == said


@pytest.mark.parametrize(
    ("share", "said"),
    [(None, "—"), (0, "0 %"), (0.0001, "< 0.1 %"), (0.5, "50.0 %"), (0.99996, "> 99.9 %"), (1, "100 %")],
)
def test_all_and_none_are_said_only_where_it_is_exactly_so(share: float | None, said: str) -> None:
    """One failure in a hundred thousand is not 100 %."""
    assert percent(share) == said


def test_a_deadline_is_ahead_or_overdue() -> None:
    """The word changes the moment it passes."""
    assert left(NOW + timedelta(minutes=3), NOW) == "3 min left"
    assert left(NOW, NOW) == "overdue by 0 s"
    assert left(None, NOW) == "no deadline"


@pytest.mark.parametrize("name", [None, "", "Nowhere/At_All", "../../etc/passwd", "\0"])
def test_a_time_zone_nobody_knows_is_utc(name: str | None) -> None:
    """Browsers may say anything."""
    assert str(zone(name)) == "UTC"


def test_times_of_other_days_bear_their_date() -> None:
    """And other years their year."""
    berlin = zone("Europe/Berlin")
    assert clock(NOW, NOW, berlin) == "15:05"
    assert clock(NOW - timedelta(days=1), NOW, berlin) == "19 Nov 15:05"
    assert clock(NOW - timedelta(days=400), NOW, berlin) == "16 Oct 2025"


def test_words_of_the_vocabulary_are_said_as_people_say_them() -> None:
    """Underscores are for machines."""
    assert (spoken("no_go"), spoken("fast_track"), plural(1, "run"), plural(2, "run")) == (
        "no-go",
        "fast track",
        "1 run",
        "2 runs",
    )
