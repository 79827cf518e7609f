"""An agent: a registered mandate, instructions, tools and an output type; it answers, governed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast
from weakref import WeakKeyDictionary

from pydantic_core import to_json

from gonogo.agents.conclusions import Objections, conclude, objecting, validator_of
from gonogo.agents.delegation import Assignment, Coordinated
from gonogo.agents.offline import Script, offline_model
from gonogo.agents.prices import cost_of
from gonogo.criteria import RESULT, Criterion, refuse_misfits
from gonogo.current import current_run, current_step
from gonogo.errors import GonogoError, MissionMisdefined, ModelFailed
from gonogo.evidence.canon import plain_text
from gonogo.evidence.plain import plain
from gonogo.evidence.scopes import current_scope
from gonogo.tools import TOOLS, Tool

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pydantic import BaseModel
    from pydantic_ai import Agent as PydanticAgent
    from pydantic_ai import Tool as PydanticTool
    from pydantic_ai.models import Model
    from pydantic_ai.providers import Provider

    from gonogo.policy.registry import AgentCard, Registry
    from gonogo.settings import Settings

OUTPUT_RETRIES = 2
"""How often an answer that breaks a criterion may be given again."""

O = TypeVar("O", bound="BaseModel | str")  # noqa: E741 - the output


@dataclass(frozen=True, slots=True)
class Agent(Generic[O]):
    """What an author declares; the heavy machinery is built at the first question."""

    name: str
    output: type[O]
    instructions: str
    tools: tuple[Tool[Any, Any], ...]
    offline: Script
    criteria: tuple[Criterion, ...] = ()
    assignments: tuple[Assignment[Any, Any], ...] = ()
    """What it may hand to other agents."""
    _built: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, PydanticAgent[None, O]]] = field(
        default_factory=WeakKeyDictionary[asyncio.AbstractEventLoop, "dict[str, PydanticAgent[None, O]]"], repr=False
    )

    async def ask(self, prompt: str | BaseModel) -> O:
        """Let the agent work on something until it answers with its output type.

        Raises:
            PolicyBroken: nobody registered the agent.
            ModelFailed: the model gave nothing usable; ModelUnavailable: it could not be reached, nor could those it
                 falls back on. StepTimedOut, DependencyOpen: the last of them did not answer in time, or is left alone.
            CriterionBroken: it kept breaking a criterion, or does not say how sure it is.
            BudgetExceeded: the next call could cost more than is left.
            GateDenied: a person said no-go to something it wanted to do.

        """
        return (await self.coordinate(prompt)).output

    async def coordinate(self, prompt: str | BaseModel) -> Coordinated[O]:
        """Let the agent work as :meth:`ask` does, and return what its specialists brought back as well.

        Raises:
            what :meth:`ask` raises.

        """
        run = current_run()
        if current_step() is None:
            raise MissionMisdefined(f"The agent {self.name} is asked in mission code; ask it inside a @step.")
        card = run.registry.card(self.name)
        stray = [tool.name for tool in self.tools if tool.name not in card.tools]
        if stray:
            raise MissionMisdefined(
                f"The agent {self.name} is given {', '.join(stray)}, which its mandate in policies/agents.yaml lacks.",
            )
        text = prompt if isinstance(prompt, str) else to_json(plain(prompt)).decode()
        key = current_scope().claim("ask", self.name, run.ledger.digest(to_json(text)))
        prompted = to_json([self.instructions, text])
        run.provenance.take(key, self.name, "prompt", prompted)
        answered = await self._answer(key, text, prompted, run.settings.model, fallbacks_of(run.settings, card))
        if card.confidence is not None:
            conclude(run, self.name, key, answered.output)
        return answered

    async def _answer(
        self, key: str, text: str, prompted: bytes, model: str | None, fallbacks: tuple[str, ...]
    ) -> Coordinated[O]:
        from pydantic_ai.exceptions import AgentRunError, UserError

        from gonogo.agents.governor import OUTPUT_TOKENS_MAX, Governor

        objections = Objections(self.name, key)
        governor = Governor(
            agent=self.name,
            key=key,
            prompt=prompted,
            fallbacks=self._models(fallbacks),
            assignments={work.name: work for work in self.assignments},
        )
        try:
            with objecting(objections):
                answered = await self._agent(model).run(
                    text,
                    capabilities=[governor],
                    model_settings={"max_tokens": OUTPUT_TOKENS_MAX},
                )
        except GonogoError:
            raise
        except (AgentRunError, UserError) as error:
            objections.raise_last(error)
            told = plain_text(" ".join(str(error).split()), 300)
            raise ModelFailed(f"{self.name} found no usable answer: {told}") from error
        return Coordinated(answered.output, governor.brought_back)

    def _models(self, names: tuple[str, ...]) -> tuple[tuple[str, Model], ...]:
        """Return models to fall back on, made once for this event loop."""
        return tuple((name, cast("Model", self._agent(name).model)) for name in names)

    def _agent(self, model: str | None) -> PydanticAgent[None, O]:
        """Return the machinery for this event loop and model; providers hold connections per loop."""
        from pydantic_ai import Agent as PydanticAgent

        of_loop = self._built.setdefault(asyncio.get_running_loop(), {})
        name = model or "offline"
        if name not in of_loop:
            made = PydanticAgent(
                _model(model, self.offline),
                name=self.name,
                deps_type=type(None),
                output_type=self.output,
                instructions=self.instructions,
                tools=[*map(_offered, self.tools), *map(_assignable, self.assignments)],
                retries={"output": OUTPUT_RETRIES} if self.criteria else None,
            )
            if self.criteria:
                made.output_validator(validator_of(self.criteria))
            of_loop[name] = made
        return of_loop[name]


def fallbacks_of(chosen: Settings, card: AgentCard) -> tuple[str, ...]:
    """Return the models an agent falls back on; none while no model is configured."""
    named = (chosen.fallback_models or ()) if card.fallback_models is None else card.fallback_models
    return tuple(name for name in named if name != chosen.model) if chosen.model is not None else ()


def check_models(chosen: Settings, registry: Registry, agents: Iterable[str]) -> None:
    """Check the configured model, and those that these agents would fall back on; see :func:`check_model`."""
    if chosen.model is None:
        return
    names = {name: None for agent in agents for name in fallbacks_of(chosen, registry.card(agent))}
    for name in (chosen.model, *names):
        check_model(name, registry)


def check_model(model: str, registry: Registry) -> None:
    """Check, before anything starts, that a model can be made and priced.

    Raises:
        ModelFailed: no such provider, or it lacks its key; the message says which.
        PriceUnknown: no price list knows it.

    """
    from pydantic_ai.usage import RequestUsage

    _provided(model)
    cost_of(registry, model, RequestUsage(input_tokens=1, output_tokens=1))


def _model(model: str | None, script: Script) -> Model:
    return offline_model(script) if model is None else _provided(model)


def _provided(model: str) -> Model:
    from pydantic_ai.exceptions import UserError
    from pydantic_ai.models import infer_model

    try:
        return infer_model(model, _patient_once)
    except (UserError, ImportError, ValueError) as error:
        told = plain_text(" ".join(str(error).split()), 300)
        raise ModelFailed(f"GONOGO_MODEL={model} cannot be used: {told}") from error


def _patient_once(name: str) -> Provider[Any]:
    """Return a provider whose client tries once: the governor repeats, records and prices each attempt."""
    from pydantic_ai.providers import infer_provider

    provider = infer_provider(name)
    if isinstance(getattr(provider.client, "max_retries", None), int):
        provider.client.max_retries = 0
    return provider


def _offered(tool: Tool[Any, Any]) -> PydanticTool[None]:
    """Return a tool as the model sees it; the governor does the call, so the function is never reached."""
    from pydantic_ai import Tool as PydanticTool

    async def ungoverned(**_args: Any) -> None:
        raise MissionMisdefined(f"{tool.name} was reached around the governor; nothing was done.")

    schema = tool.arguments.model_json_schema()
    return PydanticTool.from_schema(ungoverned, tool.name, tool.function.__doc__, schema)


def _assignable(work: Assignment[Any, Any]) -> PydanticTool[None]:
    """Return a piece of work as the model sees it; the governor hands it over, so the function is never reached."""
    from pydantic_ai import Tool as PydanticTool

    async def ungoverned(**_args: Any) -> None:
        raise MissionMisdefined(f"{work.name} was reached around the governor; nothing was handed over.")

    told = f"Hand this to {work.to.name}. {work.why}"
    return PydanticTool.from_schema(ungoverned, work.name, told, work.brief.model_json_schema())


def agent(
    name: str,
    *,
    output: type[O],
    instructions: str,
    offline: Script,
    tools: Sequence[Tool[Any, Any]] = (),
    criteria: Sequence[Criterion] = (),
    assignments: Sequence[Assignment[Any, Any]] = (),
) -> Agent[O]:
    """Declare an agent.

    Args:
        name: as registered in ``policies/agents.yaml``; unregistered, it does not start.
        output: a pydantic model, or ``str``. A function is refused: it would run around the law.
        instructions: what the model is told.
        offline: the script that answers where no model is configured.
        tools: governed tools; each must be in the registered mandate.
        criteria: what must hold of its ``result``; the model is told what does not, and answers again.
        assignments: what it may hand to other agents, of which each must be named in its mandate.

    Raises:
        MissionMisdefined: the output is no type, a tool is not a governed one, or an assignment bears a tool's name.

    """
    if not isinstance(output, type):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        raise MissionMisdefined(f"The output of {name} must be a type; a function would run around the law.")
    if any(TOOLS.get(tool.name) is not tool for tool in tools):
        raise MissionMisdefined(f"Every tool of {name} must be made with @tool.")
    names = [each.name for each in (*tools, *assignments)]
    if len(set(names)) < len(names):
        raise MissionMisdefined(f"Two of the tools and assignments of {name} are called alike; give one another name.")
    refuse_misfits(f"the agent {name}", "output", criteria, (RESULT,))
    return Agent(name, output, instructions, tuple(tools), offline, tuple(criteria), tuple(assignments))
