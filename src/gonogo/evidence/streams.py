"""Streams: one producer's chain of records, durable before it is acknowledged, wherever it stands."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from gonogo.errors import EvidenceBroken, EvidenceUnwritable
from gonogo.evidence.canon import GENESIS
from gonogo.evidence.commits import Committer, Store
from gonogo.evidence.records import Artifact, Record, from_line, seal

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Iterable, Mapping


class Stream(ABC):
    """The open end of a chain; whoever has it is its only writer."""

    def __init__(self, stream_id: str, records: list[Record]) -> None:
        self.stream_id = stream_id
        self.records = records
        """What stood in the stream when it was opened."""
        self.next_seq = len(records)
        self.head = records[-1].digest if records else GENESIS
        self._lock = threading.Lock()
        self._pending: list[Record] = []
        self._failure: EvidenceUnwritable | None = None

    @property
    def run_id(self) -> str:
        """The run the stream belongs to."""
        return self.stream_id.rpartition("/")[0]

    def append(
        self,
        envelope: Mapping[str, Any],
        artifact: Artifact,
        data: Mapping[str, Any],
        *,
        own: Mapping[str, Any] | None = None,
        payload: bytes | None = None,
        occurred: str | None = None,
    ) -> Record:
        """Chain a record and queue it; :meth:`commit` makes it durable, in order, with its elders.

        Raises:
            EvidenceUnwritable: the stream has failed or was closed; whatever was to follow must not happen.

        """
        with self._lock:
            self._refuse_if_failed()
            place = (self.stream_id, self.next_seq, self.head)
            record = seal(envelope, artifact, data, stream=place, own=own, payload=payload, occurred=occurred)
            self.next_seq += 1
            self.head = record.digest
            self._pending.append(record)
            return record

    async def commit(self) -> None:
        """Return once everything queued so far is durable.

        Raises:
            EvidenceUnwritable: it could not be written; what was queued is not acknowledged, and the
                stream takes nothing more.

        """
        self._refuse_if_failed()
        await Committer.of_running_loop().commit(self)

    async def commit_soon(self) -> None:
        """Do the same, but do not wait for a quick store: it writes in the loop's next turn, or with the next commit.

        Where that fails the stream takes nothing more, so whoever waits for a commit afterwards is told.
        """
        if self.store.is_quick:
            self._refuse_if_failed()
            Committer.of_running_loop().asked(self).add_done_callback(_note_failure)
        else:
            await self.commit()

    def commit_now(self) -> None:
        """Do the same from code that has no event loop."""
        self._refuse_if_failed()
        failure = self.store.commit([self]).get(self)
        if failure is not None:
            raise failure

    @property
    @abstractmethod
    def store(self) -> Store:
        """Where the stream becomes durable, together with others."""

    @abstractmethod
    def close(self) -> None:
        """Give the lease back. What was queued and never committed is dropped, as a crash would."""

    def _take_pending(self) -> list[Record]:
        with self._lock:
            batch, self._pending = self._pending, []
        return batch

    def _refuse_if_failed(self) -> None:
        if self._failure is not None:
            raise type(self._failure)(str(self._failure))

    def _shut(self) -> None:
        """Take nothing more; the first reason for that stays the one that is told."""
        if self._failure is None:
            self._failure = EvidenceUnwritable(
                f"Run {self.run_id} has ended or left this process; nothing is recorded, so nothing is done."
            )


def _note_failure(told: asyncio.Future[None]) -> None:
    """Take the failure of a commit that nobody waits for out of the loop's complaints; the stream keeps it."""
    if not told.cancelled():
        told.exception()


def chained(lines: Iterable[bytes], name: str) -> list[Record]:
    """Return the records of a stream's whole lines, from its first on.

    Raises:
        EvidenceBroken: a line is no record, or does not follow from the one before.

    """
    records: list[Record] = []
    previous = GENESIS
    for number, line in enumerate(lines):
        record = from_line(line, f"{name} line {number + 1}")
        if record.fields["prevdigest"] != previous or record.seq != number:
            msg = f"{name} line {number + 1}: the chain is broken; a record was changed, removed or added."
            raise EvidenceBroken(msg)
        previous = record.digest
        records.append(record)
    return records
