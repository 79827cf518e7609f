"""Wrapped keys of data subjects in a Postgres, for many machines; best another one than the journals'."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psycopg

from gonogo.errors import EvidenceUnwritable

if TYPE_CHECKING:
    from collections.abc import Generator

_LOCK = 0x676F6E6F676F
"""The advisory lock under which all tables of gonogo are made."""
_MADE = "SELECT FROM pg_tables WHERE tablename = 'gonogo_subject_keys' AND schemaname = ANY(current_schemas(false))"
_TABLE = """
CREATE TABLE IF NOT EXISTS gonogo_subject_keys (
    id text PRIMARY KEY,
    lookup text NOT NULL UNIQUE,
    wrapped bytea NOT NULL
)
"""
_CONNECT_SECONDS = 5


@dataclass(frozen=True)
class PostgresShelf:
    """Wrapped keys in one table."""

    url: str = field(repr=False)
    is_local: bool = False

    def put(self, identity: str, lookup: str, wrapped: bytes) -> tuple[str, bytes]:
        """Keep a key for whoever has none, durably; return the row that stands there now."""
        with self._open() as rows:
            query = "INSERT INTO gonogo_subject_keys VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
            rows.execute(query, (identity, lookup, wrapped))
        found = self.by_lookup(lookup)
        if found is None:
            raise EvidenceUnwritable("A key was destroyed while it was made; nothing is recorded under it. Try again.")
        return found

    def by_lookup(self, lookup: str) -> tuple[str, bytes] | None:
        """Return the id and the wrapped key of a subject."""
        with self._open() as rows:
            return rows.execute("SELECT id, wrapped FROM gonogo_subject_keys WHERE lookup = %s", (lookup,)).fetchone()

    def by_id(self, identity: str) -> tuple[str, bytes] | None:
        """Return the lookup and the wrapped key of an id."""
        with self._open() as rows:
            return rows.execute("SELECT lookup, wrapped FROM gonogo_subject_keys WHERE id = %s", (identity,)).fetchone()

    def destroy(self, identity: str) -> bool:
        """Delete a key, durably; whether there was one."""
        with self._open() as rows:
            return rows.execute("DELETE FROM gonogo_subject_keys WHERE id = %s", (identity,)).rowcount > 0

    @contextmanager
    def _open(self) -> Generator[psycopg.Connection]:
        try:
            with psycopg.connect(self.url, autocommit=True, connect_timeout=_CONNECT_SECONDS) as rows:
                rows.execute("SET synchronous_commit = on")
                if rows.execute(_MADE).fetchone() is None:
                    with rows.transaction():
                        rows.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
                        rows.execute(_TABLE)
                yield rows
        except psycopg.Error as error:
            # The address may hold a password, and some of these messages repeat it.
            raise EvidenceUnwritable(
                f"The keys of data subjects cannot be used ({type(error).__name__}); nothing about a person is "
                "recorded or read without them. Start that Postgres or correct GONOGO_SUBJECT_KEYS."
            ) from error
