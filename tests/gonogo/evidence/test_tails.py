"""Tails: the loader reads on from where it stopped, and misses nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gonogo.evidence.tails import Mark
from tests.gonogo.toy.paper import note, write_some

if TYPE_CHECKING:
    from gonogo.evidence.journals import Journal

NAME = "flights/r1.jsonl"


@pytest.mark.parametrize("limit", [1, 700, 1_500, 1_000_000])
def test_a_stream_is_read_in_pieces_of_any_size(journal: Journal, limit: int) -> None:
    """Each piece begins where the last one ended, and together they are the stream."""
    write_some(journal, 9)
    mark, raw = Mark(), list[bytes]()
    while lines := journal.tail.read(NAME, mark, limit):
        raw += [line.raw for line in lines]
        mark = Mark(lines[-1].byte_end, mark.lines + len(lines))
    assert [line.partition(b"\t")[0] for line in raw] == [record.leaf for record in journal.read_flight("r1")]
    assert mark == (sum(len(line) + 1 for line in raw), 9)
    assert journal.tail.sizes() == {NAME: mark.byte_offset}
    assert journal.tail.whole_size(NAME, mark.byte_offset) == mark.byte_offset


def test_only_what_is_new_is_read(journal: Journal) -> None:
    """After another sitting, from the mark on."""
    write_some(journal, 2)
    first = journal.tail.read(NAME, Mark(), 10_000)
    mark = Mark(first[-1].byte_end, 2)
    assert journal.tail.read(NAME, mark, 10_000) == []
    write_some(journal, 3, 2)
    assert [line.raw.count(b'"number":') for line in journal.tail.read(NAME, mark, 10_000)] == [1, 1, 1]


def test_desks_are_told_beside_flights(journal: Journal) -> None:
    """Each under its own name."""
    write_some(journal, 1)
    with journal.open_desk("r1") as desk:
        note(desk, 0)
        desk.commit_now()
    assert set(journal.tail.sizes()) == {NAME, "desk/r1.jsonl"}
    assert len(journal.tail.read("desk/r1.jsonl", Mark(), 10_000)) == 1


def test_a_line_longer_than_the_limit_is_read_whole(journal: Journal) -> None:
    """A limit bounds memory; it never stops the loader."""
    stream = journal.open_flight("r1")
    note(stream, 0, b'"' + b"x" * 60_000 + b'"')
    note(stream, 1)
    stream.commit_now()
    stream.close()
    first = journal.tail.read(NAME, Mark(), 100)
    assert len(first[0].raw) > 60_000
