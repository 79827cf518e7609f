"""The types that evidence promises; ``docs/guides/evidence.md`` is the text, this is the check.

A field of the wrong type would land as a silent null, so its record is quarantined. A field that
should be there and is not is counted instead (``missing``): the record still says what it says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from gonogo.evidence.canon import INTEGER_MAX

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["text", "whole", "flag", "list", "object"]
"""text: a string. whole: an integer within 2^53-1. flag: true or false. The rest as in JSON."""

_TYPES: dict[str, type] = {"text": str, "whole": int, "flag": bool, "list": list, "object": dict}
_CALLED: dict[type, str] = {
    str: "text",
    int: "a whole number",
    bool: "a flag",
    list: "a list",
    dict: "an object",
    float: "a fraction",
    type(None): "null",
}

ENVELOPE: dict[str, tuple[Kind, bool]] = {
    "id": ("text", True),
    "type": ("text", True),
    "streamid": ("text", True),
    "streamseq": ("whole", True),
    "prevdigest": ("text", True),
    "runid": ("text", True),
    "missionid": ("text", True),
    "time": ("text", True),
    "recordedtime": ("text", True),
    "data": ("object", True),
    "missiondigest": ("text", False),
    "agentid": ("text", False),
    "agentversion": ("text", False),
    "manifestdigest": ("text", False),
    "policydigest": ("text", False),
    "stepid": ("text", False),
    "attempt": ("whole", False),
    "envname": ("text", False),
    "tenantid": ("text", False),
    "payloaddigest": ("text", False),
    "dataref": ("text", False),
    "dataclassification": ("text", False),
    "retentionclass": ("text", False),
    "authtype": ("text", False),
    "authid": ("text", False),
    "source": ("text", False),
    "traceparent": ("text", False),
}
"""Leaf fields the warehouse reads: their type, and whether a record is no record without them."""

_BODIES: dict[tuple[str, str], str] = {
    ("run_record", "intent"): (
        "mission owner lane requester scope:list budget:object sla_seconds:whole? model offline:flag case_ref? "
        "safe_state? rolls_back? flow_run_id? flow_run_name? deployment? arrived? waited_ms:whole?"
    ),
    ("run_record", "fact"): (
        "event attempt:whole? gates:list? events:list? round:whole? reopens:list? path? again_at? reason_code? "
        "error?"
    ),
    ("run_record", "result"): (
        "status! outcome? path? success:flag escalated:flag reason_code? error? latency_ms:whole totals:object "
        "measures:list streams:list halt?"
    ),
    ("step_record", "intent"): "key! step branch args_digest agent?",
    ("step_record", "result"): "key! step branch outcome! latency_us:whole reason_code? error? criteria:list?",
    ("route_record", "fact"): "key! route choice alternatives:list",
    ("model_call", "intent"): (
        "key! agent requested_model provider offline:flag request_digest reserved_micros:whole "
        "currency? price_basis? reserved_tokens:whole? flown_ms:whole?"
    ),
    ("model_call", "result"): (
        "key! agent requested_model returned_model? provider offline:flag outcome! finish_reason? "
        "input_tokens:whole output_tokens:whole cache_read_tokens:whole cache_write_tokens:whole "
        "cost_micros:whole currency price_basis price_book latency_us:whole response_id? reason_code? error? "
        "budget:object?"
    ),
    ("policy_decision", "fact"): (
        "key! principal action resource verdict! rules:list because:list roles:list approvals:list request_digest "
        "engine latency_us:whole proposed:flag? origins:list? needs:object?"
    ),
    ("tool_call", "intent"): (
        "key! tool system effect principal action_digest idempotency_key approvals:list doubt? reach:object? "
        "flown_ms:whole?"
    ),
    ("tool_call", "result"): (
        "key! tool system effect principal outcome! latency_us:whole reason_code? error? rules:list? source? doubt? "
        "attempts:whole? redacted:list? budget:object?"
    ),
    ("attempt_record", "fact"): (
        "key! operation! kind dependency number:whole next wait_us:whole reason_code error"
    ),
    ("delegation", "intent"): (
        "key! work delegator specialist brief_digest chain:list depth:whole number:whole approvals:list"
    ),
    ("delegation", "result"): (
        "key! work delegator specialist brief_digest chain:list depth:whole number:whole outcome! latency_us:whole "
        "reason_code? error?"
    ),
    ("approval_request", "fact"): (
        "gate! key action action_digest card_digest role because:list rules:list options:list requester deadline "
        "doubt? failure? proposal:flag? review:flag? glass:flag? glass_by? glass_gate? risk? quorum:whole? executor? "
        "rungs:list? break_glass:object?"
    ),
    ("approval_record", "fact"): (
        "gate! answer! by role proof door action_digest accepted:flag! refused_because? partial:flag? people:list? "
        "with:list? statement_digest? key_fingerprint? reason_code? nonce? issued? expires? holds? sign_in:object?"
    ),
    ("escalation_record", "fact"): "gate? exception? rung:whole! of:whole role due",
    ("probe_record", "fact"): "probe! verdict! gate by wrong refused_by",
    ("law_record", "fact"): (
        "event! before after! policy changed:list by door refused_because? statement_digest? key_fingerprint? "
        "reason_code? nonce? issued? expires?"
    ),
    ("viewing_record", "fact"): "event! gate! run! by! proof door card_digest",
    ("notice_record", "fact"): "event! gate! run! block! sent:flag! error?",
    ("event_record", "fact"): "event! occurred? door",
    ("event_receipt", "fact"): "key! event state? record_id? waited_ms:whole? deadline?",
    ("finding_record", "fact"): (
        "key! monitor! action! reach subject name what threshold:whole observed:whole unit basis owner switch?"
    ),
    ("drill_record", "fact"): (
        "drill! signal! lane! trials:whole caught:whole expected:whole? effects:whole? effects_after:whole? "
        "p50_us:whole? p99_us:whole? most_us:whole limit_us:whole? passed:flag!"
    ),
    ("drift_record", "fact"): (
        "event! finding! monitor! mission? subject? severity? owner? deputy? route? due_at? sentence? after? "
        "needs_runs:whole? deployments:list? agents:list? reference_through? receipt? runs:whole? because?"
    ),
    ("exception_record", "fact"): (
        "reason_code what owner role? path? key? closes? gate? answer? by? halt? target? halted_by? signal? "
        "figures:object?"
    ),
    ("switch_record", "fact"): (
        "event! switch! target_kind! target! by proof signal? figures:object? lifts:list? statement_digest? "
        "key_fingerprint? reason_code? nonce? issued? expires?"
    ),
    ("approver_record", "fact"): (
        "event! person! by proof? fingerprint? file_before? file_after? roles:list? teams:list? logins:list? to? "
        "step:whole? statement? sign_in?"
    ),
    ("criterion_record", "fact"): "key! owner side criterion told",
    ("version_log", "fact"): "versions:list",
    ("key_record", "fact"): "event! log! old! new! by statement!",
    ("retention_record", "fact"): (
        "event! act! target! target_kind? owner? by lifts:list? runs:whole? ended:whole? payloads:whole? retention?"
    ),
}  # fmt: skip
"""Bodies by artifact and phase. ``name`` is text unless ``:kind`` says otherwise; ``?`` may be
absent or null, ``!`` may not: without it the record cannot be placed."""

Field = tuple[str, type, str]


def _fields(words: str) -> list[Field]:
    """Read the notation of ``_BODIES``: name, Python type, and '!', '?' or '' for its presence."""
    found: list[Field] = []
    for word in words.split():
        presence = word[-1] if word[-1] in "!?" else ""
        name, _, kind = word.rstrip("!?").partition(":")
        found.append((name, _TYPES[kind or "text"], presence))
    return found


BODIES: dict[tuple[str, str], list[Field]] = {place: _fields(words) for place, words in _BODIES.items()}
_ENVELOPE_FIELDS: list[Field] = [
    (name, _TYPES[kind], "!" if needed else "") for name, (kind, needed) in ENVELOPE.items()
]
ARTIFACTS = frozenset(artifact for artifact, _ in BODIES)


def envelope_objection(leaf: Mapping[str, Any]) -> str | None:
    """Return what is wrong with a leaf's own fields, or ``None``."""
    get = leaf.get
    for name, expected, presence in _ENVELOPE_FIELDS:
        value = get(name)
        if value is None:
            if presence:
                return f"{name} is missing"
        elif type(value) is not expected:
            return _misfit(name, value, expected)
    if not 0 <= leaf["streamseq"] <= INTEGER_MAX:
        return f"streamseq is {leaf['streamseq']}, which is no place in a stream"
    return None


def body_objection(artifact: str, phase: str, data: Mapping[str, Any]) -> tuple[str | None, int]:
    """Return what is wrong with a body, or ``None``, and how many of its fields are missing."""
    fields = BODIES.get((artifact, phase))
    if fields is None:
        return f"a {artifact} has no phase {phase!r}", 0
    missing = 0
    for name, expected, presence in fields:
        value = data.get(name)
        if value is None:
            if presence == "!":
                return f"{artifact} {phase}: {name} is missing", missing
            missing += presence == ""
        elif type(value) is not expected:
            return f"{artifact} {phase}: {_misfit(name, value, expected)}", missing
        elif expected is int and not -INTEGER_MAX <= value <= INTEGER_MAX:
            return f"{artifact} {phase}: {name} is beyond the integers JSON readers agree on", missing
    return None, missing


def _misfit(name: str, value: object, expected: type) -> str:
    return f"{name} is {_CALLED.get(type(value), type(value).__name__)}, not {_CALLED[expected]}"
