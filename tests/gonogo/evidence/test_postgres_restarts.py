"""A Postgres that restarts: nothing lost, nothing twice, and one clear sentence when it stays away."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, Literal

import pytest

from gonogo.errors import EvidenceUnreachable, EvidenceUnwritable
from gonogo.evidence.postgres import server as servers
from gonogo.evidence.postgres import streams, writer
from gonogo.evidence.postgres.journal import PostgresJournal, disconnect
from gonogo.evidence.postgres.server import Cut
from tests.gonogo.evidence.test_journal_crash import said, scribe
from tests.gonogo.toy.paper import note

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from psycopg import Connection

    from gonogo.evidence.postgres.appending import Batch
    from tests.postgres import PostgresServer

    Append = Callable[[Connection, Sequence[Batch]], dict[str, EvidenceUnwritable]]

HOWS = ["fast", "immediate", "kill"]
"""In order; at once, without a checkpoint; as a power cut would."""


@pytest.fixture
def journal(postgres_url: str) -> PostgresJournal:
    """The journals of this process."""
    return PostgresJournal(postgres_url)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is away stays away, for all we wait."""
    monkeypatch.setattr(servers, "PATIENCE_SECONDS", 0.05)


async def write(journal: PostgresJournal, run_id: str, count: int) -> list[int]:
    """Append numbers to a run, and return those that were acknowledged."""
    stream = journal.open_flight(run_id)
    told: list[int] = []
    for number in range(count):
        note(stream, number)
        await stream.commit()
        told.append(number)
    stream.close()
    return told


@pytest.mark.parametrize("how", HOWS)
async def test_runs_fly_through_a_restart(journal: PostgresJournal, postgres: PostgresServer, how: Any) -> None:
    """Several runs of a process, in the middle of their appends: all are recorded, each once, in order."""
    begun = asyncio.Event()
    journal.run_ids()

    async def restart() -> None:
        await begun.wait()
        await asyncio.to_thread(postgres.stop, how)
        await asyncio.to_thread(postgres.start)

    async def fly(run_id: str) -> list[int]:
        stream = journal.open_flight(run_id)
        for number in range(400):
            note(stream, number)
            await stream.commit()
            if number == 50:
                begun.set()
        stream.close()
        return [record.data["number"] for record in journal.read_flight(run_id)]

    recorded = await asyncio.gather(*(fly(f"r{number}") for number in range(5)), restart())
    assert recorded[:5] == [list(range(400))] * 5


@pytest.mark.parametrize("how", HOWS)
def test_no_record_that_a_process_was_told_is_lost_when_the_server_dies(
    journal: PostgresJournal, postgres_url: str, postgres: PostgresServer, how: Any
) -> None:
    """Another process writes, from several branches; it is never told of a record that is not there afterwards."""
    with scribe(postgres_url) as busy:
        told = [int(said(busy).readline()) for _ in range(100)]
        postgres.stop(how)
        postgres.start()
        told += [int(said(busy).readline()) for _ in range(100)]
        busy.kill()
        told += [int(line) for line in said(busy).read().split(b"\n")[:-1]]
    recorded = [record.seq for record in journal.read_flight("r1")]
    assert set(told) <= set(recorded)
    assert len(told) == len(set(told))
    assert recorded == list(range(len(recorded)))


def broken(append: Append, when: Literal["before", "after"]) -> Append:
    """Return an append whose first connection breaks, before the server heard or after it had committed."""
    left = ["one"]

    def once(connection: Connection, batches: Sequence[Batch]) -> dict[str, EvidenceUnwritable]:
        if left:
            left.pop()
            if when == "after":
                append(connection, batches)
                if connection.info.transaction_status:
                    connection.execute("COMMIT")
            connection.close()
            raise Cut("server closed the connection unexpectedly")
        return append(connection, batches)

    return once


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_answer_that_was_lost_is_found_out(
    journal: PostgresJournal, monkeypatch: pytest.MonkeyPatch, when: Literal["before", "after"]
) -> None:
    """The connection breaks under a commit: whether it was done or not, it is done once."""
    stream, beside = journal.open_flight("r1"), journal.open_flight("r2")
    monkeypatch.setattr(writer, "append", broken(writer.append, when))
    for number in range(3):
        note(stream, number)
    stream.commit_now()
    note(beside, 0)
    note(stream, 3)
    stream.commit_now()
    beside.commit_now()
    assert [record.data["number"] for record in journal.read_flight("r1")] == [0, 1, 2, 3]
    assert len(journal.read_flight("r2")) == 1


@pytest.mark.parametrize("when", ["before", "after"])
def test_the_same_holds_at_a_desk(
    journal: PostgresJournal, monkeypatch: pytest.MonkeyPatch, when: Literal["before", "after"]
) -> None:
    """An answer to a gate is recorded once."""
    monkeypatch.setattr(streams, "append", broken(streams.append, when))
    with journal.open_desk("r1") as desk:
        note(desk, 0)
        desk.commit_now()
    assert len(journal.read_desk("r1")) == 1


def test_a_turn_that_was_cut_off_and_overtaken_records_nothing(
    journal: PostgresJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it decided on is not what lies there any more."""
    append = streams.append
    monkeypatch.setattr(streams, "append", broken(append, "before"))
    with journal.open_desk("r1") as slow:
        note(slow, 0)
        slow._connection.close()  # pyright: ignore[reportPrivateUsage, reportOptionalMemberAccess] - the network fails
        with monkeypatch.context() as patched:
            patched.setattr(streams, "append", append)
            with journal.open_desk("r1") as fast:
                note(fast, 7)
                fast.commit_now()
        with pytest.raises(EvidenceUnwritable, match="Somebody else was at the desk of run r1 meanwhile"):
            slow.commit_now()
    assert [record.data["number"] for record in journal.read_desk("r1")] == [7]


@pytest.mark.usefixtures("impatient")
def test_a_server_that_stays_away_is_one_sentence(journal: PostgresJournal, postgres: PostgresServer) -> None:
    """With the way out, and without what is secret; what was not acknowledged is not told afterwards."""
    stream = journal.open_flight("r1")
    note(stream, 0)
    stream.commit_now()
    postgres.stop("immediate")
    try:
        note(stream, 1)
        with pytest.raises(EvidenceUnreachable) as told:
            stream.commit_now()
        sentence = str(told.value)
        assert sentence.startswith("The journals at ")
        assert "cannot be reached (" in sentence
        assert sentence.endswith("Start that Postgres or correct GONOGO_JOURNALS, then continue the run with --resume.")
        assert "\n" not in sentence
        with pytest.raises(EvidenceUnreachable):
            note(stream, 2)
        for look in (journal.run_ids, lambda: journal.read_flight("r1"), lambda: journal.desk_position("r1")):
            with pytest.raises(EvidenceUnreachable):
                look()
        with pytest.raises(EvidenceUnreachable):
            journal.open_flight("r2")
        with pytest.raises(EvidenceUnreachable), journal.open_desk("r1"):
            pass
        stream.close()
    finally:
        postgres.start()
    stream = journal.open_flight("r1")
    assert [record.data["number"] for record in stream.records] == [0]
    note(stream, 1)
    stream.commit_now()
    stream.close()


@pytest.mark.usefixtures("impatient")
async def test_all_who_wait_are_told(journal: PostgresJournal, postgres: PostgresServer) -> None:
    """No branch goes on as if it had been recorded, in this run or another."""
    opened = [journal.open_flight(f"r{number}") for number in range(3)]
    postgres.stop("immediate")
    try:
        for stream in opened * 2:
            note(stream, 0)
        told = await asyncio.gather(*(stream.commit() for stream in opened * 2), return_exceptions=True)
        assert {type(error) for error in told} == {EvidenceUnreachable}
    finally:
        postgres.start()


def test_who_looks_after_a_restart_sees_it_all(journal: PostgresJournal, postgres: PostgresServer) -> None:
    """Connections that were idle when the server went are not told to anybody."""
    asyncio.run(write(journal, "r1", 3))
    threads = [threading.Thread(target=journal.run_ids) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    postgres.stop()
    postgres.start()
    assert journal.run_ids() == ["r1"]
    with journal.open_desk("r1") as desk:
        note(desk, 0)
        desk.commit_now()
    assert len(journal.read_flight("r1")) == 3


def test_what_was_closed_is_opened_again_when_it_is_used(journal: PostgresJournal) -> None:
    """A journal is an address, not a connection."""
    asyncio.run(write(journal, "r1", 1))
    disconnect()
    assert len(journal.read_flight("r1")) == 1
