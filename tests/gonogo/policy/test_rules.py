"""Annotations about who answers: how strong the proof, how many people, in which order."""

from __future__ import annotations

from pathlib import Path

import pytest

from gonogo.errors import PolicyBroken
from gonogo.policy.rules import Need, needs_of, rules_of


def of(notes: str, effect: str = "forbid") -> str:
    """Return a policy with annotations."""
    return f'@id("a") @because("B.") {notes} {effect} (principal, action, resource);'


@pytest.mark.parametrize(
    ("notes", "told"),
    [
        ('@gate("m") @risk("huge")', r'@risk\("huge"\) is none of low, medium, high'),
        ('@gate("m") @risk("")', "is none of low, medium, high"),
        ('@risk("low")', "@risk says how a @gate is answered, and there is none"),
        ('@quorum("2")', "@quorum says how a @gate is answered"),
        ('@order("2")', "@order says how a @gate is answered"),
        ('@gate("m") @quorum("0")', "no whole number from 1 to 9"),
        ('@gate("m") @quorum("10")', "no whole number from 1 to 9"),
        ('@gate("m") @quorum("two")', "no whole number from 1 to 9"),
        ('@gate("m") @quorum("-1")', "no whole number from 1 to 9"),
        ('@gate("m") @order("1.5")', "no whole number from 1 to 99"),
    ],
)
def test_an_annotation_that_nobody_can_mean_is_refused(notes: str, told: str) -> None:
    """Read kindly it would ask for less than its author wanted."""
    with pytest.raises(PolicyBroken, match=told):
        rules_of(Path("toy.cedar"), of(notes))


def test_the_strictest_rule_of_a_role_says_what_its_go_takes() -> None:
    """The higher risk of one and the larger quorum of another; a role whose rules say nothing is not there."""
    texts = ('@gate("m") @risk("medium")', '@gate("m") @quorum("2") @risk("low")', '@gate("n")')
    hit = [rule for text in texts for rule in rules_of(Path("toy.cedar"), of(text))]
    assert needs_of(hit) == {"m": Need(risk="medium", quorum=2)}
