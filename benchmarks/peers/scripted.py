"""The scripted model of the pydantic-ai peers: five look-ups, then the answer; no network."""

from __future__ import annotations

# pyright: reportMissingImports=false, reportUnknownVariableType=false, reportUnknownMemberType=false
# pyright: reportUnknownParameterType=false, reportUnknownArgumentType=false
# (the library is installed in the peers' own environments)
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from benchmarks.peers.engine import TOOL_CALLS

INSTRUCTIONS = "Look up five accounts, then say so."
PROMPT = "Look the accounts up."


async def _answer(messages: list[ModelMessage], _info: AgentInfo) -> ModelResponse:
    done = sum(isinstance(part, ToolReturnPart) for message in messages for part in message.parts)
    if done == TOOL_CALLS:
        return ModelResponse(parts=[TextPart("All five are looked up.")])
    return ModelResponse(parts=[ToolCallPart("look_up", {"account": f"account-{done}"})])


def scripted_model() -> FunctionModel:
    """Return a model that asks for one look-up after the other, and then answers."""
    return FunctionModel(_answer, model_name="scripted")
