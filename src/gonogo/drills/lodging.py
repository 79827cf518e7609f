"""Drilling in a lodge: the runner of a house that is there for the drill alone, with its server up and with it down."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson

from gonogo.drills.housed import begin_drill, nobody, recorded
from gonogo.drills.runaways import SIGNALS
from gonogo.errors import ServerUnreachable
from gonogo.evidence.canon import short_id, uuid7
from gonogo.evidence.journals import journal_of
from gonogo.house.address import House
from gonogo.house.handing import coming, follow
from gonogo.house.server import environment, free_port

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from gonogo.drills.abort import Lane, Row
    from gonogo.settings import Settings

COMPLAINTS = "lodge.err"
"""What a lodge says on its standard error, below its home."""

LOOK_SECONDS = 0.05
BEGIN_SECONDS_MAX = 120.0
LEAVE_SECONDS_MAX = 60.0


@dataclass(slots=True)
class Lodge:
    """A lodge that is up."""

    process: subprocess.Popen[bytes]
    settings: Settings
    house: House

    def drill(self, lanes: Sequence[Lane], trials: int) -> list[Row]:
        """Drill every signal in the lodge's warm runner; before the lane ``server_down``, its server dies, for good.

        Raises:
            ServerUnreachable: the lodge did not take the drill, or is gone.

        """
        drill_id = f"drill-abort-{short_id(uuid7())}"
        still_comes = coming(self.house.api_url, begin_drill(self.house, drill_id, trials, lanes), drill_id)
        journal = journal_of(self.settings)
        if "server_down" in lanes:
            before = len(SIGNALS) * lanes.index("server_down")
            until = time.monotonic() + BEGIN_SECONDS_MAX
            while not journal.flight_position(drill_id) or len(recorded(journal, drill_id)) < before:
                if not journal.flight_position(drill_id) and time.monotonic() > until:
                    raise ServerUnreachable(f"The house of the drill did not begin it; {self._log()}")
                time.sleep(LOOK_SECONDS)
            self._tell(b"down\n")
        follow(self.settings, drill_id, announce=nobody, no_wait=False, still_comes=still_comes)
        return recorded(journal, drill_id)

    def _log(self) -> str:
        """Return the last thing that its runner complained of."""
        log = self.settings.home / "logs" / "runner.log"
        told = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() if log.exists() else []
        return told[-1] if told else "its runner did not say why."

    def _tell(self, line: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(line)
        self.process.stdin.flush()
        _answer(self.process, self.settings)


@contextmanager
def lodging(settings: Settings, place: Path) -> Generator[Lodge]:
    """Bring a lodge up in a scratch home for the block; nothing of it is left afterwards.

    Raises:
        ServerUnreachable: it did not come up; the message names its logs.

    """
    scratch = settings.model_copy(update={"home": place, "journals": None})
    kept = environment(place, f"http://127.0.0.1:{free_port()}/api") | {"GONOGO_HOME": str(place.resolve())}
    kept.pop("GONOGO_JOURNALS", None)
    place.mkdir(parents=True, exist_ok=True)
    with (place / COMPLAINTS).open("wb") as complaints:
        process = subprocess.Popen(
            [sys.executable, "-m", "gonogo.drills.lodge"], env=kept,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints,
        )  # fmt: skip
    try:
        url = _answer(process, scratch)
        yield Lodge(process, scratch, House(pid=process.pid, api_url=url, ui_url=url.removesuffix("/api")))
    finally:
        assert process.stdin is not None
        with suppress(BrokenPipeError):
            process.stdin.close()
        try:
            process.wait(LEAVE_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answer(process: subprocess.Popen[bytes], settings: Settings) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        told = (settings.home / COMPLAINTS).read_text(encoding="utf-8", errors="replace").strip().splitlines()
        raise ServerUnreachable(f"The house of the drill is gone: {told[-1] if told else 'it did not say why'}")
    return str(orjson.loads(line))
