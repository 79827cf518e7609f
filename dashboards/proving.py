"""Proving: whether the signed log holds a run's records, shown by the very verifier an auditor uses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import orjson

from gonogo.errors import GonogoError, RunUnknown
from gonogo.evidence.canon import sha256_hex
from gonogo.evidence.journals import journal_of
from gonogo.log.anchors import exposure
from gonogo.log.proofs import bundle_of
from gonogo.log.sequencer import log_folder
from gonogo.log.verifier import Broken, caveat, read_checkpoint, verify_bundle

if TYPE_CHECKING:
    from gonogo.settings import Settings

ALONE_MOST = 50_000
"""Up to so many records of a log a run is proven when it is looked at; beyond, when somebody asks for it."""

Standing = Literal["anchored", "signed", "waits", "unproven"]
"""anchored: proven, and its checkpoint is kept by others. signed: proven under the log's own key only. waits: recorded,
and not taken into the log yet. unproven: there is no log, or the proof fails."""


@dataclass(frozen=True, slots=True)
class Proofs:
    """What can be shown of one run's records."""

    places: dict[str, int] = field(default_factory=dict[str, int])
    """Place in the log by the record's digest, of records whose inclusion was verified."""
    size: int = 0
    anchored: int = 0
    """How many of the log's records a checkpoint covers that is kept elsewhere."""
    root: str = ""
    flaws: tuple[str, ...] = ()
    note: str = ""
    """What is not shown, or why there is no proof."""

    def of(self, digest: str) -> tuple[Standing, int | None]:
        """Return how a record stands, and its place in the log."""
        place = self.places.get(digest)
        if self.flaws or not self.size:
            return "unproven", place
        if place is None:
            return "waits", None
        return ("anchored" if place < self.anchored else "signed"), place


def log_size(settings: Settings) -> int:
    """Return how many records the newest checkpoint covers; 0 where there is no log."""
    try:
        note = (log_folder(settings) / "checkpoint").read_text(encoding="utf-8")
        return read_checkpoint(note, None).size
    except (OSError, ValueError, Broken):
        return 0


def prove(settings: Settings, run_id: str) -> Proofs:
    """Prove every record of a run that the log holds, against its newest checkpoint.

    Reads the log from end to end once. What cannot be proven is a state, never an exception: a page
    has to say so, and go on.
    """
    try:
        bundle = bundle_of(settings, journal_of(settings), run_id, payloads=False)
        key = (log_folder(settings) / "key.pub").read_text(encoding="utf-8")
        outside = exposure(settings).records
    except RunUnknown as error:
        return Proofs(size=log_size(settings), note=str(error))
    except (GonogoError, OSError) as error:
        return Proofs(note=str(error))
    report = verify_bundle(orjson.dumps(bundle).decode(), key)
    if report.checkpoint is None or report.findings:
        return Proofs(flaws=tuple(report.findings), note="The log does not hold for this run.")
    return Proofs(
        {sha256_hex(each["entry"].encode()): each["index"] for each in bundle["records"]},
        report.checkpoint.size,
        report.checkpoint.size - outside,
        report.checkpoint.root.hex(),
        note=caveat(report.held, is_own_key=True),
    )


def proof_file(settings: Settings, run_id: str) -> bytes:
    """Return a run's records with their proofs as one file, for ``gonogo verify --log FILE``; without payloads.

    Raises:
        GonogoError: the log holds nothing of it, there is no log, or it does not hold.

    """
    told: dict[str, Any] = bundle_of(settings, journal_of(settings), run_id, payloads=False)
    return orjson.dumps(told)
