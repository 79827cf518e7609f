"""Stories: a run's records as sentences: what was asked, decided, approved and done, at what cost, and how it ended.

An operation is told once, by its result; one that was begun and left without a result is told as that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from dashboards.wording import latency, money, plural, spoken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from gonogo.evidence.records import Record

_RESULTS = frozenset({"step_record", "model_call", "tool_call", "delegation"})


@dataclass(frozen=True, slots=True)
class Line:
    """One sentence of a story."""

    record: Record
    ink: str
    shape: str
    title: str
    told: str = ""
    """The small print: reasons, numbers, names."""
    beside: str = ""
    """Cost and latency."""
    is_inside: bool = False
    """Whether it happened within a step."""


def story(records: Iterable[Record]) -> list[Line]:
    """Return a run's story, in the order it was written."""
    found = list(records)
    settled = {
        (record.artifact, record.data.get("key"))
        for record in found
        if record.artifact in _RESULTS and record.data.get("phase") == "result"
    }
    return [
        _line(record)
        for record in found
        if not (
            record.artifact in _RESULTS
            and record.data.get("phase") == "intent"
            and (record.artifact, record.data.get("key")) in settled
        )
    ]


def _line(record: Record) -> Line:
    teller = _TELLERS.get(record.artifact, _other)
    ink, shape, title, told = teller(record.data, record)
    return Line(
        record,
        ink,
        shape,
        title,
        told,
        _beside(record.data),
        is_inside=bool(record.fields.get("stepkey")) and record.artifact != "step_record",
    )


def _beside(data: Mapping[str, Any]) -> str:
    cost, currency = data.get("cost_micros"), data.get("currency")
    paid = money(cost, currency) if isinstance(cost, int) and cost else None
    took = latency(data["latency_us"]) if isinstance(data.get("latency_us"), int) else None
    whole = latency(data["latency_ms"] * 1_000) if isinstance(data.get("latency_ms"), int) else None
    return "  ·  ".join(filter(None, (paid, took or whole)))


Told = tuple[str, str, str, str]
"""Colour and shape of the mark, the sentence, the small print."""

_OUTCOME: Mapping[str, tuple[str, str]] = {
    "done": ("blue", "disc"),
    "failed": ("vermilion", "cross"),
    "refused": ("amber", "square"),
    "proposed": ("violet", "half"),
    "in_doubt": ("amber", "half"),
    "open": ("grey", "ring"),
}


def _marked(data: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return mark and word of an operation's outcome; one without a result is open."""
    word = str(data.get("outcome") or "open") if data.get("phase") == "result" else "open"
    ink, shape = _OUTCOME.get(word, ("grey", "ring"))
    return ink, shape, "begun, without a result on record" if word == "open" else spoken(word)


def _run(data: Mapping[str, Any], record: Record) -> Told:
    if data.get("phase") == "intent":
        small = _and(
            f"for case {data['case_ref']}" if data.get("case_ref") else None,
            f"owner {data.get('owner')}",
            f"may touch {', '.join(_names(data, 'scope')) or 'no system'}",
            f"model {data.get('model')}",
            _allowed(data.get("budget") or {}),
        )
        return "blue", "pulse", f"{data.get('requester')} asked for {spoken(str(data.get('mission')))}", small
    if data.get("phase") == "result":
        ink, shape = _ENDINGS.get(str(data.get("status")), ("grey", "ring"))
        small = _and(data.get("error"), data.get("reason_code"), f"halt {data['halt']}" if data.get("halt") else None)
        outcome = f": {spoken(str(data['outcome']))}" if data.get("outcome") else ""
        return ink, shape, f"Ended {spoken(str(data.get('status')))}{outcome}", small
    waits = _names(data, "gates") + _names(data, "events")
    event = spoken(str(data.get("event") or "went on"))
    return (
        "amber",
        "half",
        event.capitalize(),
        f"for {', '.join(waits)}" if waits else _told_rest(data, record),
    )


_ENDINGS: Mapping[str, tuple[str, str]] = {
    "done": ("blue", "disc"),
    "no_go": ("amber", "square"),
    "aborted": ("violet", "diamond"),
    "failed": ("vermilion", "cross"),
}


def _allowed(budget: Mapping[str, Any]) -> str:
    parts = [f"{spoken(name.removesuffix('_micros'))} {money(cap, '') if name.endswith('_micros') else cap}"
             for name, cap in budget.items() if cap is not None]  # fmt: skip
    return f"may use {', '.join(parts)}" if parts else "without a budget"


def _step(data: Mapping[str, Any], record: Record) -> Told:
    del record
    ink, shape, word = _marked(data)
    held = ", ".join(_names(data, "criteria"))
    small = _and(f"acts for {data['agent']}" if data.get("agent") else None, f"held {held}" if held else None,
                 data.get("error"))  # fmt: skip
    return ink, shape, f"Step {spoken(str(data.get('step')))}: {word}", small


def _model(data: Mapping[str, Any], record: Record) -> Told:
    ink, shape, word = _marked(data)
    counted = (("input_tokens", "tokens read"), ("output_tokens", "written"))
    tokens = [f"{data[name]:,} {words}" for name, words in counted if isinstance(data.get(name), int)]
    basis = f"{data['price_basis']} prices" if data.get("price_basis") else None
    who = data.get("agent") or record.fields.get("agentid")
    asked = data.get("returned_model") or data.get("requested_model")
    return ink, shape, f"{who} asked {asked}: {word}", _and(*tokens, basis, data.get("error"))


def _tool(data: Mapping[str, Any], record: Record) -> Told:
    del record
    ink, shape, word = _marked(data)
    effect = {"read": "read", "write": "change", "irreversible": "change for good"}.get(str(data.get("effect")), "call")
    under = _names(data, "approvals")
    small = _and(f"{effect} in {data.get('system')}", f"under {plural(len(under), 'approval')}" if under else None,
                 data.get("error"))  # fmt: skip
    return ink, shape, f"{data.get('principal')} used {data.get('tool')}: {word}", small


def _decision(data: Mapping[str, Any], record: Record) -> Told:
    ink, shape, words = {
        "allow": ("blue", "disc", "Policy allows"),
        "deny": ("vermilion", "cross", "Policy refuses"),
        "gate": ("amber", "half", "Policy asks for a person before"),
    }.get(str(data.get("verdict")), ("grey", "ring", "Policy says nothing known of"))
    law = str(record.fields.get("policydigest") or "")[:12]
    rules = f"rules {', '.join(_names(data, 'rules')) or 'none'} of {law}"
    counted = _names(data, "approvals")
    small = _and(*_names(data, "because"), rules, f"{plural(len(counted), 'approval')} counted" if counted else None)
    return ink, shape, f"{words} {data.get('action')} by {data.get('principal')}", small


def _asked(data: Mapping[str, Any], record: Record) -> Told:
    del record
    asked = "Sample put before" if data.get("review") else "Waits for"
    small = _and(
        *_names(data, "because"),
        f"gate {data.get('gate')}",
        f"until {str(data.get('deadline'))[:16].replace('T', ' ')} UTC",
    )
    return "amber", "half", f"{asked} {data.get('role')}: {data.get('action')}", small


def _answered(data: Mapping[str, Any], record: Record) -> Told:
    how = f"{data.get('proof')}, by {data.get('door')}"
    said = spoken(str(data.get("answer")))
    if not data.get("accepted"):
        return (
            "vermilion",
            "cross",
            f"{data.get('by')} says {said}: does not count",
            _and(data.get("refused_because"), how),
        )
    ink, shape = {"go": ("blue", "disc"), "no_go": ("amber", "square")}.get(str(data.get("answer")), ("violet", "half"))
    reason = record.body_object().get("reason")
    return ink, shape, f"{data.get('by')} says {said}", _and(str(reason) if reason else None, how)


def _route(data: Mapping[str, Any], record: Record) -> Told:
    del record
    return "grey", "disc", f"Went the way {spoken(str(data.get('choice')))}", f"of {spoken(str(data.get('route')))}"


def _event(data: Mapping[str, Any], record: Record) -> Told:
    del record
    came = data.get("state") or "brought"
    return "grey", "pulse", f"Event {spoken(str(data.get('event')))}: {spoken(str(came))}", _and(data.get("door"))


def _exception(data: Mapping[str, Any], record: Record) -> Told:
    del record
    small = _and(data.get("reason_code"), f"owner {data.get('owner')}", data.get("resolution"))
    return "vermilion", "cross", f"Exception: {data.get('what') or spoken(str(data.get('event') or 'settled'))}", small


def _finding(data: Mapping[str, Any], record: Record) -> Told:
    del record
    small = _and(data.get("what"), f"{data.get('observed')} {data.get('unit')}, allowed {data.get('threshold')}")
    return "amber", "diamond", f"Monitor {data.get('monitor')}: {data.get('action')}", small


def _delegation(data: Mapping[str, Any], record: Record) -> Told:
    del record
    ink, shape, word = _marked(data)
    return (
        ink,
        shape,
        f"{data.get('delegator')} hands {data.get('work')} to {data.get('specialist')}: {word}",
        _and(data.get("error")),
    )


def _versions(data: Mapping[str, Any], record: Record) -> Told:
    del record
    flies = [
        f"{v.get('object')} {v.get('id')} {v.get('version') or ''}".strip()
        for v in cast("list[dict[str, Any]]", data.get("versions") or [])
    ]
    shown = "; ".join(flies[:8]) + (f"; and {len(flies) - 8} more" if len(flies) > 8 else "")  # noqa: PLR2004 - a line
    return "grey", "square", "Flies with", shown


def _other(data: Mapping[str, Any], record: Record) -> Told:
    return "grey", "ring", spoken(record.artifact).capitalize(), _told_rest(data, record)


def _told_rest(data: Mapping[str, Any], record: Record) -> str:
    del record
    hidden = {"phase", "objects", "event", "key"}
    return _and(*(f"{spoken(name)} {value}" for name, value in data.items()
                  if name not in hidden and isinstance(value, str | int) and value != ""))  # fmt: skip


def _names(data: Mapping[str, Any], name: str) -> list[str]:
    """Return a list of the record as words; an empty one where it has none."""
    return [str(each) for each in cast("list[object]", data.get(name) or [])]


def _and(*parts: str | None) -> str:
    """Return parts on one line; a whole sentence ends itself."""
    told = ""
    for part in filter(None, parts):
        told += f"{' ' if told.endswith('.') else '; ' if told else ''}{part}"
    return told


_TELLERS: Mapping[str, Callable[[Mapping[str, Any], Record], Told]] = {
    "run_record": _run,
    "step_record": _step,
    "model_call": _model,
    "tool_call": _tool,
    "policy_decision": _decision,
    "approval_request": _asked,
    "approval_record": _answered,
    "route_record": _route,
    "event_record": _event,
    "event_receipt": _event,
    "exception_record": _exception,
    "finding_record": _finding,
    "delegation": _delegation,
    "version_log": _versions,
}
