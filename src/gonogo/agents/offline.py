"""The scripted offline model: no network, no key, and it says so.

An agent's script is given what a model would be given (the case, the tools' results, a reviewer's
remarks) and answers with tool calls or the final output. It decides by what it reads; it is a
stand-in for a model's judgement, never for its tools.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel
from pydantic_core import to_jsonable_python

if TYPE_CHECKING:
    from pydantic_ai.messages import ModelMessage, ModelResponse
    from pydantic_ai.models.function import AgentInfo, FunctionModel

MODEL = "offline:scripted"
"""How evidence, command line and dashboard name it."""


@dataclass(frozen=True, slots=True)
class Use:
    """A tool the script wants called."""

    tool: str
    args: dict[str, Any]


@dataclass(slots=True)
class Conversation:
    """What the agent has seen so far."""

    prompt: str = ""
    results: dict[str, list[Any]] = field(default_factory=dict[str, list[Any]])
    """Results by tool, in order, as JSON."""
    refused: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    """Why tools did not do what was asked, by tool, in order."""
    feedback: list[str] = field(default_factory=list[str])
    """What validation or a reviewer wants changed, in order."""

    @property
    def case(self) -> Any:
        """The prompt as JSON, where it is JSON; the text itself otherwise."""
        try:
            return json.loads(self.prompt)
        except ValueError:
            return self.prompt


Script = Callable[[Conversation], "list[Use] | BaseModel | str"]
"""A script: tool calls to make now, or the final output."""


def heard(messages: list[ModelMessage]) -> Conversation:
    """Return what a list of model messages amounts to."""
    from pydantic_ai.messages import ModelRequest, RetryFeedbackPart, ToolReturnPart, UserPromptPart

    talk = Conversation()
    for message in messages:
        if not isinstance(message, ModelRequest):
            continue
        for part in message.parts:
            if isinstance(part, UserPromptPart) and isinstance(part.content, str):
                talk.prompt = part.content
            elif isinstance(part, ToolReturnPart) and part.outcome == "success":
                talk.results.setdefault(part.tool_name, []).append(to_jsonable_python(part.content))
            elif isinstance(part, ToolReturnPart):
                talk.refused.setdefault(part.tool_name, []).append(str(part.content))
                talk.feedback.append(str(part.content))
            elif isinstance(part, RetryFeedbackPart):
                talk.feedback.append(str(part.content))
    return talk


def offline_model(script: Script) -> FunctionModel:
    """Return a model that answers by the script."""
    from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart
    from pydantic_ai.models.function import FunctionModel

    async def answer(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        said = script(heard(messages))
        if isinstance(said, str):
            return ModelResponse(parts=[TextPart(said)])
        if isinstance(said, BaseModel):
            # The output type is offered to models as a tool; answering is calling it.
            return ModelResponse(parts=[ToolCallPart(info.output_tools[0].name, said.model_dump(mode="json"))])
        return ModelResponse(parts=[ToolCallPart(use.tool, use.args) for use in said])

    return FunctionModel(answer, model_name="scripted")
