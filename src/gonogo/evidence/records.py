"""One record: a CloudEvents 1.0 leaf, and beside it, outside the chain, its salted payload.

A record is one line: ``leaf`` or ``leaf TAB salt TAB payload``. Compact JSON holds no raw tab or
newline, so the leaf's exact bytes can be cut out and hashed without parsing. Erasing the payload
(or its key) leaves the leaf, the chain and every proof whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Literal, cast

import orjson

from gonogo.errors import EvidenceBroken
from gonogo.evidence.canon import (
    SALT_BYTES,
    check,
    checked_bytes,
    commitment,
    new_salt,
    random_bytes,
    sha256_hex,
    timestamp,
    uuid7,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

Artifact = Literal[
    "run_record",
    "step_record",
    "route_record",
    "model_call",
    "tool_call",
    "attempt_record",
    "delegation",
    "policy_decision",
    "approval_request",
    "approval_record",
    "escalation_record",
    "law_record",
    "probe_record",
    "viewing_record",
    "notice_record",
    "event_record",
    "event_receipt",
    "exception_record",
    "finding_record",
    "drill_record",
    "drift_record",
    "switch_record",
    "approver_record",
    "criterion_record",
    "version_log",
    "key_record",
    "retention_record",
]
"""What a record is about; ``docs/guides/evidence.md`` says what each body holds."""

Phase = Literal["intent", "result", "fact"]
"""Before the effect, after it, or a thing that has no before."""

_PLACE = {"runid", "streamseq", "prevdigest"}
"""Fields without which a record cannot be placed."""

TYPE_PREFIX = "io.gonogo.evidence."
RECORDER = f"urn:gonogo:recorder:{uuid7()}"
"""This process, as the source of what it records."""

RETENTION: dict[str, str] = {
    "approval_request": "gate7y",
    "approval_record": "gate7y",
    "escalation_record": "gate7y",
    "law_record": "doc10y",
    "probe_record": "gate7y",
    "viewing_record": "gate7y",
    "exception_record": "gate7y",
    "finding_record": "gate7y",
    "drill_record": "gate7y",
    "drift_record": "gate7y",
    "switch_record": "gate7y",
    "approver_record": "gate7y",
    "version_log": "doc10y",
    "key_record": "doc10y",
    "retention_record": "doc10y",
}
"""Retention class by artifact; everything else is operations, 400 days."""


@dataclass(frozen=True, slots=True)
class Payload:
    """Bytes that are committed to by a leaf, and the salt that blinds the commitment."""

    salt: bytes
    body: bytes

    @property
    def digest(self) -> str:
        """The salted commitment, as the leaf carries it."""
        return commitment(self.salt, self.body)


@dataclass(frozen=True, slots=True)
class Record:
    """A record as it stands in a journal."""

    leaf: bytes
    fields: dict[str, Any]
    payload: Payload | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of the exact leaf bytes: what the next record of the stream points to."""
        return sha256_hex(self.leaf)

    @property
    def artifact(self) -> str:
        """What the record is about."""
        return str(self.fields["type"]).removeprefix(TYPE_PREFIX).removesuffix(".v1")

    @property
    def data(self) -> dict[str, Any]:
        """The artifact's body."""
        return self.fields["data"]

    @property
    def run_id(self) -> str:
        """The run the record belongs to."""
        return self.fields["runid"]

    @property
    def seq(self) -> int:
        """The record's place in its stream, from 0."""
        return self.fields["streamseq"]

    def body_object(self) -> dict[str, Any]:
        """Return the payload as a JSON object; an empty one where there is none or it was erased."""
        body = self.body()
        return cast("dict[str, Any]", body) if isinstance(body, dict) else {}

    def body(self) -> Any:
        """Return the payload as JSON; ``None`` where there is none or it was erased."""
        return None if self.payload is None else orjson.loads(self.payload.body)


class Envelope(dict[str, Any]):
    """Fields that are the same for many records, checked once against the byte rules. Never changed afterwards."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        super().__init__(fields)
        check(dict(fields))


@cache
def _of(artifact: Artifact) -> dict[str, Any]:
    """Return the fields that are the same for all records about one kind of thing. Never changed."""
    return {
        "specversion": "1.0",
        "datacontenttype": "application/json",
        "source": RECORDER,
        "type": f"{TYPE_PREFIX}{artifact}.v1",
        "dataschema": f"urn:gonogo:evidence:{artifact}:1",
        "dataclassification": "confidential",
        "retentionclass": RETENTION.get(artifact, "ops400d"),
    }


@lru_cache(maxsize=1024)
def _trace(stream_id: str) -> str:
    """Return what the trace contexts of a stream's records begin with."""
    return f"00-{sha256_hex(stream_id.encode())[:32]}-"


def seal(
    envelope: Mapping[str, Any],
    artifact: Artifact,
    data: Mapping[str, Any],
    *,
    stream: tuple[str, int, str],
    own: Mapping[str, Any] | None = None,
    payload: bytes | None = None,
    occurred: str | None = None,
) -> Record:
    """Make the next record of a stream.

    Args:
        envelope: the fields that are the same for the whole run; an :class:`Envelope` is not checked again.
        artifact: what the record is about.
        data: its body, within the byte rules.
        stream: id of the stream, the record's sequence number, the previous record's digest.
        own: the record's own envelope fields, which override the run's.
        payload: exact bytes to commit to; the salt is drawn here.
        occurred: when it happened, if not now.

    Raises:
        EvidenceBroken: the body breaks the byte rules, or the payload holds a line end; nothing was written.

    """
    if payload is not None and b"\n" in payload:
        raise EvidenceBroken(f"The payload of a {artifact} holds a line end; payloads are compact JSON, on one line.")
    now = timestamp()
    stream_id, seq, previous = stream
    told = {"streamid": stream_id, "time": occurred or now, "data": dict(data)}
    if own:
        told |= own
    if not isinstance(envelope, Envelope):
        check(dict(envelope))
    check(told)
    fields: dict[str, Any] = {
        **_of(artifact),
        "id": uuid7(),
        "recordedtime": now,
        "streamseq": seq,
        "prevdigest": previous,
        **envelope,
        **told,
    }
    if "traceparent" not in fields:
        fields["traceparent"] = f"{_trace(stream_id)}{random_bytes(8).hex()}-01"
    sealed = None if payload is None else Payload(new_salt(), payload)
    if sealed is not None:
        fields["payloaddigest"] = sealed.digest
    return Record(checked_bytes(fields), fields, sealed)


def to_line(record: Record) -> bytes:
    """Return the record as its journal line, newline included."""
    if record.payload is None:
        return record.leaf + b"\n"
    return b"\t".join((record.leaf, record.payload.salt.hex().encode(), record.payload.body)) + b"\n"


def _read_salt(text: bytes) -> bytes:
    """Return a salt of exactly 32 bytes: a longer one could swallow the head of its payload unseen."""
    salt = bytes.fromhex(text.decode())
    if len(salt) != SALT_BYTES or salt.hex().encode() != text:
        raise ValueError(f"a salt is {SALT_BYTES} bytes in lower-case hex")
    return salt


def from_line(line: bytes, where: str = "journal") -> Record:
    """Read a journal line back.

    Raises:
        EvidenceBroken: the line is no record, or its payload is not what the leaf commits to.

    """
    leaf, _, rest = line.rstrip(b"\n").partition(b"\t")
    try:
        fields = orjson.loads(leaf)
        artifact, data = fields["type"], fields["data"]
        salt, _, body = rest.partition(b"\t")
        # A payload that begins with a blank was erased in place; what a crash left of it is nothing.
        payload = Payload(_read_salt(salt), body) if rest and rest[:1] != b" " else None
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        msg = f"{where}: a line is not an evidence record ({error}); restore the file from its copy."
        raise EvidenceBroken(msg) from error
    if not isinstance(artifact, str) or not isinstance(data, dict) or not fields.keys() >= _PLACE:
        msg = f"{where}: a record lacks its type, data, run or place in the stream; restore the file from its copy."
        raise EvidenceBroken(msg)
    if payload is not None and payload.digest != fields.get("payloaddigest"):
        msg = f"{where}: the payload of record {fields.get('streamseq')} is not what was committed to."
        raise EvidenceBroken(msg)
    return Record(leaf, fields, payload)
