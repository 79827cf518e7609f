"""Tiles: the log on disk is the tree, at every size, in the published layout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gonogo.log.merkle import inclusion_proof, leaf_hash, root_of, verify_inclusion
from gonogo.log.tiles import LogBroken, Tiles, bundle, tile_path, unbundle
from gonogo.log.verifier import Tree

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("number", "width", "path"),
    [
        (0, 256, "tile/0/000"),
        (1234067, 256, "tile/0/x001/x234/067"),
        (999, 12, "tile/0/999.p/12"),
        (1000, 1, "tile/0/x001/000.p/1"),
    ],
)
def test_paths_are_those_of_the_specification(number: int, width: int, path: str) -> None:
    """C2SP tlog-tiles gives x001/x234/067 as its example."""
    assert tile_path(0, number, width) == path


def test_the_tree_is_the_same_however_it_grew(tmp_path: Path) -> None:
    """By one, across the edges of tiles, and reopened each time."""
    tiles, plain = Tiles(tmp_path), Tree()
    for step in (1, 5, 249, 1, 1, 255, 300, 66_000, 3):
        for _ in range(step):
            entry = str(plain.size).encode()
            assert tiles.append(entry) == plain.size
            plain.add(leaf_hash(entry))
        assert tiles.flush() == plain.root()
        tiles = Tiles.open(tmp_path, plain.size)
        assert root_of(tiles.size, tiles.node) == plain.root()
    assert list(tiles.all_entries()) == [str(number).encode() for number in range(plain.size)]
    for index in (0, 255, 256, 65_535, 65_536, plain.size - 1):
        proof = inclusion_proof(index, tiles.size, tiles.node)
        verify_inclusion(index, tiles.size, leaf_hash(str(index).encode()), proof, plain.root())


def test_a_full_tile_never_changes(tmp_path: Path) -> None:
    """Readers may keep it for ever."""
    tiles = Tiles(tmp_path)
    for number in range(256):
        tiles.append(str(number).encode())
    tiles.flush()
    before = (tmp_path / "tile/0/000").read_bytes(), (tmp_path / "tile/entries/000").read_bytes()
    for number in range(300):
        tiles.append(str(number).encode())
    tiles.flush()
    assert before == ((tmp_path / "tile/0/000").read_bytes(), (tmp_path / "tile/entries/000").read_bytes())


def test_a_log_that_lost_a_tile_is_not_opened(tmp_path: Path) -> None:
    """It would go on from something else."""
    tiles = Tiles(tmp_path)
    tiles.append(b"one")
    tiles.flush()
    (tmp_path / "tile/0/000.p/1").unlink()
    with pytest.raises(LogBroken, match="is missing"):
        Tiles.open(tmp_path, 1)


@given(st.lists(st.binary(max_size=400), max_size=20))
def test_a_bundle_is_read_back(entries: list[bytes]) -> None:
    """Empty entries and all."""
    assert unbundle(bundle(entries), "here") == entries


@given(st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=8), st.data())
def test_a_bundle_that_is_cut_is_refused_or_shorter(entries: list[bytes], data: st.DataObject) -> None:
    """Never another entry than was written."""
    raw = bundle(entries)
    cut = raw[: data.draw(st.integers(0, len(raw) - 1))]
    try:
        found = unbundle(cut, "here")
    except LogBroken:
        return
    assert found == entries[: len(found)]


def test_an_entry_too_long_for_its_length_is_refused() -> None:
    """Two bytes say how long it is."""
    with pytest.raises(ValueError, match="exceeds"):
        bundle([bytes(65_536)])
