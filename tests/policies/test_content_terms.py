"""The terms of the content law, its fork, and the declared rules for texts."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from policies.content import VERSIONS_MAX, Brief, Review, ReviewRoute, Verdict, review_route
from policies.content_rules import ContentRules, content_rules

BRIEF: dict[str, Any] = {
    "brief_id": "B-1",
    "product": "account",
    "channel": "internal",
    "audience_size": 10,
    "headline": "h",
    "points": ["p"],
}


def way(compliance: Verdict, brand: Verdict, version: int = 1) -> ReviewRoute:
    """Return where a reviewed version goes."""
    return review_route(
        Review(reviewer="compliance", version=version, verdict=compliance),
        Review(reviewer="brand", version=version, verdict=brand),
        version,
    )


@pytest.mark.parametrize(
    ("went", "expected"),
    [
        pytest.param(way("passes", "passes"), "publish", id="both pass"),
        pytest.param(way("passes", "passes", VERSIONS_MAX), "publish", id="both pass the last version"),
        pytest.param(way("needs_changes", "passes"), "revise", id="compliance found something"),
        pytest.param(way("passes", "needs_changes"), "revise", id="brand found something"),
        pytest.param(way("passes", "needs_changes", VERSIONS_MAX - 1), "revise", id="one round is left"),
        pytest.param(way("passes", "needs_changes", VERSIONS_MAX), "escalate", id="no round is left"),
        pytest.param(way("needs_changes", "needs_changes", VERSIONS_MAX + 9), "escalate", id="never more"),
        pytest.param(way("not_given", "passes"), "escalate", id="compliance was silent"),
        pytest.param(way("passes", "not_given"), "escalate", id="brand was silent"),
        pytest.param(way("not_given", "needs_changes"), "escalate", id="silence is not repaired"),
    ],
)
def test_the_fork_of_a_reviewed_version(went: ReviewRoute, expected: ReviewRoute) -> None:
    """Both must pass; silence passes nothing; the rounds end."""
    assert went == expected


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"brief_id": "../B"}, "brief_id"),
        ({"channel": "radio"}, "channel"),
        ({"audience_size": 0}, "audience_size"),
        ({"points": []}, "points"),
        ({"points": ["x" * 401]}, "points.0"),
        ({"points": [""]}, "points.0"),
        ({"must_say": ["x"] * 6}, "must_say"),
        ({"approved_by": "the board"}, "approved_by"),
    ],
)
def test_a_malformed_brief_is_no_brief(wrong: dict[str, Any], field: str) -> None:
    """What does not fit is refused with the field that is wrong."""
    with pytest.raises(ValidationError) as caught:
        Brief.model_validate(BRIEF | wrong)
    assert field in ".".join(map(str, caught.value.errors()[0]["loc"]))


def test_a_rule_has_one_name_and_one_reviewer() -> None:
    """A finding that names a rule names who may say so."""
    compliance, brand = content_rules().names("compliance"), content_rules().names("brand")
    assert len(set(compliance + brand)) == len(compliance) + len(brand)


def test_what_is_said_instead_breaks_no_rule_itself() -> None:
    """Otherwise a repair would be a finding of the next round, for ever."""
    rules = content_rules()
    wordings = [*rules.forbidden.values(), rules.plain_words]
    banned = [phrase for wording in wordings for phrase in wording.instead]
    said = [
        *(new for wording in wordings for new in wording.instead.values()),
        *(r.text for r in rules.required.values()),
    ]
    assert not [(phrase, text) for phrase in banned for text in said if f" {phrase} " in f" {text.lower()} "]


def test_required_sentences_fit_the_channels_they_are_required_on() -> None:
    """No product needs more words than its channel has."""
    rules = content_rules()
    for product in ("account", "investment", "credit", "own_shares"):
        for channel, most in rules.words_max.items():
            assert sum(len(text.split()) for text in rules.needed(product, channel).values()) < most // 2


def test_rules_that_are_not_whole_are_none() -> None:
    """An error that names the field, never a review by half of the rules."""
    told = content_rules().model_dump()
    for field in told:
        with pytest.raises(ValidationError, match=field):
            ContentRules.model_validate({name: value for name, value in told.items() if name != field})
