"""Ends: which runs are over, told by the last record of each stream, and remembered within bounds.

A house asks for every run of its home again and again. What one stream said is remembered with the
size and the time of change that it was read at, so that a run that has not changed costs one look at
its file; what does not fit is read again.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gonogo.errors import EvidenceBroken
from gonogo.evidence.canon import LEAF_MAX_BYTES
from gonogo.evidence.records import from_line

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_END_TYPE = b'"io.gonogo.evidence.run_record.v1"'

RUNS_MAX = 50_000
"""How many runs of a home are remembered at once: about 15 MB."""

HOMES_MAX = 16
"""How many homes are remembered; a process serves one, a test suite many."""


@dataclass(slots=True)
class Ends:
    """What is remembered of the streams in one folder."""

    folder: Path
    known: dict[str, tuple[int, int, bool]] = field(default_factory=dict[str, tuple[int, int, bool]])
    """Size, time of change, and whether it had ended; by run."""

    def has_ended(self, run_id: str) -> bool:
        """Whether a run's last whole record is its end; one that has not changed is not read again.

        Raises:
            FileNotFoundError, NotADirectoryError: there is no such run.

        """
        path = self.folder / f"{run_id}.jsonl"
        state = path.stat()
        known = self.known.get(run_id)
        if known is None or known[:2] != (state.st_size, state.st_mtime_ns):
            known = (state.st_size, state.st_mtime_ns, reads_as_ended(path))
            # When it is full, nothing is put out for a new run: whoever goes through more runs than fit, in
            # the same order each time, would else find none of them the next time.
            if run_id in self.known or len(self.known) < RUNS_MAX:
                self.known[run_id] = known
        return known[2]

    def keep_only(self, run_ids: Iterable[str]) -> None:
        """Forget runs that are there no more."""
        for gone in set(self.known).difference(run_ids):
            self.known.pop(gone, None)


HOMES: OrderedDict[str, Ends] = OrderedDict()


def ends_in(folder: Path) -> Ends:
    """Return what this process remembers of a folder of flights; of the homes asked for last, that is."""
    name = str(folder)
    ends = HOMES.pop(name, None) or Ends(folder)
    HOMES[name] = ends
    while len(HOMES) > HOMES_MAX:
        HOMES.popitem(last=False)
    return ends


def reads_as_ended(path: Path) -> bool:
    """Read the last record; most streams are told by a few bytes."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 2 * LEAF_MAX_BYTES))
        _, _, last = file.read().rpartition(b"\n")[0].rpartition(b"\n")
    if _END_TYPE not in last:
        return False
    try:
        record = from_line(last)
    except EvidenceBroken:
        return False
    return record.artifact == "run_record" and record.data["phase"] == "result"
