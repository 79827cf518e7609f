"""What is fuzzed: every reader of the evidence and of the log, with nonsense and with mutants of what is genuine.

A check returns what became of an input. It fails where a reader crashes, and where a mutant is accepted.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import strategies as st

from gonogo.errors import EvidenceBroken
from gonogo.evidence.journal import FileJournal
from gonogo.evidence.records import from_line, to_line
from gonogo.log import verifier
from gonogo.log.checkpoints import read_checkpoint
from gonogo.log.heirs import heir_named, statement
from gonogo.log.merkle import ProofRefused, consistency_proof, inclusion_proof, leaf_hash, root_of
from gonogo.log.merkle import verify_consistency as check_consistency
from gonogo.log.merkle import verify_inclusion as check_inclusion
from gonogo.log.notes import NoteRefused, Signer, VerifierKey
from gonogo.log.proofs import bundle_of, prove_record
from gonogo.log.sequencer import log_folder, origin_of, sequence
from gonogo.log.tiles import LogBroken, Tiles, unbundle
from gonogo.settings import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Verdict = Literal["refused", "read"]
RECORDS = 12


@dataclass(frozen=True, slots=True)
class Genuine:
    """One small log, and all that can be made of it."""

    folder: Path
    key: str
    note: str
    proof: str
    bundle: dict[str, Any]
    line: bytes
    statement: str
    tiles: Tiles


@lru_cache(maxsize=1)
def genuine() -> Genuine:
    """Make the log by the means of every house, once."""
    place = tempfile.mkdtemp(prefix="gonogo-fuzz-")
    chosen = settings().model_copy(update={"home": Path(place), "journals": None, "log_key": None})
    journal = FileJournal(chosen.home / "journals")
    stream = journal.open_flight("r1")
    for number in range(RECORDS):
        data = {"phase": "fact", "number": number}
        stream.append({"runid": "r1"}, "step_record", data, payload=b'{"amount":7}')
    stream.commit_now()
    stream.close()
    sequence(chosen, journal)
    folder = log_folder(chosen)
    old, new = (Signer(origin_of(chosen), Ed25519PrivateKey.from_private_bytes(bytes([n] * 32))) for n in (1, 2))
    return Genuine(
        folder=folder,
        key=(folder / "key.pub").read_text(),
        note=(folder / "checkpoint").read_text(),
        proof=prove_record(chosen, "r1/flight/5"),
        bundle=bundle_of(chosen, journal, "r1", payloads=True),
        line=to_line(journal.read_flight("r1")[5]),
        statement=statement(old, new),
        tiles=Tiles.open(folder, RECORDS),
    )


def mutants(text: str) -> st.SearchStrategy[str]:
    """Return texts that differ from one in a few places, and nonsense."""
    kinds = st.sampled_from(("change", "cut", "insert"))
    edit = st.tuples(st.integers(0, len(text) - 1), kinds, st.characters(codec="utf-8"))
    edits = st.lists(edit, min_size=1, max_size=3)
    return edits.map(lambda made: _edited(text, made)).filter(lambda found: found != text) | st.text(max_size=200)


def _edited(text: str, edits: Sequence[tuple[int, str, str]]) -> str:
    for place, kind, letter in edits:
        text = text[:place] + ("" if kind == "cut" else letter) + text[place + (kind != "insert") :]
    return text


def mutant_bytes(raw: bytes) -> st.SearchStrategy[bytes]:
    """Return bytes with one of them changed, cut or doubled, and nonsense."""

    def edited(edit: tuple[int, str, int]) -> bytes:
        place, kind, byte = edit
        return raw[:place] + (b"" if kind == "cut" else bytes([byte])) + raw[place + (kind != "insert") :]

    edits = st.tuples(st.integers(0, len(raw) - 1), st.sampled_from(("change", "cut", "insert")), st.integers(0, 255))
    return edits.map(edited).filter(lambda found: found != raw) | st.binary(max_size=200)


def _line(raw: bytes) -> Verdict:
    """A journal's line: read only where salt and payload are what the leaf commits to."""
    try:
        record = from_line(raw)
    except EvidenceBroken:
        return "refused"
    assert record.payload is None or record.payload.digest == record.fields["payloaddigest"]
    return "read"


def _note(text: str) -> Verdict:
    """A checkpoint: refused by both readers."""
    known = genuine()
    key = VerifierKey.parse(known.key)
    for read in (lambda: read_checkpoint(text, key.name, [key]), lambda: verifier.read_checkpoint(text, known.key)):
        try:
            found = read()
        except (NoteRefused, verifier.Broken):
            continue
        raise AssertionError(f"A mutated checkpoint was accepted: {found}")
    return "refused"


def _key(text: str) -> Verdict:
    """A verifier key: one that is whole, or refused."""
    try:
        parsed = VerifierKey.parse(text)
    except NoteRefused:
        return "refused"
    assert str(parsed) == text.strip()
    return "read"


def _statement(text: str) -> Verdict:
    """A hand-over of the log: refused by both readers."""
    old = genuine().statement.split("\n")[2]
    try:
        heir_named(text, VerifierKey.parse(old))
    except NoteRefused:
        pass
    else:
        raise AssertionError("A mutated hand-over was accepted by the sequencer.")
    try:
        verifier.Keys(old).add(3, text)
    except verifier.Broken:
        return "refused"
    raise AssertionError("A mutated hand-over was accepted by the verifier.")


def _proof(text: str) -> Verdict:
    """A proof of a record: refused."""
    assert verifier.verify_proof(text, genuine().key).findings, "A mutated proof was accepted."
    return "refused"


def _bundle(text: str) -> Verdict:
    """A bundle: refused, or it still says what the genuine one says."""
    report = verifier.verify_bundle(text, genuine().key)
    if report.findings:
        return "refused"
    said, shown = json.loads(text), {each["index"]: each for each in genuine().bundle["records"]}
    for each in said["records"]:
        known = shown[int(each["index"])]
        assert each["entry"] == known["entry"], "A record that is not in the log was accepted."
        assert each.get("payload", known["payload"]) == known["payload"], "Another payload was accepted."
    return "read"


def _tile(raw: bytes) -> Verdict:
    """A bundle of entries: its entries, or refused; nothing is lost between them."""
    try:
        entries = unbundle(raw, "a bundle")
    except LogBroken:
        return "refused"
    assert b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries) == raw
    return "read"


def _folder(given: tuple[str, bytes]) -> Verdict:
    """A whole log with one file changed: found by the verifier, whichever file it reads."""
    name, raw = given
    copy = genuine().folder.with_name("mutant")
    shutil.copytree(genuine().folder, copy, dirs_exist_ok=True)
    (copy / name).write_bytes(raw)
    assert verifier.verify(copy, genuine().key).findings, f"A log with another {name} was accepted."
    return "refused"


def _inclusion(given: tuple[int, int, int, int, int]) -> Verdict:
    """An inclusion proof with one thing changed: refused by both."""
    index, size, place, bit, kind = given
    index, known = index % size, genuine().tiles
    proof, root = inclusion_proof(index, size, known.node), root_of(size, known.node)
    leaf = known.node(0, index)
    match kind:
        case 0:
            proof = [*proof[:place], _flipped(proof[place % len(proof)], bit), *proof[place + 1 :]] if proof else [leaf]
        case 1:
            proof = [*proof, root]
        case 2:
            leaf = _flipped(leaf, bit)
        case _:
            root = _flipped(root, bit)
    try:
        check_inclusion(index, size, leaf, proof, root)
    except ProofRefused:
        return "refused"
    raise AssertionError("A mutated inclusion proof was accepted.")


def _consistency(given: tuple[int, int, int, int, int]) -> Verdict:
    """A consistency proof with one thing changed: refused by both implementations."""
    old, new, place, bit, kind = given
    old, new, known = min(old, new), max(old, new), genuine().tiles
    proof = consistency_proof(old, new, known.node)
    before, after = root_of(old, known.node), root_of(new, known.node)
    if kind == 0 and proof:
        proof[place % len(proof)] = _flipped(proof[place % len(proof)], bit)
    elif kind == 1:
        proof = [*proof, leaf_hash(b"more")]
    else:
        after = _flipped(after, bit)
    try:
        check_consistency(old, new, before, after, proof)
    except ProofRefused:
        pass
    else:
        raise AssertionError("A mutated consistency proof was accepted by the log.")
    try:
        verifier.check_consistency(
            verifier.Checkpoint("log", old, before), verifier.Checkpoint("log", new, after), proof
        )
    except verifier.Broken:
        return "refused"
    raise AssertionError("A mutated consistency proof was accepted by the verifier.")


def _flipped(digest: bytes, bit: int) -> bytes:
    return (int.from_bytes(digest, "big") ^ (1 << bit)).to_bytes(32, "big")


def _changed_files() -> st.SearchStrategy[tuple[str, bytes]]:
    folder = genuine().folder
    names = ["checkpoint", f"tile/0/000.p/{RECORDS}", f"tile/entries/000.p/{RECORDS}"]
    return st.sampled_from(names).flatmap(
        lambda name: mutant_bytes((folder / name).read_bytes()).map(lambda raw: (name, raw))
    )


def _proofs() -> st.SearchStrategy[tuple[int, int, int, int, int]]:
    sizes = st.integers(1, RECORDS)
    return st.tuples(sizes, sizes, st.integers(0, 8), st.integers(0, 255), st.integers(0, 3))


@dataclass(frozen=True, slots=True)
class Target:
    """One reader, and what it is given."""

    inputs: Callable[[], st.SearchStrategy[Any]]
    check: Callable[[Any], Verdict]


TARGETS: dict[str, Target] = {
    "journal line": Target(lambda: mutant_bytes(genuine().line), _line),
    "checkpoint": Target(lambda: mutants(genuine().note), _note),
    "verifier key": Target(lambda: mutants(genuine().key.strip()), _key),
    "hand-over": Target(lambda: mutants(genuine().statement), _statement),
    "proof": Target(lambda: mutants(genuine().proof), _proof),
    "bundle": Target(lambda: mutants(json.dumps(genuine().bundle)), _bundle),
    "entries tile": Target(lambda: mutant_bytes(_entries()), _tile),
    "log folder": Target(_changed_files, _folder),
    "inclusion": Target(_proofs, _inclusion),
    "consistency": Target(_proofs, _consistency),
}
"""Every reader, by name."""


def _entries() -> bytes:
    return (genuine().folder / f"tile/entries/000.p/{RECORDS}").read_bytes()
