"""Divergence: a run never goes on under something else than it began with in silence."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from gonogo.errors import Diverged
from gonogo.evidence.journal import FileJournal
from tests.gonogo.toy import POLICIES
from tests.gonogo.toy.errands import Errand, errand, park

if TYPE_CHECKING:
    from pathlib import Path

    from gonogo.evidence.records import Record

WAITING = Errand(needs_papers=True)


def flight(home: Path) -> list[Record]:
    """Return the run's records."""
    return FileJournal(home / "journals").read_flight("r1")


def change_the_mission(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the mission's source be another."""
    monkeypatch.setattr(errand, "charter", errand.charter.model_copy(update={"digest": "f" * 64}))


async def test_a_changed_mission_stops_the_run_before_it_does_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence names both versions and both ways out; not one record is added."""
    await park(WAITING, tmp_path)
    before = len(flight(tmp_path))
    change_the_mission(monkeypatch)
    with pytest.raises(Diverged, match=r"The source of errand changed since run r1 began .* GONOGO_CHANGED_MISSIONS"):
        await park(WAITING, tmp_path)
    assert len(flight(tmp_path)) == before


async def test_a_changed_mission_goes_on_where_the_operator_accepts_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the evidence says what changed into what, once."""
    await park(WAITING, tmp_path)
    began = errand.charter.digest
    change_the_mission(monkeypatch)
    for _ in range(2):
        assert (await park(WAITING, tmp_path, changed_missions="continue")).status == "waiting"
    changes = [r.data["versions"] for r in flight(tmp_path) if r.data.get("event") == "changed_under_run"]
    assert [[(row["object"], row["from"], row["digest"]) for row in each] for each in changes] == [
        [("mission", began, "f" * 64)]
    ]


async def test_a_changed_law_is_recorded_and_goes_on(tmp_path: Path) -> None:
    """What is not decided yet is decided under the law as it is."""
    policies = shutil.copytree(POLICIES, tmp_path / "policies")
    home = tmp_path / "home"
    await park(WAITING, home, policies=policies)
    (policies / "toy.cedar").write_text((policies / "toy.cedar").read_text() + "\n// reviewed\n")
    assert (await park(WAITING, home, policies=policies)).status == "waiting"
    (change,) = [r for r in flight(home) if r.data.get("event") == "changed_under_run"]
    (row,) = change.data["versions"]
    assert (row["object"], row["from"]) == ("policy", flight(home)[0].fields["policydigest"])
    assert row["digest"] == change.fields["policydigest"] != row["from"]


async def test_a_run_that_goes_on_unchanged_says_nothing(tmp_path: Path) -> None:
    """Its versions are recorded once."""
    for _ in range(3):
        await park(WAITING, tmp_path)
    assert sum(record.artifact == "version_log" for record in flight(tmp_path)) == 1
