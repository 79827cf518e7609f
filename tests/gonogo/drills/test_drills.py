"""The drill: every runaway is caught by its own monitor, and a drill that is not caught says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest

from gonogo.cli.looking import told as line_of
from gonogo.drills.abort import drill_abort, percentile
from gonogo.drills.ground import write_law
from gonogo.drills.housed import recorded
from gonogo.drills.logbook import logged
from gonogo.drills.runaways import SIGNALS, catcher
from gonogo.drills.trials import attempt, fly_here, scratch
from gonogo.errors import ToolFailed
from gonogo.evidence.journals import journal_of
from gonogo.evidence.ledger import only
from gonogo.monitors.findings import VERSIONS
from gonogo.settings import Settings, settings
from tests.gonogo.toy import POLICIES

if TYPE_CHECKING:
    from pathlib import Path

    from gonogo.drills.runaways import Signal

LIMIT_US = 60_000_000
"""Generous: how fast it is, is measured by the drill itself, not asserted on a busy machine."""


@pytest.fixture(name="home")
def _home(tmp_path: Path) -> Settings:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    return settings().model_copy(update={"home": tmp_path / "home", "policy_folder": POLICIES, "model": None})


@pytest.mark.parametrize("signal", SIGNALS)
async def test_a_runaway_is_caught_by_its_own_monitor_and_bystanders_stand_still(
    signal: Signal, tmp_path: Path, home: Settings
) -> None:
    """The switch is thrown by that very signal; every flight ends aborted; a later one does nothing."""
    write_law(tmp_path / "law")
    trial = await attempt(scratch(home, tmp_path / "trial", tmp_path / "law"), signal, fly_here, LIMIT_US)
    assert trial.caught, trial.why
    assert trial.effects_after == 0


async def test_a_drill_whose_monitor_sleeps_is_not_passed(tmp_path: Path, home: Settings) -> None:
    """The drill finds out; it does not take the monitor's word."""
    law = tmp_path / "law"
    write_law(law)
    limits = orjson.loads((law / "monitors.yaml").read_bytes())
    limits["agents"]["drill_loop"]["loop"]["action"] = "off"
    (law / "monitors.yaml").write_bytes(orjson.dumps(limits))
    trial = await attempt(scratch(home, tmp_path / "trial", law), "loop", fly_here, LIMIT_US)
    assert not trial.caught


async def test_what_a_drill_came_to_is_evidence_in_the_real_home(home: Settings) -> None:
    """And nothing else of it is: the runaways flew elsewhere."""
    rows = await drill_abort(home, trials=1, lanes=["batch"], signals=["out_of_bounds"], drill_id="drill-1")
    journal = journal_of(home)
    assert journal.run_ids() == ["drill-1"]
    (row,) = recorded(journal, "drill-1")
    assert row == rows[0]
    assert (row.signal, row.trials, row.caught) == ("out_of_bounds", 1, 1)
    first, *_, last = only(journal.read_flight("drill-1"), "run_record")
    assert (first.data["mission"], last.data["phase"]) == ("drill_abort", "result")
    assert last.data["status"] == ("done" if row.passed else "failed")
    (told,) = only(journal.read_flight("drill-1"), "drill_record")
    assert "out_of_bounds in batch" in line_of(told)


async def test_a_drill_that_breaks_off_is_recorded_as_failed(home: Settings) -> None:
    """Nobody takes half a drill for a whole one."""

    async def break_off() -> None:
        async with logged(home, "abort", "drill-1") as note:
            note({"passed": True})
            raise ToolFailed("the ground is gone")

    with pytest.raises(ToolFailed):
        await break_off()
    last = only(journal_of(home).read_flight("drill-1"), "run_record")[-1]
    assert (last.data["status"], last.data["success"]) == ("failed", False)


def test_every_signal_has_a_monitor_that_has_to_catch_it() -> None:
    """And every monitor but those over all runs is drilled."""
    assert {catcher(signal) for signal in SIGNALS} == set(VERSIONS) - {"agent_spend", "mission_spend"}


@pytest.mark.parametrize(("percent", "should"), [(50, 5), (99, 10), (100, 10), (1, 1), (90, 9), (91, 10)])
def test_a_percentile_is_the_nearest_rank(percent: int, should: int) -> None:
    """No value is made up between two that were measured."""
    assert percentile(list(range(1, 11)), percent) == should
