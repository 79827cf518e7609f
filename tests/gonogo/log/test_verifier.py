"""The verifier: what an attacker does to a log is found as the guide's table says, and what cannot be found is said."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gonogo.log import verifier
from gonogo.log.checkpoints import Checkpoint
from gonogo.log.keys import signer_of
from gonogo.log.tiles import Tiles
from gonogo.log.verifier import verify

if TYPE_CHECKING:
    from tests.gonogo.log.conftest import Home

RECORDS = 300


@pytest.fixture
def backend() -> str:
    """Files: the log is the same whatever the journals stand in."""
    return "files"


@pytest.fixture
def kept(home: Home) -> list[str]:
    """A log of some runs, and the checkpoints that an auditor kept on the way: one in the middle, and the newest."""
    home.fly("r1", RECORDS, ends=True)
    home.sequence()
    middle = home.checkpoint
    home.fly("r2", 20)
    home.sequence()
    return [middle, home.checkpoint]


Attack = Callable[[list[bytes]], list[bytes]]


def swapped(entries: list[bytes]) -> list[bytes]:
    """Let two neighbours change places."""
    return [*entries[:5], entries[6], entries[5], *entries[7:]]


WITHOUT_KEY: dict[str, Attack] = {
    "edit": lambda entries: [*entries[:7], entries[7].replace(b"toy", b"boy"), *entries[8:]],
    "delete": lambda entries: [*entries[:7], *entries[8:]],
    "insert": lambda entries: [*entries[:7], entries[3], *entries[7:]],
    "reorder": swapped,
    "cut": lambda entries: entries[:-5],
    "append": lambda entries: [*entries, entries[-1]],
}


def rewritten(home: Home, attack: Attack, *, sign: bool) -> Path:
    """Return a copy of the log after an attack that makes every tile anew; with the key, it is signed as well."""
    copy = home.log.with_name("copy")
    entries = attack(list(Tiles.open(home.log, RECORDS + 21).all_entries()))
    shutil.copytree(home.log, copy)
    shutil.rmtree(copy / "tile")
    tiles = Tiles(copy)
    for entry in entries:
        tiles.append(entry)
    root = tiles.flush()
    if sign:
        signer = signer_of(home.settings.home / "keys" / "log.pem", "gonogo.evidence/default")
        (copy / "checkpoint").write_text(Checkpoint(signer.name, len(entries), root).signed([signer]))
    return copy


def test_a_log_nobody_touched_is_whole_and_continues_what_was_kept(home: Home, kept: list[str]) -> None:
    """Every checkpoint that was ever signed."""
    report = verify(home.log, home.key, kept)
    assert (report.findings, report.held) == ([], 2)


@pytest.mark.parametrize("name", WITHOUT_KEY)
@pytest.mark.usefixtures("kept")
def test_without_the_key_every_attack_is_found(home: Home, name: str) -> None:
    """By the checkpoint alone, also when every tile was made anew to fit."""
    assert verify(rewritten(home, WITHOUT_KEY[name], sign=False), home.key).findings


@pytest.mark.parametrize("name", ["edit", "delete", "insert", "reorder"])
def test_with_the_key_what_was_kept_finds_it_and_the_chain_of_the_stream_as_well(
    home: Home, kept: list[str], name: str
) -> None:
    """Whoever holds the key signs what they like; they do not sign what an auditor holds."""
    copy = rewritten(home, WITHOUT_KEY[name], sign=True)
    findings = verify(copy, home.key, kept).findings
    assert any("not those of a kept checkpoint" in finding for finding in findings)
    assert any("does not follow" in finding for finding in verify(copy, home.key).findings)


def test_with_the_key_a_log_that_is_made_anew_consistently_is_found_by_what_was_kept_only(
    home: Home, kept: list[str]
) -> None:
    """The stream that was last is gone without a trace in the rest: the exposure that anchoring is for."""
    copy = rewritten(home, lambda entries: entries[: RECORDS + 1], sign=True)
    assert verify(copy, home.key).findings == []
    assert verify(copy, home.key, [kept[0]]).findings == []
    assert "the log was cut to 301" in verify(copy, home.key, kept).findings[0]


def test_an_old_checkpoint_put_back_is_found_by_a_newer_one_only(home: Home, kept: list[str]) -> None:
    """It is valid, and so is the log up to it."""
    copy = rewritten(home, lambda entries: entries[: RECORDS + 1], sign=False)
    (copy / "checkpoint").write_text(kept[0])
    assert verify(copy, home.key).findings == []
    assert "the log was cut" in verify(copy, home.key, [kept[1]]).findings[0]


@pytest.mark.usefixtures("kept")
def test_another_key_signs_nothing_for_us(home: Home) -> None:
    """The pinned key is what counts, not the one that lies beside the log."""
    stranger = signer_of(home.settings.home / "other.pem", "gonogo.evidence/default")
    size = RECORDS + 21
    root = Tiles.open(home.log, size).flush()
    (home.log / "checkpoint").write_text(Checkpoint(stranger.name, size, root).signed([stranger]))
    assert "not one that" in verify(home.log, home.key).findings[0]


@pytest.mark.usefixtures("kept")
def test_a_flipped_byte_is_told_with_its_record(home: Home) -> None:
    """So that somebody can look at that one."""
    bundle = home.log / "tile/entries/000"
    raw = bytearray(bundle.read_bytes())
    place = raw.index(b'"number":7')
    raw[place + 9 : place + 10] = b"8"
    bundle.write_bytes(bytes(raw))
    assert verify(home.log, home.key).findings[0] == "entry 7 is not what was hashed (r1/flight record 7)"


@pytest.mark.parametrize("cut", [0, 1, 2, 100])
@pytest.mark.usefixtures("kept")
def test_a_bundle_that_was_cut_is_found(home: Home, cut: int) -> None:
    """Wherever it ends."""
    bundle = home.log / "tile/entries/000"
    bundle.write_bytes(bundle.read_bytes()[:cut])
    assert verify(home.log, home.key).findings


def test_a_record_after_the_end_of_its_run_is_found(home: Home) -> None:
    """The run said where its stream ends."""
    home.fly("r1", 3, ends=True)
    home.fly("r1", 1)
    home.sequence()
    assert "holds 5 records, and its run ended with 4" in verify(home.log, home.key).findings[0]


def test_the_file_needs_nothing_but_python() -> None:
    """It imports the standard library only, and stays short enough to be read in an hour."""
    source = Path(verifier.__file__).read_text(encoding="utf-8")
    names = {
        (node.module if isinstance(node, ast.ImportFrom) else node.names[0].name) or ""
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
    }
    assert {name.split(".")[0] for name in names} <= sys.stdlib_module_names
    assert len(source.splitlines()) <= 525


def test_it_runs_alone_on_a_copy(home: Home, kept: list[str], tmp_path: Path) -> None:
    """Isolated from everything that is installed, as an auditor would; and tells whole from broken by its exit."""
    alone = shutil.copy(verifier.__file__, tmp_path / "verifier.py")
    (tmp_path / "kept").write_text(kept[0])
    command = [sys.executable, "-I", "-S", str(alone), str(home.log)]
    whole = subprocess.run([*command, "--against", str(tmp_path / "kept")], capture_output=True, text=True, check=False)
    assert (whole.returncode, whole.stderr) == (0, "")
    assert "continues 1 checkpoint(s) kept elsewhere" in whole.stdout
    (home.log / "tile/entries/000").write_bytes(b"")
    broken = subprocess.run(command, capture_output=True, text=True, check=False)
    assert broken.returncode == 1
    assert broken.stdout.startswith("BROKEN: ")
