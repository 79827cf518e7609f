"""What AgentDojo's tools do, by name, and the decision of the hearth on a recorded run's calls.

Declared here is what an author of these tools would declare: which of them write, and which
arguments are text or times, by the argument's name alone. A field of a result that bears such a name is text, too.
The decision is not made here: values are followed by `gonogo.provenance`, and `policies/common.cedar` rules.
"""

from __future__ import annotations

import json
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
    "new_start_time", "new_end_time", "recurring", "permission",
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
}  # fmt: skip
"""Every tool that changes something; all others read."""

MARKS = Marks(content=CONTENT)


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
    for place, message in enumerate(messages):
        text = words(message.get("content"))
        match message["role"]:
            case "user":
                known.take(f"{place}", "request", "request", json.dumps(text).encode())
            case "system":
                known.take(f"{place}", "instructions", "prompt", json.dumps(text).encode())
            case "tool":
                said = text or str(message.get("error") or "")
                known.take(f"{place}", message["tool_call"]["function"], "result", _body(said), MARKS)
            case _:
                calls: list[dict[str, Any]] = message.get("tool_calls") or []
                for called in calls:
                    _rule_call(suite, Call(called["function"], called["args"]), known, ruled)
    return ruled


def _rule_call(suite: str, call: Call, known: Provenance, ruled: Ruled) -> None:
    if call.tool in WRITES[suite]:
        tracked = [name for name in call.args if name not in CONTENT]
        origins = known.untrusted(call.args, tracked)
        if verdict(suite, call.tool, origins) != "allow":
            ruled.waits[len(ruled.calls)] = origins
    ruled.calls.append(call)


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
