"""Quarantine: journal lines that did not become evidence, kept whole with the reason until a replay settles them.

A row is known by (journal, byte_offset, sha256). It waits until a replay reads its journal again and
the line no longer fails: then it has *landed*, where its place holds evidence now, or is *gone*,
where another line or none stands there. Rows are never deleted.
"""

# duckdb and pyarrow are typed in part only.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from typing import TYPE_CHECKING

from analytics.stores import scalar

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from duckdb import DuckDBPyConnection

    from analytics.journals import Reject

Key = tuple[str, int, str]
"""Journal, byte offset and SHA-256 of a line."""

_ADD = """
INSERT INTO quarantine BY NAME
SELECT * FROM rejected
ANTI JOIN quarantine USING (journal, byte_offset, sha256)
"""

_REOPEN = """
UPDATE quarantine SET settled = NULL, settled_at = NULL
FROM rejected
WHERE quarantine.settled IS NOT NULL
    AND quarantine.journal = rejected.journal
    AND quarantine.byte_offset = rejected.byte_offset
    AND quarantine.sha256 = rejected.sha256
"""

_SETTLE = """
UPDATE quarantine SET
    settled = CASE
        WHEN (journal, line) IN (SELECT journal, line FROM evidence) THEN 'landed'
        ELSE 'gone'
    END,
    settled_at = $now
WHERE settled IS NULL
    AND journal IN (
        SELECT journal FROM offsets WHERE list_contains($journals::VARCHAR[], journal)
    )
    AND ($is_whole OR byte_offset < (SELECT byte_offset FROM offsets WHERE offsets.journal = quarantine.journal))
    AND (journal, byte_offset, sha256) NOT IN (SELECT journal, byte_offset, sha256 FROM failing)
"""


def add(con: DuckDBPyConnection, rejects: Iterable[Reject], load_id: str, now: datetime) -> tuple[int, set[Key]]:
    """Keep lines that did not land, each once, however often it is read; one that was settled waits again.

    Returns:
        How many are new, and the keys of all of them.

    """
    import pyarrow as pa

    rows = [reject.row(load_id, now) for reject in rejects]
    if not rows:
        return 0, set()
    con.register("rejected", pa.Table.from_pylist(rows))
    try:
        added = int(scalar(con, _ADD))
        con.execute(_REOPEN)
    finally:
        con.unregister("rejected")
    return added, {(row["journal"], row["byte_offset"], row["sha256"]) for row in rows}


def waiting_journals(con: DuckDBPyConnection) -> list[str]:
    """Return the journals that hold lines in quarantine which wait for a replay."""
    found = con.execute("SELECT DISTINCT journal FROM quarantine WHERE settled IS NULL ORDER BY journal").fetchall()
    return [str(journal) for (journal,) in found]


def waiting(con: DuckDBPyConnection) -> int:
    """Return how many lines wait."""
    return int(scalar(con, "SELECT count(*) FROM quarantine WHERE settled IS NULL"))


def settle(
    con: DuckDBPyConnection, journals: list[str], failing: set[Key], now: datetime, *, is_whole: bool
) -> dict[str, int]:
    """Settle the rows of journals that were read again, but those of the lines that failed again.

    Args:
        con: the warehouse; the caller's transaction.
        journals: those that were read again from their start.
        failing: lines that were rejected in doing so.
        now: when.
        is_whole: whether every journal could be read to its end; else only what was passed is settled.

    Returns:
        How many have landed and how many are gone.

    """
    import pyarrow as pa

    columns = list(zip(*sorted(failing), strict=True)) or [(), (), ()]
    table = pa.table(
        {
            "journal": pa.array(columns[0], "string"),
            "byte_offset": pa.array(columns[1], "int64"),
            "sha256": pa.array(columns[2], "string"),
        }
    )
    con.register("failing", table)
    try:
        con.execute(_SETTLE, {"now": now, "journals": journals, "is_whole": is_whole})
    finally:
        con.unregister("failing")
    settled = con.execute("SELECT settled, count(*) FROM quarantine WHERE settled_at = $now GROUP BY 1", {"now": now})
    return {str(word): int(count) for word, count in settled.fetchall()}
