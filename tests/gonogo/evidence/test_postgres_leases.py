"""Leases in Postgres: one writer whatever breaks; a writer that was cut off and comes back too late is refused."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from typing import TYPE_CHECKING

import pytest

from gonogo.errors import EvidenceUnwritable, LeaseLost, RunBusy
from gonogo.evidence.postgres import writer as writers
from gonogo.evidence.postgres.journal import PostgresJournal, link_to
from gonogo.evidence.postgres.server import Server
from gonogo.evidence.postgres.writer import Writer
from tests.gonogo.evidence.test_journal_crash import said, scribe
from tests.gonogo.toy.paper import note, write_some
from tests.postgres import ask

if TYPE_CHECKING:
    from collections.abc import Iterator

HOLDERS = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock'"


@pytest.fixture(autouse=True)
def _still(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    """Nothing happens by the clock."""
    monkeypatch.setattr(writers, "HEARTBEAT_SECONDS", 3_600)
    monkeypatch.setattr(writers, "LEASE_PATIENCE_SECONDS", 0.1)


@pytest.fixture
def journal(postgres_url: str) -> PostgresJournal:
    """The journals of this process."""
    return PostgresJournal(postgres_url)


@pytest.fixture
def other(postgres_url: str) -> Iterator[Writer]:
    """The writer of another process, as far as the database can tell."""
    writer = Writer(Server(postgres_url))
    yield writer
    writer.close()


def cut_off(url: str) -> None:
    """Cut the connection of everybody who holds leases, as a network or a restart does."""
    ended = ask(url, HOLDERS)
    assert ended
    while ask(url, "SELECT FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock'"):
        pass


def test_a_second_process_is_refused_and_told_who_flies(journal: PostgresJournal, other: Writer) -> None:
    """The sentence names process and machine; on many machines one has to know where to look."""
    stream = journal.open_flight("r1")
    with pytest.raises(RunBusy, match=rf"Run r1 is being flown by another process; .* It is process {os.getpid()} on"):
        other.take("r1/flight")
    stream.close()
    assert other.take("r1/flight").epoch == 2
    with pytest.raises(RunBusy):
        journal.open_flight("r1")


def test_a_writer_that_was_cut_off_and_replaced_is_refused(
    journal: PostgresJournal, other: Writer, postgres_url: str
) -> None:
    """It stalls, its connection is cut, another takes the run and goes: when it wakes, it records nothing more."""
    stream = journal.open_flight("r1")
    note(stream, 0)
    stream.commit_now()
    cut_off(postgres_url)
    assert journal.is_free("r1")
    other.take("r1/flight")
    note(stream, 1)
    with pytest.raises(LeaseLost, match=r"taken over by another process .* stops here, before its next effect"):
        stream.commit_now()
    with pytest.raises(LeaseLost):
        note(stream, 2)
    stream.close()
    assert [record.data["number"] for record in journal.read_flight("r1")] == [0]
    assert not journal.is_free("r1"), "closing what was lost must not free what another has"


def test_a_writer_that_was_replaced_is_refused_also_when_its_replacement_has_left(
    journal: PostgresJournal, other: Writer, postgres_url: str
) -> None:
    """The other may have done anything meanwhile."""
    stream = journal.open_flight("r1")
    cut_off(postgres_url)
    other.give_back("r1/flight", other.take("r1/flight").epoch, lambda: None)
    assert journal.is_free("r1")
    note(stream, 0)
    with pytest.raises(LeaseLost):
        stream.commit_now()


def test_a_writer_that_was_cut_off_and_not_replaced_goes_on(
    journal: PostgresJournal, other: Writer, postgres_url: str
) -> None:
    """Nobody came, the head is its own: it takes the same lease again, and others are refused again."""
    stream = journal.open_flight("r1")
    for number in range(3):
        cut_off(postgres_url)
        note(stream, number)
        stream.commit_now()
    with pytest.raises(RunBusy):
        other.take("r1/flight")
    assert [record.data["number"] for record in journal.read_flight("r1")] == [0, 1, 2]


async def test_a_refused_writer_does_not_drag_others_along(
    journal: PostgresJournal, other: Writer, postgres_url: str
) -> None:
    """Streams share a transaction, and each has its own lease."""
    lost, kept = journal.open_flight("r1"), journal.open_flight("r2")
    cut_off(postgres_url)
    other.take("r1/flight")
    for stream in (lost, kept):
        note(stream, 0)
    told = await asyncio.gather(lost.commit(), kept.commit(), return_exceptions=True)
    assert [type(each) for each in told] == [LeaseLost, type(None)]
    assert len(journal.read_flight("r2")) == 1
    assert journal.read_flight("r1") == []


def test_a_connection_the_server_still_believes_in_does_not_lock_its_own_process_out(
    journal: PostgresJournal, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a network failure the server may not have noticed; the former connection is ended by the new one."""
    stream = journal.open_flight("r1")
    writer = link_to(postgres_url).writer
    former = writer._connection  # pyright: ignore[reportPrivateUsage] - as a broken network leaves it
    assert former is not None
    monkeypatch.setattr(writer, "_connection", None)
    note(stream, 0)
    stream.commit_now()
    former.close()
    stream.close()
    assert len(journal.read_flight("r1")) == 1


def test_a_lease_that_could_not_be_given_back_does_not_keep_the_run(
    journal: PostgresJournal, other: Writer, postgres_url: str
) -> None:
    """Closed while cut off: the run is free at once, and stays free when the process is back."""
    stream, second = journal.open_flight("r1"), journal.open_flight("r2")
    cut_off(postgres_url)
    stream.close()
    assert journal.is_free("r1")
    note(second, 0)
    second.commit_now()
    assert journal.is_free("r1")
    other.take("r1/flight")


def test_a_process_that_only_waits_takes_its_lock_back(
    journal: PostgresJournal, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run at a gate writes nothing for days; a restart of the server must not give it away."""
    monkeypatch.setattr(writers, "HEARTBEAT_SECONDS", 0.01)
    stream = journal.open_flight("r1")
    cut_off(postgres_url)
    while journal.is_free("r1"):
        pass
    stream.close()


def test_a_stalled_process_is_refused_when_it_wakes(journal: PostgresJournal, postgres_url: str) -> None:
    """A real process, stopped; cut off, replaced, and let go on: it says why, and has written nothing."""
    with scribe(postgres_url, "hold") as stalled:
        assert said(stalled).readline() == b"held\n"
        with pytest.raises(RunBusy):
            journal.open_flight("r1")
        os.kill(stalled.pid, signal.SIGSTOP)
        cut_off(postgres_url)
        write_some(journal, 2)
        os.kill(stalled.pid, signal.SIGCONT)
        told, _ = stalled.communicate(b"go on\n", 30)
        assert told.startswith(b"LeaseLost: Run r1 was taken over by another process")
    assert [record.data.get("number") for record in journal.read_flight("r1")] == [0, 1]


def test_a_process_that_was_cut_off_and_not_replaced_writes_on(journal: PostgresJournal, postgres_url: str) -> None:
    """The same process, and nobody came."""
    with scribe(postgres_url, "hold") as stalled:
        assert said(stalled).readline() == b"held\n"
        cut_off(postgres_url)
        assert stalled.communicate(b"go on\n", 30)[0] == b"written\n"
    assert len(journal.read_flight("r1")) == 1


def test_of_many_that_come_at_once_one_flies(postgres_url: str) -> None:
    """On an empty database, which all of them try to make first."""
    pilots = [Writer(Server(postgres_url)) for _ in range(5)]
    together, refused = threading.Barrier(len(pilots)), list[str]()

    def begin(writer: Writer) -> None:
        together.wait(120)
        try:
            writer.take("r1/flight")
        except RunBusy as error:
            refused.append(str(error))

    starting = [threading.Thread(target=begin, args=(writer,)) for writer in pilots]
    for each in starting:
        each.start()
    for each in starting:
        each.join(30)
    for writer in pilots:
        writer.close()
    assert len(refused) == len(pilots) - 1


def test_a_database_that_was_set_back_takes_nothing_more(journal: PostgresJournal, postgres_url: str) -> None:
    """Restored from an older copy, it lacks what it had acknowledged; to write on would hide that."""
    stream = journal.open_flight("r1")
    for number in range(3):
        note(stream, number)
        stream.commit_now()
    head = journal.read_flight("r1")[0].digest
    ask(postgres_url, "UPDATE gonogo_streams SET lines = 1, head = %s WHERE stream = 'r1/flight'", head)
    note(stream, 3)
    with pytest.raises(EvidenceUnwritable, match="holds 1 records of r1/flight, not the 3 it had acknowledged"):
        stream.commit_now()
