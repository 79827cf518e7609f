"""Anomalies of single calls: unusual tools, recipients, amounts and hours, before the effect."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Any

import pytest

from gonogo.monitors.anomalies import MIX_CALLS_MIN, Mix, Recipients, amount, hour
from gonogo.monitors.habits import Habits, mark_of
from gonogo.policy.limits import AmountsLimit, HoursLimit, MixLimit, RecipientsLimit

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC).timestamp()
"""A Wednesday."""


class TestMix:
    """Tools."""

    def test_a_tool_that_no_earlier_run_used_is_found_at_its_first_call(self) -> None:
        """Before it is called."""
        found = Mix(MixLimit()).call("pay", Habits(runs=30, tools={"read": 4}))
        assert found is not None
        assert (found.basis, found.threshold, found.observed) == ("baseline", 0, 1)

    def test_far_more_calls_than_in_any_earlier_run_are_found(self) -> None:
        """Three times the most is still usual."""
        mix, habits = Mix(MixLimit(times=3)), Habits(runs=30, tools={"read": 4})
        assert not any(mix.call("read", habits) for _ in range(12))
        assert mix.call("read", habits) is not None

    def test_a_handful_of_calls_is_never_a_mix_of_its_own(self) -> None:
        """Once before and twice now says nothing."""
        mix, habits = Mix(MixLimit(times=1)), Habits(runs=30, tools={"read": 1})
        assert not any(mix.call("read", habits) for _ in range(MIX_CALLS_MIN))

    def test_without_history_nothing_is_compared(self) -> None:
        """It is not usual and not unusual."""
        assert Mix(MixLimit()).call("pay", None) is None


class TestRecipients:
    """Whom it turns to."""

    def test_more_new_recipients_a_day_than_declared_are_found(self) -> None:
        """The one that would be too many is not written to."""
        known = Recipients(RecipientsLimit(new_per_day=2))
        assert known.call({"payee": "a"}, NOON, None) is None
        assert known.call({"payee": "b"}, NOON, None) is None
        found = known.call({"payee": "c"}, NOON, None)
        assert found is not None
        assert (found.threshold, found.observed) == (2, 3)

    def test_those_it_knows_and_those_of_today_are_not_new(self) -> None:
        """However they are written."""
        known = Recipients(RecipientsLimit(new_per_day=1))
        habits = Habits(runs=30, recipients=frozenset({mark_of("Ada"), mark_of("Grace")}))
        assert known.call({"to": ["ada", "GRACE "]}, NOON, habits) is None
        assert known.call({"to": "new"}, NOON, habits) is None
        assert known.call({"to": "new"}, NOON, habits) is None
        assert known.call({"to": "newer"}, NOON, habits) is not None

    def test_another_day_begins_anew(self) -> None:
        """By UTC."""
        known = Recipients(RecipientsLimit(new_per_day=1))
        assert not any(known.call({"to": f"{day}"}, NOON + day * 86_400, None) for day in range(9))

    @pytest.mark.parametrize("arguments", [{}, {"to": None}, {"to": 5}, {"to": [1, None]}, {"other": "a"}, {"to": []}])
    def test_arguments_that_name_nobody_are_nobody(self, arguments: dict[str, Any]) -> None:
        """Whatever type they have."""
        assert Recipients(RecipientsLimit(new_per_day=0)).call(arguments, NOON, None) is None


class TestAmounts:
    """How much."""

    def test_more_than_declared_is_found_and_exactly_that_is_not(self) -> None:
        """In the unit of the argument."""
        limit = AmountsLimit(most=500)
        assert amount(limit, "pay", {"amount_cents": 500}, None, 20) is None
        found = amount(limit, "pay", {"amount_cents": 501}, None, 20)
        assert found is not None
        assert (found.threshold, found.observed, found.unit, found.basis) == (500, 501, "amount_cents", "declared")

    def test_far_more_than_the_largest_before_is_found(self) -> None:
        """Of the same tool and argument."""
        habits = Habits(runs=30, amounts={"pay.amount_cents": (20, 1_000), "wire.amount_cents": (20, 9_000)})
        assert amount(AmountsLimit(), "pay", {"amount_cents": 3_000}, habits, 20) is None
        found = amount(AmountsLimit(), "pay", {"amount_cents": 3_001}, habits, 20)
        assert found is not None
        assert found.basis == "baseline"

    def test_too_few_amounts_before_compare_with_nothing(self) -> None:
        """Nineteen of twenty."""
        habits = Habits(runs=30, amounts={"pay.amount_cents": (19, 1)})
        assert amount(AmountsLimit(), "pay", {"amount_cents": 10**9}, habits, 20) is None

    @pytest.mark.parametrize("value", ["501", True, None, 501.5, [501]])
    def test_what_is_no_whole_number_is_no_amount(self, value: object) -> None:
        """Flags and texts are not money."""
        assert amount(AmountsLimit(most=0), "pay", {"amount_cents": value}, None, 20) is None


class TestHours:
    """When."""

    def test_without_declared_hours_nothing_is_watched(self) -> None:
        """The default."""
        assert hour(HoursLimit(), "pay", NOON) is None

    @pytest.mark.parametrize(
        ("begin", "end", "clock", "inside"),
        [
            ((8, 0), (18, 0), (8, 0), True),
            ((8, 0), (18, 0), (17, 59), True),
            ((8, 0), (18, 0), (18, 0), False),
            ((8, 0), (18, 0), (7, 59), False),
            ((22, 0), (6, 0), (23, 0), True),
            ((22, 0), (6, 0), (5, 59), True),
            ((22, 0), (6, 0), (6, 0), False),
            ((22, 0), (6, 0), (12, 0), False),
        ],
    )
    def test_hours_begin_at_their_begin_and_end_before_their_end(
        self, begin: tuple[int, int], end: tuple[int, int], clock: tuple[int, int], *, inside: bool
    ) -> None:
        """Over midnight, too."""
        limit = HoursLimit(begin=time(*begin), end=time(*end))
        at = datetime(2026, 3, 4, *clock, tzinfo=UTC).timestamp()
        assert (hour(limit, "pay", at) is None) is inside

    def test_other_days_are_outside(self) -> None:
        """A Wednesday is no weekend."""
        found = hour(HoursLimit(begin=time(0), end=time(23, 59), days=("sat", "sun")), "pay", NOON)
        assert found is not None
        assert "on wed" in found.what

    def test_hours_are_those_of_their_time_zone(self) -> None:
        """Noon in London is evening in Tokyo."""
        limit = HoursLimit(begin=time(8), end=time(18), timezone="Asia/Tokyo")
        assert hour(limit, "pay", NOON) is not None
