"""Sequencing, as flights see it: whoever keeps taking the evidence into the log says by when it is heard of again.

Where it is not, because it was killed, hangs or cannot sign, nothing irreversible is done any more: what could
be taken back goes on, and all of it stays recorded. One that is told to stop says so, and then nobody
waits for it; nor does a home in which nobody keeps sequencing.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from gonogo import fuseboxes
from gonogo.errors import GonogoError, LogBehind
from gonogo.fuseboxes import fusebox_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from gonogo.evidence.records import Record
    from gonogo.operations import Operation
    from gonogo.runs import Run
    from gonogo.settings import Settings

_NAME = "gonogo/sequencer"
"""What it is called among the dependencies; no system of record bears such a name."""


@contextmanager
def promising(chosen: Settings) -> Generator[Callable[[], None]]:
    """Yield what is called after each pass, for a block that keeps sequencing; at its end nothing is promised."""
    board, span_us = fusebox_of(chosen), chosen.log_lag_seconds * 1_000_000
    try:
        yield lambda: fuseboxes.promise(board, _NAME, span_us)
    finally:
        # A store that is away now keeps the promise: whoever sequences next keeps or withdraws it.
        with suppress(GonogoError):
            fuseboxes.withdraw(board, _NAME)


def renew(chosen: Settings) -> None:
    """Say that all was taken in just now, where somebody has promised to; a pass by hand promises nothing by itself."""
    fuseboxes.renew(fusebox_of(chosen), _NAME, chosen.log_lag_seconds * 1_000_000)


def overdue_us(chosen: Settings) -> int:
    """Return for how long a sequencer has been overdue; below 0 for one that is not, 0 where nobody keeps on."""
    return fuseboxes.overdue_us(fusebox_of(chosen), _NAME)


@dataclass(frozen=True, slots=True)
class Lookback:
    """A watcher that lets nothing irreversible be done while whoever keeps sequencing is overdue."""

    settings: Settings

    async def before(self, run: Run, operation: Operation) -> None:
        """Look by when the sequencer was to be heard of.

        Raises:
            LogBehind: it is overdue; nothing is recorded as refused, and the run goes on later.

        """
        del run
        if operation.effect != "irreversible":
            return
        is_quick = fusebox_of(self.settings).is_quick
        late_us = overdue_us(self.settings) if is_quick else await asyncio.to_thread(overdue_us, self.settings)
        if late_us > 0:
            since = timedelta(seconds=late_us // 1_000_000 + self.settings.log_lag_seconds)
            raise LogBehind(
                f"The evidence has not been taken into the log for {since}, so {operation.name} is not done. "
                "Start what does it (`gonogo up`, or `gonogo sequence --every 2`; its own words are in "
                "logs/sequencer.log), then continue the run with --resume."
            )

    async def after(self, run: Run, operation: Operation, record: Record) -> None:
        """Do nothing: what was done is taken into the log with the next pass."""
