"""Declaring: what is assumed and SQL has to join with, written into the mart: business hours, and fees of tools."""

# duckdb types its results in part only.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from typing import TYPE_CHECKING

from analytics.assumptions import micros
from analytics.stores import insert_rows

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from analytics.assumptions import Assumptions

_FLOWN = "SELECT min(started_at), max(ended_at) FROM runs WHERE sla_seconds IS NOT NULL"


def declare_fees(con: DuckDBPyConnection, assumptions: Assumptions | None) -> None:
    """Write what calls of tools cost; none, where none is declared."""
    con.execute("DELETE FROM tool_fees")
    if assumptions is not None and assumptions.tool_fees is not None:
        shared = {"currency": assumptions.currency, "standing": assumptions.standing}
        fees = sorted(assumptions.tool_fees.per_call.items())
        insert_rows(con, "tool_fees", ({"tool": tool, "micros": micros(fee), **shared} for tool, fee in fees))


def declare_hours(con: DuckDBPyConnection, assumptions: Assumptions | None) -> None:
    """Write the business hours that runs with a service level flew in; none, where none are declared."""
    con.execute("DELETE FROM business_hours")
    if assumptions is not None and assumptions.calendar is not None:
        first, last = con.execute(_FLOWN).fetchall()[0]
        if first is not None and last is not None:
            insert_rows(con, "business_hours", assumptions.calendar.hours(first, last))
