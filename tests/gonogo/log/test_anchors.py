"""Anchors: what is kept in somebody else's repository cannot be changed here, and what is not kept yet is told."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from gonogo.errors import AnchorUnreachable, EvidenceBroken, SettingsBroken
from gonogo.log.anchors import anchor, anchor_if_due, exposure, kept_in
from gonogo.log.verifier import verify
from gonogo.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from tests.gonogo.log.conftest import Home

ORIGIN = "gonogo.evidence/default"


@pytest.fixture
def backend() -> str:
    """Files: the log is the same whatever the journals stand in."""
    return "files"


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """A bare repository that stands elsewhere."""
    path = tmp_path / "elsewhere.git"
    git(tmp_path, "init", "--quiet", "--bare", str(path))
    return path


@pytest.fixture
def chosen(home: Home, remote: Path) -> Settings:
    """The settings of a house that anchors there."""
    return home.settings.model_copy(update={"anchor": str(remote)})


def git(folder: Path, *words: str) -> str:
    """Run git as an operator would."""
    us = ["-c", "user.name=op", "-c", "user.email=op@invalid"]
    return subprocess.run(["git", "-C", folder, *us, *words], capture_output=True, text=True, check=True).stdout


def edit(remote: Path, tmp_path: Path, change: str | None) -> None:
    """Commit another checkpoint to the anchor, or take it out, as somebody may who can push there."""
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--branch", "anchors", str(remote), str(clone))
    path = clone / ORIGIN / "checkpoint"
    if change is None:
        path.unlink()
    else:
        path.write_text(change)
    git(clone, "add", "--all")
    git(clone, "commit", "--quiet", "--message", "tidy up")
    git(clone, "push", "--quiet", "origin", "HEAD:anchors")


def test_every_checkpoint_that_was_anchored_is_compared(home: Home, chosen: Settings, remote: Path) -> None:
    """Oldest first, with the key that was published beside them."""
    notes: list[str] = []
    for run_id in ("r1", "r2", "r3"):
        home.fly(run_id, 3)
        home.sequence()
        notes.append(home.checkpoint)
        assert anchor(chosen).size == len(notes) * 3
    kept = kept_in(str(remote), ORIGIN)
    assert (kept.notes, kept.keys) == (notes, [home.key])
    assert verify(home.log, kept.keys[0], kept.notes).held == 3


def test_what_is_anchored_already_is_not_anchored_again(home: Home, chosen: Settings, remote: Path) -> None:
    """The same commit is named."""
    home.fly("r1", 3)
    home.sequence()
    assert anchor(chosen) == anchor(chosen)
    assert git(remote, "rev-list", "--count", "anchors").strip() == "1"


def test_the_age_is_that_of_the_oldest_record_nobody_else_has(home: Home, chosen: Settings) -> None:
    """From when it was recorded; nothing, once it is anchored."""
    home.fly("r1", 3)
    home.sequence()
    assert exposure(chosen).records == 3
    anchor(chosen)
    assert (exposure(chosen).records, exposure(chosen).age_seconds) == (0, 0)
    home.fly("r1", 2)
    home.sequence()
    found = exposure(chosen)
    fourth = home.journal.read_flight("r1")[3].fields["recordedtime"]
    assert found.records == 2
    assert found.since is not None
    assert found.since.isoformat(timespec="microseconds").replace("+00:00", "Z") == fourth


def test_the_house_anchors_what_is_old_enough_and_nothing_else(home: Home, chosen: Settings) -> None:
    """Where no repository is named, it anchors nothing and does not fail."""
    home.fly("r1", 3)
    home.sequence()
    assert anchor_if_due(home.settings) is None
    assert anchor_if_due(chosen) is None
    done = anchor_if_due(chosen.model_copy(update={"anchor_seconds": 0}))
    assert done is not None
    assert done.size == 3
    assert anchor_if_due(chosen.model_copy(update={"anchor_seconds": 0})) is None


@pytest.mark.parametrize("change", [None, "not a checkpoint\n"])
def test_what_was_anchored_stays_in_the_history_whatever_is_committed_after_it(
    home: Home, chosen: Settings, remote: Path, tmp_path: Path, change: str | None
) -> None:
    """Taken out or written over: it is read from the commits before."""
    home.fly("r1", 3)
    home.sequence()
    anchor(chosen)
    edit(remote, tmp_path, change)
    kept = kept_in(str(remote), ORIGIN)
    assert kept.notes[0] == home.checkpoint
    assert len(kept.notes) == (1 if change is None else 2)
    # Whoever wrote something else there is found out, too.
    assert bool(verify(home.log, home.key, kept.notes).findings) == (change is not None)


def test_a_log_that_was_cut_is_not_anchored(home: Home, chosen: Settings, tmp_path: Path) -> None:
    """The anchor has seen more; to anchor less would bury that."""
    home.fly("r1", 3)
    home.sequence()
    shutil.copytree(home.log, tmp_path / "before")
    home.fly("r1", 2)
    home.sequence()
    anchor(chosen)
    shutil.rmtree(home.log)
    shutil.copytree(tmp_path / "before", home.log)
    with pytest.raises(EvidenceBroken, match="5 entries are anchored, and it holds 3"):
        anchor(chosen)


def test_another_log_of_the_same_name_is_not_anchored(home: Home, chosen: Settings) -> None:
    """As long, and made of other records."""
    home.fly("r1", 3)
    home.sequence()
    anchor(chosen)
    shutil.rmtree(home.log)
    shutil.rmtree(home.settings.home / "journals")
    home.fly("r2", 4)
    home.sequence()
    with pytest.raises(EvidenceBroken, match="not those that are anchored"):
        anchor(chosen)


@pytest.mark.parametrize("what", ["rewritten", "deleted"])
def test_a_remote_whose_history_was_rewritten_is_told(home: Home, chosen: Settings, remote: Path, what: str) -> None:
    """By whoever may push by force there; this home's own mirror remembers."""
    home.fly("r1", 3)
    home.sequence()
    anchor(chosen)
    if what == "rewritten":
        tree = git(remote, "rev-parse", "anchors^{tree}").strip()
        git(remote, "update-ref", "refs/heads/anchors", git(remote, "commit-tree", tree, "-m", "anew").strip())
    else:
        git(remote, "update-ref", "-d", "refs/heads/anchors")
    home.fly("r1", 1)
    home.sequence()
    with pytest.raises(EvidenceBroken, match=r"rewritten|took it out"):
        anchor(chosen)


def test_several_logs_share_a_repository(home: Home, chosen: Settings, remote: Path, tmp_path: Path) -> None:
    """Each under its own name; what another house pushed meanwhile is kept."""
    home.fly("r1", 3)
    home.sequence()
    anchor(chosen)
    other = type(home)(chosen.model_copy(update={"home": tmp_path / "other", "tenant": "acme"}), home.journal)
    other.sequence()
    anchor(other.settings)
    home.fly("r1", 1)
    home.sequence()
    anchor(chosen)
    assert len(kept_in(str(remote), ORIGIN).notes) == 2
    assert kept_in(str(remote), "gonogo.evidence/acme").notes == [other.checkpoint]


def test_a_repository_that_is_not_there_is_told_without_its_password(home: Home) -> None:
    """And the log goes on."""
    home.fly("r1", 1)
    home.sequence()
    lost = home.settings.model_copy(update={"anchor": "https://user:hunter2@localhost:1/anchors.git"})
    with pytest.raises(AnchorUnreachable) as told:
        anchor(lost)
    assert "hunter2" not in str(told.value)
    assert "GONOGO_ANCHOR" in str(told.value)
    assert exposure(lost).records == 1


def test_an_address_that_git_would_read_as_an_option_is_refused(home: Home) -> None:
    """From the settings and from the command line."""
    with pytest.raises(SettingsBroken):
        kept_in("--upload-pack=touch owned", ORIGIN)
    with pytest.raises(ValueError, match="address of a git repository"):
        Settings(anchor="--upload-pack=touch owned", home=home.settings.home)


@pytest.mark.parametrize("address", ["http://git.example.org/a.git", "git://git.example.org/a.git"])
def test_outside_of_dev_no_checkpoint_leaves_the_host_in_the_clear(home: Home, address: str) -> None:
    """Whoever is in between could be the anchor."""
    home.sequence()
    with pytest.raises(SettingsBroken, match="in the clear"):
        anchor(home.settings.model_copy(update={"anchor": address, "environment": "prod"}))


def test_without_a_repository_or_a_log_nothing_is_anchored(home: Home, chosen: Settings, remote: Path) -> None:
    """One sentence with the way out."""
    with pytest.raises(EvidenceBroken, match="gonogo sequence"):
        anchor(chosen)
    with pytest.raises(SettingsBroken, match="GONOGO_ANCHOR"):
        anchor(home.settings)
    with pytest.raises(AnchorUnreachable, match="gonogo anchor"):
        kept_in(str(remote), ORIGIN)
