"""Snapshots: what a published mart was computed on, so that anyone can tell whether two of them saw the same.

A snapshot is named by the SHA-256 over its evidence: each stream's name, number of records, last
place and head digest. Heads stand for their streams because records are chained; where a chain is
broken, ``chain_faults`` says so. Beside it stands the signed log as it was at publication.
"""

# duckdb types its results in part only.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from analytics.migrations import schema_digest
from analytics.stores import scalar
from gonogo.errors import EvidenceBroken
from gonogo.log.anchors import exposure
from gonogo.log.sequencer import log_folder
from gonogo.log.verifier import Broken, read_checkpoint
from gonogo.settings import settings

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

    from analytics.assumptions import Declared

_HEADS = """
SELECT
    stream_id,
    count(*) AS records,
    max(seq) AS last,
    arg_max(digest, seq) AS head,
    max(recorded_time) AS newest
FROM warehouse.main.evidence
"""
"""What there is of each stream. All of it is asked once; then, of the streams that grew."""

_ALL_HEADS = f"CREATE OR REPLACE TEMP TABLE heads AS {_HEADS} GROUP BY stream_id"

_GROWN = """
CREATE OR REPLACE TEMP TABLE grown AS
SELECT DISTINCT stream_id FROM warehouse.main.evidence WHERE journal IN (SELECT journal FROM changed_journals)
"""
_OLD_HEADS = "DELETE FROM heads WHERE stream_id IN (SELECT stream_id FROM grown)"
_NEW_HEADS = f"INSERT INTO heads {_HEADS} WHERE stream_id IN (SELECT stream_id FROM grown) GROUP BY stream_id"  # noqa: S608 - our own words

_EVIDENCE_DIGEST = """
SELECT sha256(coalesce(string_agg(stream_id || ' ' || records || ' ' || last || ' ' || head, chr(10)
    ORDER BY stream_id), ''))
FROM heads
"""

_SNAPSHOT = """
INSERT INTO mart.main.snapshot BY NAME
SELECT
    now() AS published_at,
    (SELECT coalesce(sum(records), 0) FROM heads) AS records,
    (SELECT count(*) FROM warehouse.main.runs) AS runs,
    (SELECT max(newest) FROM heads) AS newest_recorded_at,
    (SELECT count(*) FROM warehouse.main.quarantine WHERE settled IS NULL) AS quarantined,
    $offsets AS offsets_digest,
    $schema AS schema_digest,
    $evidence AS evidence_digest,
    $log_origin AS log_origin,
    $log_size AS log_size,
    $log_root AS log_root,
    $log_note AS log_note,
    $unanchored_records AS unanchored_records,
    $unanchored_seconds AS unanchored_seconds,
    $assumptions_version AS assumptions_version,
    $assumptions_digest AS assumptions_digest,
    $assumptions_standing AS assumptions_standing,
    $assumptions_fault AS assumptions_fault
"""


class LogState(NamedTuple):
    """The signed log at one moment, or why there is none to name."""

    origin: str | None = None
    size: int | None = None
    root: str | None = None
    """The Merkle root, in hexadecimal."""
    note: str | None = None


def log_state(home: Path) -> LogState:
    """Return what the newest checkpoint of a home's log says, where its signature holds under the log's own key."""
    folder = log_folder(settings().model_copy(update={"home": home}))
    if not (folder / "checkpoint").exists():
        return LogState(note="this home keeps no log: gonogo sequence makes one")
    try:
        key = (folder / "key.pub").read_text(encoding="utf-8")
        checkpoint = read_checkpoint((folder / "checkpoint").read_text(encoding="utf-8"), key)
    except (OSError, ValueError, Broken) as error:
        return LogState(note=f"the log's checkpoint cannot be trusted: {error}")
    return LogState(checkpoint.origin, checkpoint.size, checkpoint.root.hex())


def unanchored(home: Path) -> dict[str, int | None]:
    """Return how many records of a home's log no anchor covers, and how old the oldest is; nulls without a log."""
    try:
        found = exposure(settings().model_copy(update={"home": home}))
    except EvidenceBroken:
        return {"unanchored_records": None, "unanchored_seconds": None}
    return {"unanchored_records": found.records, "unanchored_seconds": found.age_seconds}


def look_at_heads(con: DuckDBPyConnection, *, is_known: bool) -> None:
    """Bring the temporary table of heads up to date: by the journals that changed, where it was made before."""
    for statement in (_GROWN, _OLD_HEADS, _NEW_HEADS) if is_known else (_ALL_HEADS,):
        con.execute(statement)


def write_snapshot(con: DuckDBPyConnection, home: Path, offsets: str, declared: Declared) -> None:
    """Write the one row that says what the mart being built is computed on; :func:`look_at_heads` comes before it."""
    log, assumed = log_state(home), declared.assumptions
    given: dict[str, Any] = {
        "offsets": offsets,
        "schema": schema_digest(),
        "evidence": scalar(con, _EVIDENCE_DIGEST),
        **{f"log_{name}": value for name, value in log._asdict().items()},
        **unanchored(home),
        "assumptions_version": None if assumed is None else assumed.version,
        "assumptions_digest": declared.digest,
        "assumptions_standing": None if assumed is None else assumed.standing,
        "assumptions_fault": declared.fault,
    }
    con.execute(_SNAPSHOT, given)
