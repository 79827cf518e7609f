"""Rotations: the old key hands the log over to the new one, and counts no more from there on."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from gonogo.errors import RunBusy
from gonogo.evidence.canon import GENESIS
from gonogo.log import heirs, rotations, sequencer
from gonogo.log.checkpoints import Checkpoint
from gonogo.log.heirs import KEYS, heir_named, heir_path, statement
from gonogo.log.keys import key_path, signer_of
from gonogo.log.notes import NoteRefused, Signer, sign
from gonogo.log.rotations import rotate
from gonogo.log.sequencer import open_log, origin_of
from gonogo.log.tiles import Tiles
from gonogo.log.verifier import Broken, Keys, verify

if TYPE_CHECKING:
    from tests.gonogo.log.conftest import Home

NAME = "gonogo.evidence/default"


def key(number: int, name: str = NAME) -> Signer:
    """Return one of some keys."""
    return Signer(name, Ed25519PrivateKey.from_private_bytes(bytes([number] * 32)))


def turned(home: Home) -> tuple[Signer, str, str]:
    """Rotate the key of a log; return the old private key, and a checkpoint from before and from after it."""
    home.fly("r1", 3)
    home.sequence()
    old, before = signer_of(key_path(home.settings), NAME), home.checkpoint
    rotate(home.settings, home.journal, "yearly", by="ada")
    home.fly("r1", 2)
    home.sequence()
    return old, before, home.checkpoint


def signed_by(home: Home, signer: Signer, size: int) -> None:
    """Cut the log to a size, and let somebody sign it."""
    root = Tiles.open(home.log, size).flush()
    (home.log / "checkpoint").write_text(Checkpoint(signer.name, size, root).signed([signer]))


def test_the_log_goes_on_under_the_new_key_and_every_checkpoint_still_counts(home: Home) -> None:
    """Whether an auditor knows the old key or the new one."""
    old, before, after = turned(home)
    assert home.key.strip() != str(old.verifier)
    assert not heir_path(key_path(home.settings)).exists()
    for pinned in (str(old.verifier), home.key):
        report = verify(home.log, pinned, [before, after])
        assert (report.findings, report.held, report.shown) == ([], 2, 6)


def test_keys_may_be_rotated_again_and_again(home: Home) -> None:
    """The first key vouches for the last, through all between them."""
    old, before, _ = turned(home)
    middle = home.key
    for _ in range(3):
        rotate(home.settings, home.journal, "again", by="ada")
    for pinned in (str(old.verifier), middle, home.key):
        assert verify(home.log, pinned, [before]).findings == []


def test_a_stolen_old_key_signs_nothing_newer(home: Home) -> None:
    """Neither for those who know the new key, nor for those who still go by the old one."""
    old, _, _ = turned(home)
    signed_by(home, old, 6)
    for pinned in (home.key, str(old.verifier)):
        assert "is not one that" in verify(home.log, pinned).findings[0]


def test_a_stolen_old_key_that_cuts_the_hand_over_away_is_found_by_the_new_key(home: Home) -> None:
    """And by any checkpoint from after it; not by the old key alone, which is why the new one is published."""
    old, before, after = turned(home)
    new = home.key
    signed_by(home, old, 3)
    assert "is not one that" in verify(home.log, new).findings[0]
    assert "the log was cut to 3" in verify(home.log, str(old.verifier), [after]).findings[0]
    assert verify(home.log, str(old.verifier), [before]).findings == []


def test_a_key_outside_the_chain_is_refused(home: Home) -> None:
    """Whoever names another key is told so, also on a log that was handed over."""
    turned(home)
    assert "not in the log's chain of keys" in verify(home.log, str(key(7).verifier)).findings[0]


def test_the_old_private_key_is_gone(home: Home) -> None:
    """What does not exist is not stolen."""
    old, _, _ = turned(home)
    raw = old.private.private_bytes_raw()
    kept = [path.read_bytes() for path in key_path(home.settings).parent.iterdir()]
    assert not any(raw in each for each in kept)
    assert signer_of(key_path(home.settings), NAME).verifier != old.verifier


def test_a_crash_before_the_statement_changes_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The heir waits; it does not sign, and the next rotation takes it."""
    home.fly("r1", 3)
    home.sequence()
    published = home.key

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as crashing:
        crashing.setattr(rotations, "_record", die)
        with pytest.raises(KeyboardInterrupt):
            rotate(home.settings, home.journal, "yearly", by="ada")
    waiting = signer_of(heir_path(key_path(home.settings)), NAME).verifier
    home.fly("r1", 1)
    home.sequence()
    assert home.key == published
    assert verify(home.log, published).findings == []
    assert rotate(home.settings, home.journal, "yearly", by="ada")[1] == waiting


@pytest.mark.parametrize("place", ["before the checkpoint", "after the checkpoint"])
def test_a_crash_after_the_statement_is_completed_by_the_next_pass(
    home: Home, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """Wherever it happens, one of the two keys signs, and the log holds."""
    home.fly("r1", 3)
    home.sequence()
    published = home.key

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as crashing:
        if place == "before the checkpoint":
            whole = rotations._record  # pyright: ignore[reportPrivateUsage] - it is made to end in the middle

            def record(*given: object) -> None:
                whole(*given)  # pyright: ignore[reportArgumentType] - passed through
                raise KeyboardInterrupt

            crashing.setattr(rotations, "_record", record)
        else:
            crashing.setattr(sequencer, "succeed", die)
        with pytest.raises(KeyboardInterrupt):
            rotate(home.settings, home.journal, "yearly", by="ada")
    home.fly("r1", 1)
    done = home.sequence()
    assert (done.size, done.faults) == (5, [])
    assert home.key != published
    assert not heir_path(key_path(home.settings)).exists()
    assert verify(home.log, published).findings == []


def test_a_statement_that_names_a_key_nobody_has_here_is_left_out(home: Home) -> None:
    """The log goes on under the key in force, and says so at every pass."""
    home.fly("r1", 3)
    home.sequence()
    old = signer_of(key_path(home.settings), NAME)
    with home.journal.open_desk(KEYS) as desk:
        data: dict[str, object] = {"objects": [], "phase": "fact", "statement": statement(old, key(7))}
        desk.append({"runid": KEYS}, "key_record", data)
        desk.commit_now()
    home.fly("r1", 1)
    for _ in range(2):
        faults = home.sequence().faults
        assert len(faults) == 1
        assert "is not at" in faults[0]
    assert verify(home.log, home.key).shown == 4


def test_a_statement_copied_into_a_runs_own_stream_hands_nothing_over(home: Home) -> None:
    """Missions write there."""
    home.fly("r1", 1)
    home.sequence()
    old = signer_of(key_path(home.settings), NAME)
    stream = home.journal.open_flight("r2")
    stream.append({"runid": "r2"}, "key_record", {"phase": "fact", "statement": statement(old, key(7))})
    stream.commit_now()
    stream.close()
    assert home.sequence().faults == []
    assert home.key.strip() == str(old.verifier)
    assert verify(home.log, home.key).findings == []


def test_while_somebody_else_sequences_it_is_waited_and_then_told(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing has changed then."""
    home.sequence()
    published = home.key
    monkeypatch.setattr(rotations, "PATIENCE_SECONDS", 0.0)
    with open_log(home.settings), pytest.raises(RunBusy):
        rotate(home.settings, home.journal, "yearly", by="ada")
    assert home.key == published


OLD, NEW = key(1), key(2)
TEXT = f"{heirs.KIND}\n{NAME}\n{OLD.verifier}\n{NEW.verifier}\n"
REFUSED = {
    "signed by the old key alone": sign(TEXT, [OLD]),
    "signed by the new key alone": sign(TEXT, [NEW]),
    "from a key that is not in force": statement(key(3), NEW),
    "of another log": sign(TEXT.replace(NAME, "gonogo.evidence/other"), [OLD, NEW]),
    "to a key of another log": sign(
        f"{heirs.KIND}\n{NAME}\n{OLD.verifier}\n{key(2, 'other').verifier}\n", [OLD, key(2, "other")]
    ),
    "of another kind": sign(TEXT.replace("/v1", "/v2"), [OLD, NEW]),
    "with a line more": sign(f"{TEXT}more\n", [OLD, NEW]),
    "nothing at all": "",
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_statement_that_does_not_hold_is_refused_by_both(what: str) -> None:
    """By the sequencer, which takes nothing in, and by the verifier."""
    with pytest.raises(NoteRefused):
        heir_named(REFUSED[what], OLD.verifier)
    with pytest.raises(Broken):
        Keys(str(OLD.verifier)).add(3, REFUSED[what]) if what != "from a key that is not in force" else _second(what)


def _second(what: str) -> None:
    keys = Keys(str(OLD.verifier))
    keys.add(3, statement(OLD, NEW))
    keys.add(4, REFUSED[what])


def test_a_hand_over_is_evidence_with_name_and_reason(home: Home) -> None:
    """Who, why, from which key to which."""
    turned(home)
    (record,) = home.journal.read_desk(KEYS)
    assert (record.artifact, record.data["by"], record.body()) == ("key_record", "ada", {"reason": "yearly"})
    assert record.data["log"] == origin_of(home.settings)
    assert record.fields["prevdigest"] == GENESIS
    assert orjson.loads(record.leaf)["data"]["statement"].startswith(heirs.KIND)


def test_a_copy_of_the_log_needs_no_key_to_be_verified(home: Home) -> None:
    """Only what is published."""
    turned(home)
    copy = home.log.with_name("copy")
    shutil.copytree(home.log, copy)
    assert verify(copy, home.key).findings == []
