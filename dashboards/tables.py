"""Tables: what questions to the published mart need of whoever holds it open: a page, or a report in a file."""

# duckdb types its results in part only.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from analytics.marts import open_mart

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from duckdb import DuckDBPyConnection


class Tables(Protocol):
    """One version of the mart, to be asked."""

    def rows(self, sql: str, **parameters: object) -> list[dict[str, Any]]:
        """Return the rows of a query with ``$named`` parameters."""
        ...

    def row(self, sql: str, **parameters: object) -> dict[str, Any]:
        """Return the first row of a query; an empty one where there is none."""
        ...


class OpenTables:
    """The mart as a connection of one's own sees it: for whoever asks once."""

    def __init__(self, con: DuckDBPyConnection) -> None:
        self._con = con

    def rows(self, sql: str, **parameters: object) -> list[dict[str, Any]]:
        """Return the rows of a query with ``$named`` parameters."""
        cursor = self._con.execute(sql, parameters)
        names = [column[0] for column in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def row(self, sql: str, **parameters: object) -> dict[str, Any]:
        """Return the first row of a query; an empty one where there is none."""
        found = self.rows(sql, **parameters)
        return found[0] if found else {}


@contextmanager
def open_tables(home: Path) -> Generator[OpenTables]:
    """Open the newest published mart, and close it after the block.

    Raises:
        MartMissing: nothing has been published yet, or by another version of gonogo.

    """
    with open_mart(home) as con:
        yield OpenTables(con)
