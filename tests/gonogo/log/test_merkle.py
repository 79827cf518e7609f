"""Merkle trees: what is proven is so, and nothing else can be proven; held to vectors from outside."""

from __future__ import annotations

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gonogo.log.merkle import (
    EMPTY_ROOT,
    Nodes,
    ProofRefused,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    node_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)

VECTORS = Path(__file__).parents[4] / "shared" / "data" / "rfc6962" / "consistency"
SIZE_MAX = 129
ENTRIES = [f"entry {number}".encode() for number in range(SIZE_MAX)]


def by_definition(entries: list[bytes]) -> bytes:
    """Return the tree hash as RFC 6962 §2.1 defines it."""
    if not entries:
        return EMPTY_ROOT
    if len(entries) == 1:
        return leaf_hash(entries[0])
    middle = 1 << ((len(entries) - 1).bit_length() - 1)
    return node_hash(by_definition(entries[:middle]), by_definition(entries[middle:]))


def nodes(level: int, index: int) -> bytes:
    """Return a complete subtree of the entries."""
    return by_definition(ENTRIES[index << level : (index + 1) << level])


NODES: Nodes = nodes
sizes = st.integers(1, SIZE_MAX)


def vectors() -> list[Any]:
    """Return the outside vectors; one that is skipped, where they are absent."""
    if not VECTORS.is_dir():
        return [pytest.param(None, marks=pytest.mark.skip(reason="shared/data/rfc6962 is not here"))]
    files = sorted(VECTORS.rglob("*.json"))
    return [pytest.param(json.loads(file.read_text()), id=str(file.relative_to(VECTORS))) for file in files]


@pytest.mark.parametrize("vector", vectors())
def test_consistency_proofs_are_judged_as_the_vectors_say(vector: dict[str, Any]) -> None:
    """All of them: what must hold does, and what must fail does."""
    steps: list[str] = vector["proof"] or []
    proof = [b64decode(step) for step in steps]
    roots = b64decode(vector["root1"] or ""), b64decode(vector["root2"] or "")
    if vector["wantErr"]:
        with pytest.raises(ProofRefused):
            verify_consistency(vector["size1"], vector["size2"], *roots, proof)
    else:
        verify_consistency(vector["size1"], vector["size2"], *roots, proof)


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    """As RFC 6962 §2.1 says."""
    assert root_of(0, NODES) == EMPTY_ROOT == by_definition([])


@given(sizes)
def test_the_root_is_the_one_of_the_definition(size: int) -> None:
    """Whatever complete subtrees it is made of."""
    assert root_of(size, NODES) == by_definition(ENTRIES[:size])


@given(sizes, st.data())
def test_every_entry_can_be_proven_and_no_other_in_its_place(size: int, data: st.DataObject) -> None:
    """Not another entry, not another place, not under another root."""
    index = data.draw(st.integers(0, size - 1))
    root, proof = root_of(size, NODES), inclusion_proof(index, size, NODES)
    verify_inclusion(index, size, leaf_hash(ENTRIES[index]), proof, root)
    other = data.draw(st.integers(0, size - 1).filter(lambda found: found != index)) if size > 1 else None
    for wrong in (
        lambda: verify_inclusion(index, size, leaf_hash(b"another"), proof, root),
        lambda: verify_inclusion(index, size, leaf_hash(ENTRIES[index]), proof, leaf_hash(root)),
        lambda: verify_inclusion(index, size, leaf_hash(ENTRIES[index]), [*proof, root], root),
        lambda: verify_inclusion(size, size, leaf_hash(ENTRIES[index]), proof, root),
    ):
        with pytest.raises(ProofRefused):
            wrong()
    if other is not None:
        with pytest.raises(ProofRefused):
            verify_inclusion(other, size, leaf_hash(ENTRIES[index]), proof, root)


@given(sizes, st.data())
def test_a_tree_that_has_grown_proves_that_it_begins_as_it_was(size: int, data: st.DataObject) -> None:
    """From every older size."""
    old = data.draw(st.integers(1, size))
    proof = consistency_proof(old, size, NODES)
    verify_consistency(old, size, root_of(old, NODES), root_of(size, NODES), proof)


@given(sizes, st.data())
def test_a_mutated_proof_is_refused(size: int, data: st.DataObject) -> None:
    """One bit of any step, a step more, a step less, or two that changed places."""
    old = data.draw(st.integers(1, size))
    proof = consistency_proof(old, size, NODES)
    place = data.draw(st.integers(0, max(len(proof) - 1, 0)))
    bit = data.draw(st.integers(0, 255))
    flipped = [bytes(32)] if not proof else list(proof)
    flipped[place] = (int.from_bytes(flipped[place], "big") ^ (1 << bit)).to_bytes(32, "big")
    mutants = [flipped, [*proof, bytes(32)]] + ([proof[:-1], proof[1:]] if proof else [])
    mutants += [proof[::-1]] if len(proof) > 1 else []
    for mutant in mutants:
        with pytest.raises(ProofRefused):
            verify_consistency(old, size, root_of(old, NODES), root_of(size, NODES), mutant)


def test_what_is_not_there_is_not_proven() -> None:
    """The message says what the log holds."""
    with pytest.raises(ValueError, match="has no entry 5"):
        inclusion_proof(5, 5, NODES)
    with pytest.raises(ValueError, match="nothing to prove"):
        consistency_proof(6, 5, NODES)
    with pytest.raises(ValueError, match="nothing to prove"):
        consistency_proof(0, 5, NODES)
