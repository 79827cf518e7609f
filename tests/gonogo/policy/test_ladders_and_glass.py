"""What rules say about ladders and emergencies: read once, and refused where they say what nobody can mean."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from gonogo.errors import PolicyBroken
from gonogo.policy.rules import Glass, Need, Rule, Rung, needs_of, rules_of

if TYPE_CHECKING:
    from pathlib import Path

GLASS = '@break_glass("on-call") @reviewer("audit") @review("24h")'
FULL = Glass(role="on-call", reviewer="audit", review_seconds=86_400)


def rule(path: Path, notes: str) -> Rule:
    """Return the one rule that bears these annotations."""
    text = f'@id("r")\n@because("b")\n{notes}\nforbid (principal, action, resource);'
    (found,) = rules_of(path / "x.cedar", text)
    return found


def test_a_ladder_and_a_glass_are_read_as_they_are_written(tmp_path: Path) -> None:
    """Times in seconds since the gate opened."""
    found = rule(tmp_path, f'@gate("manager") @deadline("2d") @escalate("4h director,1d board") {GLASS}')
    rungs = (Rung(role="director", after_seconds=14_400), Rung(role="board", after_seconds=86_400))
    assert found.need == Need(rungs=rungs, glass=FULL)


@pytest.mark.parametrize(
    ("notes", "told"),
    [
        ('@escalate("4h director")', "@escalate says how a @gate is answered, and there is none"),
        ('@gate("m") @deadline("1d") @escalate("")', "is no ladder like"),
        ('@gate("m") @deadline("1d") @escalate("director 4h")', 'escalate("director") is not a time'),
        ('@gate("m") @escalate("4h director")', "comes before the rule's own @deadline"),
        ('@gate("m") @deadline("4h") @escalate("4h director")', "comes before the rule's own @deadline"),
        ('@gate("m") @deadline("1d") @escalate("4h a, 4h b")', "each later than the one before"),
        ('@gate("m") @deadline("1d") @escalate("4h a, 2h b")', "each later than the one before"),
        ('@gate("m") @deadline("1d") @escalate("1h a,2h b,3h c,4h d,5h e,6h f")', "at most 5 rungs"),
        ('@gate("m") @deadline("1d") @escalate("4h m")', "@escalate names m, who is asked anyway"),
        ('@gate("m") @deadline("1d") @escalate("4h a, 5h a")', "names no role twice"),
        (GLASS, "@break_glass says how a @gate is answered, and there is none"),
        ('@gate("m") @break_glass("on-call")', "@break_glass, @reviewer and @review stand together"),
        ('@gate("m") @break_glass("on-call") @reviewer("") @review("24h")', "stand together"),
        ('@gate("m") @break_glass("a") @reviewer("a") @review("24h")', "@reviewer is another role"),
        ('@gate("m") @break_glass("a") @reviewer("b") @review("soon")', '@review("soon") is not a time'),
    ],
)
def test_what_nobody_can_mean_is_refused_by_its_rule(tmp_path: Path, notes: str, told: str) -> None:
    """Nothing starts, and the message names the file and the rule."""
    with pytest.raises(PolicyBroken, match=re.escape(told)) as refused:
        rule(tmp_path, notes)
    assert "x.cedar: r: " in str(refused.value)


def test_one_go_that_lifts_two_rules_is_open_only_to_whom_both_name(tmp_path: Path) -> None:
    """The later rung, the higher risk, the larger quorum; a glass only where both have the same."""
    one = rule(tmp_path, f'@gate("m") @deadline("2d") @escalate("1h a, 2h b") @risk("low") {GLASS}')
    other = rule(tmp_path, f'@gate("m") @deadline("2d") @escalate("3h a, 4h c") @risk("high") @quorum("2") {GLASS}')
    rungs = (Rung(role="a", after_seconds=10_800),)
    assert needs_of([one, other]) == {"m": Need(risk="high", quorum=2, rungs=rungs, glass=FULL)}
    plain = rule(tmp_path, '@gate("m")')
    assert needs_of([one, plain]) == {"m": Need(risk="low")}
    assert needs_of([plain]) == {}
