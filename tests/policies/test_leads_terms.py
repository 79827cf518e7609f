"""The terms of the lead law, its fork, and the scorecard in force."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from policies.lead_scorecard import SCORECARD, Scorecard, read_scorecard, scorecard
from policies.leads import CONTACTS_MAX, Lead, LeadRoute, Match, Placement, Profile, Qualification, lead_route

if TYPE_CHECKING:
    from pathlib import Path

    from policies.lead_scorecard import Grade
    from policies.leads import Intent

LEAD: dict[str, Any] = {"lead_id": "LEAD-1", "person": "PER-1", "profile": {"month": "may"}}


def way(grade: Grade, intent: Intent = "open", match: Match = "matched", contacts: int = 0) -> LeadRoute:
    """Return where a lead goes."""
    lead = Lead.model_validate(LEAD | {"profile": {"month": "may", "contacts_this_campaign": contacts}})
    read = Qualification(points=1, grade=grade, scorecard="1@x", intent=intent, confidence_pct=1, summary="s")
    return lead_route(lead, read, Placement(match=match, rationale="r"))


@pytest.mark.parametrize(
    ("went", "expected"),
    [
        pytest.param(way("A"), "book", id="the best are met"),
        pytest.param(way("A", match="private"), "book", id="private clients, too"),
        pytest.param(way("B"), "assign", id="good ones are called"),
        pytest.param(way("B", "asks_for_contact"), "book", id="good ones who ask are met"),
        pytest.param(way("C", "asks_for_contact"), "nurture", id="asking does not make a lead good"),
        pytest.param(way("D"), "nurture", id="cold ones are written to"),
        pytest.param(way("A", match="unknown"), "refer", id="a firm nobody knows goes to people"),
        pytest.param(way("B", match="ambiguous"), "refer", id="a firm that could be two goes to people"),
        pytest.param(way("D", match="unknown"), "nurture", id="a cold lead of an unknown firm is not looked into"),
        pytest.param(way("A", contacts=CONTACTS_MAX), "nurture", id="who was called often is only written to"),
        pytest.param(way("A", contacts=CONTACTS_MAX - 1), "book", id="one contact is left"),
        pytest.param(way("A", "wants_no_contact"), "leave_alone", id="what they want beats what they are worth"),
        pytest.param(way("D", "wants_no_contact", "unknown"), "leave_alone", id="whoever they are"),
    ],
)
def test_the_fork_of_a_lead(went: LeadRoute, expected: LeadRoute) -> None:
    """Wishes beat worth; worth and effort beat curiosity."""
    assert went == expected


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"lead_id": "../../etc"}, "lead_id"),
        ({"company": ""}, "company"),
        ({"country": "Germany"}, "country"),
        ({"expected_value_cents": -1}, "expected_value_cents"),
        ({"expected_value_cents": 10**11}, "expected_value_cents"),
        ({"message": "x" * 4_001}, "message"),
        ({"duration": 261}, "duration"),
        ({"profile": {"month": "may", "duration": 261}}, "duration"),
        ({"profile": {"month": "may", "y": "yes"}}, "y"),
        ({"profile": {}}, "month"),
        ({"profile": {"month": "may", "job": "astronaut"}}, "job"),
        ({"profile": {"month": "may", "contacts_this_campaign": -1}}, "contacts_this_campaign"),
    ],
)
def test_a_malformed_lead_is_no_lead(wrong: dict[str, Any], field: str) -> None:
    """What does not fit is refused with the field that is wrong; what is known too late does not fit."""
    with pytest.raises(ValidationError) as caught:
        Lead.model_validate(LEAD | wrong)
    assert field in ".".join(map(str, caught.value.errors()[0]["loc"]))


def test_the_scorecard_has_points_for_every_attribute_of_a_profile_and_for_no_other() -> None:
    """An attribute without points would be asked for in vain."""
    card = scorecard()
    assert set(card.words) | set(card.numbers) == set(Profile.model_fields)
    assert {"duration", "y"} <= set(card.provenance.left_out)
    assert card.grades["A"] > card.grades["B"] > card.grades["C"]


def test_a_score_is_the_sum_that_anybody_can_add_up() -> None:
    """Base and one number for each attribute, straight from the file."""
    told = yaml.safe_load(SCORECARD.read_text())
    scored = scorecard().score(Profile(month="mar", job="student", last_outcome="success", age=24))
    numbers = {name: told["numbers"][name]["unknown"] for name in ("balance_eur", "days_since_contact")}
    none_yet = ("contacts_this_campaign", "contacts_before")
    first = {name: told["numbers"][name]["ranges"][0]["points"] for name in none_yet}
    words = told["words"]
    expected = (
        told["base_points"] + words["month"]["mar"] + words["job"]["student"] + words["last_outcome"]["success"]
        + words["education"]["unknown"] + words["channel"]["unknown"] + told["numbers"]["age"]["ranges"][0]["points"]
        + sum(numbers.values()) + sum(first.values())
    )  # fmt: skip
    assert scored.points == expected
    assert scored.grade == "A"
    assert scored.scorecard == f"{told['version']}@{scorecard().digest}"


@given(
    st.integers(16, 120) | st.none(),
    st.integers(-1_000_000, 100_000_000) | st.none(),
    st.integers(0, 100_000) | st.none(),
)
def test_every_profile_has_a_score_and_a_grade(age: int | None, balance: int | None, days: int | None) -> None:
    """Unknown, extreme and between two ranges alike."""
    card = scorecard()
    scored = card.score(Profile(month="may", age=age, balance_eur=balance, days_since_contact=days))
    assert scored.points == card.base_points + sum(
        card.attributes(Profile(month="may", age=age, balance_eur=balance, days_since_contact=days)).values()
    )
    assert scored.grade in {"A", "B", "C", "D"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"base_points": "many"}, "base_points"),
        ({"numbers": {"age": {"ranges": []}}}, "ranges"),
        ({"numbers": {"age": {"ranges": [{"at_least": n, "points": 1} for n in (9, 3)]}}}, "must start above"),
        ({"luck": 7}, "luck"),
    ],
)
def test_a_scorecard_that_is_not_whole_is_none(change: dict[str, Any], told: str, tmp_path: Path) -> None:
    """It is an error that names the field, never a guess."""
    path = tmp_path / "card.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(SCORECARD.read_text()) | change))
    with pytest.raises(ValidationError, match=told):
        read_scorecard(path)


def test_a_changed_scorecard_is_another_version(tmp_path: Path) -> None:
    """Every score names the very text it was computed by."""
    path = tmp_path / "card.yaml"
    path.write_text(SCORECARD.read_text() + "\n")
    assert isinstance(read_scorecard(path), Scorecard)
    assert read_scorecard(path).digest != scorecard().digest
