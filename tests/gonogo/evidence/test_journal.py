"""Journals: one writer each, a chain from the first record on, and nothing told that is not on disk."""

from __future__ import annotations

import asyncio
import fcntl
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from gonogo.errors import EvidenceUnwritable, RunBusy
from gonogo.evidence.canon import GENESIS
from gonogo.evidence.journal import FileJournal
from tests.gonogo.toy.paper import note, write_some

if TYPE_CHECKING:
    from pathlib import Path

    from gonogo.evidence.journals import Journal
    from gonogo.evidence.streams import Stream


def test_a_stream_is_a_chain_from_genesis(journal: Journal) -> None:
    """Each record carries its number and the digest of the one before."""
    write_some(journal, 5)
    records = journal.read_flight("r1")
    assert [record.seq for record in records] == [0, 1, 2, 3, 4]
    assert [record.fields["prevdigest"] for record in records] == [GENESIS, *(r.digest for r in records[:-1])]


def test_a_reopened_stream_goes_on_where_it_ended(journal: Journal) -> None:
    """Three sittings are one chain."""
    for start in (0, 4, 8):
        write_some(journal, 4, start)
    records = journal.read_flight("r1")
    assert [record.data["number"] for record in records] == list(range(12))


def test_a_run_without_evidence_is_an_empty_stream(journal: Journal) -> None:
    """Reading makes nothing."""
    assert journal.read_flight("never") == []
    assert journal.read_desk("never") == []
    assert journal.run_ids() == []
    assert journal.tail.sizes() == {}


async def test_an_append_that_is_not_committed_is_not_told(journal: Journal, stream: Stream) -> None:
    """What was queued and never committed is dropped with its writer, as in a crash."""
    note(stream, 0)
    await stream.commit()
    note(stream, 1)
    stream.close()
    assert [record.data["number"] for record in journal.read_flight("r1")] == [0]


async def test_a_closed_stream_takes_nothing_more(journal: Journal, stream: Stream) -> None:
    """A branch that outlives its run records nothing, so it does nothing."""
    stream.close()
    with pytest.raises(EvidenceUnwritable, match="has ended or left this process; nothing is recorded, so nothing is"):
        note(stream, 0)
    with pytest.raises(EvidenceUnwritable):
        await stream.commit()
    assert journal.read_flight("r1") == []
    stream.close()


async def test_a_commit_of_nothing_is_allowed(journal: Journal, stream: Stream) -> None:
    """It makes no record."""
    await stream.commit()
    assert journal.read_flight("r1") == []


def test_a_second_pilot_is_refused(journal: Journal, stream: Stream) -> None:
    """Two pilots would do things twice; the sentence says what to do."""
    with pytest.raises(RunBusy, match="Run r1 is being flown by another process; wait for it, or stop"):
        journal.open_flight("r1")
    stream.close()
    journal.open_flight("r1").close()


def test_who_only_looks_does_not_keep_a_pilot_out(journal: Journal) -> None:
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


def test_who_only_looks_is_not_taken_for_a_pilot(tmp_path: Path) -> None:
    """Several may look at the same instant; each finds the run free, and a pilot gets in once they are through."""
    journal = FileJournal(tmp_path)
    write_some(journal, 1)
    with journal.flight_path("r1").open("rb") as looker, ThreadPoolExecutor(1) as pilots:
        fcntl.flock(looker, fcntl.LOCK_SH)
        assert journal.is_free("r1")
        flight = pilots.submit(journal.open_flight, "r1")
        fcntl.flock(looker, fcntl.LOCK_UN)
        flight.result().close()


def test_a_run_is_free_while_nobody_flies_it(journal: Journal, stream: Stream) -> None:
    """A run that never was is free as well, and asking makes nothing."""
    assert not journal.is_free("r1")
    stream.close()
    assert journal.is_free("r1")
    assert journal.is_free("r9")
    assert journal.run_ids() == ["r1"]


@pytest.mark.parametrize("payload", [None, b'"' + b"x" * 65_000 + b'"'])
def test_a_run_lives_until_its_last_record_says_how_it_ended(journal: Journal, payload: bytes | None) -> None:
    """However long that record is."""
    for run_id, phase in (("r1", "result"), ("r2", "fact")):
        stream = journal.open_flight(run_id)
        note(stream, 0)
        body: dict[str, Any] = {"objects": [], "phase": phase, "error": "x" * 60_000}
        stream.append({"runid": run_id}, "run_record", body, payload=payload)
        stream.commit_now()
        stream.close()
    journal.open_flight("r3").close()
    assert set(journal.live_run_ids()) == {"r2", "r3"}
    assert [run_id for run_id in ("r1", "r2", "r3", "r9") if journal.has_ended(run_id)] == ["r1"]


def test_the_desk_is_taken_in_turns(journal: Journal) -> None:
    """Whoever comes second waits for the first, and finds what the first has written."""
    entered, seen = threading.Event(), list[int]()

    def second() -> None:
        entered.set()
        with journal.open_desk("r1") as desk:
            seen.append(len(desk.records))

    with journal.open_desk("r1") as desk:
        waiting = threading.Thread(target=second)
        waiting.start()
        assert entered.wait(120)
        assert not seen
        note(desk, 0)
        desk.commit_now()
    waiting.join(10)
    assert seen == [1]


def test_a_run_is_found_by_what_its_stream_mentions(journal: Journal) -> None:
    """A gate's id leads to its run."""
    write_some(journal, 2)
    assert journal.runs_mentioning('"number":1') == ["r1"]
    assert journal.runs_mentioning("elsewhere") == []
    assert journal.run_ids() == ["r1"]


def test_a_look_at_a_stream_tells_whether_it_has_grown(journal: Journal) -> None:
    """Without reading it: 0 where there is nothing, another number after each append."""
    assert (journal.flight_position("r1"), journal.desk_position("r1")) == (0, 0)
    seen = {0}
    for start in range(3):
        write_some(journal, 1, start)
        seen.add(journal.flight_position("r1"))
    assert len(seen) == 4
    assert max(seen) == journal.flight_position("r1")
    with journal.open_desk("r1") as desk:
        assert journal.desk_position("r1") == 0
        note(desk, 0)
        desk.commit_now()
    assert journal.desk_position("r1") > 0


def test_runs_are_told_in_the_order_in_which_they_were_last_written_to(journal: Journal) -> None:
    """A run that moves comes last, and first where the newest is asked for."""
    for second, run_id in enumerate(("r1", "r2", "r3", "r1")):
        stream = journal.open_flight(run_id)
        note(stream, stream.next_seq)
        stream.commit_now()
        stream.close()
        if isinstance(journal, FileJournal):
            # File systems tell the time in steps; two writes within one are told in any order.
            os.utime(journal.flight_path(run_id), (second, second))
    assert journal.run_ids() == ["r2", "r3", "r1"]
    assert journal.live_run_ids() == ["r2", "r3", "r1"]
    assert journal.runs_mentioning('"number":0') == ["r1", "r3", "r2"]


def test_a_gate_leads_to_the_run_that_asked_at_it(journal: Journal) -> None:
    """Among others, and for as long as the evidence stands."""
    for run_id in ("r1", "r2"):
        stream = journal.open_flight(run_id)
        body: dict[str, Any] = {"objects": [], "phase": "fact", "gate": f"gate-of-{run_id}"}
        stream.append({"runid": run_id}, "approval_request", body)
        stream.commit_now()
        stream.close()
    assert journal.runs_mentioning("gate-of-r2") == ["r2"]
    assert journal.runs_mentioning("gate-of-r9") == []
    assert journal.runs_mentioning("\0") == []


def test_when_something_was_last_written_can_be_asked(journal: Journal) -> None:
    """Of a desk, and of all that flies; nothing is older than nothing."""
    assert journal.last_change(["r1"]) is None
    assert journal.desk_changed("r1") is None
    write_some(journal, 1)
    begun = journal.last_change(["r1"])
    assert begun is not None
    assert journal.desk_changed("r1") is None
    with journal.open_desk("r1") as desk:
        note(desk, 0)
        desk.commit_now()
    brought = journal.desk_changed("r1")
    assert brought is not None
    assert journal.last_change(["r1"]) == max(brought, begun)


async def test_streams_that_commit_together_all_keep_their_order(journal: Journal) -> None:
    """Many runs of one process; each record is there when its commit returns, none in another's stream."""
    streams = {run_id: journal.open_flight(run_id) for run_id in (f"r{number}" for number in range(20))}

    async def fly(run_id: str, stream: Stream) -> None:
        for number in range(10):
            record = note(stream, number, run_id.encode())
            await stream.commit()
            assert journal.read_flight(run_id)[-1].digest == record.digest

    await asyncio.gather(*(fly(*each) for each in streams.items()))
    for run_id, stream in streams.items():
        stream.close()
        records = journal.read_flight(run_id)
        assert [record.data["number"] for record in records] == list(range(10))
        assert {record.payload and record.payload.body for record in records} == {run_id.encode()}


def test_a_turn_that_brings_nothing_leaves_nothing(journal: Journal) -> None:
    """Whoever does not commit has written no record; the next one has its turn."""
    with journal.open_desk("r1") as desk:
        note(desk, 0)
    with journal.open_desk("r1") as desk:
        assert desk.records == []
    assert journal.read_desk("r1") == []
    with pytest.raises(EvidenceUnwritable):
        note(desk, 0)


def test_a_desk_may_be_written_to_more_than_once_in_a_turn(journal: Journal) -> None:
    """Each commit is durable by itself."""
    with journal.open_desk("r1") as desk:
        for number in range(3):
            note(desk, number)
            desk.commit_now()
            assert len(journal.read_desk("r1")) == number + 1
