"""The commands of the log: one that is whole says so, one that is not says where; and what others are given of it."""

from __future__ import annotations

import json
import sqlite3
import subprocess
from contextlib import closing
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


def test_a_checkpoint_that_was_written_over_is_told_as_broken(gonogo: Command) -> None:
    """Before anything else is asked of the log."""
    assert gonogo("sequence").code == 0
    (gonogo.home / "log" / "checkpoint").write_text("nonsense\n")
    assert "broken: " in gonogo("verify").out


def test_without_a_log_there_is_nothing_to_verify(gonogo: Command) -> None:
    """One sentence with the way out."""
    found = gonogo("verify")
    assert found.code == 1
    assert "gonogo sequence" in found.err


def test_the_log_is_anchored_handed_over_and_proven_to_others(gonogo: Command) -> None:
    """Anchor, rekey, anchor again; then a record and a run, each in a file of its own."""
    flown(gonogo)
    remote = gonogo.scratch / "elsewhere.git"
    subprocess.run(["git", "init", "--quiet", "--bare", remote], check=True)
    gonogo.settings["GONOGO_ANCHOR"] = str(remote)
    assert "are not anchored, the oldest for" in gonogo("sequence").out
    size = gonogo("anchor", "--json").json["size"]
    assert gonogo("sequence", "--json").json["unanchored"] == {"records": 0, "age_seconds": 0}
    keys = gonogo("rekey", "--reason", "a test", "--as", "ada", "--json").json
    assert gonogo("anchor", "--json").json["size"] == size + 1
    proven = gonogo("verify", "--anchor", remote, "--json")
    assert (proven.code, proven.json["broken"], proven.json["continues"]) == (0, [], 2)
    kept = gonogo.scratch / "kept"
    kept.write_bytes((gonogo.home / "log" / "checkpoint").read_bytes())
    run_id = gonogo.journal.run_ids()[0]
    files = [gonogo.scratch / name for name in ("record.tlog-proof", "run.json", "grown")]
    assert gonogo("prove", f"{run_id}/flight/0", "--to", files[0]).code == 0
    assert gonogo("bundle", run_id, "--to", files[1], "--payloads").code == 0
    assert gonogo("prove", "--since", kept, "--to", files[2]).code == 0
    for path, more in ((files[0], []), (files[1], []), (files[2], ["--against", kept])):
        assert gonogo("verify", "--log", path, "--key", keys["new"], *more).code == 0
        assert gonogo("verify", "--log", path, *more).code == 0
    assert gonogo("verify", "--log", files[1], "--key", keys["old"]).code == 0
    assert gonogo("verify", "--log", files[0], "--key", keys["old"]).code == 1


def test_a_proof_is_of_one_thing(gonogo: Command) -> None:
    """Neither of nothing nor of two."""
    assert gonogo("prove").code == 2
    assert gonogo("prove", "r1/flight/0").code == 1


def test_the_drill_of_the_evidence_is_passed_and_lands(gonogo: Command) -> None:
    """Every cell as it has to be; the warehouse has each."""
    drilled = gonogo("drill", "evidence", "--json")
    assert (drilled.code, drilled.json["passed"], len(drilled.json["rows"])) == (0, True, 42)
    assert gonogo("verify").code == 1  # There is no log yet: the drill was elsewhere.
    assert gonogo("evidence", gonogo.the_run()).code == 0


def test_what_happened_past_the_evidence_is_named(gonogo: Command) -> None:
    """Nothing after real missions; then a payment that nobody recorded."""
    flown(gonogo)
    whole = gonogo("reconcile", "--json")
    assert (whole.json["gaps"], whole.code) == ([], 0)
    with closing(sqlite3.connect(gonogo.home / "systems" / "ledger.db")) as ledger, ledger:
        ledger.execute("insert into receipts values ('stray', 'pay_claim', '{}', '{}', '2026-01-01')")
    found = gonogo("reconcile")
    assert found.code == 1
    assert "deed without evidence: pay_claim at ledger" in found.out
