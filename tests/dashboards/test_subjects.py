"""What a finding is about, in words that a person would use."""

from __future__ import annotations

import pytest

from dashboards.figures import subject


@pytest.mark.parametrize(
    ("monitor", "step", "told"),
    [
        ("confidence", "confidence_pct", "how sure agents say they are (confidence pct)"),
        ("input", "claimed_cents", "numbers of the case (claimed cents)"),
        ("latency_p95", "assess_damage", "p95 latency of assess damage"),
        ("outcome_rate", None, "success rate of claims triage"),
    ],
)
def test_a_finding_does_not_say_its_field_twice(monitor: str, step: str | None, told: str) -> None:
    """A field's name often repeats what is watched, so it stands in brackets."""
    assert subject({"monitor": monitor, "step": step, "mission": "claims_triage"}) == told
