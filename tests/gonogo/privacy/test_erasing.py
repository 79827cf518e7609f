"""Erasing a person: their values are gone wherever they went, every proof holds, and open runs of theirs end."""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from analytics import warehouse
from gonogo import archive
from gonogo.errors import RetentionRefused
from gonogo.evidence.journals import journal_of
from gonogo.evidence.keyring import keyring_at
from gonogo.evidence.payloads import whole
from gonogo.house.erasing import erase
from gonogo.log.proofs import bundle_of
from gonogo.log.sequencer import log_folder, sequence
from gonogo.log.verifier import verify, verify_bundle
from tests.gonogo.toy.patients import PERSONAL, SEEN, cared, leave_waiting, left_behind, of, patient

if TYPE_CHECKING:
    from gonogo.evidence.journals import Journal

ROOT = Path(__file__).parents[3]
WHO = "P-73421"


@pytest.fixture(autouse=True)
def _nobody_has_left() -> None:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    SEEN.clear()


def bodies(home: Path, run_id: str = "r1") -> list[Any]:
    """Return what can still be read of a run."""
    journal = journal_of(of(home))
    return [whole(journal.payloads, record).body() for record in journal.read_flight(run_id)]


def case_of(journal: Journal, run_id: str) -> Any:
    """Return the case of a run, as far as it can still be read."""
    return whole(journal.payloads, journal.read_flight(run_id)[0]).body()


async def test_nothing_of_a_person_can_be_read_any_more_and_every_proof_holds(tmp_path: Path) -> None:
    """Not even from a copy of the home that was made before; log, bundle and warehouse are what they were."""
    home, copy = tmp_path / "home", tmp_path / "copy"
    await cared(home, patient())
    await cared(home, patient(number="P-2", name="Someone Else", postcode=1111, note=""), run_id="r2")
    chosen = of(home)
    sequence(chosen, journal_of(chosen))
    warehouse.land(home)
    shutil.copytree(home, copy, ignore=shutil.ignore_patterns("keys"))
    before = [record.leaf for record in journal_of(chosen).read_flight("r1")]
    handed_out = json.dumps(bundle_of(chosen, journal_of(chosen), "r1", payloads=True))
    assert [word for word in PERSONAL if word in handed_out] == []

    done = erase(chosen, WHO, f"asked for by {WHO}", by="ada")

    assert (done.runs, done.ended, done.open) == (1, (), ())
    assert [record.leaf for record in journal_of(chosen).read_flight("r1")] == before
    assert bodies(home)[0] is None
    assert bodies(home, "r2")[0]["name"] == "Someone Else"
    sequence(chosen, journal_of(chosen))
    key = (log_folder(chosen) / "key.pub").read_text()
    assert verify(log_folder(chosen), key).findings == []
    bundle = bundle_of(chosen, journal_of(chosen), "r1", payloads=True)
    assert verify_bundle(json.dumps(bundle), key).findings == []
    landed = warehouse.land(home)
    assert landed.quarantined == 0
    assert left_behind(home) == []
    shutil.copytree(home / "keys", copy / "keys")
    assert bodies(copy)[0] is None


async def test_an_erasure_is_evidence_without_the_name(tmp_path: Path) -> None:
    """Begun and done stand on record under the random id of the key."""
    await cared(tmp_path, patient())
    chosen = of(tmp_path)
    key = keyring_at(tmp_path).find(WHO)
    assert key is not None
    erase(chosen, WHO, f"asked for by {WHO} on Monday", by="ada")
    told = archive.facts(chosen)
    assert [(each.data["event"], each.data["target"]) for each in told] == [("erasing", key.id), ("erased", key.id)]
    assert told[0].body() == {"reason": "asked for by [personal] on Monday"}
    assert archive.erased_count(told) == 1


async def test_an_open_run_of_the_person_ends_as_an_exception_that_its_owner_has(tmp_path: Path) -> None:
    """It sleeps and waits for a word from outside; without the values it could not go on."""
    await leave_waiting(tmp_path, patient(needs_consent=True))
    chosen = of(tmp_path)
    done = erase(chosen, WHO, "asked for", by="ada")
    assert done.ended == ("r1",)
    flight = journal_of(chosen).read_flight("r1")
    assert (flight[-1].data["status"], flight[-1].data["phase"]) == ("aborted", "result")
    assert [r.data["owner"] for r in flight if r.artifact == "exception_record"] == ["ward"]
    assert SEEN == []


async def test_a_run_that_flies_now_is_stopped(tmp_path: Path) -> None:
    """In its own process, through the kill switch; the erasure is done once it has ended."""
    from gonogo.flights import fly
    from gonogo.lanes.local import LocalPilot
    from gonogo.plans import Plan
    from tests.gonogo.toy.patients import care

    chosen = of(tmp_path)
    flying = asyncio.ensure_future(fly(care, patient(needs_consent=True), Plan("r1", LocalPilot(), chosen)))
    # It waits for a word from outside, which its journal alone tells.
    while not any(r.data.get("state") == "awaited" for r in journal_of(chosen).read_flight("r1")):  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    done = await asyncio.to_thread(erase, chosen, WHO, "asked for", by="ada")
    landing = await flying
    assert (landing.status, done.ended, done.open) == ("aborted", ("r1",), ())


async def test_what_is_held_is_not_erased(tmp_path: Path) -> None:
    """Held by person, by run or by mission; released, it is."""
    await cared(tmp_path, patient())
    chosen = of(tmp_path)
    key = keyring_at(tmp_path).find(WHO)
    assert key is not None
    held: list[tuple[archive.HoldKind, str]] = [("subject", key.id), ("run", "r1"), ("mission", "care")]
    for kind, target in held:
        archive.hold(chosen, kind, target, "a lawsuit", owner="legal", by="ada")
        with pytest.raises(RetentionRefused, match="held by legal"):
            erase(chosen, WHO, "asked for", by="ada")
        archive.release(chosen, kind, target, "settled", by="ada")
    assert case_of(journal_of(chosen), "r1")["number"] == WHO
    assert erase(chosen, WHO, "asked for", by="ada").runs == 1
    with pytest.raises(RetentionRefused, match="erased"):
        erase(chosen, WHO, "asked for", by="ada")


async def test_a_person_who_comes_back_is_somebody_new(tmp_path: Path) -> None:
    """A new key: what was erased stays erased, and what is new can be read."""
    await cared(tmp_path, patient())
    chosen = of(tmp_path)
    erase(chosen, WHO, "asked for", by="ada")
    await cared(tmp_path, patient(), run_id="r2")
    assert bodies(tmp_path)[0] is None
    assert bodies(tmp_path, "r2")[0]["number"] == WHO


@pytest.mark.parametrize("stage", ["begun", "destroyed"])
def test_a_process_killed_in_the_middle_is_finished_by_the_next(tmp_path: Path, stage: str) -> None:
    """Killed before or after the key went: the next call ends the open run and records that it is done."""
    asyncio.run(leave_waiting(tmp_path, patient(needs_consent=True)))
    command = [sys.executable, "-m", "tests.gonogo.toy.forgetting", str(tmp_path), stage]
    assert subprocess.run(command, cwd=ROOT, timeout=600, check=False).returncode == -signal.SIGKILL
    chosen = of(tmp_path)
    assert [each.event for each in archive.unfinished(archive.facts(chosen))] == ["erasing"]
    done = erase(chosen, WHO, "asked for", by="ada")
    assert archive.unfinished(archive.facts(chosen)) == []
    assert (done.runs, done.ended) == (1, ("r1",))
    assert journal_of(chosen).has_ended("r1")
    assert keyring_at(tmp_path).find(WHO) is None
