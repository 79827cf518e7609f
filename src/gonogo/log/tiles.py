"""Tiles: the log on disk, in the layout of C2SP tlog-tiles (https://c2sp.org/tlog-tiles).

``tile/<L>/<N>`` holds up to 256 hashes of subtrees of ``256**L`` entries; ``tile/entries/<N>`` the
entries themselves, each behind its length in two bytes. A tile that is not full stands under its
width (``<N>.p/<W>``). Full tiles never change. Everything is on disk before :meth:`Tiles.flush` returns.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gonogo.evidence.canon import LEAF_MAX_BYTES
from gonogo.log.merkle import HASH_BYTES, leaf_hash, node_hash, root_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

WIDTH = 256
"""Hashes of a full tile, and entries of a full bundle."""
KEEP_SECONDS = 3_600
"""How long a tile that is not full stands beside the larger one that replaced it."""
_LEVELS = 8
"""A tile of width 256 covers eight levels of the tree."""


class LogBroken(Exception):
    """The log on disk is not the one its checkpoint tells of."""


def tile_path(level: int | str, number: int, width: int = WIDTH) -> str:
    """Return a tile's path below the log: ``tile/0/x001/x234/067``, with ``.p/<W>`` where it is not full."""
    digits = f"{number:03d}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[place : place + 3] for place in range(0, len(digits), 3)]
    name = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
    return f"tile/{level}/{name}" + ("" if width == WIDTH else f".p/{width}")


def bundle(entries: Sequence[bytes]) -> bytes:
    """Return entries as a bundle.

    Raises:
        ValueError: an entry is longer than two bytes can say.

    """
    for entry in entries:
        if len(entry) > LEAF_MAX_BYTES:
            raise ValueError(f"An entry of {len(entry)} bytes exceeds {LEAF_MAX_BYTES}.")
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def unbundle(raw: bytes, where: str) -> list[bytes]:
    """Return the entries of a bundle.

    Raises:
        LogBroken: it ends in the middle of one.

    """
    entries: list[bytes] = []
    place = 0
    while place < len(raw):
        begin = place + 2
        place = begin + int.from_bytes(raw[place:begin], "big")
        if len(raw) < max(begin, place):
            raise LogBroken(f"{where} ends in the middle of an entry; restore it from a copy.")
        entries.append(raw[begin:place])
    return entries


@dataclass(slots=True)
class Tiles:
    """A log's tiles, open at the size of its last checkpoint; what stands beyond it was never signed."""

    root: Path
    size: int = 0
    _edge: list[list[bytes]] = field(default_factory=list[list[bytes]])
    """The last tile of each level, as far as it is filled."""
    _entries: list[bytes] = field(default_factory=list[bytes])
    """The entries of the last bundle."""
    _full: dict[str, bytes] = field(default_factory=dict[str, bytes])
    """Full tiles that are not on disk yet."""

    @classmethod
    def open(cls, root: Path, size: int) -> Tiles:
        """Return the tiles of a log of ``size`` entries.

        Raises:
            LogBroken: a tile that this size needs is missing or has another width.

        """
        tiles = cls(root, size)
        count, level = size, 0
        while count:
            number, width = divmod(count, WIDTH)
            tiles._edge.append(tiles.hashes(level, number, width) if width else [])
            count, level = number, level + 1
        if size % WIDTH:
            tiles._entries = tiles.entries(size // WIDTH, size % WIDTH)
        return tiles

    def hashes(self, level: int, number: int, width: int = WIDTH) -> list[bytes]:
        """Return the hashes of one tile."""
        raw = self._read(tile_path(level, number, width), width * HASH_BYTES)
        return [raw[place : place + HASH_BYTES] for place in range(0, len(raw), HASH_BYTES)]

    def entries(self, number: int, width: int = WIDTH) -> list[bytes]:
        """Return the entries of one bundle."""
        path = tile_path("entries", number, width)
        found = unbundle(self._read(path, None), path)
        if len(found) != width:
            raise LogBroken(f"{path} holds {len(found)} entries, not {width}; restore it from a copy.")
        return found

    def all_entries(self) -> Iterator[bytes]:
        """Yield every entry, in order."""
        for number in range(self.size // WIDTH):
            yield from self.entries(number)
        if self.size % WIDTH:
            yield from self._entries

    def append(self, entry: bytes) -> int:
        """Add an entry and return its index; :meth:`flush` makes it durable."""
        index = self.size
        self._entries.append(entry)
        self._push(0, leaf_hash(entry))
        self.size += 1
        if len(self._entries) == WIDTH:
            self._full[tile_path("entries", index // WIDTH)] = bundle(self._entries)
            self._entries = []
        return index

    def _push(self, level: int, found: bytes) -> None:
        if level == len(self._edge):
            self._edge.append([])
        tile = self._edge[level]
        tile.append(found)
        if len(tile) == WIDTH:
            number = (self.size + 1) // WIDTH ** (level + 1) - 1
            self._full[tile_path(level, number)] = b"".join(tile)
            self._edge[level] = []
            self._push(level + 1, _fold(tile))

    def flush(self) -> bytes:
        """Make all that was appended durable, and return the root."""
        files = self._full | self._partial()
        write_all_durably({self.root / path: raw for path, raw in files.items()})
        self._full.clear()
        return root_of(self.size, self.node)

    def prune(self) -> None:
        """Delete tiles that are not full and that a larger one has replaced for an hour; looked for once an hour.

        Whoever reads the log at an older checkpoint meanwhile still finds what that one needs.
        """
        now, marker = time.time(), self.root / ".pruned"
        if marker.exists() and now - marker.stat().st_mtime < KEEP_SECONDS:
            return
        marker.touch()
        needed = {self.root / path for path in self._partial()}
        for path in self.root.glob("tile/**/*.p/*"):
            if path not in needed and now - path.stat().st_mtime > KEEP_SECONDS:
                path.unlink()
                with suppress(OSError):  # Others are still in the folder.
                    path.parent.rmdir()

    def _partial(self) -> dict[str, bytes]:
        """Return the tiles that are not full, as they stand at this size."""
        files: dict[str, bytes] = {}
        count = self.size
        for level, tile in enumerate(self._edge):
            if tile:
                files[tile_path(level, count // WIDTH, len(tile))] = b"".join(tile)
            count //= WIDTH
        if self._entries:
            files[tile_path("entries", self.size // WIDTH, len(self._entries))] = bundle(self._entries)
        return files

    def node(self, level: int, index: int) -> bytes:
        """Return the hash of a complete subtree, from the tile that holds it or what it is made of."""
        tile_level, inner = divmod(level, _LEVELS)
        first = index << inner
        number, place = divmod(first, WIDTH)
        count = 1 << inner
        tile = self._tile(tile_level, number)
        if len(tile) < place + count:
            raise LogBroken(f"{tile_path(tile_level, number)} holds {len(tile)} hashes, too few for the log's size.")
        return _fold(tile[place : place + count])

    def _tile(self, level: int, number: int) -> list[bytes]:
        last = self.size // WIDTH ** (level + 1)
        if number == last:
            return self._edge[level] if level < len(self._edge) else []
        raw = self._full.get(tile_path(level, number))
        if raw is None:
            return self.hashes(level, number)
        return [raw[place : place + HASH_BYTES] for place in range(0, len(raw), HASH_BYTES)]

    def _read(self, path: str, length: int | None) -> bytes:
        try:
            raw = (self.root / path).read_bytes()
        except FileNotFoundError as error:
            raise LogBroken(f"{path} is missing from the log at {self.root}; restore it from a copy.") from error
        if length is not None and len(raw) != length:
            raise LogBroken(f"{path} has {len(raw)} bytes, not {length}; restore it from a copy.")
        return raw


def _fold(hashes: list[bytes]) -> bytes:
    """Return the hash over a power of two of neighbours."""
    while len(hashes) > 1:
        hashes = [node_hash(hashes[place], hashes[place + 1]) for place in range(0, len(hashes), 2)]
    return hashes[0]


def write_durably(path: Path, raw: bytes) -> None:
    """Replace a file by one rename, durable when this returns; a reader sees the old one or the new one, whole."""
    write_all_durably({path: raw})


def write_all_durably(files: Mapping[Path, bytes]) -> None:
    """Do the same with several files, each whole by itself; their folders are synced once each, at the end."""
    for path, raw in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        with os.fdopen(descriptor, "wb") as file:
            file.write(raw)
            file.flush()
            os.fsync(descriptor)
        beside.replace(path)
    for folder in {path.parent for path in files}:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
