"""What two flights of the same case have in common, however often one of them was killed.

``projected`` returns the evidence of a run without what is another one in every flight. Two runs
tell the same story exactly if their projections are equal. It leaves out or renames

- *identities and their consequences*: record ids, the recorder (``source``), record and stream
  digests, places in the stream, salts (a payload is compared by its content, not its commitment),
  the call ids a model makes up, the numbers a system of record gives (``payment-2``), digests of
  arguments (the arguments themselves are compared), ids of gates (a gate is named by the operation
  that it guards), traces;
- *times*: when something happened, was recorded or is due, how long it took, and the cards of gates,
  which tell the time (their arguments, rules and reasons are compared); and the sum reserved for
  a model call, which is counted by the byte, so that a time without a fraction costs less (the
  tokens of the call are compared);
- *what only a disturbed run has*: the attempt, ``resumed`` and ``waiting``, an event that was
  awaited although it lay there already, a second intent under the key of the first, and the
  exception, gate and answer of a doubt. Totals are compared without what these added: the sum
  reserved for a model call that was lost, and tool calls that were begun again;
- *the order of the stream*, which parallel branches settle anew each time. That an operation's
  intent precedes its result is checked by ``order_holds``.

Everything else must be equal: which steps, calls, routes, decisions, gates, answers, events and
exceptions there were, on whose mandate and under which law, with which arguments, results, tokens
and cost, and how the run ended.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gonogo.evidence.records import Record

ENVELOPE = {
    "specversion", "datacontenttype", "type", "subject", "dataschema", "tenantid", "envname", "missionid",
    "missiondigest", "agentid", "agentversion", "manifestdigest", "policydigest", "runid", "stepid", "streamid",
    "dataclassification", "retentionclass", "authtype", "authid", "data",
}  # fmt: skip
"""Fields of the envelope that are compared."""

VOLATILE = {
    "latency_us", "latency_ms", "waited_ms", "deadline", "occurred", "request_digest", "args_digest", "action_digest",
    "card_digest", "idempotency_key", "response_id", "record_id", "streams", "approvals", "card", "seconds",
    "reserved_micros", "time_to_acknowledge_seconds", "handling_seconds", "resolving_seconds",
}  # fmt: skip
"""Fields of bodies and payloads that are not."""

_SAME = (
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:\d\d)?"), "TIME"),
    (re.compile(r"pyd_ai_\w+"), "CALL"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "ID"),
    (re.compile(r"/(gate|decision|doubt):\w+"), r"/\1"),
    (re.compile(r"\b[0-9a-f]{12,64}\b"), "DIGEST"),
    (re.compile(r'(?<=")([a-z]+)-\d+(?=[:"])'), r"\1-NUMBER"),
)


def plain(text: str) -> str:
    """Return a text in which what is another one in every flight has a name."""
    for pattern, name in _SAME:
        text = pattern.sub(name, text)
    return text


def projected(flight: Sequence[Record], desk: Sequence[Record]) -> list[str]:
    """Return what a run's evidence tells, one line of JSON for each record, sorted; payloads included."""
    doubted = {r.data["gate"]: r.data["doubt"] for r in flight if "doubt" in r.data and "role" in r.data}
    gates = {r.data["gate"]: f"gate of {plain(r.data['key'])}" for r in flight if r.artifact == "approval_request"}
    lines: list[str] = []
    seen: set[str] = set()
    for record in [*flight, *desk]:
        data = record.data
        if _is_of_a_crash(record, doubted):
            continue
        if data.get("phase") == "intent" and "key" in data:
            if data["key"] in seen:
                continue
            seen.add(data["key"])
        told = {name: value for name, value in record.fields.items() if name in ENVELOPE}
        told["data"] = {name: value for name, value in data.items() if name not in {"doubt", "source"}}
        if "totals" in data:
            told["data"]["totals"] = _undisturbed(data["totals"], flight)
        line = json.dumps([bare(told), bare(record.body())], sort_keys=True)
        for gate, name in gates.items():
            line = line.replace(gate, name)
        lines.append(plain(line))
    return sorted(lines)


def order_holds(flight: Sequence[Record]) -> bool:
    """Whether every operation was begun before it ended, and ended once."""
    begun: set[str] = set()
    ended: Counter[str] = Counter()
    for record in flight:
        key = record.data.get("key")
        if key is None or record.data["phase"] == "fact":
            continue
        if record.data["phase"] == "intent":
            begun.add(key)
            if ended[key]:
                return False
        elif key not in begun and record.data.get("outcome") != "refused":
            return False
        else:
            ended[key] += 1
    return all(times == 1 for times in ended.values())


def doubts(flight: Sequence[Record], unrepeatable: set[str]) -> set[str]:
    """Return the ids of the intents that were in doubt: their process was gone before their end was recorded."""
    found: set[str] = set()
    begun: dict[str, str] = {}
    for record in flight:
        if record.data.get("event") == "resumed":
            found |= set(begun.values())
        elif record.artifact == "tool_call" and record.data["tool"] in unrepeatable:
            if record.data["phase"] == "intent":
                begun[record.data["key"]] = record.fields["id"]
            else:
                begun.pop(record.data["key"], None)
    return found


def _is_of_a_crash(record: Record, doubted: dict[str, str]) -> bool:
    data = record.data
    match record.artifact:
        case "run_record":
            return data.get("event") in {"resumed", "waiting"}
        case "event_receipt":
            return data["state"] == "awaited"
        case "approval_request" | "approval_record":
            return data["gate"] in doubted
        case "exception_record":
            return "/doubt:" in data.get("key", "")
        case _:
            return False


def _undisturbed(totals: dict[str, Any], flight: Sequence[Record]) -> dict[str, Any]:
    """Return the totals without what was begun, lost to a crash, and begun again."""
    lost, again = 0, 0
    open_: dict[str, Record] = {}
    known: set[str] = set()
    for record in flight:
        key = str(record.data.get("key"))
        if record.artifact == "tool_call" and record.data["phase"] == "intent":
            again += key in known
            known.add(key)
        elif record.artifact == "model_call" and record.data["phase"] == "intent":
            lost += open_[key].data["reserved_micros"] if key in open_ else 0
            open_[key] = record
        elif record.artifact == "model_call":
            open_.pop(key, None)
    return {**totals, "cost_micros": totals["cost_micros"] - lost, "tool_calls": totals["tool_calls"] - again}


def bare(value: Any) -> Any:
    """Return a JSON value without the fields that are other ones in every flight."""
    if isinstance(value, list):
        return [bare(inner) for inner in cast("list[Any]", value)]
    if not isinstance(value, dict):
        return value
    fields = cast("dict[str, Any]", value)
    if fields.get("unit") == "seconds":
        # How long something took; that it was measured is compared.
        fields = {name: inner for name, inner in fields.items() if name != "value"}
    return {name: bare(inner) for name, inner in fields.items() if name not in VOLATILE}
