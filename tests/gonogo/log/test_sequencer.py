"""The sequencer: every record once, in the order of its stream, signed, whatever happens in between."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from gonogo.errors import EvidenceBroken, RunBusy, SettingsBroken
from gonogo.log import sequencer
from gonogo.log.positions import Positions
from gonogo.log.sequencer import open_log, take_in
from gonogo.log.tiles import Tiles
from gonogo.log.verifier import verify

if TYPE_CHECKING:
    from tests.gonogo.log.conftest import Home


def die(*_: object) -> None:
    """End here, as a crash would."""
    raise KeyboardInterrupt


def held(home: Home) -> list[tuple[str, int]]:
    """Return stream and number of every entry of the log."""
    size = int(home.checkpoint.split("\n")[1])
    found = [json.loads(entry) for entry in Tiles.open(home.log, size).all_entries()]
    return [(fields["streamid"], fields["streamseq"]) for fields in found]


def test_every_record_is_taken_in_once(home: Home) -> None:
    """Also when the sequencer comes again, and when runs go on meanwhile."""
    home.fly("r1", 3)
    home.fly("r2", 2)
    assert home.sequence().new == 5
    home.fly("r1", 2)
    done = home.sequence()
    assert (done.new, done.size, done.faults) == (2, 7, [])
    assert home.sequence().new == 0
    assert sorted(held(home)) == sorted([("r1/flight", n) for n in range(5)] + [("r2/flight", n) for n in range(2)])
    assert verify(home.log, home.key).findings == []


def test_an_empty_home_has_an_empty_log(home: Home) -> None:
    """Signed, so that it can be said later that nothing was there."""
    assert home.sequence().size == 0
    assert verify(home.log, home.key).findings == []


def test_a_lost_index_is_made_anew_from_the_log(home: Home) -> None:
    """It is no evidence; nothing is taken in twice for it."""
    home.fly("r1", 3)
    home.sequence()
    (home.log / "positions.sqlite").unlink()
    home.fly("r1", 1)
    home.fly("r2", 1)
    done = home.sequence()
    assert (done.new, done.size, done.faults) == (2, 5, [])
    assert home.sequence().faults == []


def test_what_was_not_signed_is_taken_in_again(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash after the tiles and before the checkpoint leaves the log as it was."""
    home.fly("r1", 3)
    home.sequence()
    home.fly("r1", 300)

    with monkeypatch.context() as crashing, open_log(home.settings) as log:
        crashing.setattr(sequencer, "write_durably", die)
        with pytest.raises(KeyboardInterrupt):
            take_in(log, home.journal)
    assert int(home.checkpoint.split("\n")[1]) == 3
    done = home.sequence()
    assert (done.new, done.size) == (300, 303)
    assert verify(home.log, home.key).findings == []


def test_a_crash_between_checkpoint_and_index_takes_nothing_in_twice(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The index is behind then, and is made anew."""
    home.fly("r1", 3)
    home.sequence()
    home.fly("r1", 2)

    with monkeypatch.context() as crashing, open_log(home.settings) as log:
        crashing.setattr(Positions, "save", die)
        with pytest.raises(KeyboardInterrupt):
            take_in(log, home.journal)
    assert int(home.checkpoint.split("\n")[1]) == 5
    done = home.sequence()
    assert (done.new, done.size, done.faults) == (0, 5, [])


def test_a_sequencer_that_is_killed_leaves_a_log_that_holds(home: Home) -> None:
    """Killed while it writes; the next one takes in what is missing."""
    for number in range(40):
        home.fly(f"r{number}", 50)
    script = f"""
        import os, sys
        from pathlib import Path
        from gonogo.evidence.journals import journal_of
        from gonogo.log import sequencer
        from gonogo.settings import settings
        sequencer.CHECKPOINT_EVERY = 100
        signed = []
        whole = sequencer.Log.sign
        def sign(log):
            whole(log)
            signed.append(log)
            if len(signed) == 5:
                print("five", flush=True)
        sequencer.Log.sign = sign
        chosen = settings().model_copy(update={{"home": Path({str(home.settings.home)!r})}})
        sequencer.sequence(chosen, journal_of(chosen))
    """
    child = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    before = int(home.checkpoint.split("\n")[1])
    assert before >= 500
    done = home.sequence()
    assert (before + done.new, done.size) == (2_000, 2_000)
    assert len(set(held(home))) == 2_000
    assert verify(home.log, home.key).findings == []


def test_tiles_that_larger_ones_replaced_go_after_a_while(home: Home) -> None:
    """Not before an hour: somebody may be reading at an older checkpoint; never those that the newest one needs."""

    def partial() -> set[str]:
        return {str(path.relative_to(home.log)) for path in home.log.glob("tile/**/*.p/*")}

    def hours_pass() -> None:
        for path in [*home.log.rglob("*.p/*"), home.log / ".pruned"]:
            os.utime(path, (1, 1))

    for records in (3, 2, 255):
        home.fly("r1", records)
        home.sequence()
    assert len(partial()) == 7
    hours_pass()
    home.fly("r1", 1)
    home.sequence()
    needed = {"tile/0/001.p/5", "tile/entries/001.p/5", "tile/1/000.p/1"}
    assert partial() == needed
    home.fly("r1", 1)
    home.sequence()
    assert partial() == {*needed, "tile/0/001.p/6", "tile/entries/001.p/6"}
    assert verify(home.log, home.key).findings == []


def test_there_is_one_sequencer(home: Home) -> None:
    """Two would sign two logs."""
    with open_log(home.settings), pytest.raises(RunBusy, match="sequences the log"):
        home.sequence()


def test_a_log_whose_checkpoint_was_changed_is_not_continued(home: Home) -> None:
    """Signing on would make somebody else's log ours."""
    home.fly("r1", 3)
    home.sequence()
    (home.log / "checkpoint").write_text(home.checkpoint.replace("\n3\n", "\n2\n"))
    home.fly("r1", 1)
    with pytest.raises(EvidenceBroken, match="does not hold"):
        home.sequence()


def test_a_tile_that_was_changed_stops_the_sequencer(home: Home) -> None:
    """Its root is not the signed one."""
    home.fly("r1", 3)
    home.sequence()
    tile = home.log / "tile/0/000.p/3"
    tile.write_bytes(bytes(32) + tile.read_bytes()[32:])
    with pytest.raises(EvidenceBroken, match="another root"):
        home.sequence()


def test_a_key_that_others_may_read_signs_nothing(home: Home) -> None:
    """The message says what to do."""
    home.sequence()
    key = home.settings.home / "keys" / "log.pem"
    key.chmod(0o644)
    with pytest.raises(SettingsBroken, match="chmod 600"):
        home.sequence()


def test_the_log_holds_no_payload(home: Home) -> None:
    """Leaves commit to payloads; erasing one leaves the log as it is."""
    home.fly("r1", 3)
    home.sequence()
    assert not any(b"secret" in path.read_bytes() for path in home.log.rglob("*") if path.is_file())


class TestFiles:
    """Journals in files that somebody changed behind the recorder's back."""

    @pytest.fixture
    def backend(self) -> str:
        """Files only: what they do to them."""
        return "files"

    def test_a_stream_that_was_rewritten_is_left_out_and_named(self, home: Home) -> None:
        """The log keeps what was there; the other streams go on."""
        home.fly("r1", 3)
        home.sequence()
        path = home.settings.home / "journals" / "flights" / "r1.jsonl"
        lines = path.read_bytes().split(b"\n")
        path.write_bytes(b"\n".join([lines[0].replace(b"toy", b"boy"), *lines[1:]]))
        home.fly("r2", 1)
        (home.log / "positions.sqlite").unlink()
        done = home.sequence()
        assert done.new == 1
        assert (
            done.faults == []
        )  # Only the last record in the log is compared; the chain of the journal tells the rest.
        path.write_bytes(b"\n".join([*lines[:2], lines[2].replace(b"toy", b"boy"), b""]))
        (home.log / "positions.sqlite").unlink()
        assert home.sequence().faults == ["flights/r1.jsonl line 3 is another record than the one in the log."]

    def test_a_stream_that_was_cut_is_named(self, home: Home) -> None:
        """Its records stand in the log, and it is shorter than that."""
        home.fly("r1", 3)
        home.sequence()
        path = home.settings.home / "journals" / "flights" / "r1.jsonl"
        path.write_bytes(path.read_bytes().split(b"\n")[0] + b"\n")
        assert "it was cut" in home.sequence().faults[0]

    def test_a_record_that_does_not_follow_is_named_each_time_until_it_is_restored(self, home: Home) -> None:
        """What was before it is taken in; nothing after it."""
        home.fly("r1", 3)
        path = home.settings.home / "journals" / "flights" / "r1.jsonl"
        whole = path.read_bytes()
        lines = whole.split(b"\n")
        path.write_bytes(b"\n".join([lines[0], lines[2], lines[1], b""]))
        for _ in range(2):
            done = home.sequence()
            assert done.size == 1
            assert "line 2 does not follow" in done.faults[0]
        path.write_bytes(whole)
        assert (home.sequence().size, home.sequence().faults) == (3, [])

    def test_a_line_that_is_still_being_written_is_left_for_the_next_time(self, home: Home) -> None:
        """It is no fault."""
        home.fly("r1", 2)
        path = home.settings.home / "journals" / "flights" / "r1.jsonl"
        whole = path.read_bytes()
        path.write_bytes(whole[:-10])
        done = home.sequence()
        assert (done.size, done.faults) == (1, [])
        path.write_bytes(whole)
        assert (home.sequence().size, home.sequence().faults) == (2, [])
