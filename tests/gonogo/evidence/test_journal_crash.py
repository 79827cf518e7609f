"""Journals and death: a killed writer loses its lease and nothing that it acknowledged."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING

import pytest

from gonogo.errors import RunBusy

if TYPE_CHECKING:
    from gonogo.evidence.journals import Journal

ROOT = Path(__file__).parents[3]
SCRIBE = ROOT / "tests" / "gonogo" / "toy" / "scribe.py"


def scribe(place: str, *how: str) -> subprocess.Popen[bytes]:
    """Start the process that writes."""
    command = [sys.executable, str(SCRIBE), place, *how]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def kill(process: subprocess.Popen[bytes]) -> None:
    """End it as a power cut would."""
    os.kill(process.pid, signal.SIGKILL)
    process.wait(120)


def said(process: subprocess.Popen[bytes]) -> IO[bytes]:
    """Return what it says."""
    assert process.stdout is not None
    return process.stdout


def test_the_lease_dies_with_its_process(place: str, journal: Journal) -> None:
    """While the first lives a second pilot is refused; after kill -9 it is admitted at once."""
    with scribe(place, "hold") as first:
        assert said(first).readline() == b"held\n"
        with pytest.raises(RunBusy, match="flown by another process"):
            journal.open_flight("r1")
        kill(first)
    journal.open_flight("r1").close()


@pytest.mark.parametrize("acknowledged", [1, 7, 50, 333, 1_001])
def test_no_acknowledged_record_is_lost_to_a_kill(place: str, journal: Journal, acknowledged: int) -> None:
    """Killed after some acknowledgements, in the middle of whatever it was writing then."""
    with scribe(place) as writer:
        told = [int(said(writer).readline()) for _ in range(acknowledged)]
        kill(writer)
        told += [int(line) for line in said(writer).read().split(b"\n")[:-1]]
    recorded = journal.read_flight("r1")
    assert set(told) <= {record.seq for record in recorded}
    assert len(told) == len(set(told))
    stream = journal.open_flight("r1")
    assert stream.next_seq == len(recorded)
    stream.close()
    size = journal.tail.sizes()["flights/r1.jsonl"]
    assert journal.tail.whole_size("flights/r1.jsonl", size) == size
