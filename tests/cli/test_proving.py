"""``gonogo sequence`` and ``gonogo verify``: a log that is whole says so, and one that is not says where."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.e2e.cases import claim

if TYPE_CHECKING:
    from tests.e2e.command import Command


def flown(gonogo: Command) -> int:
    """Fly two claims and return how many records there are; one of them waits at its gate."""
    path = gonogo.scratch / "claims.jsonl"
    cases = [claim("straightforward", "ENDED"), claim("above_limit", "OPEN")]
    path.write_text("".join(f"{json.dumps(case)}\n" for case in cases), encoding="utf-8")
    assert gonogo("run", "claims_triage", "--each", path).code == 5
    journal = gonogo.journal
    return sum(len(journal.read_flight(run)) + len(journal.read_desk(run)) for run in journal.run_ids())


def test_the_evidence_of_real_runs_is_taken_in_and_proven_whole(gonogo: Command) -> None:
    """Every record once; a checkpoint that was kept is continued."""
    records = flown(gonogo)
    first, again = gonogo("sequence", "--json"), gonogo("sequence", "--json")
    assert (first.json["new"], again.json["new"], again.json["size"]) == (records, 0, records)
    kept = gonogo.scratch / "kept"
    kept.write_bytes((gonogo.home / "log" / "checkpoint").read_bytes())
    proven = gonogo("verify", "--against", kept, "--json")
    assert proven.code == 0
    assert (proven.json["size"], proven.json["broken"], proven.json["continues"]) == (records, [], 1)


def test_a_record_that_was_edited_is_named(gonogo: Command) -> None:
    """Exit 1, and which record it is."""
    flown(gonogo)
    assert gonogo("sequence").code == 0
    bundle = gonogo.home / "log" / "tile" / "entries"
    first = next(path for path in sorted(bundle.rglob("*")) if path.is_file())
    first.write_bytes(first.read_bytes().replace(b'"run_record', b'"run_rekord', 1).replace(b"claims", b"klaims", 1))
    found = gonogo("verify")
    assert found.code == 1
    assert "is not what was hashed" in found.out


def test_without_a_log_there_is_nothing_to_verify(gonogo: Command) -> None:
    """One sentence with the way out."""
    found = gonogo("verify")
    assert found.code == 1
    assert "gonogo sequence" in found.err
