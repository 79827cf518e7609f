"""Tenants: the house's children. One that ends while the house is up is started again, and never after that."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gonogo.evidence.canon import timestamp
from gonogo.house.server import start, stop

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Generator
    from pathlib import Path

_log = logging.getLogger("gonogo.house")

PAUSE_SECONDS_MIN, PAUSE_SECONDS_MAX = 1.0, 30.0
"""How long one that ended stays away: each time twice as long as before, up to the second."""
STEADY_SECONDS = 60.0
"""Who lived for this long begins with the shortest pause again."""
_DOUBLINGS_MAX = 16


def pause_seconds(short_lives: int) -> float:
    """Return how long to wait before a tenant is started again.

    Args:
        short_lives: how often in a row it ended before it was steady, this time not counted.

    """
    return min(PAUSE_SECONDS_MIN * 2 ** min(short_lives, _DOUBLINGS_MAX), PAUSE_SECONDS_MAX)


class Stay:
    """How long a house stays up, as everybody in it sees it."""

    def __init__(self) -> None:
        self.is_over = False
        """Whether the house has begun to go."""
        self._ended = threading.Event()

    def begin_to_go(self) -> None:
        """Say that the house goes, and nothing more: a signal may come while any lock is held."""
        self.is_over = True

    def end(self) -> None:
        """Say that the house goes, to those as well who rest."""
        self.is_over = True
        self._ended.set()

    def rest(self, seconds: float) -> None:
        """Let time pass; no longer than the stay."""
        self._ended.wait(seconds)


@dataclass(slots=True)
class Tenant:
    """One child of the house, and whoever looks after it."""

    name: str
    command: list[str]
    env: dict[str, str]
    log: Path
    stay: Stay
    process: subprocess.Popen[bytes] | None = None
    """What runs now, or ran until a moment ago."""
    _moving: threading.Lock = field(default_factory=threading.Lock)
    """Held by who starts it and by who stops it, so that nobody is started behind the back of the latter."""

    def move_in(self) -> None:
        """Start it, unless the house has begun to go.

        Raises:
            OSError: it cannot be started.

        """
        with self._moving:
            if not self.stay.is_over:
                self.process = start(self.command, self.env, self.log)

    def tend(self) -> None:
        """Start it again whenever it has ended, until the house begins to go."""
        short_lives, how = 0, None
        while True:
            since = time.monotonic()
            how = how or self._outlived()
            if self.stay.is_over:
                return
            short_lives = 0 if time.monotonic() - since >= STEADY_SECONDS else short_lives
            pause = pause_seconds(short_lives)
            short_lives += 1
            self._tell(f"The {self.name} {how}; it is started again in {pause:g} s.")
            self.stay.rest(pause)
            try:
                self.move_in()
                how = None
            except OSError as error:
                how = f"cannot be started ({error})"

    def _outlived(self) -> str:
        """Wait until it has ended, and return how."""
        process = self.process
        if process is None:
            return "was not started"
        code = process.wait()
        with self._moving:
            if not self.stay.is_over:
                # Whom it had started would be in the way of the next one.
                with suppress(OSError):
                    os.killpg(process.pid, signal.SIGKILL)
                self.process = None
        return f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"

    def _tell(self, sentence: str) -> None:
        """Say it in its own log and in the house's; a full disk keeps nobody from being started."""
        _log.warning("%s", sentence)
        with suppress(OSError), self.log.open("a", encoding="utf-8") as log:
            log.write(f"{timestamp()} gonogo up: {sentence}\n")

    def move_out(self) -> None:
        """Stop it for good."""
        self.stay.end()
        with self._moving:
            process = self.process
        if process is not None:
            stop(process)


@contextmanager
def tenant(
    name: str,
    command: list[str],
    env: dict[str, str],
    log: Path,
    stay: Stay,
    *,
    process: subprocess.Popen[bytes] | None = None,
) -> Generator[Tenant]:
    """Keep a child running for the block; it is gone afterwards.

    Args:
        name: what it is called in its log.
        command: what it runs.
        env: its environment.
        log: the file its output goes to.
        stay: the house's; over for all tenants once the first one moves out.
        process: what runs it already; started, if none does.

    """
    lodger = Tenant(name, command, env, log, stay, process)
    tending = threading.Thread(target=lodger.tend, name=f"gonogo-{name}", daemon=True)
    try:
        if process is None:
            lodger.move_in()
        tending.start()
        yield lodger
    finally:
        lodger.move_out()
        if tending.ident is not None:
            tending.join()
