"""The warehouse: what is, computed from the evidence, written by one loader, read as a published mart.

``land`` takes in what was appended to the journals since last time and publishes ``mart.duckdb``.
Nobody else opens ``warehouse.duckdb``; readers open the mart, and never wait for the loader.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from threading import Event
from time import monotonic, perf_counter, process_time
from typing import TYPE_CHECKING

from analytics.compacting import Compacted, compact
from analytics.computations import Clerk
from analytics.errors import MartMissing, WarehouseBusy
from analytics.loading import Loader, Taken
from analytics.locks import LoaderLock
from analytics.marts import mart_path, open_mart
from analytics.rebuilding import Rebuilt, rebuild
from analytics.stores import scalar
from gonogo.errors import GonogoError
from gonogo.evidence.journals import journal_at

if TYPE_CHECKING:
    from pathlib import Path

_log = logging.getLogger("gonogo.warehouse")

_LOOK_SECONDS = 0.05
"""How often a waiting ``land`` looks whether the other loader is done."""

_HABITS_SECONDS = 600.0
"""How old the habits of agents may become in the loop, while there is news."""


__all__ = ["Compacted", "Landed", "Rebuilt", "Replayed", "compact", "keep_landing", "land", "rebuild", "replay"]


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay of quarantined lines came to."""

    new_records: int
    """Evidence records that are in the mart now and were not before."""
    landed: int
    """Lines whose place in the journal holds evidence now."""
    gone: int
    """Lines in whose place another one, or none, stands now."""
    waiting: int
    """Lines that failed again, or could not be read."""
    seconds: float
    mart: Path


@dataclass(frozen=True, slots=True)
class Landed:
    """What a load came to."""

    new_records: int
    """Evidence records that are in the mart now and were not before."""
    runs: int
    """Runs whose rows were computed anew."""
    quarantined: int
    """Lines put into quarantine."""
    dq_failures: int
    """Quality checks that failed, or could not run."""
    seconds: float
    mart: Path
    """The published mart that covers everything journalled before the call."""
    by_another: bool = False
    """Whether another loader did the work; then only ``new_records`` is known, the counts are 0."""


def land(home: Path, *, wait_seconds: float = 60.0) -> Landed:
    """Take in everything journalled before the call, and publish the mart.

    Where another loader holds the warehouse, waits until the mart it publishes covers what was
    journalled when this was called.

    Args:
        home: the folder of warehouse and mart, and of the journals that stand in files; made, if it is not there.
        wait_seconds: how long to wait for another loader.

    Raises:
        WarehouseUnwritable: the disk is full or the folder cannot be written; nothing is half done.
        WarehouseBusy: another loader did not get there in time.
        WarehouseOutdated: the file was made under another schema.

    """
    begun = perf_counter()
    target: dict[str, int] | None = None
    before = 0
    deadline = monotonic() + wait_seconds
    while True:
        with LoaderLock(home) as lock:
            if lock.is_held:
                return _load_once(home)
        covered, records, is_there = _covered(home)
        if target is None:
            target, before = _whole_sizes(home), records
        late = [journal for journal, size in target.items() if covered.get(journal, 0) < size]
        if is_there and not late:
            return Landed(records - before, 0, 0, 0, perf_counter() - begun, mart_path(home), by_another=True)
        if monotonic() >= deadline:
            msg = (
                f"Another loader holds the warehouse in {home} and has not taken in {len(late)} of {len(target)} "
                f"journals within {wait_seconds:g} seconds. Look whether gonogo up is well there, or stop it."
            )
            raise WarehouseBusy(msg)
        Event().wait(_LOOK_SECONDS)


def replay(home: Path) -> Replayed:
    """Read the journals of quarantined lines again, after they or this version of gonogo were put right.

    Raises:
        WarehouseBusy: a loader is at work here; it would read on where it is.
        WarehouseUnwritable: the disk is full or the folder cannot be written; a second replay does the rest.
        WarehouseOutdated: the file was made under another schema.

    """
    begun = perf_counter()
    with LoaderLock(home) as lock:
        if not lock.is_held:
            msg = f"A loader is at work in {home}. Stop gonogo up there (or gonogo land --every), then replay."
            raise WarehouseBusy(msg)
        loader = Loader(home)
        try:
            taken, settled, waiting = loader.replay()
        finally:
            loader.close()
    landed, gone = settled.get("landed", 0), settled.get("gone", 0)
    return Replayed(taken.records, landed, gone, waiting, perf_counter() - begun, mart_path(home))


def keep_landing(home: Path, every_seconds: float, stop: Event) -> None:
    """Land again and again until ``stop`` is set, then once more; the loop of ``gonogo up``.

    A load that fails is logged and tried again: a disk that was full may be free next time. Waits
    its turn where another loader holds the warehouse.
    """
    last_said = ""
    while not stop.is_set():
        try:
            with LoaderLock(home) as lock:
                if lock.is_held:
                    _load_until(home, every_seconds, stop)
            last_said = ""
        except GonogoError as error:
            if str(error) != last_said:
                last_said = str(error)
                _log.error("%s", last_said)
        stop.wait(every_seconds)


def rest_seconds(every_seconds: float, took: float, worked: float) -> float:
    """Return how long the loop rests after a load that took so many seconds, and so many of all processors.

    As long as it worked, so that missions beside it keep half of a core at least. To wait for a disk, or for a
    core that others have, is no work; on several cores at once, the time they were taken for counts.
    """
    return max(every_seconds, min(took, worked))


def _load_until(home: Path, every_seconds: float, stop: Event) -> None:
    loader, clerk = Loader(home), Clerk(home)
    try:
        while not stop.is_set():
            worked_before = process_time()
            _, seconds = loader.load(_HABITS_SECONDS, clerk)
            stop.wait(rest_seconds(every_seconds, seconds, process_time() - worked_before))
        clerk.close()
        loader.load()
    finally:
        clerk.close()
        loader.close()


def _load_once(home: Path) -> Landed:
    loader = Loader(home)
    try:
        taken, seconds = loader.load()
    finally:
        loader.close()
    return _landed(home, taken, seconds)


def _landed(home: Path, taken: Taken, seconds: float) -> Landed:
    return Landed(taken.records, taken.runs, taken.quarantined, taken.dq_failures, seconds, mart_path(home))


def _whole_sizes(home: Path) -> dict[str, int]:
    """Return how far each journal consists of whole lines now."""
    tail = journal_at(home).tail
    return {name: tail.whole_size(name, size) for name, size in tail.sizes().items()}


def _covered(home: Path) -> tuple[dict[str, int], int, bool]:
    """Return how far the published mart has read each journal, its number of records, and whether there is one."""
    try:
        with open_mart(home) as con:
            offsets: dict[str, int] = dict(con.execute("SELECT journal, byte_offset FROM offsets").fetchall())
            records = int(scalar(con, "SELECT records FROM snapshot"))
    except MartMissing:
        return {}, 0, False
    return offsets, records, True
