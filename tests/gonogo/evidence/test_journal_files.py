"""Journals in files: torn tails, shared syncs, descriptors."""

from __future__ import annotations

import asyncio
import os
import threading
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from gonogo.evidence.files import FileStore, FileStream, read_stream
from gonogo.evidence.journal import FileJournal
from tests.gonogo.toy.paper import note, write_file, write_some

if TYPE_CHECKING:
    import pytest


@given(st.binary(max_size=80).filter(lambda raw: b"\n" not in raw), st.integers(0, 4))
def test_a_torn_tail_is_cut_on_reopening(tmp_path_factory: pytest.TempPathFactory, torn: bytes, whole: int) -> None:
    """What followed the last line end was never acknowledged: readers leave it out, the next writer cuts it."""
    journal = FileJournal(tmp_path_factory.mktemp("torn"))
    path = write_file(journal, whole)
    with path.open("ab") as file:
        file.write(torn)
    assert len(journal.read_flight("r1")) == whole
    write_some(journal, 2, whole)
    assert [record.data["number"] for record in journal.read_flight("r1")] == list(range(whole + 2))


def test_a_long_torn_tail_is_cut_too(files: FileJournal) -> None:
    """The cut searches back through a payload larger than one look."""
    path = write_file(files, 3)
    whole = path.read_bytes()
    path.write_bytes(whole + b'{"x":"' + b"y" * 200_000)
    files.open_flight("r1").close()
    assert path.read_bytes() == whole


async def test_many_appends_share_few_writes_and_none_is_lost(
    files: FileJournal, file_stream: FileStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Group commit: order kept, every record durable when its commit returns, far fewer syncs than records."""
    syncs: list[int] = []
    sync = os.fdatasync
    path = files.flight_path("r1")

    def counted(descriptor: int) -> None:
        syncs.append(descriptor)
        sync(descriptor)

    monkeypatch.setattr(os, "fdatasync", counted)

    async def one(number: int) -> None:
        record = note(file_stream, number)
        await file_stream.commit()
        assert record.leaf + b"\n" in path.read_bytes()

    await asyncio.gather(*(one(number) for number in range(300)))
    assert [record.data["number"] for record in read_stream(path)] == list(range(300))
    assert len(syncs) < 100


async def test_a_stream_is_not_closed_under_a_write_in_flight(
    file_stream: FileStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cancelled branch leaves its write to the disk; its descriptor may not go to another file before."""
    begun, released, synced = threading.Event(), threading.Event(), list[bool]()
    sync = os.fdatasync

    def slow(descriptor: int) -> None:
        begun.set()
        released.wait(120)
        sync(descriptor)
        synced.append(True)

    monkeypatch.setattr(os, "fdatasync", slow)
    # A quick disk is waited for by the loop itself, and then nothing can come between.
    monkeypatch.setattr(FileStore, "is_quick", False)
    note(file_stream, 0)
    committing = asyncio.ensure_future(file_stream.commit())
    await asyncio.to_thread(begun.wait, 10)
    committing.cancel()
    closing = asyncio.create_task(asyncio.to_thread(file_stream.close))
    await asyncio.sleep(0)
    released.set()
    await closing
    assert synced == [True]


def test_a_torn_record_after_the_end_does_not_make_a_run_live(files: FileJournal) -> None:
    """What was never acknowledged does not count."""
    stream = files.open_flight("r1")
    stream.append({"runid": "r1"}, "run_record", {"objects": [], "phase": "result"})
    stream.commit_now()
    stream.close()
    with files.flight_path("r1").open("ab") as file:
        file.write(b'{"torn')
    assert files.live_run_ids() == []
