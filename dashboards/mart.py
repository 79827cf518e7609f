"""The published mart, as pages read it: one read-only connection a version of the file."""

# duckdb and Streamlit's caches are typed in part only.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

import errno
import os
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb
import streamlit as st

from analytics.errors import MartMissing
from analytics.marts import mart_path, open_mart
from gonogo.errors import GonogoError

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

VERSIONS_KEPT = 2
"""The version in force, and the one before it, which pages that are being drawn may still read."""

ANSWERS_KEPT = 256


class NothingLanded(MartMissing):
    """There is no mart yet: nothing was ever flown here, or nothing was landed."""


class MartUnreadable(GonogoError):
    """The mart is there and does not answer; the next look may find another."""

    failure = "dependency_open"


@dataclass(frozen=True, slots=True)
class Mart:
    """One version of the published file, told from its successors by inode and time of change."""

    home: Path
    inode: int
    changed_ns: int

    def rows(self, sql: str, **parameters: object) -> list[dict[str, Any]]:
        """Return the rows of a query with ``$named`` parameters.

        Raises:
            MartUnreadable: the query cannot be answered from this file.

        """
        return _rows(self, sql, tuple(parameters.items()))

    def row(self, sql: str, **parameters: object) -> dict[str, Any]:
        """Return the first row of a query; an empty one where there is none."""
        rows = self.rows(sql, **parameters)
        return rows[0] if rows else {}


def unreadable(error: OSError) -> str:
    """Return what the system does not let the dashboard read, why, and the way out."""
    what = f"{error.filename} cannot be read" if error.filename else "Something here cannot be read"
    return (
        f"{what} ({(error.strerror or str(error)).lower()}); let the user who serves the dashboard read it, "
        "or set GONOGO_HOME to another home."
    )


def current_mart(home: Path) -> Mart:
    """Return the version that is published now.

    Raises:
        NothingLanded: nothing has been published yet.
        MartUnreadable: the home or the file in it may not be read, or the home is no folder.

    """
    path = mart_path(home)
    try:
        seen = path.stat()
        # Asked before DuckDB is, which would tell of a file that is not allowed as of one that is broken.
        if not os.access(path, os.R_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    except FileNotFoundError:
        msg = "Nothing has landed yet."
        raise NothingLanded(msg) from None
    except OSError as error:
        raise MartUnreadable(unreadable(error)) from error
    return Mart(home, seen.st_ino, seen.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class _Reader:
    connection: DuckDBPyConnection
    hold: ExitStack


def _release(reader: _Reader) -> None:
    reader.hold.close()


@st.cache_resource(max_entries=VERSIONS_KEPT, show_spinner=False, on_release=_release)
def _reader(home: Path, inode: int, changed_ns: int) -> _Reader:
    """Open the mart once for all sessions; a new version of the file is a new key."""
    del inode, changed_ns
    hold = ExitStack()
    return _Reader(hold.enter_context(open_mart(home)), hold)


@st.cache_data(max_entries=ANSWERS_KEPT, show_spinner=False, hash_funcs={Mart: hash})
def _rows(mart: Mart, sql: str, parameters: tuple[tuple[str, object], ...]) -> list[dict[str, Any]]:
    try:
        reader = _reader(mart.home, mart.inode, mart.changed_ns)
        with reader.connection.cursor() as cursor:
            # A cursor starts out in the empty database of its connection, in the machine's time zone.
            cursor.execute("USE mart")
            cursor.execute("SET TimeZone = 'UTC'")
            cursor.execute(sql, dict(parameters))
            names = [column[0] for column in cursor.description or []]
            return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    except duckdb.Error as error:
        msg = (
            "The published mart is damaged, or of another make; run gonogo land to publish it anew. "
            f"DuckDB says: {str(error).splitlines()[0]}"
        )
        raise MartUnreadable(msg) from error
