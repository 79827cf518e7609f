"""A home whose runs are sequenced into a log."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from gonogo.evidence.journals import Journal, journal_of
from gonogo.evidence.records import Envelope
from gonogo.log.sequencer import Sequenced, log_folder, sequence
from gonogo.settings import Settings, settings

if TYPE_CHECKING:
    from pathlib import Path

ENVELOPE = Envelope({"missionid": "toy", "subject": "run/toy"})


@dataclass(frozen=True, slots=True)
class Home:
    """Journals that are written to, and the log they are taken into."""

    settings: Settings
    journal: Journal

    @property
    def log(self) -> Path:
        """The log's folder."""
        return log_folder(self.settings)

    @property
    def key(self) -> str:
        """The log's verifier key."""
        return (self.log / "key.pub").read_text()

    @property
    def checkpoint(self) -> str:
        """The log's checkpoint, as it stands now."""
        return (self.log / "checkpoint").read_text()

    def fly(self, run_id: str, records: int, *, ends: bool = False) -> None:
        """Add records to a run's own stream, and the last one of a run where it ends."""
        stream = self.journal.open_flight(run_id)
        try:
            envelope = {**ENVELOPE, "runid": run_id}
            for number in range(records):
                stream.append(envelope, "step_record", {"phase": "fact", "number": number}, payload=b'"secret"')
            if ends:
                end = {"streamid": stream.stream_id, "seq": stream.next_seq - 1, "digest": stream.head}
                stream.append(envelope, "run_record", {"phase": "result", "status": "done", "streams": [end]})
            stream.commit_now()
        finally:
            stream.close()

    def sequence(self) -> Sequenced:
        """Take what is there into the log."""
        return sequence(self.settings, self.journal)


@pytest.fixture
def home(tmp_path: Path, backend: str) -> Home:
    """A home of its own, on each kind of journals."""
    del backend
    chosen = settings().model_copy(update={"home": tmp_path})
    return Home(chosen, journal_of(chosen))
