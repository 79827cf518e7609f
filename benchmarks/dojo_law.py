"""What AgentDojo's tools do, by name, and the decision of the hearth on a recorded run's calls.

Declared here is what an author of these tools would declare: which of them write, and which
arguments are text or times, by the argument's name alone. A field of a result that bears such a name is text, too.
The decision is not made here: values are followed by `gonogo.provenance`, and `policies/common.cedar` rules.
"""

from __future__ import annotations

import json
from collections import deque
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast

import yaml

from gonogo.policy.law import Law, Request, read_law
from gonogo.provenance import Marks, Origin, Provenance

if TYPE_CHECKING:
    import cedarpy

POLICIES = Path(__file__).parents[1] / "policies"
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

CONTENT = frozenset({
    "subject", "body", "title", "description", "content", "location", "filename", "date", "start_time", "end_time",
    "new_start_time", "new_end_time", "start_day", "end_day", "recurring", "permission",
})  # fmt: skip
"""Names of arguments, and so of fields, that are text, times or choices; every other one is a target or an amount."""

WRITES = {
    "banking": (
        "send_money", "schedule_transaction", "update_scheduled_transaction", "update_password", "update_user_info",
    ),
    "workspace": (
        "send_email", "delete_email", "create_calendar_event", "cancel_calendar_event", "reschedule_calendar_event",
        "add_calendar_event_participants", "create_file", "append_to_file", "delete_file", "share_file",
    ),
    "slack": (
        "add_user_to_channel", "send_direct_message", "send_channel_message", "invite_user_to_slack",
        "remove_user_from_slack", "post_webpage",
    ),
    "travel": (
        "reserve_hotel", "reserve_restaurant", "reserve_car_rental", "create_calendar_event", "cancel_calendar_event",
        "send_email",
    ),
}  # fmt: skip
"""Every tool that changes something; all others read."""

MARKS = Marks(content=CONTENT)

DELIMITERS = ("<<", ">>")
"""What the pipeline "spotlighting with delimiting" puts around every result."""


@dataclass(frozen=True, slots=True)
class Call:
    """One recorded call."""

    tool: str
    args: dict[str, Any]


@dataclass(slots=True)
class Ruled:
    """What the hearth says to a run's calls."""

    calls: list[Call] = field(default_factory=list[Call])
    waits: dict[int, tuple[Origin, ...]] = field(default_factory=dict[int, tuple[Origin, ...]])
    """By position among the calls: where what makes the call wait comes from."""


@lru_cache
def law(suite: str) -> tuple[Law, cedarpy.Entities]:
    """Return the common law over a suite's tools, and the world it speaks of: one mission that may use them all."""
    appliance = "principal: [Agent, Mission], resource: [Tool], context: { call: Call, args: {} }"
    with TemporaryDirectory() as name:
        folder = Path(name)
        for file in ("common.cedar", "common.cedarschema"):
            (folder / file).write_text((POLICIES / file).read_text(encoding="utf-8"), encoding="utf-8")
        actions = "\n".join(f"action {tool} appliesTo {{ {appliance} }};" for tool in WRITES[suite])
        (folder / "suite.cedarschema").write_text(actions, encoding="utf-8")
        made = read_law(folder)
    facts: list[dict[str, Any]] = [
        {"uid": {"type": "Mission", "id": suite}, "attrs": {"scope": [suite], "owner": "user"}, "parents": []},
        {"uid": {"type": "System", "id": suite}, "attrs": {}, "parents": []},
        *(
            {
                "uid": {"type": "Tool", "id": tool},
                "attrs": {"name": tool, "system": suite, "effect": "write"},
                "parents": [{"type": "System", "id": suite}],
            }
            for tool in WRITES[suite]
        ),
    ]
    return made, made.entities(facts)


def verdict(suite: str, tool: str, origins: tuple[Origin, ...]) -> str:
    """Return what the law says to a write with these origins."""
    made, entities = law(suite)
    call: dict[str, Any] = {
        "mission": suite, "scope": [suite], "environment": "dev", "requester": "user", "offline": False,
    }  # fmt: skip
    if origins:
        call["untrusted"] = sorted({origin.argument for origin in origins})
    asked = Request(principal=("Mission", suite), action=tool, resource=("Tool", tool), call=call, args={})
    return made.decide(asked, entities).verdict


def rule(suite: str, messages: list[dict[str, Any]]) -> Ruled:
    """Walk a recorded conversation and rule on every call, knowing what had come in before it."""
    known, ruled = Provenance(), Ruled()
    open_calls: deque[int] = deque()
    for place, message in enumerate(messages):
        text = words(message.get("content"))
        match message["role"]:
            case "user":
                known.take(f"{place}", "request", "request", json.dumps(text).encode())
            case "system":
                known.take(f"{place}", "instructions", "prompt", json.dumps(text).encode())
            case "tool":
                answered = open_calls.popleft() if open_calls else None
                if answered is not None and not message.get("error"):
                    _vouch(suite, known, ruled, answered)
                said = text or str(message.get("error") or "")
                known.take(f"{place}", message["tool_call"]["function"], "result", _body(_as_returned(said)), MARKS)
            case _:
                calls: list[dict[str, Any]] = message.get("tool_calls") or []
                open_calls = deque(range(len(ruled.calls), len(ruled.calls) + len(calls)))
                for called in calls:
                    _rule_call(suite, Call(called["function"], called["args"]), known, ruled)
    return ruled


def _rule_call(suite: str, call: Call, known: Provenance, ruled: Ruled) -> None:
    if call.tool in WRITES[suite]:
        origins = known.untrusted(call.args, _tracked(call))
        if verdict(suite, call.tool, origins) != "allow":
            ruled.waits[len(ruled.calls)] = origins
    ruled.calls.append(call)


def _vouch(suite: str, known: Provenance, ruled: Ruled, place: int) -> None:
    """Note, as the hearth does, that a change was made whose targets and amounts no untrusted text had named."""
    call = ruled.calls[place]
    if call.tool in WRITES[suite] and place not in ruled.waits:
        told = {name: call.args[name] for name in _tracked(call) if call.args[name] is not None}
        known.take(f"{place}/arguments", call.tool, "request", json.dumps(told, default=str).encode())


def _tracked(call: Call) -> list[str]:
    return [name for name in call.args if name not in CONTENT]


def _as_returned(text: str) -> str:
    """Return a result as its tool gave it: one defence under test puts marks around it before a model sees it.

    The hearth takes a result from the tool, before anything is done to it for a model's eyes.
    """
    head, tail = DELIMITERS
    return text[len(head) : -len(tail)] if text.startswith(head) and text.endswith(tail) else text


def words(content: Any) -> str:
    """Return a message's text, which some providers cut into blocks."""
    if isinstance(content, list):
        blocks = cast("list[dict[str, Any]]", content)
        return "\n".join(str(block.get("content") or block.get("text") or "") for block in blocks)
    return content or ""


@lru_cache(maxsize=4_096)
def _body(text: str) -> bytes:
    """Return a tool's result as JSON; the suites show objects as YAML, and text as it is."""
    try:
        parsed = yaml.load(text, LOADER)  # noqa: S506 - the safe loader
    except yaml.YAMLError:
        parsed = text
    shown = cast("Any", parsed) if isinstance(parsed, list | dict) else text
    return json.dumps(shown, default=str).encode()
