"""The scorecard of leads: lift is counted fairly, and on real people it beats the best single feature."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from benchmarks import leads
from policies.lead_scorecard import scorecard

if TYPE_CHECKING:
    from pathlib import Path

needs_data = pytest.mark.skipif(not leads.DATA.exists(), reason="the campaign data is not beside this repository")


@pytest.fixture(scope="module")
def people() -> leads.People:
    """The real people of the campaign."""
    return leads.read_people(leads.DATA)


def test_lift_is_how_many_times_likelier_the_best_scored_tenth_buys() -> None:
    """Ten people, two buyers: a card that puts one first has a lift of 5, one that puts none first of 0."""
    bought = np.array([1.0, 0, 0, 0, 0, 1, 0, 0, 0, 0])
    scores = np.arange(10.0, 0.0, -1.0)
    assert leads.lift(scores, bought) == pytest.approx(5.0)
    assert leads.lift(-scores, bought) == pytest.approx(0.0)


def test_equal_scores_are_worth_no_more_than_chance_whatever_the_order_of_the_file() -> None:
    """A score that says nothing has a lift of 1, also where all buyers stand first."""
    bought = np.array([1.0] * 20 + [0.0] * 80)
    assert leads.lift(np.zeros(100), bought) == pytest.approx(1.0)
    assert leads.lift(np.zeros(100), bought[::-1].copy()) == pytest.approx(1.0)


def test_without_the_data_the_command_says_so_and_is_no_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A reason and the way out on standard error; no figure."""
    assert leads.main(["--data", str(tmp_path / "none.csv")]) == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "none.csv is not here; name the file with --data" in printed.err


@needs_data
def test_on_people_it_was_not_fitted_to_the_scorecard_beats_the_best_single_feature(people: leads.People) -> None:
    """Not by luck of this sample: the whole interval of the difference is above zero."""
    found = leads.compare(scorecard(), people, people.held_out)
    assert found.scorecard > found.baseline > 1.0
    assert found.gain[0] > 0
    assert found.feature not in {"duration", "y"}


@needs_data
def test_the_scorecard_in_force_is_what_the_command_derives(people: leads.People, tmp_path: Path) -> None:
    """From the training part alone, byte for byte; nobody changed a point by hand."""
    leads.write(leads.fit(people, ~people.held_out), tmp_path / "card.yaml")
    assert (tmp_path / "card.yaml").read_text() == leads.SCORECARD.read_text()


@needs_data
def test_nobody_judges_the_points_they_were_part_of(people: leads.People) -> None:
    """The outcomes of those who judge do not matter for the points."""
    other = np.where(people.held_out, 1 - people.bought, people.bought)
    swapped = leads.People(people.rows, people.profiles, other)
    assert leads.fit(swapped, ~people.held_out) == leads.fit(people, ~people.held_out)
    assert scorecard().provenance.training_rows == int((~people.held_out).sum())
