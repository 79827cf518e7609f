"""The drill of the kill switch where it was hardest to see: in a warm runner, and in one whose server has died."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gonogo.drills.runaways import SIGNALS
from tests.e2e.houses import processes_of

if TYPE_CHECKING:
    from tests.e2e.command import Command

pytestmark = [pytest.mark.server, pytest.mark.slow]


def test_runaways_are_halted_in_a_runner_with_its_server_up_and_with_it_dead(gonogo: Command) -> None:
    """Every signal in both lanes, recorded in the one home; the house that was brought up for it is gone."""
    done = gonogo("drill", "abort", "--lane", "server_down", "--lane", "warm_runner", "--json")
    rows = done.json["rows"]
    assert [(row["lane"], row["signal"]) for row in rows] == [
        (lane, signal) for lane in ("warm_runner", "server_down") for signal in SIGNALS
    ]
    # How fast it was is for a quiet machine to say: what came later than the limit is counted, and no failure here.
    assert [row["signal"] for row in rows if not row["caught"] and not row["effects_after"]] == []
    (run_id,) = gonogo.journal.run_ids()
    assert len(gonogo.told(run_id, "drill_record")) == len(rows)
    assert gonogo("abort", "--list", "--json").json == []
    assert processes_of(gonogo.home) == []
    assert "A house comes up for the drill." in done.err
