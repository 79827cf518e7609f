"""Journals: one writer each, a chain nobody can change unseen, and never half a line."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from gonogo.errors import EvidenceBroken, EvidenceUnwritable, RunBusy
from gonogo.evidence.canon import GENESIS
from gonogo.evidence.journal import FileJournal, Stream, read_stream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gonogo.evidence.records import Record


def note(stream: Stream, number: int, payload: bytes | None = None) -> Record:
    """Queue a record with a number in it."""
    body: dict[str, Any] = {"objects": [], "phase": "fact", "number": number}
    return stream.append({"runid": "r1"}, "step_record", body, payload=payload)


def write_some(journal: FileJournal, count: int, start: int = 0) -> Path:
    """Write numbered records, every second one with a payload, and return the file."""
    stream = journal.open_flight("r1")
    for number in range(start, start + count):
        note(stream, number, b'{"amount":%d}' % number if number % 2 else None)
    stream.commit_now()
    stream.close()
    return journal.flight_path("r1")


@pytest.fixture(name="journal")
def _journal(tmp_path: Path) -> FileJournal:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    return FileJournal(tmp_path)


@pytest.fixture(name="stream")
def _stream(journal: FileJournal) -> Iterator[Stream]:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    stream = journal.open_flight("r1")
    yield stream
    stream.close()


@pytest.fixture(scope="module", name="lines")
def _lines(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    path = write_some(FileJournal(tmp_path_factory.mktemp("whole")), 7)
    return path.read_bytes().splitlines(keepends=True)


def test_a_stream_is_a_chain_from_genesis(journal: FileJournal) -> None:
    """Each record carries its number and the digest of the one before."""
    records = read_stream(write_some(journal, 5))
    assert [record.seq for record in records] == [0, 1, 2, 3, 4]
    assert [record.fields["prevdigest"] for record in records] == [GENESIS, *(r.digest for r in records[:-1])]


def test_a_reopened_stream_goes_on_where_it_ended(journal: FileJournal) -> None:
    """Three sittings are one chain."""
    for start in (0, 4, 8):
        write_some(journal, 4, start)
    records = journal.read_flight("r1")
    assert [record.data["number"] for record in records] == list(range(12))


def test_a_run_without_evidence_is_an_empty_stream(journal: FileJournal) -> None:
    """Reading makes nothing."""
    assert journal.read_flight("never") == []
    assert journal.read_desk("never") == []
    assert journal.run_ids() == []
    assert not journal.flight_path("never").exists()


class TestTampering:
    """Whatever is done to a line that another one follows is found; the last leaf is a checkpoint's business."""

    @staticmethod
    def check(tmp_path: Path, lines: list[bytes]) -> None:
        """Read the lines as a stream."""
        path = tmp_path / "r1.jsonl"
        path.write_bytes(b"".join(lines))
        read_stream(path)

    @given(at=st.integers(0, 5))
    def test_a_removed_line_is_found(self, tmp_path: Path, lines: list[bytes], at: int) -> None:
        """Evidence cannot be thinned out."""
        with pytest.raises(EvidenceBroken, match="the chain is broken"):
            self.check(tmp_path, lines[:at] + lines[at + 1 :])

    @given(source=st.integers(0, 6), at=st.integers(0, 7))
    def test_an_inserted_line_is_found(self, tmp_path: Path, lines: list[bytes], source: int, at: int) -> None:
        """A record cannot be told twice."""
        with pytest.raises(EvidenceBroken, match="the chain is broken"):
            self.check(tmp_path, [*lines[:at], lines[source], *lines[at:]])

    @given(order=st.permutations(range(7)).filter(lambda order: order != list(range(7))))
    def test_reordered_lines_are_found(self, tmp_path: Path, lines: list[bytes], order: list[int]) -> None:
        """What came first stays first."""
        with pytest.raises(EvidenceBroken, match="the chain is broken"):
            self.check(tmp_path, [lines[index] for index in order])

    @given(data=st.data())
    @hypothesis_settings(max_examples=400)
    def test_any_flipped_byte_is_found(self, tmp_path: Path, lines: list[bytes], data: st.DataObject) -> None:
        """In a leaf, a salt, a payload, a tab or a line end."""
        raw = bytearray(b"".join(lines[:-1]))
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
        with pytest.raises(EvidenceBroken):
            self.check(tmp_path, [bytes(raw), lines[-1]])

    @given(at=st.integers(0, 5), end=st.sampled_from([b"\r", b"\v", b"\x1c", b" ", b""]))
    def test_a_changed_line_end_is_found(self, tmp_path: Path, lines: list[bytes], at: int, end: bytes) -> None:
        """Only a newline ends a record."""
        with pytest.raises(EvidenceBroken):
            self.check(tmp_path, [*lines[:at], lines[at][:-1] + end, *lines[at + 1 :]])

    @given(at=st.integers(0, 5), text=st.text("0123456789abcdef", min_size=1, max_size=3))
    def test_a_changed_value_is_found(self, tmp_path: Path, lines: list[bytes], at: int, text: str) -> None:
        """A well-formed record with another content does not fit its successor."""
        changed = lines[at].replace(b'"number":', b'"also":"' + text.encode() + b'","number":', 1)
        with pytest.raises(EvidenceBroken, match=rf"r1\.jsonl line {at + 2}: the chain is broken"):
            self.check(tmp_path, [*lines[:at], changed, *lines[at + 1 :]])

    def test_an_erased_payload_breaks_nothing(self, tmp_path: Path, lines: list[bytes]) -> None:
        """Payloads are outside the chain; the leaf still commits to what was there."""
        erased = [line.split(b"\t")[0].rstrip(b"\n") + b"\n" for line in lines]
        self.check(tmp_path, erased)

    def test_a_broken_stream_is_not_written_to(self, journal: FileJournal, lines: list[bytes]) -> None:
        """Nobody flies on broken evidence, and opening it leaves it as it was found."""
        path = journal.flight_path("r1")
        path.parent.mkdir(parents=True)
        path.write_bytes(b"".join(lines[1:]))
        with pytest.raises(EvidenceBroken):
            journal.open_flight("r1")
        assert path.read_bytes() == b"".join(lines[1:])


@given(st.binary(max_size=80).filter(lambda raw: b"\n" not in raw), st.integers(0, 4))
def test_a_torn_tail_is_cut_on_reopening(tmp_path_factory: pytest.TempPathFactory, torn: bytes, whole: int) -> None:
    """What followed the last line end was never acknowledged: readers leave it out, the next writer cuts it."""
    journal = FileJournal(tmp_path_factory.mktemp("torn"))
    path = write_some(journal, whole)
    with path.open("ab") as file:
        file.write(torn)
    assert len(journal.read_flight("r1")) == whole
    write_some(journal, 2, whole)
    assert [record.data["number"] for record in journal.read_flight("r1")] == list(range(whole + 2))


def test_a_long_torn_tail_is_cut_too(journal: FileJournal) -> None:
    """The cut searches back through a payload larger than one look."""
    path = write_some(journal, 3)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"x":"' + b"y" * 200_000)
    journal.open_flight("r1").close()
    assert path.read_bytes() == whole


async def test_many_appends_share_few_writes_and_none_is_lost(
    journal: FileJournal, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Group commit: order kept, every record durable when its commit returns, far fewer syncs than records."""
    syncs: list[int] = []
    sync = os.fdatasync
    path = journal.flight_path("r1")

    def counted(descriptor: int) -> None:
        syncs.append(descriptor)
        sync(descriptor)

    monkeypatch.setattr(os, "fdatasync", counted)

    async def one(number: int) -> None:
        record = note(stream, number)
        await stream.commit()
        assert record.leaf + b"\n" in path.read_bytes()

    await asyncio.gather(*(one(number) for number in range(300)))
    assert [record.data["number"] for record in read_stream(path)] == list(range(300))
    assert len(syncs) < 100


async def test_an_append_that_is_not_committed_is_not_told(journal: FileJournal, stream: Stream) -> None:
    """What was queued and never committed is dropped with its writer, as in a crash."""
    note(stream, 0)
    await stream.commit()
    note(stream, 1)
    stream.close()
    assert [record.data["number"] for record in journal.read_flight("r1")] == [0]


async def test_a_commit_of_nothing_is_allowed(journal: FileJournal, stream: Stream) -> None:
    """It makes no record."""
    await stream.commit()
    assert journal.read_flight("r1") == []


def test_a_second_pilot_is_refused(journal: FileJournal, stream: Stream) -> None:
    """Two pilots would do things twice; the sentence says what to do."""
    with pytest.raises(RunBusy, match="Run r1 is being flown by another process; wait for it, or stop"):
        journal.open_flight("r1")
    stream.close()
    journal.open_flight("r1").close()


def test_the_desk_is_taken_in_turns(journal: FileJournal) -> None:
    """Whoever comes second waits for the first, and finds what the first has written."""
    entered, seen = threading.Event(), list[int]()

    def second() -> None:
        entered.set()
        with journal.open_desk("r1") as desk:
            seen.append(len(desk.records))

    with journal.open_desk("r1") as desk:
        waiting = threading.Thread(target=second)
        waiting.start()
        assert entered.wait(10)
        assert not seen
        note(desk, 0)
        desk.commit_now()
    waiting.join(10)
    assert seen == [1]


def test_a_run_is_found_by_what_its_stream_mentions(journal: FileJournal) -> None:
    """A gate's id leads to its run."""
    write_some(journal, 2)
    assert journal.runs_mentioning('"number":1') == ["r1"]
    assert journal.runs_mentioning("elsewhere") == []
    assert journal.run_ids() == ["r1"]


class TestFullDisk:
    """A recorder that cannot write acknowledges nothing, leaves no half line, and takes nothing more."""

    @staticmethod
    def fill(monkeypatch: pytest.MonkeyPatch, after_bytes: int) -> None:
        """Let the disk take some bytes of the next write, and then be full."""
        write = os.write
        left = [after_bytes]

        def limited(descriptor: int, data: Any) -> int:
            if not left[0]:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            written = write(descriptor, bytes(data)[: left[0]])
            left[0] -= written
            return written

        monkeypatch.setattr(os, "write", limited)

    @pytest.mark.parametrize("after_bytes", [0, 1, 400, 1_000])
    async def test_a_disk_that_fills_halfway_leaves_whole_lines(
        self, journal: FileJournal, stream: Stream, monkeypatch: pytest.MonkeyPatch, after_bytes: int
    ) -> None:
        """The file ends at the last durable record, wherever in the batch the disk was full."""
        note(stream, 0)
        await stream.commit()
        whole = journal.flight_path("r1").read_bytes()
        self.fill(monkeypatch, after_bytes)
        for number in (1, 2, 3):
            note(stream, number)
        with pytest.raises(EvidenceUnwritable, match=r"No space left on device\); nothing more is done. Free the disk"):
            await stream.commit()
        assert journal.flight_path("r1").read_bytes() == whole

    async def test_all_who_wait_for_the_failed_write_are_told(
        self, stream: Stream, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """No branch goes on as if it had been recorded."""
        self.fill(monkeypatch, 10)
        for number in range(5):
            note(stream, number)
        told = await asyncio.gather(*(stream.commit() for _ in range(5)), return_exceptions=True)
        assert [type(error) for error in told] == [EvidenceUnwritable] * 5

    async def test_a_stream_that_failed_once_stays_shut(
        self, journal: FileJournal, stream: Stream, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Space that comes back does not mend the hole; a new attempt starts from what is on disk."""
        with monkeypatch.context() as patched:
            self.fill(patched, 0)
            note(stream, 0)
            with pytest.raises(EvidenceUnwritable):
                await stream.commit()
        with pytest.raises(EvidenceUnwritable):
            note(stream, 1)
        with pytest.raises(EvidenceUnwritable):
            await stream.commit()
        stream.close()
        write_some(journal, 1)
        assert len(journal.read_flight("r1")) == 1

    async def test_a_sync_that_fails_acknowledges_nothing(
        self, journal: FileJournal, stream: Stream, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Written but not durable is not written."""

        def broken(_descriptor: int) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        monkeypatch.setattr(os, "fdatasync", broken)
        note(stream, 0)
        with pytest.raises(EvidenceUnwritable, match="Input/output error"):
            await stream.commit()
        assert journal.read_flight("r1") == []

    async def test_a_disk_that_cannot_even_undo_is_still_one_sentence(
        self, stream: Stream, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The failure that counts is the first; cutting back is an attempt."""

        def broken(_descriptor: int, _length: int) -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        self.fill(monkeypatch, 5)
        monkeypatch.setattr(os, "ftruncate", broken)
        note(stream, 0)
        with pytest.raises(EvidenceUnwritable, match="No space left"):
            await stream.commit()

    def test_a_folder_that_cannot_be_made_is_one_sentence(self, tmp_path: Path) -> None:
        """A file stands where the journals should."""
        (tmp_path / "flights").write_text("in the way")
        with pytest.raises(EvidenceUnwritable, match="Evidence cannot be written to"):
            FileJournal(tmp_path).open_flight("r1")


async def test_a_stream_is_not_closed_under_a_write_in_flight(stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cancelled branch leaves its write to the disk; its descriptor may not go to another file before."""
    begun, released, synced = threading.Event(), threading.Event(), list[bool]()
    sync = os.fdatasync

    def slow(descriptor: int) -> None:
        begun.set()
        released.wait(10)
        sync(descriptor)
        synced.append(True)

    monkeypatch.setattr(os, "fdatasync", slow)
    note(stream, 0)
    committing = asyncio.ensure_future(stream.commit())
    await asyncio.to_thread(begun.wait, 10)
    committing.cancel()
    closing = asyncio.create_task(asyncio.to_thread(stream.close))
    await asyncio.sleep(0)
    released.set()
    await closing
    assert synced == [True]
