"""Merkle trees as RFC 6962 §2.1 has them: roots, proofs that an entry is in, proofs that nothing was taken out.

A tree is asked for the hashes of its complete subtrees only, so it may stand in memory, in tiles, or
anywhere else. Proofs are checked without any tree, by the algorithms of RFC 9162 §2.1.3.2 and §2.1.4.2.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence

HASH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()
"""The root of a tree without entries."""

Nodes = Callable[[int, int], bytes]
"""``nodes(level, index)`` is the hash over entries ``index * 2**level`` up to ``(index + 1) * 2**level``."""


class ProofRefused(ValueError):
    """A proof does not prove what it is shown for."""


def leaf_hash(entry: bytes) -> bytes:
    """Return the hash of one entry."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of two neighbours."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(size: int, nodes: Nodes) -> bytes:
    """Return the root of the tree's first ``size`` entries."""
    return _range_hash(0, size, nodes) if size else EMPTY_ROOT


def inclusion_proof(index: int, size: int, nodes: Nodes) -> list[bytes]:
    """Return the proof that entry ``index`` is in the tree of ``size`` entries.

    Raises:
        ValueError: there is no such entry in a tree of this size.

    """
    if not 0 <= index < size:
        raise ValueError(f"A log of {size} entries has no entry {index}; the first is 0, the last {size - 1}.")
    return _path(index, 0, size, nodes)


def consistency_proof(old: int, new: int, nodes: Nodes) -> list[bytes]:
    """Return the proof that the tree of ``new`` entries begins with the tree of ``old`` entries.

    Raises:
        ValueError: the older tree is larger, or empty: every tree continues that one.

    """
    if not 0 < old <= new:
        raise ValueError(f"There is nothing to prove of a log of {new} entries that continues one of {old}.")
    return [] if old == new else _subproof(old, 0, new, nodes, is_whole=True)


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """Check that ``leaf`` (a leaf hash) is entry ``index`` of the tree of ``size`` entries with this root.

    Raises:
        ProofRefused: it is not proven.

    """
    if not 0 <= index < size:
        raise ProofRefused(f"a tree of {size} entries has no entry {index}")
    found = leaf
    for step, is_left in _climb(index, size - 1, proof):
        found = node_hash(step, found) if is_left else node_hash(found, step)
    if found != root:
        raise ProofRefused("the proof does not lead to the root")


def verify_consistency(old: int, new: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]) -> None:
    """Check that the tree of ``new`` entries begins with the tree of ``old`` entries.

    Raises:
        ProofRefused: it is not proven.

    """
    if not 0 < old <= new:
        raise ProofRefused(f"there is nothing to prove of a tree of {new} entries that continues one of {old}")
    if old == new:
        if proof or old_root != new_root:
            raise ProofRefused("a tree continues itself without a proof, and has one root")
        return
    steps = list(proof)
    if old & (old - 1) == 0:
        # The older tree is one complete subtree of the newer; its root is the first step.
        steps.insert(0, old_root)
    if not steps:
        raise ProofRefused("the proof is empty")
    position, last = old - 1, new - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    before = after = steps[0]
    for step, is_left in _climb(position, last, steps[1:]):
        after = node_hash(step, after) if is_left else node_hash(after, step)
        before = node_hash(step, before) if is_left else before
    if before != old_root or after != new_root:
        raise ProofRefused("the proof does not lead to both roots")


def _climb(position: int, last: int, proof: Sequence[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Yield each step of a proof, and whether it stands on the left, on the way from a node to the root."""
    for step in proof:
        if last == 0:
            raise ProofRefused("the proof is longer than the tree is high")
        is_left = bool(position & 1) or position == last
        while is_left and position and not position & 1:
            position, last = position >> 1, last >> 1
        yield step, is_left
        position, last = position >> 1, last >> 1
    if last:
        raise ProofRefused("the proof is shorter than the tree is high")


def _split(count: int) -> int:
    """Return the largest power of two below ``count``."""
    return 1 << ((count - 1).bit_length() - 1)


def _range_hash(start: int, end: int, nodes: Nodes) -> bytes:
    """Return the hash over entries ``start`` up to ``end``, a subtree of some tree."""
    count = end - start
    if count & (count - 1) == 0:
        level = count.bit_length() - 1
        return nodes(level, start >> level)
    middle = start + _split(count)
    return node_hash(_range_hash(start, middle, nodes), _range_hash(middle, end, nodes))


def _path(index: int, start: int, end: int, nodes: Nodes) -> list[bytes]:
    if end - start == 1:
        return []
    middle = start + _split(end - start)
    if index < middle:
        return [*_path(index, start, middle, nodes), _range_hash(middle, end, nodes)]
    return [*_path(index, middle, end, nodes), _range_hash(start, middle, nodes)]


def _subproof(old: int, start: int, end: int, nodes: Nodes, *, is_whole: bool) -> list[bytes]:
    if old == end:
        return [] if is_whole else [_range_hash(start, end, nodes)]
    middle = start + _split(end - start)
    if old <= middle:
        return [*_subproof(old, start, middle, nodes, is_whole=is_whole), _range_hash(middle, end, nodes)]
    return [*_subproof(old, middle, end, nodes, is_whole=False), _range_hash(start, middle, nodes)]
