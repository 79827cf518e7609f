"""The governor: the outermost capability of every agent; nothing reaches a model or a tool around it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from socket import gaierror
from typing import TYPE_CHECKING, Any, Literal

from pydantic import TypeAdapter
from pydantic_ai import ModelRetry
from pydantic_ai import ToolFailed as ToolRefused
from pydantic_ai.capabilities import AbstractCapability, CapabilityOrdering
from pydantic_ai.exceptions import ModelHTTPError, ModelTimeoutError, UserError
from pydantic_ai.messages import ModelMessagesTypeAdapter, ModelResponse
from pydantic_ai.usage import RequestUsage
from pydantic_core import to_json

from gonogo.acts import act
from gonogo.agents.offline import MODEL as OFFLINE
from gonogo.agents.prices import Cost, cost_of
from gonogo.current import current_run, step_fields
from gonogo.errors import (
    BudgetExceeded,
    GonogoError,
    ModelFailed,
    PolicyDenied,
    PriceUnknown,
    StepTimedOut,
    ToolFailed,
)
from gonogo.evidence.canon import payload_bytes, plain_text, sha256_hex
from gonogo.evidence.ledger import Stopwatch, must_have_payload
from gonogo.evidence.plain import plain
from gonogo.failures import failure_fields, raise_recorded, refusal_fields
from gonogo.gates import Revision
from gonogo.operations import Operation, ask, tell
from gonogo.tools import TOOLS

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pydantic_ai import RunContext, ToolDefinition
    from pydantic_ai.messages import ToolCallPart
    from pydantic_ai.models import ModelRequestContext

    from gonogo.evidence.records import Record
    from gonogo.runs import Run

RESPONSE: TypeAdapter[ModelResponse] = TypeAdapter(ModelResponse)
OUTPUT_TOKENS_MAX = 4_096
"""What one answer may be long; the reservation before a call counts on it."""


@dataclass
class Governor(AbstractCapability[None]):
    """Records every model request and tool call of one agent's turn, once, and replays it for ever."""

    agent: str = ""
    key: str = ""
    """Key of the turn in the run's evidence."""
    id: str | None = "governor"
    _requests: int = field(default=0, init=False)

    def get_ordering(self) -> CapabilityOrdering:
        """Stand outside everything else."""
        return CapabilityOrdering(position="outermost")

    async def wrap_model_request(
        self, ctx: RunContext[None], *, request_context: ModelRequestContext, handler: Any
    ) -> ModelResponse:
        """Return the recorded response, or reserve, record the intent, ask, and record the answer."""
        del ctx
        run = current_run()
        key = f"{self.key}/model" + (f"#{self._requests}" if self._requests else "")
        self._requests += 1
        recorded = run.ledger.result(key)
        if recorded is not None:
            if recorded.data["outcome"] != "done":
                raise_recorded(recorded)
            return RESPONSE.validate_json(must_have_payload(recorded))
        joined = run.ledger.joined(key)
        if joined is not None:
            return await joined
        asked = ModelMessagesTypeAdapter.dump_json(request_context.messages)
        parameters = request_context.model_request_parameters
        offered = parameters.function_tools + parameters.output_tools
        tools = to_json([(tool.name, tool.description, tool.parameters_json_schema) for tool in offered])
        # A token is at least one byte, so the bytes sent bound the tokens billed.
        most = RequestUsage(input_tokens=len(asked) + len(tools), output_tokens=OUTPUT_TOKENS_MAX)
        reserved = cost_of(run.registry, run.model, most)
        operation = Operation(
            "model", key, run.model, self.agent, sha256_hex(asked),
            most_micros=reserved.micros, most_tokens=most.input_tokens + most.output_tokens,
        )  # fmt: skip
        common = self._common(run, key)
        try:
            await self._afford(run, operation)
        except GonogoError as error:
            await tell(run, operation, await self._not_answered(run, common, reserved, error, "refused"))
            raise
        intent = {
            "phase": "intent",
            "request_digest": operation.digest,
            "reserved_micros": reserved.micros,
            "reserved_tokens": operation.most_tokens,
            **run.meter.time_fields(),
            "currency": "USD",
            "price_basis": reserved.basis,
        }
        run.ledger.note("model_call", common | intent, fields=self._fields(run))
        call = self._ask(run, operation, common, reserved, partial(handler, request_context))
        return await run.shielded(run.ledger.under_way(key, call))

    async def _afford(self, run: Run, operation: Operation) -> None:
        """Reserve what a request may use, and ask whoever watches; what one of them refuses is given back."""
        mandate = run.registry.card(self.agent).budget
        run.meter.reserve(operation.claim, self.agent, mandate, f"A call of {self.agent}")
        try:
            await ask(run, operation)
        except BaseException:
            run.meter.release(operation.claim, self.agent)
            raise

    async def _ask(
        self,
        run: Run,
        operation: Operation,
        common: dict[str, Any],
        reserved: Cost,
        ask_model: Callable[[], Awaitable[ModelResponse]],
    ) -> ModelResponse:
        """Make the intent durable, ask the model, price what it says, and make it durable before anybody acts on it."""
        await run.ledger.stream.commit()
        watch = Stopwatch()
        try:
            response = await run.meter.within(ask_model(), f"A call of {self.agent}")
        except Exception as error:
            # Whatever came instead of an answer: clients raise what they like on a body they did not expect.
            known = error if isinstance(error, BudgetExceeded) else _known(run.model, error)
            billed = reserved.micros if _may_be_billed(error) else 0
            record = await self._not_answered(
                run, common, reserved, known, "failed", billed_micros=billed, latency_us=watch.microseconds
            )
            run.meter.settle(operation.claim, record)
            await tell(run, operation, record)
            raise known from error
        usage = response.usage
        cost, unpriced = self._price(run, response, reserved)
        result = common | {
            "phase": "result",
            "outcome": "done",
            "returned_model": plain_text(response.model_name or "", 200),
            "finish_reason": response.finish_reason or "",
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "cache_read_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
            "cost_micros": cost.micros,
            "currency": "USD",
            "price_basis": cost.basis,
            "price_book": cost.book,
            "latency_us": watch.microseconds,
            "response_id": plain_text(response.provider_response_id or "", 200),
        }
        if unpriced is not None:
            result |= {"outcome": "failed", **failure_fields(unpriced)}
        record = await run.ledger.write(
            "model_call", result, payload=RESPONSE.dump_json(response), fields=self._fields(run)
        )
        run.meter.settle(operation.claim, record)
        await tell(run, operation, record)
        if unpriced is not None:
            raise unpriced
        return response

    def _price(self, run: Run, response: ModelResponse, reserved: Cost) -> tuple[Cost, PriceUnknown | None]:
        """Return the cost; where it cannot be known, the whole reservation and the reason to stop."""
        if not response.usage.input_tokens and not response.usage.output_tokens:
            return reserved, PriceUnknown(
                f"{run.model} reported no usage, so the call has no known price; it stops here."
            )
        if run.model == OFFLINE:
            return cost_of(run.registry, OFFLINE, response.usage), None
        returned = f"{run.model.partition(':')[0]}:{response.model_name}"
        # The returned name is often a dated alias of the requested one; what was declared for either goes first.
        names = sorted((returned, run.model), key=lambda name: name not in run.registry.prices)
        try:
            return cost_of(run.registry, names[0], response.usage), None
        except PriceUnknown:
            return cost_of(run.registry, names[1], response.usage), None

    async def _not_answered(
        self,
        run: Run,
        common: dict[str, Any],
        reserved: Cost,
        error: GonogoError,
        outcome: Literal["failed", "refused"],
        *,
        billed_micros: int = 0,
        latency_us: int = 0,
    ) -> Record:
        """Record a call that was not made, or brought no answer; what may have been billed counts."""
        result = common | {
            "phase": "result",
            "outcome": outcome,
            "returned_model": "",
            "input_tokens": 0,
            "output_tokens": 0,
            "cache_read_tokens": 0,
            "cache_write_tokens": 0,
            "cost_micros": billed_micros,
            "currency": "USD",
            "price_basis": reserved.basis,
            "price_book": reserved.book,
            "latency_us": latency_us,
            **refusal_fields(error),
        }
        return await run.ledger.write("model_call", result, fields=self._fields(run))

    async def wrap_tool_execute(
        self, ctx: RunContext[None], *, call: ToolCallPart, tool_def: ToolDefinition, args: dict[str, Any], handler: Any
    ) -> Any:
        """Do a tool call through the law; what it refuses, the model is told."""
        del ctx, tool_def, handler
        run = current_run()
        tool = TOOLS.get(call.tool_name)
        if tool is None:
            raise ToolRefused(f"{call.tool_name} is not a governed tool; it was not called.")
        try:
            values = tool.checked(args)
        except ToolFailed as error:
            raise ModelRetry(str(error)) from error
        # Some providers give all calls the same id: which answer it stood in, and with what, tells them apart.
        called = f"{plain_text(call.tool_call_id, 100)}:{sha256_hex(payload_bytes(values))[:16]}"
        key = f"{self.key}/tool:{call.tool_name}({called})" + (f"#{self._requests}" if self._requests > 1 else "")
        try:
            done = await act(run, tool, values, key, self.agent)
        except (PolicyDenied, ToolFailed) as error:
            raise ToolRefused(str(error)) from error
        if isinstance(done, Revision):
            wish = f" Use instead: {plain_text(str(done.changes), 500)}." if done.changes else ""
            raise ToolRefused(f"A reviewer asks you to revise this action: {plain_text(done.reason, 500)}.{wish}")
        return plain(done)

    def _common(self, run: Run, key: str) -> dict[str, Any]:
        return {
            "objects": [{"id": run.id, "type": "run"}, {"id": self.agent, "type": "agent"}],
            "key": key,
            "agent": self.agent,
            "requested_model": run.model,
            "provider": run.model.partition(":")[0],
            "offline": run.is_offline,
        }

    def _fields(self, run: Run) -> dict[str, Any]:
        """Return the envelope of a record about this agent."""
        card = run.registry.card(self.agent)
        return {"agentid": self.agent, "agentversion": card.version, "manifestdigest": card.digest, **step_fields()}


def _may_be_billed(error: BaseException | None) -> bool:
    """Whether a provider may charge for a call that failed: not where it refused it, or was never reached."""
    while error is not None:
        if isinstance(error, ModelHTTPError | UserError | ConnectionRefusedError | gaierror):
            return False
        error = error.__cause__ or error.__context__
    return True


def _known(model: str, error: Exception) -> ModelFailed | StepTimedOut:
    """Return a provider's failure in our taxonomy."""
    told = plain_text(f"{type(error).__name__}: {' '.join(str(error).split())}", 300)
    if isinstance(error, ModelTimeoutError | TimeoutError):
        return StepTimedOut(f"{model} did not answer in time ({told}).")
    return ModelFailed(f"{model} gave no usable answer ({told}).")
