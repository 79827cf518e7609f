"""Rows and forgers: what is done to a line past gonogo is found, and most of it is refused by the table itself."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from gonogo.errors import EvidenceBroken
from gonogo.evidence.postgres.journal import PostgresJournal
from gonogo.evidence.postgres.streams import line_of
from gonogo.evidence.streams import chained
from gonogo.evidence.tails import Mark
from tests.gonogo.toy.paper import note, write_some
from tests.postgres import ask

LINES = 7


@pytest.fixture
def journal(postgres_url: str) -> PostgresJournal:
    """A run of seven records."""
    journal = PostgresJournal(postgres_url)
    write_some(journal, LINES)
    return journal


def forge(url: str, query: str, *values: object) -> None:
    """Change rows as somebody can who owns the tables: the guard is switched off first."""
    ask(url, "ALTER TABLE gonogo_lines DISABLE TRIGGER USER")
    ask(url, query, *values)
    ask(url, "ALTER TABLE gonogo_lines ENABLE TRIGGER USER")


FORGERIES = {
    "a line is removed": "DELETE FROM gonogo_lines WHERE seq = 3",
    "the first line is removed": "DELETE FROM gonogo_lines WHERE seq = 0",
    "the end is cut off": "DELETE FROM gonogo_lines WHERE seq >= 5",
    "all is removed": "DELETE FROM gonogo_lines",
    "a line is told twice": (
        "INSERT INTO gonogo_lines SELECT stream, 7, leaf, salt, payload, 9 FROM gonogo_lines WHERE seq = 6"
    ),
    "a value is changed": (
        "UPDATE gonogo_lines SET leaf = overlay(leaf PLACING '5' FROM position('\"number\":4' in leaf) + 9) "
        "WHERE seq = 4"
    ),
    "two lines change places": (
        "UPDATE gonogo_lines AS l SET leaf = o.leaf, salt = o.salt, payload = o.payload "
        "FROM gonogo_lines AS o WHERE l.seq + o.seq = 9 AND l.seq IN (4, 5)"
    ),
    "a payload is changed": "UPDATE gonogo_lines SET payload = '{\"amount\":9}' WHERE seq = 3",
    "a salt is changed": "UPDATE gonogo_lines SET salt = sha256('x') WHERE seq = 3",
    "a salt is cut": "UPDATE gonogo_lines SET salt = substr(salt, 2) WHERE seq = 3",
    "a salt is taken away": "UPDATE gonogo_lines SET salt = NULL WHERE seq = 3",
    "a payload comes from nowhere": "UPDATE gonogo_lines SET salt = sha256('x'), payload = '1' WHERE seq = 2",
    "the end is said to be elsewhere": "UPDATE gonogo_streams SET lines = 6",
    "the head is said to be another": "UPDATE gonogo_streams SET head = repeat('a', 64)",
    "a leaf is no record": "UPDATE gonogo_lines SET leaf = 'nothing' WHERE seq = 6",
}  # fmt: skip


@pytest.mark.parametrize("what", FORGERIES)
def test_a_forgery_is_found(journal: PostgresJournal, postgres_url: str, what: str) -> None:
    """By whoever reads the run; and a run that does not hold is not flown on, nor does it stay taken."""
    forge(postgres_url, FORGERIES[what])
    with pytest.raises(EvidenceBroken):
        journal.read_flight("r1")
    with pytest.raises(EvidenceBroken):
        journal.open_flight("r1")
    assert journal.is_free("r1")


@given(data=st.data())
@hypothesis_settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_flipped_byte_is_found(journal: PostgresJournal, postgres_url: str, data: st.DataObject) -> None:
    """In a leaf, a salt or a payload."""
    column, seq = data.draw(st.sampled_from(["leaf", "salt", "payload"])), data.draw(st.sampled_from([1, 3, 5]))
    with psycopg.connect(postgres_url) as connection:
        execute: Any = connection.execute
        execute("ALTER TABLE gonogo_lines DISABLE TRIGGER USER")
        which = f"WHERE stream = 'r1/flight' AND seq = {seq}"
        raw = bytearray(execute(f"SELECT {column} FROM gonogo_lines {which}").fetchone()[0])
        raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
        execute(f"UPDATE gonogo_lines SET {column} = %s {which}", (bytes(raw),))
        rows = connection.execute("SELECT leaf, salt, payload FROM gonogo_lines ORDER BY seq").fetchall()
        with pytest.raises(EvidenceBroken):
            chained((line_of(*each) for each in rows), "r1/flight")
        connection.rollback()
    assert len(journal.read_flight("r1")) == LINES


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM gonogo_lines WHERE seq = 6",
        "TRUNCATE gonogo_lines",
        "UPDATE gonogo_lines SET leaf = leaf || ' '::bytea",
        "UPDATE gonogo_lines SET payload = '1'",
        "UPDATE gonogo_lines SET payload = NULL",
        "UPDATE gonogo_lines SET seq = seq + 100",
        "UPDATE gonogo_lines SET salt = NULL, payload = NULL, gate = 'x'",
    ],
)
def test_the_table_itself_refuses_all_but_erasing(journal: PostgresJournal, postgres_url: str, query: str) -> None:
    """An honest mistake in a console does not get as far as breaking a chain."""
    with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        ask(postgres_url, query)
    assert len(journal.read_flight("r1")) == LINES


def test_an_erased_payload_breaks_nothing(journal: PostgresJournal, postgres_url: str) -> None:
    """Salt and payload go together; leaf, chain and places stay, and the stream goes on."""
    before = journal.tail.read("flights/r1.jsonl", Mark(), 10_000)
    ask(postgres_url, "UPDATE gonogo_lines SET salt = NULL, payload = NULL WHERE seq = 3")
    records = journal.read_flight("r1")
    assert [record.payload is None for record in records] == [True, False, True, True, True, False, True]
    assert "payloaddigest" in records[3].fields
    after = journal.tail.read("flights/r1.jsonl", Mark(), 10_000)
    assert [line.byte_end for line in after] == [line.byte_end for line in before]
    assert after[3].raw == before[3].raw.split(b"\t")[0]
    stream = journal.open_flight("r1")
    note(stream, 7)
    stream.commit_now()
    stream.close()
    assert len(journal.read_flight("r1")) == 8
