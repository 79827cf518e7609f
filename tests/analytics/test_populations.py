"""Mixes and distributions are compared by tests that hold at the size of a window."""

from __future__ import annotations

from math import exp, factorial
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.comparisons import chi_square_tail, compare_mix, fisher_exact, kolmogorov_smirnov
from analytics.populations import median, middle, wins

MIX = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(1, 400), min_size=1)


@given(st.floats(0, 400), st.integers(1, 40))
def test_the_chi_square_tail_of_even_freedom_is_its_finite_sum(statistic: float, pairs: int) -> None:
    """For 2k degrees of freedom the tail is a Poisson sum that can be done by hand."""
    half = statistic / 2
    exactly = exp(-half) * sum(half**k / factorial(k) for k in range(pairs))
    assert chi_square_tail(statistic, 2 * pairs) == pytest.approx(min(1.0, exactly), rel=1e-9, abs=1e-300)


def test_the_chi_square_tail_is_the_one_of_the_tables() -> None:
    """Critical values as printed in any textbook."""
    for statistic, freedom, tail in ((3.841, 1, 0.05), (6.635, 1, 0.01), (7.815, 3, 0.05), (18.307, 10, 0.05)):
        assert chi_square_tail(statistic, freedom) == pytest.approx(tail, rel=2e-3)
    assert chi_square_tail(0, 3) == 1.0


@given(MIX)
def test_a_mix_is_no_different_from_itself(mix: dict[str, int]) -> None:
    """Nothing moved."""
    tested = compare_mix(mix, mix)
    assert tested.p == pytest.approx(1.0)
    assert tested.distance == pytest.approx(0.0, abs=1e-12)


@given(MIX, MIX)
def test_a_mix_test_is_symmetric_and_within_bounds(a: dict[str, int], b: dict[str, int]) -> None:
    """Which sample came first does not matter."""
    one, other = compare_mix(a, b), compare_mix(b, a)
    assert one.p == pytest.approx(other.p)
    assert 0 <= one.p <= 1
    assert 0 <= one.distance <= 1 + 1e-12
    assert one.distance == pytest.approx(other.distance)


def test_two_kinds_are_compared_exactly() -> None:
    """A table of two by two needs no approximation."""
    tested = compare_mix({"a": 90, "b": 10}, {"a": 70, "b": 30})
    assert (tested.test, tested.p) == ("fisher", fisher_exact(90, 100, 70, 100))


def test_nothing_in_common_is_a_whole_bit() -> None:
    """The distance has a scale."""
    assert compare_mix({"a": 50}, {"b": 50}).distance == pytest.approx(1.0)


def test_many_rare_kinds_do_not_cry_wolf() -> None:
    """A hundred kinds of one each, drawn from the same: an uncorrected test would call nearly all of them."""
    random = Random(3)  # noqa: S311 - a simulation, not a secret
    called = 0
    for _ in range(200):
        a, b = ({str(k): 1 for k in random.sample(range(1_000), 100)} for _ in range(2))
        called += compare_mix(a, b).p < 0.01
    assert called == 0


def test_an_empty_side_says_nothing() -> None:
    """Absent data is no difference."""
    assert compare_mix({}, {"a": 3}).p == 1.0
    assert kolmogorov_smirnov({}, {1: 3}) == (0.0, 1.0)


def test_the_distance_of_distributions_by_hand() -> None:
    """Half of the second sample lies beyond all of the first."""
    apart = kolmogorov_smirnov({1: 50, 2: 50}, {2: 50, 3: 50})
    assert apart.d == pytest.approx(0.5)
    assert apart.p < 1e-9
    assert kolmogorov_smirnov({1: 10}, {1: 30}).p == 1.0


@given(st.integers(-400, 900))
def test_the_middle_of_a_bin_lies_in_the_bin(number: int) -> None:
    """Bins are logarithmic on both sides of zero, and in order."""
    assert middle(number) < middle(number + 1)


def test_ranks_by_hand() -> None:
    """1, 2, 3 against 4, 5, 6: every pair is won."""
    assert wins({1: 1, 2: 1, 3: 1}, {4: 1, 5: 1, 6: 1}) == (9.0, 3, 3, 0.0)
    assert wins({1: 2}, {1: 2}) == (2.0, 2, 2, 60.0)
    assert median({}) is None
