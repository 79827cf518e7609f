"""The signals of the kill switch: what each one counts, when it speaks, and when it holds its tongue."""

from __future__ import annotations

from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gonogo.monitors.findings import VERSIONS, Finding
from gonogo.monitors.signals import Blocks, Bounds, Circle, Loop, Progress, Velocity
from gonogo.policy.limits import BlocksLimit, BoundsLimit, CircleLimit, Limits, LoopLimit, ProgressLimit, SpendLimit


def calls(loop: Loop, words: str) -> list[int]:
    """Make one call for each letter, and return the places at which the loop was found."""
    return [place for place, word in enumerate(words) if loop.call("read", word) is not None]


class TestLoop:
    """The same again."""

    def test_the_sixth_identical_call_in_a_row_is_one_too_many(self) -> None:
        """Five are allowed."""
        assert calls(Loop(LoopLimit()), "aaaaa") == []
        assert calls(Loop(LoopLimit()), "aaaaaa") == [5]

    def test_another_call_in_between_starts_the_row_anew(self) -> None:
        """In a row means in a row."""
        assert calls(Loop(LoopLimit()), "aaaaabaaaaa") == []

    def test_the_same_arguments_of_another_tool_are_another_call(self) -> None:
        """Name and arguments, both."""
        loop = Loop(LoopLimit())
        assert [loop.call(f"tool{place % 7}", "x") for place in range(7)] == [None] * 7

    @pytest.mark.parametrize("cycle", ["ab", "abc", "abcd", "aabb"])
    def test_a_fifth_round_of_a_short_cycle_is_one_too_many(self, cycle: str) -> None:
        """It is found at the first call of that round, before the call is made."""
        assert calls(Loop(LoopLimit()), cycle * 4) == []
        assert calls(Loop(LoopLimit()), cycle * 5)[0] == len(cycle) * 4

    def test_a_longer_cycle_than_declared_is_no_loop(self) -> None:
        """The evaluator of a review goes round with other versions, and long rounds are nobody's loop."""
        assert calls(Loop(LoopLimit()), "abcde" * 8) == []
        assert calls(Loop(LoopLimit(cycle_length=5)), "abcde" * 5)[0] == 20

    def test_who_may_poll_more_often_is_not_caught_by_the_cycles_instead(self) -> None:
        """A row of one call is no cycle of two."""
        assert calls(Loop(LoopLimit(repeats=50)), "a" * 50) == []
        assert calls(Loop(LoopLimit(repeats=50)), "a" * 51) == [50]

    def test_what_is_off_finds_nothing(self) -> None:
        """And what only flags says so."""
        assert calls(Loop(LoopLimit(action="off")), "a" * 20) == []
        found = [Loop(LoopLimit(action="flag", repeats=1))]
        (finding,) = [finding for _ in range(2) if (finding := found[0].call("read", "a")) is not None]
        assert (finding.action, finding.judge, finding.threshold, finding.observed) == ("flag", "loop@1", 1, 2)

    @given(st.lists(st.integers(0, 9_999), unique=True, max_size=60))
    def test_calls_that_all_differ_are_never_a_loop(self, numbers: list[int]) -> None:
        """Whatever they are."""
        loop = Loop(LoopLimit())
        assert not [number for number in numbers if loop.call("read", str(number)) is not None]

    @given(st.text("ab", max_size=40), st.integers(1, 4), st.data())
    def test_every_repetition_beyond_the_limit_is_found_whatever_came_before(
        self, before: str, length: int, data: st.DataObject
    ) -> None:
        """Five rounds of a cycle, or six of one call, never pass."""
        cycle = data.draw(st.text("abcd", min_size=length, max_size=length))
        assert calls(Loop(LoopLimit()), before + cycle * 6)


class TestProgress:
    """Nothing new."""

    def test_results_that_were_seen_before_bring_nothing(self) -> None:
        """So many in a row, whatever was asked for."""
        progress = Progress(ProgressLimit(operations=3))
        assert progress.done("read", b"[]") is None
        found = [progress.done("read", b"[]") for _ in range(3)]
        assert found[:2] == [None, None]
        assert found[2] is not None
        assert (found[2].monitor, found[2].observed) == ("no_progress", 3)

    def test_one_new_result_starts_the_count_anew(self) -> None:
        """Slow progress is progress."""
        progress = Progress(ProgressLimit(operations=3))
        for number in range(20):
            assert progress.done("read", b"[]") is None
            assert progress.done("read", b"%d" % number) is None

    def test_failures_bring_nothing(self) -> None:
        """A tool that fails and fails is the silent loop of retries."""
        progress = Progress(ProgressLimit(operations=4))
        assert [progress.done("pay", None) is not None for _ in range(4)] == [False, False, False, True]

    def test_the_same_result_of_another_tool_is_news(self) -> None:
        """That two tools say nothing are two facts."""
        progress = Progress(ProgressLimit(operations=2))
        assert not any(progress.done(f"tool{number}", b"[]") for number in range(9))


class TestCircle:
    """Work that comes back."""

    def test_the_second_hand_over_to_somebody_before_in_the_chain_halts(self) -> None:
        """The first is flagged; what goes forward is nobody's business."""
        circle = Circle(CircleLimit())
        assert circle.handed("research", "cyd", ["ada", "bob"]) is None
        first, second = (circle.handed("research", "ada", ["ada", "bob"]) for _ in range(2))
        assert first is not None
        assert second is not None
        assert (first.action, second.action, second.observed) == ("flag", "halt", 2)
        assert first.what.endswith("ada -> bob -> ada.")

    def test_what_is_switched_off_says_nothing(self) -> None:
        """However often."""
        circle = Circle(CircleLimit(action="off"))
        assert {circle.handed("research", "ada", ["ada"]) for _ in range(5)} == {None}


class TestBounds:
    """Where nobody sent it."""

    def test_the_first_call_out_of_bounds_is_flagged_and_the_second_halts(self) -> None:
        """As declared."""
        bounds = Bounds(BoundsLimit())
        first, second = bounds.refused("vault", "the scope"), bounds.refused("vault", "the scope")
        assert first is not None
        assert second is not None
        assert (first.action, second.action, second.observed) == ("flag", "halt", 2)

    def test_a_limit_of_one_halts_at_once(self) -> None:
        """Where one is enough."""
        found = Bounds(BoundsLimit(calls=1)).refused("vault", "the scope")
        assert found is not None
        assert found.action == "halt"


class TestBlocks:
    """Refused, and refused again."""

    def test_so_many_refusals_within_the_window_halt(self) -> None:
        """Five in ten minutes."""
        blocks = Blocks(BlocksLimit())
        assert [blocks.refused("pay", at) is not None for at in range(5)] == [False] * 4 + [True]

    def test_refusals_that_are_far_apart_do_not(self) -> None:
        """They leave the window."""
        blocks = Blocks(BlocksLimit())
        assert not any(blocks.refused("pay", at * 150.0) for at in range(40))


class TestVelocity:
    """Spending that runs away."""

    def test_what_is_declared_may_be_spent_and_not_one_unit_more(self) -> None:
        """Money and tokens, each on its own."""
        money = Velocity("spend_velocity", SpendLimit(usd=Decimal("0.01"), rise_percent=None))
        assert money.spent(10_000, 10**9, 0) is None
        found = money.spent(1, 0, 1)
        assert found is not None
        assert (found.threshold, found.observed, found.unit, found.basis) == (10_000, 10_001, "micro-USD", "declared")
        tokens = Velocity("spend_velocity", SpendLimit(tokens=100, rise_percent=None))
        assert tokens.spent(10**9, 100, 0) is None
        assert tokens.spent(0, 1, 1) is not None

    def test_the_window_rolls(self) -> None:
        """What was spent a minute ago does not count any more."""
        velocity = Velocity("spend_velocity", SpendLimit(tokens=100, rise_percent=None))
        assert not any(velocity.spent(0, 100, at * 60.0) for at in range(50))
        assert velocity.spent(0, 1, 49 * 60 + 59.9) is not None

    def test_six_times_the_peak_of_earlier_runs_is_a_rise_of_500_percent(self) -> None:
        """One token less is not."""
        limit = SpendLimit(rise_percent=500)
        assert Velocity("spend_velocity", limit).spent(0, 5_999, 0, (0, 1_000)) is None
        found = Velocity("spend_velocity", limit).spent(0, 6_000, 0, (0, 1_000))
        assert found is not None
        assert (found.threshold, found.observed, found.basis) == (6_000, 6_000, "baseline")

    def test_without_history_only_the_declared_limit_holds(self) -> None:
        """Nothing is compared with nothing, and nothing with zero."""
        assert Velocity("spend_velocity", SpendLimit()).spent(10**12, 10**12, 0) is None
        assert Velocity("spend_velocity", SpendLimit()).spent(10**12, 10**12, 0, (0, 0)) is None

    def test_its_sum_is_that_of_the_window_whatever_came(self) -> None:
        """Compared with adding up anew each time."""
        rng, seen, at = Random(7), list[tuple[float, int]](), 0.0  # noqa: S311 - varied and repeatable, not secret
        velocity = Velocity("spend_velocity", SpendLimit(tokens=3_000, rise_percent=None))
        for _ in range(500):
            at += rng.random() * 10
            seen.append((at, rng.randrange(400)))
            should = sum(tokens for when, tokens in seen if when > at - 60) > 3_000
            assert (velocity.spent(0, seen[-1][1], at) is not None) is should


def test_every_monitor_has_a_limit_and_a_version() -> None:
    """What judges is named in evidence with both."""
    assert set(VERSIONS) | {"history_runs"} == set(Limits.model_fields)
    assert Finding("hours", "flag", "run", "", 0, 0, "").judge == "hours@1"
