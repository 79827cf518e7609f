"""The governor: the outermost capability of every agent; nothing reaches a model or a tool around it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError
from pydantic_ai import ModelRetry
from pydantic_ai import ToolFailed as ToolRefused
from pydantic_ai.capabilities import AbstractCapability, CapabilityOrdering
from pydantic_ai.direct import model_request
from pydantic_ai.messages import ModelMessagesTypeAdapter, ModelResponse
from pydantic_ai.usage import RequestUsage
from pydantic_core import to_json

from gonogo.acts import act
from gonogo.agents.delegation import Assignment, hand_over
from gonogo.agents.requests import RESPONSE, Askable, Request
from gonogo.calls import QUESTION
from gonogo.current import current_run
from gonogo.errors import PolicyDenied, Proposed, ToolFailed
from gonogo.evidence.canon import payload_bytes, plain_text
from gonogo.evidence.ledger import must_have_payload
from gonogo.evidence.plain import plain
from gonogo.gates import Revision
from gonogo.tools import TOOLS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pydantic_ai import RunContext, ToolDefinition
    from pydantic_ai.messages import ToolCallPart
    from pydantic_ai.models import Model, ModelRequestContext

    from gonogo.runs import Run

SHOWN_MAX_BYTES = 65_536
"""How much of one result a model is shown; the mission and the evidence have all of it."""

OUTPUT_TOKENS_MAX = 4_096
"""What one answer may be long; the reservation before a call counts on it."""


@dataclass
class Governor(AbstractCapability[None]):
    """Records every model request and tool call of one agent's turn, once, and replays it for ever."""

    agent: str = ""
    key: str = ""
    """Key of the turn in the run's evidence."""
    prompt: bytes = b""
    """Instructions and prompt of the turn, kept with its first question: a run that goes on has to know them."""
    fallbacks: tuple[tuple[str, Model], ...] = ()
    """Models to ask, in this order, where the run's own does not answer."""
    id: str | None = "governor"
    assignments: dict[str, Assignment[Any, Any]] = field(default_factory=dict[str, Assignment[Any, Any]])
    """What the agent may hand to others, by name."""
    _requests: int = field(default=0, init=False)
    _handed: list[tuple[str, Any]] = field(default_factory=list[tuple[str, Any]], init=False)
    """Every hand-over of the turn and its result, in the order in which they were begun; ``None`` until it is done."""

    @property
    def brought_back(self) -> tuple[tuple[str, Any], ...]:
        """The hand-overs that were done, each with its result."""
        return tuple((name, result) for name, result in self._handed if result is not None)

    def get_ordering(self) -> CapabilityOrdering:
        """Stand outside everything else."""
        return CapabilityOrdering(position="outermost")

    async def wrap_model_request(
        self, ctx: RunContext[None], *, request_context: ModelRequestContext, handler: Any
    ) -> ModelResponse:
        """Return the recorded response, or reserve, record the intent, ask, and record the answer."""
        del ctx
        run = current_run()
        key = self.key + QUESTION + (f"#{self._requests}" if self._requests else "")
        self._requests += 1
        recorded = run.ledger.result(key)
        if recorded is not None and recorded.data["outcome"] == "done":
            return RESPONSE.validate_json(must_have_payload(recorded))
        asked = ModelMessagesTypeAdapter.dump_json(request_context.messages)
        parameters = request_context.model_request_parameters
        offered = parameters.function_tools + parameters.output_tools
        tools = to_json([(tool.name, tool.description, tool.parameters_json_schema) for tool in offered])
        # A token is at least one byte, so the bytes sent bound the tokens billed.
        most = RequestUsage(input_tokens=len(asked) + len(tools), output_tokens=OUTPUT_TOKENS_MAX)
        first = _Once(partial(handler, request_context), partial(_directly, request_context, request_context.model))
        models: list[Askable] = [(run.model, first)]
        models += [(name, partial(_directly, request_context, model)) for name, model in self.fallbacks]
        prompt = self.prompt if self._requests == 1 else b""
        return await Request(run, self.agent, key, run.ledger.digest(asked), most, models, prompt).answer()

    async def wrap_tool_execute(
        self, ctx: RunContext[None], *, call: ToolCallPart, tool_def: ToolDefinition, args: dict[str, Any], handler: Any
    ) -> Any:
        """Do a tool call through the law; what it refuses, the model is told."""
        del ctx, tool_def, handler
        run = current_run()
        if call.tool_name in self.assignments:
            return await self._hand_over(run, call, args)
        tool = TOOLS.get(call.tool_name)
        if tool is None:
            raise ToolRefused(f"{call.tool_name} is not a governed tool; it was not called.")
        try:
            values = tool.checked(args)
        except ToolFailed as error:
            raise ModelRetry(str(error)) from error
        key = self._key_of("tool", call, values)
        try:
            done = await act(run, tool, values, key, self.agent, deferrable=True)
        except (PolicyDenied, Proposed, ToolFailed) as error:
            raise ToolRefused(str(error)) from error
        if isinstance(done, Revision):
            wish = f" Use instead: {plain_text(str(done.changes), 500)}." if done.changes else ""
            raise ToolRefused(f"A reviewer asks you to revise this action: {plain_text(done.reason, 500)}.{wish}")
        return _as_shown(plain(done))

    async def _hand_over(self, run: Run, call: ToolCallPart, args: dict[str, Any]) -> Any:
        """Hand work to another agent through the law; what the brief does not declare does not cross."""
        work = self.assignments[call.tool_name]
        try:
            brief = work.brief.model_validate(args)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise ModelRetry(f"{work.name} does not take this brief: {where}: {first['msg']}.") from error
        place = len(self._handed)
        self._handed.append((work.name, None))
        key = self._key_of("delegation", call, plain(brief))
        try:
            result = await hand_over(run, work, brief, key, delegator=self.agent, number=place + 1)
        except (PolicyDenied, ToolFailed) as error:
            raise ToolRefused(str(error)) from error
        self._handed[place] = (work.name, result)
        return plain(result)

    def _key_of(self, kind: str, call: ToolCallPart, values: dict[str, Any]) -> str:
        """Return the key of a call; some providers give all of them the same id.

        Which answer it stood in, and with what, tells them apart.
        """
        called = f"{plain_text(call.tool_call_id, 100)}:{current_run().ledger.digest(payload_bytes(values))[:16]}"
        return f"{self.key}/{kind}:{call.tool_name}({called})" + (f"#{self._requests}" if self._requests > 1 else "")


@dataclass(slots=True)
class _Once:
    """Asks in the framework's own way the first time; it allows no second."""

    first: Callable[[], Awaitable[ModelResponse]]
    then: Callable[[], Awaitable[ModelResponse]]
    is_used: bool = False

    async def __call__(self) -> ModelResponse:
        way, self.is_used = (self.then if self.is_used else self.first), True
        return await way()


async def _directly(context: ModelRequestContext, model: Model) -> ModelResponse:
    """Ask a model what the agent asks."""
    return await model_request(
        model,
        context.messages,
        model_settings=context.model_settings,
        model_request_parameters=context.model_request_parameters,
    )


def _as_shown(value: Any) -> Any:
    """Return a tool's result as the model is shown it: whole, or its beginning and a note that it was cut."""
    body = to_json(value)
    if len(body) <= SHOWN_MAX_BYTES:
        return value
    start = (value.encode() if isinstance(value, str) else body)[:SHOWN_MAX_BYTES].decode(errors="ignore")
    return (
        f"{start}\n[Cut here: these are the first {SHOWN_MAX_BYTES} of {len(body)} bytes of the result. The whole of "
        "it is on record. Ask for less, or for a part of it.]"
    )
