"""Proofs and bundles: checked by the verifier alone; mutants of them are tried by tests/fuzz."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from base64 import b64decode
from typing import TYPE_CHECKING, Any

import pytest

from gonogo.errors import EvidenceBroken, RunUnknown
from gonogo.evidence.payloads import INLINE_MAX_BYTES
from gonogo.log import verifier
from gonogo.log.proofs import bundle_of, prove_continuation, prove_record
from gonogo.log.rotations import rotate
from gonogo.log.verifier import verify_any, verify_bundle, verify_proof

if TYPE_CHECKING:
    from pathlib import Path

    from tests.gonogo.log.conftest import Home


@pytest.fixture
def backend() -> str:
    """Files: the log is the same whatever the journals stand in."""
    return "files"


@pytest.fixture
def filled(home: Home) -> Home:
    """A log of some runs."""
    home.fly("r1", 300, ends=True)
    home.fly("r2", 20)
    home.sequence()
    return home


def bundled(home: Home, run_id: str = "r2", *, payloads: bool = False) -> dict[str, Any]:
    """Return the bundle of a run."""
    return bundle_of(home.settings, home.journal, run_id, payloads=payloads)


@pytest.mark.parametrize("place", ["r1/flight/0", "r1/flight/255", "r1/flight/256", "r2/flight/19"])
def test_every_record_can_be_proven_by_place_id_and_digest(filled: Home, place: str) -> None:
    """The proof shows that very record."""
    run_id, _, seq = place.split("/")
    record = filled.journal.read_flight(run_id)[int(seq)]
    proofs = {prove_record(filled.settings, name) for name in (place, record.fields["id"], record.digest)}
    assert len(proofs) == 1
    (proof,) = proofs
    assert b64decode(proof.split("\n")[1].removeprefix("extra ")) == record.leaf
    report = verify_proof(proof, filled.key)
    assert (report.findings, report.shown) == ([], 1)


@pytest.mark.parametrize("name", ["r9/flight/0", "r1/flight/999", "nothing", "0" * 64, "r1", '"'])
def test_what_is_not_in_the_log_is_not_proven(filled: Home, name: str) -> None:
    """The message says where names are found."""
    with pytest.raises(RunUnknown, match="gonogo evidence"):
        prove_record(filled.settings, name)


def test_a_proof_of_another_log_is_refused(filled: Home) -> None:
    """By the key."""
    other = "gonogo.evidence/default+35f06405+" + "A" * 44
    assert verify_proof(prove_record(filled.settings, "r1/flight/3"), other).findings


def test_a_record_put_into_a_proof_of_another_is_refused(filled: Home) -> None:
    """Its hash does not lead to the root."""
    lines = prove_record(filled.settings, "r1/flight/3").split("\n")
    other = prove_record(filled.settings, "r1/flight/4").split("\n")
    swapped = "\n".join([lines[0], other[1], *lines[2:]])
    assert "does not lead to the root" in verify_proof(swapped, filled.key).findings[0]


def test_a_log_that_has_grown_proves_that_it_continues_what_was_kept(filled: Home) -> None:
    """Whatever its size was; without the log at hand."""
    kept = filled.checkpoint
    for records in (1, 40, 300):
        filled.fly("r2", records)
        filled.sequence()
        report = verify_proof(prove_continuation(filled.settings, kept), filled.key, [kept])
        assert (report.findings, report.held) == ([], 1)


def test_a_continuation_is_of_one_kept_checkpoint_only(filled: Home) -> None:
    """Another one, or none, is told."""
    kept = filled.checkpoint
    filled.fly("r2", 5)
    filled.sequence()
    proof, newest = prove_continuation(filled.settings, kept), filled.checkpoint
    assert verify_proof(proof, filled.key, [newest]).findings
    assert verify_proof(proof, filled.key).findings
    assert verify_proof(proof, filled.key, [kept, newest]).findings


def test_a_log_that_is_another_one_cannot_prove_that_it_continues(filled: Home) -> None:
    """Neither shorter nor made of other records."""
    kept = filled.checkpoint
    shutil.rmtree(filled.log)
    shutil.rmtree(filled.settings.home / "journals")
    filled.fly("r3", 5)
    filled.sequence()
    with pytest.raises(EvidenceBroken, match="does not continue"):
        prove_continuation(filled.settings, kept)
    filled.fly("r3", 400)
    filled.sequence()
    with pytest.raises(EvidenceBroken, match="rewritten"):
        prove_continuation(filled.settings, kept)
    with pytest.raises(EvidenceBroken, match="no checkpoint"):
        prove_continuation(filled.settings, "nonsense")


def test_a_bundle_holds_a_run_whole_and_nothing_of_others(filled: Home) -> None:
    """The ends that it declared are checked as well."""
    found = bundled(filled, "r1")
    streams = [json.loads(each["entry"])["streamid"] for each in found["records"]]
    assert streams == ["r1/flight"] * 301
    report = verify_bundle(json.dumps(found), filled.key)
    assert (report.findings, report.shown) == ([], 301)


def test_payloads_are_left_out_unless_asked_for_and_checked_where_they_are_in(filled: Home) -> None:
    """Against the salted commitment in the leaf; large ones, which stand apart, as well."""
    stream = filled.journal.open_flight("r4")
    body = b'"' + b"x" * INLINE_MAX_BYTES + b'"'
    stream.append({"runid": "r4"}, "step_record", {"phase": "fact"}, payload=body)
    stream.commit_now()
    stream.close()
    filled.sequence()
    assert not any("payload" in each or "salt" in each for each in bundled(filled)["records"])
    for run_id in ("r2", "r4"):
        full = bundled(filled, run_id, payloads=True)
        assert all("payload" in each for each in full["records"])
        assert verify_bundle(json.dumps(full), filled.key).findings == []
        full["records"][0]["payload"] = '"another"'
        assert "not what was committed to" in verify_bundle(json.dumps(full), filled.key).findings[0]


def _drop(found: dict[str, Any]) -> None:
    del found["records"][7]


def _swap(found: dict[str, Any]) -> None:
    found["records"][7], found["records"][8] = found["records"][8], found["records"][7]


def _edit(found: dict[str, Any]) -> None:
    found["records"][7]["entry"] = found["records"][7]["entry"].replace("step_record", "step_rekord")


def _move(found: dict[str, Any]) -> None:
    found["records"][7]["index"] += 1


def _forge(found: dict[str, Any]) -> None:
    found["records"].append({"index": 0, "entry": "{}", "proof": []})


def _unsign(found: dict[str, Any]) -> None:
    found["checkpoint"] = found["checkpoint"].replace("\n321\n", "\n320\n")


@pytest.mark.parametrize("tamper", [_drop, _swap, _edit, _move, _forge, _unsign])
def test_a_bundle_that_was_tampered_with_is_refused(filled: Home, tamper: Any) -> None:
    """A record left out, moved, changed, added; the checkpoint changed."""
    found = bundled(filled)
    tamper(found)
    assert verify_bundle(json.dumps(found), filled.key).findings


def test_a_run_that_lost_its_end_is_told_by_what_it_declared(filled: Home) -> None:
    """The last record says how many there were."""
    found = bundled(filled, "r1")
    found["records"][-2:-1] = []
    assert verify_bundle(json.dumps(found), filled.key).findings


def test_a_bundle_brings_along_what_shows_who_may_sign(filled: Home) -> None:
    """Old key or new one: the hand-over is in it, with its proof."""
    old = filled.key
    rotate(filled.settings, filled.journal, "yearly", by="ada")
    found = json.dumps(bundled(filled))
    for pinned in (old, filled.key):
        assert verify_bundle(found, pinned).findings == []
    without = json.loads(found)
    without["records"] = [each for each in without["records"] if "log-keys/desk" not in each["entry"]]
    assert verify_bundle(json.dumps(without), old).findings
    assert verify_bundle(json.dumps(without), filled.key).findings == []


def test_a_run_of_which_the_log_knows_nothing_has_no_bundle(filled: Home) -> None:
    """The message says how it gets there."""
    filled.fly("r5", 1)
    with pytest.raises(RunUnknown, match="gonogo sequence"):
        bundled(filled, "r5")


def test_the_verifier_alone_checks_both_offline(filled: Home, tmp_path: Path) -> None:
    """Isolated from everything that is installed; told by its exit."""
    alone = shutil.copy(verifier.__file__, tmp_path / "verifier.py")
    proof, bundle, kept = tmp_path / "record.tlog-proof", tmp_path / "run.json", tmp_path / "kept"
    proof.write_text(prove_record(filled.settings, "r1/flight/7"))
    bundle.write_text(json.dumps(bundled(filled)))
    kept.write_text(filled.checkpoint)
    filled.fly("r2", 9)
    filled.sequence()
    grown = tmp_path / "grown"
    grown.write_text(prove_continuation(filled.settings, kept.read_text()))

    def run(*words: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-I", "-S", str(alone), *map(str, words)]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    key = filled.key.strip()
    assert "1 shown to be in it" in run(proof, "--key", key).stdout
    assert "20 shown to be in it" in run(bundle, "--key", key).stdout
    assert "continues 1 checkpoint" in run(grown, "--key", key, "--against", kept).stdout
    assert run(proof).returncode == 2
    bundle.write_text(bundle.read_text().replace("step_record", "step_rekord", 1))
    assert run(bundle, "--key", key).returncode == 1
    assert verify_any(tmp_path / "missing", key).findings
