"""Proofs: small files that show, to whoever has the verifier and the key, that a record is in the log.

A proof has the form of C2SP tlog-proof (https://c2sp.org/tlog-proof), with the record itself as its extra; a
proof that the log continues an older checkpoint, that of a witness's request (https://c2sp.org/tlog-witness).
A bundle holds all records of one run, each with its proof, under one checkpoint; see ``docs/guides/log.md``.
"""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from gonogo.errors import EvidenceBroken, RunUnknown
from gonogo.evidence.canon import sha256_hex
from gonogo.evidence.payloads import fetched
from gonogo.log.heirs import KEY_STREAM
from gonogo.log.merkle import consistency_proof, inclusion_proof, root_of
from gonogo.log.sequencer import log_folder
from gonogo.log.tiles import LogBroken, Tiles
from gonogo.log.verifier import PROOF, Broken, Checkpoint, read_checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from gonogo.evidence.journals import Journal
    from gonogo.evidence.records import Record
    from gonogo.settings import Settings

_DIGEST = re.compile(r"[0-9a-f]{64}")
_PLACE = re.compile(r"(.+/(?:flight|desk))[/ ](\d{1,15})")


@dataclass(frozen=True, slots=True)
class Signed:
    """A log as its newest checkpoint has it, open for reading."""

    note: str
    checkpoint: Checkpoint
    tiles: Tiles

    @classmethod
    def open(cls, folder: Path) -> Signed:
        """Open a log.

        Raises:
            EvidenceBroken: there is none, or its tiles do not lead to the root that was signed.

        """
        try:
            note = (folder / "checkpoint").read_text(encoding="utf-8")
            checkpoint = read_checkpoint(note, None)
            tiles = Tiles.open(folder, checkpoint.size)
            root = root_of(tiles.size, tiles.node)
        except OSError as error:
            msg = f"There is no log that can be read at {folder} ({error.strerror}); `gonogo sequence` makes one."
            raise EvidenceBroken(msg) from error
        except (LogBroken, Broken, ValueError) as error:
            raise EvidenceBroken(f"The log at {folder} does not hold: {error}") from error
        if root != checkpoint.root:
            raise EvidenceBroken(f"The log at {folder} does not hold: its tiles lead to another root than was signed.")
        return cls(note, checkpoint, tiles)

    def entries(self) -> Iterator[tuple[int, bytes]]:
        """Yield every entry with its index."""
        try:
            yield from enumerate(self.tiles.all_entries())
        except LogBroken as error:
            raise EvidenceBroken(f"The log does not hold: {error}") from error

    def steps(self, index: int) -> list[str]:
        """Return the hashes from an entry to the root, in base64."""
        return [b64encode(step).decode() for step in inclusion_proof(index, self.tiles.size, self.tiles.node)]


def prove_record(settings: Settings, name: str) -> str:
    """Return the proof that a record is in the log.

    Args:
        settings: whose log it is.
        name: the record's id, its digest, or its place, as in ``RUN/flight/7``.

    Raises:
        RunUnknown: no record of the log bears that name.
        EvidenceBroken: there is no log, or it does not hold.

    """
    log = Signed.open(log_folder(settings))
    bears = _named(name)
    for index, entry in log.entries():
        if bears(entry):
            extra = f"extra {b64encode(entry).decode()}"
            return "\n".join([PROOF, extra, f"index {index}", *log.steps(index), "", log.note])
    raise RunUnknown(
        f"No record {name} is in the log; `gonogo evidence RUN --json` shows the ids and digests of a run's records, "
        "and `gonogo sequence` takes in what was recorded lately."
    )


def prove_continuation(settings: Settings, kept: str) -> str:
    """Return the proof that the log continues a checkpoint that was kept elsewhere.

    Raises:
        EvidenceBroken: it does not, there is no log, or what was kept is no checkpoint.

    """
    log = Signed.open(log_folder(settings))
    try:
        old = read_checkpoint(kept, None)
    except (Broken, ValueError) as error:
        raise EvidenceBroken(f"What was kept is no checkpoint: {error}.") from error
    if old.origin != log.checkpoint.origin or old.size > log.checkpoint.size:
        raise EvidenceBroken(
            f"The log {log.checkpoint.origin} of {log.checkpoint.size} records does not continue "
            f"{old.origin} of {old.size}."
        )
    if root_of(old.size, log.tiles.node) != old.root:
        raise EvidenceBroken(f"The first {old.size} records are not those of the kept checkpoint; they were rewritten.")
    steps = consistency_proof(old.size, log.tiles.size, log.tiles.node) if old.size else []
    return "\n".join([f"old {old.size}", *(b64encode(step).decode() for step in steps), "", log.note])


def bundle_of(settings: Settings, journal: Journal, run_id: str, *, payloads: bool) -> dict[str, Any]:
    """Return a run's records as the log holds them, each with its proof, and what shows who may sign the log.

    Args:
        settings: whose log it is.
        journal: where the payloads stand.
        run_id: the run.
        payloads: whether to put payloads in, each with the salt of its commitment: they may hold personal data.

    Raises:
        RunUnknown: the log holds nothing of such a run.
        EvidenceBroken: there is no log, or it or the journal does not hold.

    """
    log = Signed.open(log_folder(settings))
    streams = {f"{run_id}/flight", f"{run_id}/desk"}
    named = [f'"streamid":{orjson.dumps(stream).decode()}'.encode() for stream in (*streams, KEY_STREAM)]
    bodies = _payloads(journal, run_id) if payloads else {}
    records: list[dict[str, Any]] = []
    is_known = False
    for index, entry in log.entries():
        if not any(name in entry for name in named):
            continue
        fields = orjson.loads(entry)
        if fields["streamid"] in streams or fields["streamid"] == KEY_STREAM:
            is_known |= fields["streamid"] in streams
            told = {"index": index, "entry": entry.decode(), "proof": log.steps(index)}
            records.append(told | bodies.get(entry, {}))
    if not is_known:
        raise RunUnknown(f"The log holds no run {run_id}; `gonogo sequence` takes in what was recorded lately.")
    return {"format": "gonogo.bundle/v1", "run": run_id, "checkpoint": log.note, "records": records}


def _payloads(journal: Journal, run_id: str) -> dict[bytes, dict[str, str]]:
    """Return payload and salt by leaf, of those that are still there."""
    stood = [*journal.read_flight(run_id), *journal.read_desk(run_id)]
    found: list[Record] = [fetched(journal.payloads, record) for record in stood]
    return {
        record.leaf: {"salt": record.payload.salt.hex(), "payload": record.payload.body.decode()}
        for record in found
        if record.payload is not None
    }


def _named(name: str) -> Callable[[bytes], bool]:
    """Return what tells whether an entry is the record of a name."""
    place = _PLACE.fullmatch(name)
    if place is not None:
        needle, stream, seq = f'"streamseq":{int(place[2])},'.encode(), place[1], int(place[2])
        return lambda entry: needle in entry and _is_at(entry, stream, seq)
    needle = orjson.dumps(name)
    if _DIGEST.fullmatch(name):
        return lambda entry: sha256_hex(entry) == name
    return lambda entry: needle in entry and orjson.loads(entry).get("id") == name


def _is_at(entry: bytes, stream: str, seq: int) -> bool:
    fields = orjson.loads(entry)
    return (fields.get("streamid"), fields.get("streamseq")) == (stream, seq)
