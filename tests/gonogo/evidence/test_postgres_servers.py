"""Which Postgres may keep evidence: one that is durable, that answers, and whose tables we know."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gonogo.errors import EvidenceUnreachable, EvidenceUnwritable, SettingsBroken
from gonogo.evidence.journals import journal_of
from gonogo.evidence.postgres import server as servers
from gonogo.evidence.postgres.appending import DESK_CHANNEL
from gonogo.evidence.postgres.journal import PostgresJournal, disconnect, link_to
from gonogo.evidence.postgres.schema import VERSION
from gonogo.evidence.postgres.server import READERS, TURNS
from gonogo.settings import Settings
from tests.gonogo.toy.paper import note, write_some
from tests.postgres import ask

if TYPE_CHECKING:
    from tests.postgres import PostgresServer


@pytest.fixture
def journal(postgres_url: str) -> PostgresJournal:
    """Journals in an empty database."""
    return PostgresJournal(postgres_url)


def test_a_setting_chooses_the_database() -> None:
    """And opens nothing by itself."""
    assert isinstance(journal_of(Settings(journals="postgresql://nowhere.invalid/evidence")), PostgresJournal)


@pytest.mark.parametrize("address", ["mysql://kim:secret@db/x", "journals", "", "http://db"])
def test_an_address_of_something_else_is_refused(address: str) -> None:
    """In one sentence that does not repeat what may be secret."""
    with pytest.raises(ValueError, match="files, or at a postgresql:// URL") as told:
        Settings(journals=address)
    assert "secret" not in str(told.value.errors()[0]["msg"])  # pyright: ignore[reportAttributeAccessIssue, reportUnknownArgumentType, reportUnknownMemberType] - pydantic's


def test_an_address_that_cannot_be_read_is_refused() -> None:
    """The driver's words would repeat it; ours do not."""
    with pytest.raises(SettingsBroken, match="GONOGO_JOURNALS is no address of a Postgres"):
        PostgresJournal("postgresql://kim:sec%ret@db:port/x?nonsense").run_ids()


def test_what_is_secret_is_never_shown(postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not in a sentence, not in a setting that is printed."""
    monkeypatch.setattr(servers, "PATIENCE_SECONDS", 0)
    url = f"postgresql://kim:hunter2@127.0.0.1:{postgres.port}/nowhere"
    with pytest.raises(EvidenceUnreachable, match="cannot be reached") as told:
        PostgresJournal(url).run_ids()
    shown = [str(told.value), repr(PostgresJournal(url)), repr(Settings(journals=url))]
    assert all("hunter2" not in text for text in shown)
    disconnect()


def test_what_waiting_does_not_mend_is_told_at_once(postgres: PostgresServer) -> None:
    """A database that does not exist will not come back."""
    with pytest.raises(EvidenceUnreachable, match="does not exist"):
        PostgresJournal(postgres.url().replace("/postgres?", "/nowhere?")).run_ids()
    disconnect()


def test_a_commit_waits_for_the_disk_whatever_the_server_or_the_address_say(postgres: PostgresServer) -> None:
    """A server that acknowledges before the disk would break the first law; the connection insists."""
    url = postgres.house() + "%20-csynchronous_commit%3Doff"
    with link_to(url).server.borrowed() as connection:
        assert connection.execute("SHOW synchronous_commit").fetchone() == ("on",)
    with link_to(url.replace("%3Doff", "%3Dremote_apply")).server.borrowed() as connection:
        assert connection.execute("SHOW synchronous_commit").fetchone() == ("remote_apply",)
    disconnect()


def test_what_is_lent_when_the_process_lets_go_is_closed_when_it_comes_back(postgres_url: str) -> None:
    """Nothing stays open behind, whoever still reads."""
    with link_to(postgres_url).server.borrowed() as connection:
        disconnect()
        assert connection.execute("SELECT 1").fetchone() == (1,)
    assert connection.closed


def test_nothing_is_written_once_the_process_has_let_go(journal: PostgresJournal) -> None:
    """Its leases are free then, and somebody else may hold them."""
    flight = journal.open_flight("r1")
    disconnect()
    note(flight, 0)
    with pytest.raises(EvidenceUnwritable, match="let go of its journals"):
        flight.commit_now()


def test_a_server_that_never_syncs_is_refused(postgres: PostgresServer, postgres_url: str) -> None:
    """It forgets in a power cut what it acknowledged."""
    ask(postgres_url, "ALTER SYSTEM SET fsync = off")
    ask(postgres_url, "SELECT pg_reload_conf()")
    try:
        while ask(postgres_url, "SHOW fsync") != [("off",)]:
            pass
        with pytest.raises(EvidenceUnwritable, match="runs with fsync off and forgets in a power cut; switch it on"):
            PostgresJournal(postgres_url).open_flight("r1")
    finally:
        ask(postgres_url, "ALTER SYSTEM RESET fsync")
        postgres.stop()
        postgres.start()


def test_tables_of_a_newer_gonogo_are_left_alone(journal: PostgresJournal, postgres_url: str) -> None:
    """Nothing is guessed at."""
    write_some(journal, 2)
    disconnect()
    ask(postgres_url, "INSERT INTO gonogo_schema (version) VALUES (%s)", VERSION + 1)
    for look in (journal.run_ids, lambda: journal.open_flight("r1")):
        with pytest.raises(EvidenceUnwritable, match=rf"newer gonogo \(schema {VERSION + 1}; this one knows {VERSION}"):
            look()
    assert ask(postgres_url, "SELECT count(*) FROM gonogo_lines") == [(2,)]


def test_houses_in_one_database_do_not_see_each_other(journal: PostgresJournal, postgres: PostgresServer) -> None:
    """Each has a schema of its own; a run of the same name is another run, and free."""
    stream = journal.open_flight("r1")
    other = PostgresJournal(postgres.house())
    assert other.run_ids() == []
    other.open_flight("r1").close()
    stream.close()


def test_a_role_that_may_not_make_tables_is_told_so(postgres_url: str) -> None:
    """What the server refuses is passed on with the way out."""
    schema = postgres_url.rpartition("%3D")[2]
    ask(postgres_url, f"CREATE ROLE guest LOGIN; GRANT USAGE ON SCHEMA {schema} TO guest")
    with pytest.raises(EvidenceUnwritable, match=r"refuses evidence \(permission denied .*Mend what it says"):
        PostgresJournal(postgres_url.replace("gonogo@", "guest@")).run_ids()


def test_a_turn_at_a_desk_is_announced_when_it_is_durable(journal: PostgresJournal, postgres_url: str) -> None:
    """Whoever listens is told which run; a flight's own records are not announced."""
    import psycopg

    write_some(journal, 1)
    with psycopg.connect(postgres_url, autocommit=True) as listener:
        listener.execute(f"LISTEN {DESK_CHANNEL}")
        write_some(journal, 1, 1)
        with journal.open_desk("r1") as desk:
            note(desk, 0)
            desk.commit_now()
        with journal.open_desk("r2") as desk:
            note(desk, 0)
            desk.commit_now()
        told = [notice.payload for notice in listener.notifies(timeout=10, stop_after=2)]
    assert told == ["r1", "r2"]


def test_a_process_has_few_connections_however_much_it_does(journal: PostgresJournal, postgres_url: str) -> None:
    """Many runs, readers and turns at once share them."""
    from concurrent.futures import ThreadPoolExecutor

    streams = [journal.open_flight(f"r{number}") for number in range(30)]

    def work(number: int) -> int:
        note(streams[number], 0)
        streams[number].commit_now()
        with journal.open_desk(f"r{number}") as desk:
            journal.has_ended(f"r{number}")
            note(desk, 0)
            desk.commit_now()
        return len(journal.read_flight(f"r{number}"))

    with ThreadPoolExecutor(15) as pool:
        assert list(pool.map(work, range(30))) == [1] * 30
    count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'gonogo'"
    assert 1 <= ask(postgres_url, count)[0][0] <= READERS + TURNS + 1
    for stream in streams:
        stream.close()
