"""Spills: work over all of history holds to a little memory, and what does not fit goes to disk.

DuckDB by itself keeps every block of a file it has read until most of the machine's memory is full, and
lets its hash tables grow as far. The report is read on laptops, and beside a house that flies missions,
so it takes neither: blocks are read again, and hash tables go to disk. Numbers do not depend on it.
"""

# duckdb types its results in part only.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, TypeVar

from analytics.stores import scalar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from duckdb import DuckDBPyConnection

T = TypeVar("T")

MEMORY_MB: Final = 256
"""What DuckDB may hold meanwhile; the interpreter and its libraries take some 120 MB beside it."""


def within_memory(con: DuckDBPyConnection, work: Callable[[], T], megabytes: int = MEMORY_MB) -> T:
    """Do work that can be repeated, with little memory where that is possible, and with more where it is not.

    Where it does not fit, and the disk takes no more or cannot be written, the work is done once more
    without the limit: an answer that takes memory is better than none.
    """
    import duckdb

    with suppress(duckdb.OutOfMemoryException, duckdb.IOException), _limited(con, megabytes):
        return work()
    return work()


@contextmanager
def _limited(con: DuckDBPyConnection, megabytes: int) -> Generator[None]:
    """Lower the limit of the whole instance for the block; a lower one stays as it is.

    Raises:
        OutOfMemoryException: more than that is in use already, and cannot be let go of.

    """
    before = str(scalar(con, "SELECT current_setting('memory_limit')"))
    if int(scalar(con, "SELECT parse_formatted_bytes(current_setting('memory_limit'))")) <= megabytes * 1_000_000:
        yield
        return
    con.execute(f"SET memory_limit = '{megabytes:d}MB'")
    try:
        yield
    finally:
        con.execute(f"SET memory_limit = '{before}'")
