"""The ledger of day budgets in the Postgres that keeps the journals: one for every machine that names it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeVar

from gonogo.evidence.postgres.journal import link_to
from gonogo.purses.books import Page, Slice

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    import psycopg

    from gonogo.evidence.postgres.server import Server

T = TypeVar("T")

_LOCK = 0x676F6E6F676F
"""The advisory lock under which all tables of gonogo are made."""

_MADE = """
SELECT count(*) FROM pg_tables
WHERE tablename IN ('gonogo_purses', 'gonogo_slices') AND schemaname = ANY(current_schemas(false))
"""
_TABLES = """
CREATE TABLE IF NOT EXISTS gonogo_purses (
    purse text PRIMARY KEY,
    spent bigint NOT NULL DEFAULT 0,
    wanted_at timestamptz
);
CREATE TABLE IF NOT EXISTS gonogo_slices (
    purse text NOT NULL,
    owner text NOT NULL,
    place text NOT NULL,
    slot bigint NOT NULL,
    granted bigint NOT NULL,
    PRIMARY KEY (purse, owner)
);
"""
_OPEN = "INSERT INTO gonogo_purses (purse) VALUES (%s) ON CONFLICT DO NOTHING"
_TAKE = "SELECT spent FROM gonogo_purses WHERE purse = %s FOR UPDATE"
_SLICES = "SELECT owner, place, slot, granted FROM gonogo_slices WHERE purse = %s"
_SPEND = "UPDATE gonogo_purses SET spent = %s WHERE purse = %s"
_WANT = "UPDATE gonogo_purses SET wanted_at = clock_timestamp() WHERE purse = %s"
_GRANT = """
INSERT INTO gonogo_slices (purse, owner, place, slot, granted) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (purse, owner) DO UPDATE SET place = EXCLUDED.place, slot = EXCLUDED.slot, granted = EXCLUDED.granted
"""
_CLOSE = "DELETE FROM gonogo_slices WHERE purse = %s AND owner = %s"
_WANTED = """
SELECT purse FROM gonogo_purses WHERE purse = ANY(%s) AND wanted_at > clock_timestamp() - interval '5 seconds'
"""


class PostgresBook:
    """A ledger in two tables."""

    is_shared = True

    def __init__(self, url: str) -> None:
        self._url = url
        self._is_made = False

    @property
    def _server(self) -> Server:
        return link_to(self._url).server

    def attempt(self, work: Callable[[], T]) -> T:
        """Do it, again if the connection breaks; gives up when the server has been away for too long."""
        return self._server.persist(work)

    @contextmanager
    def turn(self, purse: str) -> Generator[Page]:
        """Have the purse's row to oneself for the block."""
        server = self._server
        with server.borrowed() as connection, server.asking(connection):
            self._make(connection)
            with connection.transaction():
                connection.execute(_OPEN, (purse,))
                spent = connection.execute(_TAKE, (purse,)).fetchone()
                rows = connection.execute(_SLICES, (purse,)).fetchall()
                page = Page(purse, spent[0] if spent else 0, {owner: Slice(*rest) for owner, *rest in rows})
                yield page
                self._write(connection, page)

    def _make(self, connection: psycopg.Connection) -> None:
        """Make the tables, once; whoever comes second waits for the first."""
        if self._is_made:
            return
        found = connection.execute(_MADE).fetchone()
        if found is None or found[0] != 2:  # noqa: PLR2004 - two tables
            with connection.transaction():
                connection.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
                connection.execute(_TABLES)
        self._is_made = True

    def _write(self, connection: psycopg.Connection, page: Page) -> None:
        if page.is_spent_changed:
            connection.execute(_SPEND, (page.spent, page.purse))
        for owner, slice_ in page.changed():
            connection.execute(_GRANT, (page.purse, owner, *slice_))
        for owner in page.gone():
            connection.execute(_CLOSE, (page.purse, owner))
        if page.is_wanted:
            connection.execute(_WANT, (page.purse,))

    def wanted(self, purses: list[str]) -> list[str]:
        """Return the purses of which somebody on another machine wants a rest."""
        return [purse for (purse,) in self._server.read(_WANTED, (purses,))]

    def close(self) -> None:
        """Do nothing: the link is the journals'."""
