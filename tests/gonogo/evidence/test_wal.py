"""The write-ahead log: what was acknowledged comes back after power loss, and nothing else does."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gonogo.errors import EvidenceUnwritable
from gonogo.evidence import wal
from gonogo.evidence.journal import FileJournal
from gonogo.evidence.wal import Frame, WriteAheadLog, read_frames, recover
from tests.gonogo.toy.paper import note

if TYPE_CHECKING:
    from collections.abc import Generator

    from gonogo.evidence.files import FileStream

RUNS = ("r1", "r2", "r3")


@pytest.fixture
def streams(tmp_path: Path) -> Generator[list[FileStream]]:
    """Return three open runs of one folder, whose log is closed in the end."""
    journal = FileJournal(tmp_path / "journals")
    opened = [journal.open_flight(run) for run in RUNS]
    yield opened
    for stream in opened:
        stream.close()
    opened[0].store.close()


async def together(streams: list[FileStream], number: int) -> None:
    """Commit a record of each stream in one turn."""
    for stream in streams:
        note(stream, number)
    await asyncio.gather(*(stream.commit() for stream in streams))


def segments(root: Path) -> list[Path]:
    """Return the segments that stand there."""
    return sorted((root / "wal").glob("*.wal"))


def held(root: Path) -> dict[str, bytes]:
    """Return what every flight file holds."""
    return {path.name: path.read_bytes() for path in sorted((root / "flights").glob("*.jsonl"))}


frames = st.builds(
    Frame,
    st.from_regex(r"(flights|desk)/[a-z0-9-]{1,20}\.jsonl", fullmatch=True),
    st.integers(0, 2**40),
    st.binary(min_size=1, max_size=200),
)


class TestFrames:
    """A segment can be read back, as far as it was written."""

    @given(st.lists(frames, max_size=6))
    def test_what_is_written_is_read(self, written: list[Frame]) -> None:
        """Names, places and bytes come back, whatever the bytes are."""
        assert list(read_frames(b"".join(frame.to_bytes() for frame in written))) == written

    @given(st.lists(frames, min_size=1, max_size=4), st.data())
    def test_a_torn_end_takes_only_the_torn_frame(self, written: list[Frame], data: st.DataObject) -> None:
        """A cut anywhere leaves exactly the frames that lie before it."""
        raw = b"".join(frame.to_bytes() for frame in written)
        cut = data.draw(st.integers(0, len(raw)))
        ends = [sum(len(frame.to_bytes()) for frame in written[: count + 1]) for count in range(len(written))]
        assert list(read_frames(raw[:cut])) == written[: sum(end <= cut for end in ends)]

    @given(frames, st.data())
    def test_a_changed_byte_is_no_frame(self, frame: Frame, data: st.DataObject) -> None:
        """The checksum speaks of the bytes."""
        raw = bytearray(frame.to_bytes())
        at = data.draw(st.integers(len(raw) - len(frame.body), len(raw) - 1))
        raw[at] ^= 0xFF
        assert list(read_frames(bytes(raw))) == []


class TestPowerLoss:
    """Files that lost what the disk had not taken yet get it back."""

    @settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(data=st.data())
    def test_every_acknowledged_record_comes_back(
        self, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
    ) -> None:
        """Each file may have lost any part of its end; afterwards it holds all of it."""
        root = tmp_path_factory.mktemp("power") / "journals"
        journal = FileJournal(root)
        opened = [journal.open_flight(run) for run in RUNS]
        for number in range(data.draw(st.integers(1, 4))):
            chosen = data.draw(st.lists(st.sampled_from(opened), min_size=2, unique=True))
            asyncio.run(together(chosen, number))
        whole = held(root)
        lost = root.parent / "lost"
        shutil.copytree(root, lost)
        for path in (lost / "flights").iterdir():
            size = data.draw(st.integers(0, path.stat().st_size))
            os.truncate(path, size)
            if size == 0 and data.draw(st.booleans()):
                path.unlink()
        FileJournal(lost)
        assert {name: raw for name, raw in held(lost).items() if raw} == {k: v for k, v in whole.items() if v}
        assert segments(lost) == []
        for stream in opened:
            stream.close()
        opened[0].store.close()

    async def test_records_synced_by_themselves_are_left_alone(self, streams: list[FileStream], tmp_path: Path) -> None:
        """A file that went on after its frames keeps what came later."""
        await together(streams, 0)
        note(streams[0], 1)
        streams[0].put()
        streams[0].sync()
        whole = held(tmp_path / "journals")
        shutil.copytree(tmp_path / "journals", tmp_path / "again")
        recover(tmp_path / "again")
        assert held(tmp_path / "again") == whole

    async def test_a_file_with_a_gap_is_left_alone_and_the_segment_kept(
        self, streams: list[FileStream], tmp_path: Path
    ) -> None:
        """What comes before the frame is lost for another reason; nothing is invented, nothing thrown away."""
        await together(streams, 0)
        streams[0].store.close()
        await together(streams, 1)
        lost = tmp_path / "lost"
        shutil.copytree(tmp_path / "journals", lost)
        os.truncate(lost / "flights" / "r1.jsonl", 3)
        recover(lost)
        assert (lost / "flights" / "r1.jsonl").stat().st_size == 3
        assert len(segments(lost)) == 1

    @pytest.mark.parametrize("lost", [slice(0, 9), slice(5, 14), slice(9, 18), slice(0, 18)])
    def test_a_file_that_kept_its_length_and_lost_its_bytes_is_filled(self, tmp_path: Path, lost: slice) -> None:
        """The disk had taken the length and not the pages, which are zeros; the tail behind was promised to nobody."""
        (tmp_path / "wal").mkdir()
        (tmp_path / "flights").mkdir()
        lines = [b"record 1\n", b"record 2\n"]
        (tmp_path / "wal" / "x.wal").write_bytes(
            b"".join(Frame("flights/r1.jsonl", at * 9, line).to_bytes() for at, line in enumerate(lines)) + bytes(64)
        )
        raw = bytearray(b"".join(lines) + b"tail" + bytes(8) + b"torn\n")
        raw[lost] = bytes(len(raw[lost]))
        (tmp_path / "flights" / "r1.jsonl").write_bytes(raw)
        recover(tmp_path)
        assert held(tmp_path) == {"r1.jsonl": b"".join(lines)}
        assert segments(tmp_path) == []

    def test_a_file_that_says_something_else_is_left_alone(self, tmp_path: Path) -> None:
        """What is there was not lost, whoever wrote it; the chain tells whether it holds."""
        (tmp_path / "wal").mkdir()
        (tmp_path / "flights").mkdir()
        (tmp_path / "wal" / "x.wal").write_bytes(Frame("flights/r1.jsonl", 0, b"record 1\n").to_bytes())
        (tmp_path / "flights" / "r1.jsonl").write_bytes(b"record 2\n")
        recover(tmp_path)
        assert held(tmp_path) == {"r1.jsonl": b"record 2\n"}

    @pytest.mark.parametrize("name", ["../r1.jsonl", "/r1.jsonl", "flights/../../r1.jsonl", "flights/r1.db", "wal/r1"])
    def test_a_frame_that_points_elsewhere_writes_nothing(self, tmp_path: Path, name: str) -> None:
        """A log that somebody tampered with reaches no file but journals."""
        root = tmp_path / "a" / "b"
        (root / "wal").mkdir(parents=True)
        (root / "wal" / "x.wal").write_bytes(Frame(name, 0, b"forged\n").to_bytes())
        recover(root)
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == [root / "wal" / "x.wal"]


KILLED = """
import asyncio, os, signal, sys
from pathlib import Path
from gonogo.evidence.journal import FileJournal
from tests.gonogo.toy.paper import note
journal = FileJournal(Path(sys.argv[1]))
streams = [journal.open_flight(run) for run in ("r1", "r2", "r3")]
async def fly():
    for number in range(5):
        for stream in streams:
            note(stream, number)
        await asyncio.gather(*(stream.commit() for stream in streams))
asyncio.run(fly())
if sys.argv[2] == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
"""


class TestProcesses:
    """Segments are cleared away by whoever comes next, never under one that lives."""

    @pytest.mark.parametrize(("end", "left"), [("killed", 1), ("ended", 0)])
    def test_a_process_leaves_a_segment_only_if_it_is_killed(self, tmp_path: Path, end: str, left: int) -> None:
        """The next one syncs the files, and deletes it."""
        root = tmp_path / "journals"
        done = subprocess.run(
            [sys.executable, "-c", KILLED, str(root), end], cwd=Path(__file__).parents[3], timeout=300, check=False
        )
        assert done.returncode == (-signal.SIGKILL if end == "killed" else 0)
        assert len(segments(root)) == left
        assert [len(FileJournal(root).read_flight(run)) for run in RUNS] == [5, 5, 5]
        assert segments(root) == []

    async def test_the_segment_of_a_living_process_is_not_touched(
        self, streams: list[FileStream], tmp_path: Path
    ) -> None:
        """It is locked, and its process will still write to it."""
        await together(streams, 0)
        before = segments(tmp_path / "journals")
        recover(tmp_path / "journals")
        assert segments(tmp_path / "journals") == before != []

    def test_a_new_segment_that_was_taken_for_an_old_one_is_made_again(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Between making and locking it, another process may have cleared it away."""
        flock, seen = wal.fcntl.flock, list[int]()

        def late(descriptor: int, operation: int) -> None:
            if not seen:
                for path in segments(tmp_path):
                    path.unlink()
            seen.append(descriptor)
            flock(descriptor, operation)

        monkeypatch.setattr(wal.fcntl, "flock", late)
        log = WriteAheadLog(tmp_path)
        log.append([Frame("flights/r1.jsonl", 0, b"x\n")])
        assert [list(read_frames(path.read_bytes())) for path in segments(tmp_path)] == [
            [Frame("flights/r1.jsonl", 0, b"x\n")]
        ]
        log.close()

    def test_a_full_segment_is_deleted_after_its_files_are_synced(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The log does not grow with the evidence."""
        synced: list[set[str]] = []
        monkeypatch.setattr(wal, "SEGMENT_BYTES_MAX", 10)
        monkeypatch.setattr(wal, "_sync_files", lambda _root, names: synced.append(set(names)))  # pyright: ignore[reportUnknownArgumentType, reportUnknownLambdaType] - a stand-in of two arguments
        log = WriteAheadLog(tmp_path)
        for number in range(3):
            log.append([Frame(f"flights/r{number}.jsonl", 0, b"a long line\n")])
        for thread in threading.enumerate():
            if thread.name == "gonogo-wal":
                thread.join()
        assert sorted(map(sorted, synced)) == [[f"flights/r{number}.jsonl"] for number in range(3)]
        assert segments(tmp_path) == []


class TestFullDisk:
    """A log that cannot be written acknowledges nothing."""

    async def test_nobody_is_acknowledged_and_every_file_is_cut_back(
        self, streams: list[FileStream], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The files end at their last durable records, and the segment holds nothing that would come back."""
        await together(streams, 0)
        whole = held(tmp_path / "journals")
        segment = segments(tmp_path / "journals")[0]
        logged, pwrite = list(read_frames(segment.read_bytes())), os.pwrite

        def limited(descriptor: int, data: Any, at: int) -> int:
            pwrite(descriptor, bytes(data)[:100], at)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        for stream in streams:
            note(stream, 1)
        with monkeypatch.context() as patched:
            patched.setattr(os, "pwrite", limited)
            told = await asyncio.gather(*(stream.commit() for stream in streams), return_exceptions=True)
        assert [type(error) for error in told] == [EvidenceUnwritable] * 3
        assert held(tmp_path / "journals") == whole
        assert not segment.exists() or list(read_frames(segment.read_bytes())) == logged

    async def test_one_full_file_does_not_fail_the_others(
        self, streams: list[FileStream], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Each run is told of its own recorder."""
        bad, write = FileJournal(tmp_path / "journals").flight_path("r2"), os.write

        def limited(descriptor: int, data: Any) -> int:
            if os.fstat(descriptor).st_ino == bad.stat().st_ino:
                raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))
            return write(descriptor, data)

        for stream in streams:
            note(stream, 0)
        monkeypatch.setattr(os, "write", limited)
        told = await asyncio.gather(*(stream.commit() for stream in streams), return_exceptions=True)
        assert [type(error) for error in told] == [type(None), EvidenceUnwritable, type(None)]
        assert [bool(raw) for raw in held(tmp_path / "journals").values()] == [True, False, True]
