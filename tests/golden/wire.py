"""A provider on the loopback interface that decides as the missions' offline scripts do, over the wire.

What an agent is told comes out of the HTTP request alone: its instructions say which agent it is,
the input holds its prompt, the calls it made and what came of them. What it says goes back as tool
calls of a response, the final output as one of them.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from pydantic import BaseModel

import tasks.claims_agents
import tasks.content_agents
import tasks.contracts_agents
import tasks.incidents_agents
import tasks.leads_agents
from gonogo.agents.agent import Agent
from gonogo.agents.offline import Conversation
from tests.gonogo.toy.provider import Said

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

ROOMS: tuple[ModuleType, ...] = (
    tasks.claims_agents,
    tasks.content_agents,
    tasks.contracts_agents,
    tasks.incidents_agents,
    tasks.leads_agents,
)


@cache
def agents() -> dict[str, Agent[Any]]:
    """Return every agent of the missions, by its instructions."""
    found: list[Agent[Any]] = [value for room in ROOMS for value in vars(room).values() if isinstance(value, Agent)]
    return {one.instructions: one for one in found}


def decided(request: dict[str, Any]) -> Said:
    """Answer a request as the script of the agent that asks would."""
    said = agents()[request["instructions"]].offline(_heard(request["input"]))
    if isinstance(said, BaseModel):
        return Said(calls=(("final_result", said.model_dump(mode="json")),))
    assert not isinstance(said, str), "no mission's agent answers with bare text"
    return Said(calls=tuple((use.tool, use.args) for use in said))


def _heard(items: list[dict[str, Any]]) -> Conversation:
    """Return what an agent was told, from the input of a request."""
    talk = Conversation()
    called = {item["call_id"]: item["name"] for item in items if item.get("type") == "function_call"}
    for item in items:
        if item.get("role") == "user":
            text = "".join(_texts(item["content"]))
            if not talk.prompt:
                talk.prompt = text
            else:
                talk.feedback.append(text)
        elif item.get("type") == "function_call_output":
            name, output = called[item["call_id"]], _read(item["output"])
            fields = cast("dict[str, Any]", output) if isinstance(output, dict) else {}
            if fields.keys() == {"error"}:
                talk.refused.setdefault(name, []).append(str(fields["error"]))
                talk.feedback.append(str(fields["error"]))
            else:
                talk.results.setdefault(name, []).append(output)
    return talk


def _read(output: str) -> Any:
    """Return what a call brought; an empty list goes over the wire as nothing at all."""
    return json.loads(output) if output else []


def _texts(content: str | list[dict[str, Any]]) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    else:
        yield from (part["text"] for part in content)
