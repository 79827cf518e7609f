"""The bank's agents: a clerk who does as the case says, and a reader who changes nothing."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from gonogo import agent
from gonogo.agents.offline import Conversation, Use
from tests.gonogo.toy.bank import look_up, pay, post_letter


class Wish(BaseModel):
    """A tool the case wants the agent to call."""

    tool: str
    args: dict[str, Any]


class Brief(BaseModel):
    """What an agent is asked: the tool calls to make, turn by turn, and what to conclude."""

    turns: list[list[Wish]] = []
    conclusion: str = "fine"


class Opinion(BaseModel):
    """What an agent concludes, and what it was told on the way."""

    conclusion: str
    results: dict[str, list[Any]]
    refused: dict[str, list[str]]
    feedback: list[str] = []


HEARD: list[Conversation] = []
"""What the scripted model has been given in this process, request by request."""


def by_the_brief(talk: Conversation) -> list[Use] | Opinion:
    """Make the calls of the next turn that has not been answered; conclude after the last."""
    HEARD.append(talk)
    brief = Brief.model_validate(talk.case)
    answered = sum(map(len, talk.results.values())) + sum(map(len, talk.refused.values()))
    asked = 0
    for turn in brief.turns:
        if asked >= answered:
            return [Use(wish.tool, wish.args) for wish in turn]
        asked += len(turn)
    return Opinion(conclusion=brief.conclusion, results=talk.results, refused=talk.refused, feedback=talk.feedback)


clerk = agent(
    "clerk", output=Opinion, instructions="Do as the brief says.", offline=by_the_brief,
    tools=[look_up, pay, post_letter],
)  # fmt: skip

reader = agent("reader", output=Opinion, instructions="Read, and say.", offline=by_the_brief, tools=[look_up])
