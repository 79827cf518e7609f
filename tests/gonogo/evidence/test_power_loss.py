"""Power loss, page by page: what was acknowledged comes back, whichever unsynced pages the disk has kept."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gonogo.errors import EvidenceBroken
from gonogo.evidence import wal
from gonogo.evidence.journal import FileJournal
from tests.gonogo.evidence.power import PAGE, Disk, PowerCut
from tests.gonogo.toy.paper import note

if TYPE_CHECKING:
    from pathlib import Path

    from gonogo.evidence.files import FileStream

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="which file is open is read from /proc")

RUNS: tuple[str, ...] = ("r1", "r2", "r3")
kept, length = st.booleans(), st.integers(0, 8 * PAGE)


def committed(streams: list[FileStream], records: int) -> None:
    """Commit a few records of each stream in one turn, in this very thread: it ends where the power does."""
    for stream in streams:
        for number in range(records):
            note(stream, number)
    assert streams[0].store.commit(streams) == {}


class Flights:
    """Three runs on a disk whose power is cut, and how much of each was acknowledged by then."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk
        self.acknowledged: dict[str, int] = dict.fromkeys(RUNS, 0)
        self.unanswered: set[str] = set()
        """Runs that had asked and not been answered when the power went."""
        self.streams: list[FileStream] = []

    def fly(self, data: st.DataObject) -> None:
        """Commit to some of them, again and again, until the power is cut or all is done."""
        with suppress(PowerCut):
            journal = FileJournal(self.disk.root)
            self.streams = [journal.open_flight(run) for run in RUNS]
            for _ in range(data.draw(st.integers(1, 5), "commits")):
                chosen = data.draw(st.lists(st.sampled_from(self.streams), min_size=1, unique=True), "streams")
                self.unanswered = {stream.run_id for stream in chosen}
                committed(chosen, data.draw(st.integers(1, 4), "records"))
                self.unanswered = set()
                for stream in chosen:
                    self.acknowledged[stream.run_id] = stream.next_seq

    def lost(self, folder: Path, data: st.DataObject) -> Path:
        """Write what the disk has kept into another home, and return its journals."""
        root = folder / "journals"
        for path, sheet in self.disk.sheets.items():
            left = root / path.relative_to(self.disk.root)
            left.parent.mkdir(parents=True, exist_ok=True)
            left.write_bytes(sheet.left(data, kept, length))
        return root


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_acknowledged_record_comes_back(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Nothing else does but whole records that were on their way; where their pages are torn apart, the run says so."""
    folder = tmp_path_factory.mktemp("power")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(wal, "RESERVE_BYTES", 4 * PAGE)
        disk = Disk(monkeypatch, folder / "home" / "journals")
        disk.cut_after = data.draw(st.integers(1, 40), "operations")
        flights = Flights(disk)
        flights.fly(data)
        root = flights.lost(folder / "lost", data)
        disk.cut_after = -1
        whole = {run: FileJournal(disk.root).read_flight(run) for run in RUNS}
        for stream in flights.streams:
            stream.close()
    journal = FileJournal(root)
    for run, acknowledged in flights.acknowledged.items():
        try:
            stream = journal.open_flight(run)
        except EvidenceBroken:
            assert run in flights.unanswered, "only what nobody was promised may be torn"
            intact = journal.flight_path(run).read_bytes().partition(b"\0")[0]
            assert intact.count(b"\n") >= acknowledged
            continue
        digests = [record.digest for record in stream.records]
        stream.close()
        assert acknowledged <= len(digests)
        assert digests == [record.digest for record in whole[run]][: len(digests)]
