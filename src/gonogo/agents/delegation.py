"""Delegation: an agent hands a named piece of work to another one, through a typed brief and under the law.

The specialist is given the brief and nothing else: not the coordinator's case, not its conversation.
Who may hand over to whom stands in ``policies/agents.yaml`` and is ruled on like a tool call, before
any model of the specialist is asked. What was handed over and what came back is evidence.
"""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from pydantic import BaseModel, TypeAdapter

from gonogo.current import acting_agent, current_run, current_step, step_fields
from gonogo.errors import GonogoError, MissionMisdefined, ModelFailed
from gonogo.evidence.canon import payload_bytes
from gonogo.evidence.ledger import Stopwatch, must_have_payload
from gonogo.evidence.plain import plain
from gonogo.evidence.scopes import Scope, current_scope, entered
from gonogo.failures import as_recorded, failure_fields, raise_if_no_end, raise_recorded
from gonogo.gates import Action, Revision, call_facts, clear
from gonogo.operations import Operation, ask
from gonogo.policy.law import Request

if TYPE_CHECKING:
    from gonogo.agents.agent import Agent
    from gonogo.evidence.records import Record
    from gonogo.runs import Run

B = TypeVar("B", bound=BaseModel)
R = TypeVar("R", bound="BaseModel | str")
O = TypeVar("O", bound="BaseModel | str")  # noqa: E741 - the output

ACTION = "delegate"
"""What the law calls a hand-over; its arguments are declared in ``policies/common.cedarschema``."""

_lineage: ContextVar[tuple[str, ...]] = ContextVar("gonogo_lineage", default=())
"""The agents through whose hands the work came that is done now, first to last."""


@dataclass(frozen=True, slots=True)
class Assignment(Generic[B, R]):
    """A named piece of work, the specialist who does it, and everything that specialist is told."""

    name: str
    to: Agent[R]
    brief: type[B]
    why: str
    """One sentence for the coordinator's model: what the specialist does and what it brings back."""

    async def __call__(self, brief: B) -> R:
        """Hand the work over from inside a step, on the mandate the step acts under.

        Raises:
            MissionMisdefined: outside a step, or in one that acts for no registered agent.
            PolicyDenied: the law forbids the hand-over; the specialist was not asked.
            GateDenied: a person said no-go, to the hand-over or to something the specialist wanted to do.

        """
        run = current_run()
        delegator = acting_agent()
        if current_step() is None or delegator is None:
            raise MissionMisdefined(
                f"{self.name} is handed over by nobody; hand it over inside a @step(acting=...) of a registered agent."
            )
        scope = current_scope()
        key = scope.claim("delegation", self.name, run.ledger.digest(payload_bytes(plain(brief))))
        return await hand_over(run, self, brief, key, delegator=delegator, number=scope.claimed("delegation"))


@dataclass(frozen=True, slots=True)
class Coordinated(Generic[O]):
    """What a coordinator concluded, and what its specialists brought back, word for word."""

    output: O
    handed: tuple[tuple[str, Any], ...] = ()
    """Each assignment that was done and its result, in the order in which they were handed over."""

    def of(self, work: Assignment[Any, R]) -> R:
        """Return what came of an assignment; of the last, where it was handed over more than once.

        It is the specialist's own result as recorded; no model has written it anew.

        Raises:
            ModelFailed: the coordinator did not hand it over.

        """
        for name, result in reversed(self.handed):
            if name == work.name:
                return cast("R", result)
        raise ModelFailed(f"The coordinator was to hand {work.name} to {work.to.name}, and concluded without it.")


def assignment(name: str, *, to: Agent[R], brief: type[B], why: str) -> Assignment[B, R]:
    """Declare a piece of work that one agent may hand to another.

    Args:
        name: as models call it and evidence tells it.
        to: the specialist; whoever hands over to it names it under ``delegates`` in its mandate.
        brief: everything the specialist is told; its fields are all that crosses.
        why: one sentence for the coordinator's model.

    Raises:
        MissionMisdefined: the brief lets undeclared fields through.

    """
    if brief.model_config.get("extra") != "forbid":
        raise MissionMisdefined(
            f"The brief of {name} must forbid fields it does not declare: make {brief.__name__} a gonogo.Noun."
        )
    return Assignment(name, to, brief, why)


async def hand_over(
    run: Run, work: Assignment[Any, R], brief: BaseModel, key: str, *, delegator: str, number: int
) -> R:
    """Do one hand-over once: look it up, clear it with the law, record it, let the specialist work, record the result.

    Args:
        run: the run it happens in.
        work: what is handed over, and to whom.
        brief: all that the specialist is told.
        key: the hand-over's key in the run's evidence.
        delegator: the registered agent that hands over.
        number: which hand-over of its turn this is, from 1.

    """
    adapter: TypeAdapter[R] = TypeAdapter(work.to.output)
    recorded = run.ledger.result(key)
    if recorded is not None:
        return _replayed(adapter, recorded)
    body = payload_bytes(plain(brief))
    line = _line(delegator)
    run.ledger.learn(brief)
    digest = run.ledger.digest(body)
    action = _action(run, work, key, line, brief_digest=digest, number=number)
    fields = {**action.envelope, **step_fields()}
    common: dict[str, Any] = {
        "objects": [{"id": run.id, "type": "run"}, {"id": work.to.name, "type": "agent"}],
        "key": key,
        "work": work.name,
        "delegator": delegator,
        "specialist": work.to.name,
        "brief_digest": digest,
        "chain": list(line),
        "depth": len(line),
        "number": number,
    }
    if run.ledger.intent(key) is None:
        try:
            await ask(run, _operation(work, key, line, common["brief_digest"]))
            approvals = clear(run, action)
            if isinstance(approvals, Revision):  # a hand-over's gate offers go and no-go
                raise MissionMisdefined(f"The hand-over of {work.name} cannot be revised; answer go or no-go.")
        except GonogoError as error:
            raise_if_no_end(run, error)
            refused = {"phase": "result", "outcome": "refused", "latency_us": 0, **failure_fields(error)}
            await run.ledger.write("delegation", common | refused, payload=body, fields=fields)
            raise
        intent = {"phase": "intent", "approvals": [record.fields["id"] for record in approvals]}
        run.ledger.note("delegation", common | intent, payload=body, fields=fields)
    watch = Stopwatch()
    try:
        result = await _worked(work, brief, key, line)
        raw = adapter.dump_json(result, warnings=False)
        answer = adapter.validate_json(raw)
    except Exception as error:
        raise_if_no_end(run, error)
        if not isinstance(error, GonogoError):
            raise
        known = as_recorded(error)
        failed = {"phase": "result", "outcome": "failed", "latency_us": watch.microseconds, **failure_fields(known)}
        await run.ledger.write("delegation", common | failed, fields=fields)
        raise known from error
    done = {"phase": "result", "outcome": "done", "latency_us": watch.microseconds}
    await run.ledger.write("delegation", common | done, payload=raw, fields=fields)
    return answer


async def _worked(work: Assignment[Any, R], brief: BaseModel, key: str, line: tuple[str, ...]) -> R:
    """Let the specialist work, in a scope of the hand-over's own, with the brief alone."""
    token = _lineage.set((*line, work.to.name))
    try:
        with entered(Scope(key)):
            return await work.to.ask(brief)
    finally:
        _lineage.reset(token)


def _line(delegator: str) -> tuple[str, ...]:
    """Return through whose hands the work came, the delegator last."""
    line = _lineage.get()
    return line if line and line[-1] == delegator else (*line, delegator)


def _operation(work: Assignment[Any, Any], key: str, line: tuple[str, ...], digest: str) -> Operation:
    """Return the hand-over as those see it who watch the run."""
    return Operation("handover", key, work.name, line[-1], digest, arguments={"to": work.to.name, "chain": list(line)})


def _action(
    run: Run, work: Assignment[Any, Any], key: str, line: tuple[str, ...], *, brief_digest: str, number: int
) -> Action:
    """Return the hand-over as the law is asked about it."""
    delegator = line[-1]
    card = run.registry.card(delegator)
    limits = [(place, run.registry.card(name).delegates) for place, name in enumerate(line)]
    request = Request(
        principal=("Agent", delegator),
        action=ACTION,
        resource=("Agent", work.to.name),
        call=call_facts(run),
        args={
            "work": work.name,
            "to": work.to.name,
            "brief_digest": brief_digest,
            "chain": sorted(set(line)),
            "depth": len(line),
            # Nobody further down may go deeper than anybody further up allows.
            "depth_max": min((place + may.depth for place, may in limits if may is not None), default=0),
            "number": number,
            "number_max": 0 if card.delegates is None else card.delegates.fan_out,
        },
    )
    envelope = {"agentid": delegator, "agentversion": card.version, "manifestdigest": card.digest}
    return Action(key, request, work.why, card.digest, envelope)


def _replayed(adapter: TypeAdapter[R], record: Record) -> R:
    if record.data["outcome"] != "done":
        raise_recorded(record)
    return adapter.validate_json(must_have_payload(record))
