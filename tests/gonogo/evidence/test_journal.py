"""Journals: one writer each, a chain from the first record on, and nothing told that is not on disk."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gonogo.errors import EvidenceUnwritable, RunBusy
from gonogo.evidence.canon import GENESIS
from gonogo.evidence.files import read_stream
from gonogo.evidence.journal import FileJournal
from tests.gonogo.toy.paper import note, write_some

if TYPE_CHECKING:
    from gonogo.evidence.streams import Stream


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


async def test_a_closed_stream_takes_nothing_more(journal: FileJournal, stream: Stream) -> None:
    """A branch that outlives its run records nothing, so it does nothing."""
    stream.close()
    with pytest.raises(EvidenceUnwritable, match="has ended or left this process; nothing is recorded, so nothing is"):
        note(stream, 0)
    with pytest.raises(EvidenceUnwritable):
        await stream.commit()
    assert journal.read_flight("r1") == []
    stream.close()


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


def test_who_only_looks_does_not_keep_a_pilot_out(journal: FileJournal) -> None:
    """Asking whether a run is free takes its lease for an instant; whoever comes then is let in all the same."""
    write_some(journal, 1)
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            journal.is_free("r1")

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for _ in range(500):
            journal.open_flight("r1").close()
    finally:
        over.set()
        looking.join(10)


def test_a_run_is_free_while_nobody_flies_it(journal: FileJournal, stream: Stream) -> None:
    """A run that never was is free as well, and asking makes nothing."""
    assert not journal.is_free("r1")
    stream.close()
    assert journal.is_free("r1")
    assert journal.is_free("r9")
    assert not journal.flight_path("r9").exists()


@pytest.mark.parametrize("payload", [None, b'"' + b"x" * 65_000 + b'"'])
def test_a_run_lives_until_its_last_record_says_how_it_ended(journal: FileJournal, payload: bytes | None) -> None:
    """However long that record is, and whatever was torn off after it."""
    for run_id, phase in (("r1", "result"), ("r2", "fact")):
        stream = journal.open_flight(run_id)
        note(stream, 0)
        body: dict[str, Any] = {"objects": [], "phase": phase, "error": "x" * 60_000}
        stream.append({"runid": run_id}, "run_record", body, payload=payload)
        stream.commit_now()
        stream.close()
    journal.open_flight("r3").close()
    with journal.flight_path("r1").open("ab") as file:
        file.write(b'{"torn')
    assert set(journal.live_run_ids()) == {"r2", "r3"}


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
