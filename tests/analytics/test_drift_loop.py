"""The loop on real evidence: a mission drifts, somebody owns it, later runs close it, the warehouse tells it all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from analytics import drift
from analytics.warehouse import land
from gonogo import docket
from gonogo.settings import settings, using
from tasks import drift_docket

if TYPE_CHECKING:
    from tests.analytics.conftest import Fleet

ROOT = Path(__file__).parents[2]


def fly(fleet: Fleet, name: str, runs: int, *, bad_in_three: int = 0) -> None:
    """Fly runs, of which so many in three fail."""
    for number in range(runs):
        bad = number % 3 < bad_in_three
        flight = fleet.run(f"{name}-{number:03d}").begin()
        flight.end(None if bad else "paid", status="failed" if bad else "done", success=not bad)


@pytest.mark.slow
def test_a_finding_lives_from_the_drift_until_later_runs_show_it_gone(fleet: Fleet) -> None:
    """Nothing closes it in between: no second look, no landing, no few good runs."""
    chosen = settings().model_copy(update={"home": fleet.home, "policy_folder": ROOT / "policies"})
    with using(chosen):
        fly(fleet, "a", 60)
        fly(fleet, "b", 100, bad_in_three=1)
        land(fleet.home)
        (rate,) = [
            entry
            for entry in drift_docket.open_new(chosen, drift.report(fleet.home))
            if entry.found.monitor == "outcome_rate"
        ]
        routed = docket.note_routed(chosen, rate, drift_docket.tell_owner(rate))
        assert routed is not None
        assert drift_docket.verify(chosen, routed) is None
        fly(fleet, "c", 70)
        land(fleet.home)
        assert drift_docket.verify(chosen, routed) is None, "seventy good runs are not enough to say so"
        asked = "SELECT state, severity, owner, verified_runs FROM drift_findings WHERE monitor = 'outcome_rate'"
        assert fleet.ask(asked) == [("routed", "high", "operations", None)]
        fly(fleet, "d", 30)
        land(fleet.home)
        closed = drift_docket.verify(chosen, routed)
        assert closed is not None
        land(fleet.home)
        assert fleet.ask(asked) == [("closed", "high", "operations", 100)]
        assert fleet.one("SELECT count(*) FROM runs WHERE run_id = 'docket'") == 0
        assert fleet.ask("SELECT DISTINCT reason FROM quarantine") == []
