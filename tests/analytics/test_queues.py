"""The queue of arrivals as it lands: how many waited, whenever one came or began."""

from __future__ import annotations

import asyncio
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import duckdb

from analytics.marts import mart_path
from analytics.warehouse import land
from tests.gonogo.test_arrivals import fly, flyer

if TYPE_CHECKING:
    from pathlib import Path


def test_the_depth_of_a_queue_is_known_for_every_moment(tmp_path: Path) -> None:
    """Three that came one after the other before any began: the queue grows to three and is empty at the end."""
    came = datetime.now(UTC) - timedelta(seconds=60)
    cases = [flyer("a", number, came + timedelta(seconds=number)) for number in range(3)]
    asyncio.run(fly([cases], tmp_path))
    land(tmp_path)
    with closing(duckdb.connect(str(mart_path(tmp_path)), read_only=True)) as con:
        told = con.execute("SELECT run_id, move, depth, depth_in_all FROM queues ORDER BY moved_at").fetchall()
    assert told == [
        ("a-0", "came", 1, 1),
        ("a-1", "came", 2, 2),
        ("a-2", "came", 3, 3),
        ("a-0", "began", 2, 2),
        ("a-1", "began", 1, 1),
        ("a-2", "began", 0, 0),
    ]
