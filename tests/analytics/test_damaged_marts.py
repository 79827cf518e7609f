"""A published mart that cannot be read to its last row is published again, though nothing new has come in."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

from analytics.errors import MartMissing
from analytics.loading import Loader
from analytics.marts import mart_path, open_mart, read_whole
from analytics.warehouse import land

if TYPE_CHECKING:
    from pathlib import Path

    from tests.analytics.conftest import Fleet

BLOCKS_BEGIN, BLOCK_BYTES = 3 * 4_096, 262_144
"""Where a DuckDB file's blocks begin, behind its three headers, and how large each is."""


def places_of_hidden_damage(fleet: Fleet) -> list[int]:
    """Return where the published file can be spoilt so that it still opens, and something in it cannot be read."""
    path, found = mart_path(fleet.home), list[int]()
    whole = path.read_bytes()
    for place in range(BLOCKS_BEGIN, len(whole), BLOCK_BYTES):
        spoil(path, whole, place)
        has_opened = False
        try:
            with open_mart(fleet.home) as con:
                has_opened = True
                read_whole(con)
        except MartMissing:
            found += [place] if has_opened else []
    path.write_bytes(whole)
    return found


def spoil(path: Path, whole: bytes, place: int) -> None:
    """Write the file with other bytes behind a place."""
    begin, end = place + 64, place + 128
    path.write_bytes(whole[:begin] + bytes(255 - byte for byte in whole[begin:end]) + whole[end:])


def test_a_mart_that_is_damaged_inside_is_published_again_without_news(fleet: Fleet) -> None:
    """It opens, and what was asked first can be read: landing finds the damage all the same, and so does the loop."""
    fleet.flown("r0")
    land(fleet.home)
    path = mart_path(fleet.home)
    place = places_of_hidden_damage(fleet)[0]
    spoil(path, path.read_bytes(), place)
    assert land(fleet.home).new_records == 0
    with open_mart(fleet.home) as con:
        read_whole(con)
    with closing(Loader(fleet.home)) as loader:
        loader.load()
        place = places_of_hidden_damage(fleet)[0]
        spoil(path, path.read_bytes(), place)
        loader.load()
    with open_mart(fleet.home) as con:
        read_whole(con)
        assert con.execute("SELECT count(*) FROM runs").fetchall() == [(1,)]


def test_a_mart_that_is_whole_is_left_alone_without_news(fleet: Fleet) -> None:
    """Who reads it need not open another one."""
    fleet.flown("r0")
    land(fleet.home)
    before = mart_path(fleet.home).stat().st_ino
    with closing(Loader(fleet.home)) as loader:
        loader.load()
        loader.load()
    assert mart_path(fleet.home).stat().st_ino == before
