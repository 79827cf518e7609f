"""Requests: one question to a model, each attempt at it reserved, recorded and priced by itself.

An attempt that failed through the provider is followed by the same model again, or by the next model
the agent falls back on. What was wrong with the question itself is our fault, and no other model mends it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from pydantic import TypeAdapter
from pydantic_ai.messages import ModelResponse

from gonogo.agents.faults import failure_of_model, may_be_billed
from gonogo.agents.offline import MODEL as OFFLINE
from gonogo.agents.prices import Cost, cost_of
from gonogo.attempts import Again, Failure, Next, note_attempt, retry_wait_us
from gonogo.breakers import Breaker, breaker_of
from gonogo.current import step_fields
from gonogo.errors import DependencyOpen, GonogoError, ModelFailed, PriceUnknown
from gonogo.evidence.canon import plain_text
from gonogo.evidence.ledger import Stopwatch, must_have_payload
from gonogo.failures import failure_fields, raise_if_no_end, raise_recorded, refusal_fields
from gonogo.operations import Operation, ask, tell

if TYPE_CHECKING:
    from pydantic_ai.usage import RequestUsage

    from gonogo.evidence.records import Record
    from gonogo.runs import Run

RESPONSE: TypeAdapter[ModelResponse] = TypeAdapter(ModelResponse)

Askable = tuple[str, Callable[[], Awaitable[ModelResponse]]]
"""A model as ``provider:name``, and how it is asked."""


@dataclass(slots=True)
class Request:
    """One question an agent asks, to whichever of its models answers."""

    run: Run
    agent: str
    key: str
    digest: str
    most: RequestUsage
    """What it can use at most."""
    models: list[Askable]
    """The agent's own model first, then those it falls back on."""
    prompt: bytes = b""
    """What mission code told the agent, where this is the first question of its turn."""

    async def answer(self) -> ModelResponse:
        """Return the recorded answer, or ask until one model has answered or all that may be tried has been.

        Raises:
            ModelFailed, StepTimedOut, DependencyOpen: the last attempt ended so.
            BudgetExceeded: the next attempt could cost more than is left.

        """
        run, place, tries = self.run, 0, 1
        for number in range(1, 1_000):
            key = self.key if number == 1 else f"{self.key}/try:{number}"
            try:
                recorded = run.ledger.result(key)
                if recorded is None:
                    joined = run.ledger.joined(key)
                    return await (joined if joined is not None else self._try(key, number, place, tries))
                if recorded.data["outcome"] == "done":
                    return RESPONSE.validate_json(must_have_payload(recorded))
            except Again as again:
                await again.wait()  # only now: where it is read from the record, the wait is over
                run.refuse_if_aborted()
                recorded = run.ledger.result(key)
            following = run.ledger.result(f"{self.key}/attempt:{number}")
            falls_back = following is not None and following.data["next"] == "fallback"
            if recorded is not None and (following is None or place + falls_back >= len(self.models)):
                raise_recorded(recorded)
            place, tries = (place + 1, 1) if falls_back else (place, tries + 1)
        raise ModelFailed(f"{self.agent} found no model that answers.")

    async def _try(self, key: str, number: int, place: int, tries: int) -> ModelResponse:
        run, (model, asked) = self.run, self.models[place]
        provider, is_probe, refusal = model.partition(":")[0], False, None
        breaker = breaker_of(run.settings, provider, run.registry.dependency(provider))
        try:
            is_probe = await breaker.admit()
        except DependencyOpen as error:
            refusal = error
        joined = run.ledger.joined(key)
        if joined is not None:
            await breaker.ended("neither", is_probe=is_probe)
            return await joined
        reserved = cost_of(run.registry, model, self.most)
        operation = Operation(
            "model", key, model, self.agent, self.digest,
            most_micros=reserved.micros, most_tokens=self.most.input_tokens + self.most.output_tokens,
        )  # fmt: skip
        attempt = _Attempt(self, operation, reserved, breaker, number, place, tries)
        try:
            await self._afford(operation)
        except BaseException as error:
            await breaker.ended("neither", is_probe=is_probe)
            raise_if_no_end(run, error)
            if isinstance(error, GonogoError):
                await attempt.denied(error)
            raise
        intent = {
            "phase": "intent",
            "request_digest": self.digest,
            "reserved_micros": reserved.micros,
            "reserved_tokens": operation.most_tokens,
            "currency": "USD",
            "price_basis": reserved.basis,
            **run.meter.time_fields(),
        }
        told = self.prompt or None if number == 1 else None
        run.ledger.note("model_call", attempt.common() | intent, payload=told, fields=attempt.fields())
        work = attempt.refused(refusal) if refusal is not None else attempt.make(asked, is_probe=is_probe)
        return await run.shielded(run.ledger.under_way(key, work))

    async def _afford(self, operation: Operation) -> None:
        """Reserve what an attempt may use, and ask whoever watches; what one of them refuses is given back."""
        run = self.run
        run.meter.reserve(operation.claim, self.agent, run.registry.card(self.agent).budget, f"A call of {self.agent}")
        try:
            await ask(run, operation)
        except BaseException:
            run.meter.release(operation.claim, self.agent)
            raise


@dataclass(slots=True)
class _Attempt:
    """One attempt of a request at one model."""

    request: Request
    operation: Operation
    reserved: Cost
    breaker: Breaker
    number: int
    place: int
    tries: int
    """How often this model has been asked, this time included."""

    async def refused(self, error: DependencyOpen) -> ModelResponse:
        """Record that the provider is left alone, so that nothing was asked; another model may be."""
        await self._failed(Failure(error, is_outage=True), Stopwatch(), may_be_billed=False)
        raise error

    async def make(self, asked: Callable[[], Awaitable[ModelResponse]], *, is_probe: bool) -> ModelResponse:
        """Make the intent durable, ask the model, price what it says, and make it durable before anybody acts on it."""
        run, model, breaker = self.request.run, self.operation.name, self.breaker
        await run.ledger.stream.commit()
        watch = Stopwatch()
        limit = asyncio.timeout(breaker.facts.timeout_seconds)
        try:
            async with limit:
                response = await run.outside(partial(self._within, asked), changes=False)
        except Exception as error:
            failure = failure_of_model(model, error, breaker.facts.timeout_seconds, is_late=limit.expired())
            await breaker.ended(failure.ended, is_probe=is_probe)
            raise_if_no_end(run, error)
            await self._failed(failure, watch, may_be_billed=may_be_billed(error))
            raise failure.error from error
        if is_probe or breaker.has_failed:
            await breaker.ended("answered", is_probe=is_probe)
        return await self._answered(response, watch)

    async def _within(self, asked: Callable[[], Awaitable[ModelResponse]]) -> ModelResponse:
        return await self.request.run.meter.within(asked(), f"A call of {self.request.agent}")

    async def _answered(self, response: ModelResponse, watch: Stopwatch) -> ModelResponse:
        run, _reserved, usage = self.request.run, self.reserved, response.usage
        cost, unpriced = self._price(response)
        result = self.common() | {
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
        body = RESPONSE.dump_json(response)
        record = await run.ledger.write("model_call", result, payload=body, fields=self.fields())
        run.meter.settle(self.operation.claim, record)
        await tell(run, self.operation, record)
        if unpriced is not None:
            unpriced.cause = self.operation.key
            raise unpriced
        return response

    def _price(self, response: ModelResponse) -> tuple[Cost, PriceUnknown | None]:
        """Return the cost; where it cannot be known, the whole reservation and the reason to stop."""
        registry, model = self.request.run.registry, self.operation.name
        if not response.usage.input_tokens and not response.usage.output_tokens:
            return self.reserved, PriceUnknown(
                f"{model} reported no usage, so the call has no known price; it stops here."
            )
        if model == OFFLINE:
            return cost_of(registry, OFFLINE, response.usage), None
        returned = f"{model.partition(':')[0]}:{response.model_name}"
        # The returned name is often a dated alias of the requested one; what was declared for either goes first.
        names = sorted((returned, model), key=lambda name: name not in registry.prices)
        try:
            return cost_of(registry, names[0], response.usage), None
        except PriceUnknown:
            return cost_of(registry, names[1], response.usage), None

    async def _failed(self, failure: Failure, watch: Stopwatch, *, may_be_billed: bool) -> None:
        """Record an attempt without an answer; one that may have been billed counts with what was reserved.

        Raises:
            Again: another attempt follows.

        """
        request, run, reserved = self.request, self.request.run, self.reserved
        following, wait_us = self._following(failure)
        if following is not None:
            note_attempt(
                run, request.key, failure, following, kind="model", dependency=self.breaker.name,
                number=self.number, wait_us=wait_us, operation=self.operation.key, fields=self.fields(),
            )  # fmt: skip
        billed_micros = reserved.micros if may_be_billed else 0
        record = await self._not_answered(failure.error, "failed", billed_micros, watch.microseconds)
        run.meter.settle(self.operation.claim, record)
        await tell(run, self.operation, record)
        failure.error.cause = self.operation.key
        if following is not None:
            raise Again(wait_us) from failure.error

    async def denied(self, error: GonogoError) -> None:
        """Record that the attempt must not be made: a budget is used up, or somebody who watches objected."""
        await tell(self.request.run, self.operation, await self._not_answered(error, "refused"))
        error.cause = self.operation.key

    async def _not_answered(
        self, error: GonogoError, outcome: Literal["failed", "refused"], billed_micros: int = 0, latency_us: int = 0
    ) -> Record:
        """Record an attempt that was not made, or brought no answer; what may have been billed counts."""
        result = self.common() | {
            "phase": "result",
            "outcome": outcome,
            "returned_model": "",
            "input_tokens": 0,
            "output_tokens": 0,
            "cache_read_tokens": 0,
            "cache_write_tokens": 0,
            "cost_micros": billed_micros,
            "currency": "USD",
            "price_basis": self.reserved.basis,
            "price_book": self.reserved.book,
            "latency_us": latency_us,
            **refusal_fields(error),
        }
        return await self.request.run.ledger.write("model_call", result, fields=self.fields())

    def _following(self, failure: Failure) -> tuple[Next | None, int]:
        """Return what follows a failed attempt, and after which wait."""
        is_garbage = failure.is_outage and type(failure.error) is ModelFailed
        wait_us = None if is_garbage else retry_wait_us(self.request.key, self.tries, self.breaker.facts, failure)
        if wait_us is not None and not isinstance(failure.error, DependencyOpen):
            return "retry", wait_us
        if failure.is_outage and self.place + 1 < len(self.request.models):
            return "fallback", 0
        return None, 0

    def common(self) -> dict[str, Any]:
        """Return what every record about the attempt holds."""
        run, model = self.request.run, self.operation.name
        found: dict[str, Any] = {
            "objects": [{"id": run.id, "type": "run"}, {"id": self.request.agent, "type": "agent"}],
            "key": self.operation.key,
            "agent": self.request.agent,
            "requested_model": model,
            "provider": model.partition(":")[0],
            "offline": run.is_offline,
        }
        return found | ({"number": self.number} if self.number > 1 else {})

    def fields(self) -> dict[str, Any]:
        """Return the envelope of a record about the agent."""
        card = self.request.run.registry.card(self.request.agent)
        return {
            "agentid": self.request.agent, "agentversion": card.version, "manifestdigest": card.digest, **step_fields(),
        }  # fmt: skip
