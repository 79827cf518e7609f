"""The ledger of one run: what is recorded is looked up, what is not is recorded. Once, for ever."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from gonogo.errors import EvidenceBroken
from gonogo.evidence.payloads import fetched, store_if_large, whole

if TYPE_CHECKING:
    from collections.abc import Coroutine, Mapping
    from datetime import datetime

    from gonogo.evidence.journals import Journal
    from gonogo.evidence.payloads import Payloads
    from gonogo.evidence.records import Artifact
    from gonogo.evidence.streams import Stream
    from gonogo.evidence.vaults import Vault

from gonogo.evidence.canon import sha256_hex, timestamp
from gonogo.evidence.records import Envelope, Record
from gonogo.evidence.sealing import opened

T = TypeVar("T")


@dataclass(slots=True)
class Ledger:
    """The run's evidence, open for writing, indexed by operation key."""

    run_id: str
    journal: Journal
    payloads: Payloads
    envelope: Envelope
    """The fields every record of the run carries."""
    stream: Stream
    requests: list[Record] = field(default_factory=list[Record])
    """The gates the run has asked at, oldest first."""
    proposed: list[Record] = field(default_factory=list[Record])
    """What agents have proposed instead of doing it, oldest first."""
    genesis: Record | None = None
    """The run's first record."""
    vault: Vault | None = None
    """What seals what is personal; ``None`` for a run that declares nothing so."""
    _results: dict[str, Record] = field(default_factory=dict[str, Record])
    _intents: dict[str, Record] = field(default_factory=dict[str, Record])
    _desk: list[Record] = field(default_factory=list[Record])
    _desk_position: int = 0
    _under_way: dict[str, asyncio.Future[Any]] = field(default_factory=dict[str, "asyncio.Future[Any]"])

    @classmethod
    def open(cls, run_id: str, journal: Journal, envelope: Mapping[str, Any]) -> Ledger:
        """Take the run's lease and index what it already did.

        Raises:
            RunBusy: another process flies the run.
            EvidenceBroken: the recorded chain does not hold; nothing is flown on broken evidence.

        """
        stream = journal.open_flight(run_id)
        fixed = Envelope({"runid": run_id, "subject": f"run/{run_id}", "attempt": 1, **envelope})
        ledger = cls(run_id, journal, journal.payloads, fixed, stream)
        for record in stream.records:
            ledger._index(record)
        return ledger

    def _index(self, record: Record) -> None:
        if self.genesis is None:
            self.genesis = record
        if record.artifact == "approval_request":
            self.requests.append(record)
        key = record.data.get("key")
        if not isinstance(key, str):
            if record.data.get("event") in {"requeued", "reopened"}:
                self._reopen(record.data["reopens"])
            return
        if record.data.get("phase") == "intent":
            self._intents[key] = record
        else:
            self._results[key] = record
            if record.data.get("outcome") == "proposed":
                self.proposed.append(record)

    def _reopen(self, keys: list[str]) -> None:
        """Forget how operations failed, so that they are done anew."""
        for key in keys:
            record = self._results.pop(key, None)
            if record is not None and record.data.get("error_class") == "DependencyOpen":
                # It was not let through to its dependency, so it has not begun either.
                self._intents.pop(key, None)

    def attempts_of(self, key: str) -> list[str]:
        """Return an operation's recorded result and all that its attempts left, by key."""
        base = key.partition("/try:")[0]
        return [name for name in self._results if name == base or name.startswith((f"{base}/attempt:", f"{base}/try:"))]

    @property
    def records(self) -> list[Record]:
        """What stood in the run's own stream when it was opened."""
        return self.stream.records

    def result(self, key: str) -> Record | None:
        """Return the recorded result or fact of an operation, payload included, or ``None``."""
        found = self._results.get(key)
        return None if found is None else self.whole(found)

    def intent(self, key: str) -> Record | None:
        """Return the recorded intent of an operation; with no result beside it, it is in doubt."""
        return self._intents.get(key)

    def uses_of(self, approval: str) -> list[str]:
        """Return the keys of the operations that were begun under an approval."""
        return [key for key, begun in self._intents.items() if approval in begun.data.get("approvals", ())]

    def joined(self, key: str) -> asyncio.Future[Any] | None:
        """Return what an operation that lasts in this process will come to; ``None`` where none does."""
        told = self._under_way.get(key)
        return None if told is None else asyncio.shield(told)

    def under_way(self, key: str, operation: Coroutine[Any, Any, T]) -> Coroutine[Any, Any, T]:
        """Register an operation as begun; whoever comes to it again while it lasts joins it.

        A step is entered again after a gate, while what its other branches began may still last.
        """
        told: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._under_way[key] = told
        return self._telling(key, operation, told)

    async def _telling(self, key: str, operation: Coroutine[Any, Any, T], told: asyncio.Future[T]) -> T:
        try:
            value = await operation
        except asyncio.CancelledError:
            told.cancel()
            raise
        except BaseException as error:
            told.set_exception(error)
            told.exception()  # Whoever began it is told; nobody has to join.
            raise
        else:
            told.set_result(value)
            return value
        finally:
            del self._under_way[key]

    def whole(self, record: Record) -> Record:
        """Fetch a payload that stands apart from its line, and open what is sealed in it."""
        if self.vault is None:
            return whole(self.payloads, record)
        return opened(fetched(self.payloads, record), self.vault.key_of)

    def digest(self, raw: bytes) -> str:
        """Return a digest for what the run records and looks up; keyed, where a person could be guessed from it."""
        return sha256_hex(raw) if self.vault is None else self.vault.digest(raw)

    def learn(self, *values: object) -> None:
        """Take note of what is personal in these values, before anything of them is recorded."""
        if self.vault is not None:
            self.vault.learn(*values)

    def note(
        self,
        artifact: Artifact,
        data: Mapping[str, Any],
        *,
        payload: bytes | None = None,
        fields: Mapping[str, Any] | None = None,
        occurred: datetime | None = None,
    ) -> Record:
        """Chain a record without waiting for the disk; the next :meth:`write` takes it along.

        For what has no effect of its own: if a crash loses it, it is computed again.
        """
        body = {"objects": [{"id": self.run_id, "type": "run"}], "phase": "fact", **data}
        if self.vault is not None:
            body = self.vault.masked(body)
            payload = None if payload is None else self.vault.seal(payload)
        kept = payload
        if payload is not None:
            kept, reference = store_if_large(self.payloads, payload)
            if reference:
                fields = {**(fields or {}), **reference}
        when = None if occurred is None else timestamp(occurred)
        record = self.stream.append(self.envelope, artifact, body, own=fields, payload=kept, occurred=when)
        self._index(record)
        return record

    async def write(
        self,
        artifact: Artifact,
        data: Mapping[str, Any],
        *,
        payload: bytes | None = None,
        fields: Mapping[str, Any] | None = None,
    ) -> Record:
        """Chain a record and return once it, and all before it, are on disk.

        Raises:
            EvidenceUnwritable: the recorder cannot write; whatever was to follow must not happen.

        """
        record = self.note(artifact, data, payload=payload, fields=fields)
        await self.stream.commit()
        return record

    def desk(self) -> list[Record]:
        """Return what others brought to the run so far; re-read only when it has grown."""
        position = self.journal.desk_position(self.run_id)
        if position != self._desk_position:
            desk = self.journal.read_desk(self.run_id)
            self._desk = desk if self.vault is None else list(map(self.whole, desk))
            self._desk_position = position
        return self._desk

    def close(self) -> None:
        """Give the lease back."""
        self.stream.close()


@dataclass(slots=True)
class Stopwatch:
    """Measures one operation in whole microseconds."""

    started_ns: int = field(default_factory=time.monotonic_ns)

    @property
    def microseconds(self) -> int:
        """Time since the start."""
        return (time.monotonic_ns() - self.started_ns) // 1_000


def only(records: list[Record], artifact: Artifact) -> list[Record]:
    """Return the records about one kind of thing."""
    return [record for record in records if record.artifact == artifact]


def must_have_payload(record: Record) -> bytes:
    """Return a record's payload bytes.

    Raises:
        EvidenceBroken: it was erased or lost, so the run cannot be replayed past this point.

    """
    if record.payload is None:
        msg = (
            f"The payload of {record.artifact} {record.seq} of run {record.run_id} is gone (erased or lost); "
            "the run cannot continue past it. End it and open a new one."
        )
        raise EvidenceBroken(msg)
    return record.payload.body
