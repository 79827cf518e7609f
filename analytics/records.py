"""One journal line as a row of the warehouse, or the reason why it is none."""

from __future__ import annotations

import re
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal, cast

import orjson

from analytics.contract import ARTIFACTS, body_objection, envelope_objection
from gonogo.evidence.canon import SALT_BYTES
from gonogo.evidence.records import TYPE_PREFIX

if TYPE_CHECKING:
    from gonogo.evidence.payloads import Payloads

Reason = Literal[
    "not_a_record",
    "wrong_type",
    "unknown_type",
    "wrong_stream",
    "payload_mismatch",
    "payload_not_json",
    "conflict",
    "check_failed",
    "unshapeable",
]
"""Why a line is in quarantine: it is no evidence record; a field has another type than promised; an
artifact or version nobody knows; a stream that is not this file's; a payload other than committed to;
a payload that is no JSON; another record has its place in the stream; a critical check failed; it
passed all that and its run still makes no rows."""

PAYLOAD_LANDED_MAX_BYTES = 1024 * 1024
"""A payload above this is checked and stays where it is; the warehouse keeps only its commitment."""

_TIME = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{6}Z")
_STREAM_OF_FOLDER = {"flights": "flight", "desk": "desk"}

ROW: dict[str, str] = {
    "row": "int64",
    "journal": "string",
    "line": "int64",
    "stream_id": "string",
    "seq": "int64",
    "id": "string",
    "artifact": "string",
    "phase": "string",
    "key": "string",
    "run_id": "string",
    "mission": "string",
    "mission_digest": "string",
    "agent_id": "string",
    "agent_version": "string",
    "manifest_digest": "string",
    "policy_digest": "string",
    "step_key": "string",
    "attempt": "int64",
    "environment": "string",
    "tenant": "string",
    "time": "string",
    "recorded_time": "string",
    "digest": "string",
    "prev_digest": "string",
    "payload_digest": "string",
    "payload_state": "string",
    "classification": "string",
    "retention": "string",
    "auth_type": "string",
    "auth_id": "string",
    "source": "string",
    "traceparent": "string",
    "data": "string",
    "payload": "string",
    "missing": "int64",
}
"""Columns of a delta and their Arrow types. ``missing`` counts fields the contract promises."""

RUN_ID = list(ROW).index("run_id")
"""Where a row's run stands."""


class Misfit(Exception):
    """A line is no record of evidence."""

    def __init__(self, reason: Reason, detail: str, run_id: str | None = None) -> None:
        super().__init__(reason, detail, run_id)
        self.reason: Reason = reason
        self.detail = detail
        self.run_id = run_id


def read_record(raw: bytes, journal: str, payloads: Payloads) -> tuple[object, ...]:
    """Return a line as the columns of :data:`ROW` from ``stream_id`` on.

    Raises:
        Misfit: it is no record, or not what it says it is.
        OSError: its payload is there and cannot be read.

    """
    leaf_bytes, _, rest = raw.partition(b"\t")
    # A payload that was erased in place left blanks.
    rest = b"" if rest.startswith(b" ") else rest
    leaf = _parse(leaf_bytes)
    objection = envelope_objection(leaf)
    run_id = leaf.get("runid") if isinstance(leaf.get("runid"), str) else None
    if objection is not None:
        raise Misfit("not_a_record" if objection.endswith("missing") else "wrong_type", objection, run_id)
    data = leaf["data"]
    artifact, phase = _kind(leaf["type"], run_id), data.get("phase")
    _check_times(leaf)
    _check_stream(leaf, journal)
    objection, missing = body_objection(artifact, phase, data)
    if objection is not None:
        raise Misfit("wrong_type", objection, run_id)
    state, payload = _payload(leaf, rest, payloads)
    get = leaf.get
    return (
        leaf["streamid"], leaf["streamseq"], leaf["id"], artifact, phase, data.get("key"), run_id,
        leaf["missionid"], get("missiondigest"), get("agentid"), get("agentversion"), get("manifestdigest"),
        get("policydigest"), get("stepid"), get("attempt"), get("envname"), get("tenantid"), leaf["time"],
        leaf["recordedtime"], sha256(leaf_bytes).hexdigest(), leaf["prevdigest"], get("payloaddigest"), state,
        get("dataclassification"), get("retentionclass"), get("authtype"), get("authid"), get("source"),
        get("traceparent"), orjson.dumps(data).decode(), payload, missing,
    )  # fmt: skip


def _parse(leaf: bytes) -> dict[str, Any]:
    try:
        parsed = orjson.loads(leaf)
    except orjson.JSONDecodeError as error:
        raise Misfit("not_a_record", f"the line is no JSON: {error}") from None
    if not isinstance(parsed, dict):
        raise Misfit("not_a_record", "the line is JSON, but no object")
    return cast("dict[str, Any]", parsed)


def _kind(type_name: str, run_id: str | None) -> str:
    """Return the artifact of a type such as ``io.gonogo.evidence.tool_call.v1``."""
    artifact, _, version = type_name.removeprefix(TYPE_PREFIX).rpartition(".")
    if artifact not in ARTIFACTS or version != "v1" or not type_name.startswith(TYPE_PREFIX):
        raise Misfit("unknown_type", f"nobody here knows {type_name[:200]}", run_id)
    return artifact


def _check_times(leaf: dict[str, Any]) -> None:
    for name in ("time", "recordedtime"):
        text = leaf[name]
        try:
            datetime.fromisoformat(text)
            known = _TIME.fullmatch(text) is not None
        except ValueError:
            known = False
        if not known:
            detail = f"{name} is {text[:40]!r}, not a time like 2026-01-01T00:00:00.000000Z"
            raise Misfit("wrong_type", detail, leaf["runid"])


def _check_stream(leaf: dict[str, Any], journal: str) -> None:
    """Refuse a record that stands in another stream's file."""
    folder, _, file = journal.rpartition("/")
    kind = _STREAM_OF_FOLDER.get(folder)
    if kind is None:
        return
    expected = f"{file.removesuffix('.jsonl')}/{kind}"
    if leaf["streamid"] != expected or f"{leaf['runid']}/{kind}" != expected:
        detail = f"a record of stream {leaf['streamid'][:200]} and run {leaf['runid'][:200]} stands in {journal}"
        raise Misfit("wrong_stream", detail, leaf["runid"])


def _payload(leaf: dict[str, Any], rest: bytes, payloads: Payloads) -> tuple[str, str | None]:
    """Return where a record's payload is, and its text where the warehouse keeps it."""
    committed, run_id = leaf.get("payloaddigest"), leaf["runid"]
    if committed is None:
        if rest:
            raise Misfit("payload_mismatch", "a payload stands beside a record that commits to none", run_id)
        return "none", None
    salt_hex, _, body = rest.partition(b"\t")
    if body:
        try:
            salted = bytes.fromhex(salt_hex.decode("ascii")) + body
        except ValueError:
            raise Misfit("payload_mismatch", "the payload's salt is no hexadecimal text", run_id) from None
    elif "dataref" in leaf:
        salted = _stored(payloads, committed)
        body = salted[SALT_BYTES:]
    else:
        salted = b""
    if not salted:
        return "erased", None
    if sha256(salted).hexdigest() != committed:
        raise Misfit("payload_mismatch", "the payload is not what the record commits to", run_id)
    if len(body) > PAYLOAD_LANDED_MAX_BYTES:
        return "large", None
    try:
        orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Misfit("payload_not_json", f"the payload is no JSON: {error}", run_id) from None
    return "held", body.decode()


def _stored(payloads: Payloads, digest: str) -> bytes:
    """Return salt and bytes of a payload that stands apart; nothing once it was erased."""
    if not digest.isalnum():
        # The digest becomes a path; what is no digest must not become one.
        return b"-"
    return payloads.get(digest) or b""
