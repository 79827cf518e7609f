"""Purging: payloads of runs whose time is over go, nothing that is held or open does, and every proof stays."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from analytics import warehouse
from analytics.marts import open_mart
from gonogo import archive
from gonogo.errors import EvidenceBroken, PolicyBroken, RetentionRefused
from gonogo.evidence.erasures import erase_payloads, payloads_of
from gonogo.evidence.journals import journal_of
from gonogo.evidence.ledger import must_have_payload
from gonogo.house.purging import due_now, purge
from gonogo.log.sequencer import log_folder, sequence
from gonogo.log.verifier import verify
from tests.gonogo.toy.patients import cared, leave_waiting, of, patient

if TYPE_CHECKING:
    from gonogo.evidence.journals import Journal
    from gonogo.evidence.streams import Stream

ROOT = Path(__file__).parents[3]
LATER = datetime.now(UTC) + timedelta(days=31)


async def test_after_its_time_a_run_keeps_its_records_and_loses_its_payloads(tmp_path: Path) -> None:
    """Journals, log and warehouse agree on it, and nothing else has changed."""
    await cared(tmp_path, patient())
    chosen = of(tmp_path)
    journal = journal_of(chosen)
    sequence(chosen, journal)
    warehouse.land(tmp_path)
    before = [record.leaf for record in journal.read_flight("r1")]
    assert purge(chosen, LATER - timedelta(days=2)).due == ()

    (gone,) = purge(chosen, LATER).due

    assert (gone.run, gone.retention_class) == ("r1", "short")
    assert gone.payloads > 5
    assert [record.leaf for record in journal.read_flight("r1")] == before
    assert payloads_of(journal, "r1") == []
    done = sequence(chosen, journal)
    assert done.faults == []
    assert verify(log_folder(chosen), (log_folder(chosen) / "key.pub").read_text()).findings == []
    landed = warehouse.land(tmp_path)
    assert (landed.quarantined, landed.dq_failures) == (0, 0)
    with open_mart(tmp_path) as mart:
        assert mart.execute("SELECT count(*) FROM runs WHERE case_input IS NOT NULL").fetchone() == (0,)
        assert mart.execute("SELECT count(*) FROM runs WHERE status = 'done'").fetchone() == (1,)
    assert warehouse.rebuild(tmp_path, "compare").verdict == "equal"
    assert purge(chosen, LATER).due == ()


async def test_a_dry_run_says_what_would_go_and_takes_nothing(tmp_path: Path) -> None:
    """It leaves no fact, either."""
    await cared(tmp_path, patient())
    chosen = of(tmp_path)
    found = due_now(chosen, LATER)
    assert [each.run for each in found.due] == ["r1"]
    assert len(payloads_of(journal_of(chosen), "r1")) == found.due[0].payloads
    assert archive.facts(chosen) == []


async def test_what_is_held_or_open_stays_whole(tmp_path: Path) -> None:
    """A hold names its owner; what waits is not even looked at."""
    await cared(tmp_path, patient(), run_id="r0")
    await leave_waiting(tmp_path, patient(needs_consent=True))
    chosen = of(tmp_path)
    archive.hold(chosen, "mission", "care", "a lawsuit", owner="legal", by="ada")
    found = purge(chosen, LATER)
    assert (found.due, [(each.run, each.owner) for each in found.held]) == ((), [("r0", "legal")])
    archive.release(chosen, "mission", "care", "settled", by="ada")
    assert [each.run for each in purge(chosen, LATER).due] == ["r0"]
    assert payloads_of(journal_of(chosen), "r1")


async def test_a_hold_takes_a_reason_and_an_owner_and_a_release_takes_a_hold(tmp_path: Path) -> None:
    """Nothing is recorded otherwise."""
    chosen = of(tmp_path)
    with pytest.raises(RetentionRefused, match="reason and an owner"):
        archive.hold(chosen, "run", "r1", " ", owner="legal", by="ada")
    with pytest.raises(RetentionRefused, match="not held"):
        archive.release(chosen, "run", "r1", "settled", by="ada")
    assert archive.facts(chosen) == []


@pytest.mark.parametrize("stage", ["due", "marked"])
def test_a_process_killed_in_the_middle_is_finished_by_the_next(tmp_path: Path, stage: str) -> None:
    """Half of the bytes may still be there; what can be read is whole or gone, and the next purge ends it."""
    asyncio.run(cared(tmp_path, patient()))
    command = [sys.executable, "-m", "tests.gonogo.toy.forgetting", str(tmp_path), stage]
    assert subprocess.run(command, cwd=ROOT, timeout=600, check=False).returncode == -signal.SIGKILL
    chosen = of(tmp_path)
    journal = journal_of(chosen)
    assert journal.has_ended("r1")
    assert [each.event for each in archive.unfinished(archive.facts(chosen))] == ["purging"]
    purge(chosen, LATER)
    assert archive.unfinished(archive.facts(chosen)) == []
    assert payloads_of(journal, "r1") == []
    assert b"[sealed:" not in (tmp_path / "journals" / "flights" / "r1.jsonl").read_bytes()


async def test_without_classes_that_hold_nothing_is_purged(tmp_path: Path) -> None:
    """A file that is missing, or names a class that is not there, stops it."""
    await cared(tmp_path, patient())
    law = tmp_path / "law"
    law.mkdir()
    chosen = of(tmp_path).model_copy(update={"policy_folder": law})
    for text in (None, "default: x\nclasses: {}\n", "classes: {x: {payload_days: -1, because: no}}\ndefault: x\n"):
        if text is not None:
            (law / "retention.yaml").write_text(text)
        with pytest.raises(PolicyBroken, match="retention"):
            purge(chosen, LATER)
    assert payloads_of(journal_of(chosen), "r1")


def test_payloads_go_from_every_kind_of_journal(journal: Journal, stream: Stream) -> None:
    """Those in lines and those that stand apart; the chain and the leaves stay, and the end of the run is known."""
    from gonogo.evidence.payloads import store_if_large

    big, reference = store_if_large(journal.payloads, b'"' + b"x" * 70_000 + b'"')
    stream.append({"runid": "r1"}, "step_record", {"phase": "fact"}, payload=b'{"a":1}')
    stream.append({"runid": "r1"}, "step_record", {"phase": "fact"}, own=reference, payload=big)
    stream.append({"runid": "r1"}, "run_record", {"phase": "result", "status": "done"}, payload=b'{"b":2}')
    stream.commit_now()
    stream.close()
    before = [record.leaf for record in journal.read_flight("r1")]
    sizes = journal.tail.sizes()
    assert erase_payloads(journal, "r1") == 3
    records = journal.read_flight("r1")
    assert [record.leaf for record in records] == before
    assert journal.tail.sizes() == sizes
    assert journal.has_ended("r1")
    assert erase_payloads(journal, "r1") == 0
    for record in records:
        with pytest.raises(EvidenceBroken, match="gone"):
            must_have_payload(record)
