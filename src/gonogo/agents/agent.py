"""An agent: a registered mandate, instructions, tools and an output type; it answers, governed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar
from weakref import WeakKeyDictionary

from pydantic_core import to_json

from gonogo.agents.offline import Script, offline_model
from gonogo.agents.prices import cost_of
from gonogo.current import current_run, current_step
from gonogo.errors import GonogoError, MissionMisdefined, ModelFailed
from gonogo.evidence.canon import plain_text, sha256_hex
from gonogo.evidence.plain import plain
from gonogo.evidence.scopes import current_scope
from gonogo.tools import TOOLS, Tool

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic import BaseModel
    from pydantic_ai import Agent as PydanticAgent
    from pydantic_ai import Tool as PydanticTool
    from pydantic_ai.models import Model

    from gonogo.policy.registry import Registry

O = TypeVar("O", bound="BaseModel | str")  # noqa: E741 - the output


@dataclass(frozen=True, slots=True)
class Agent(Generic[O]):
    """What an author declares; the heavy machinery is built at the first question."""

    name: str
    output: type[O]
    instructions: str
    tools: tuple[Tool[Any, Any], ...]
    offline: Script
    _built: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, PydanticAgent[None, O]]] = field(
        default_factory=WeakKeyDictionary[asyncio.AbstractEventLoop, "dict[str, PydanticAgent[None, O]]"], repr=False
    )

    async def ask(self, prompt: str | BaseModel) -> O:
        """Let the agent work on something until it answers with its output type.

        Raises:
            PolicyBroken: nobody registered the agent.
            ModelFailed: the model could not be reached or gave nothing usable.
            BudgetExceeded: the next call could cost more than is left.
            GateDenied: a person said no-go to something it wanted to do.

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
        key = current_scope().claim("ask", self.name, sha256_hex(to_json(text)))
        run.provenance.take(key, self.name, "prompt", to_json([self.instructions, text]))
        return await self._answer(key, text, run.settings.model)

    async def _answer(self, key: str, text: str, model: str | None) -> O:
        from pydantic_ai.exceptions import AgentRunError, UserError

        from gonogo.agents.governor import OUTPUT_TOKENS_MAX, Governor

        try:
            answered = await self._agent(model).run(
                text,
                capabilities=[Governor(agent=self.name, key=key)],
                model_settings={"max_tokens": OUTPUT_TOKENS_MAX},
            )
        except GonogoError:
            raise
        except (AgentRunError, UserError) as error:
            told = plain_text(" ".join(str(error).split()), 300)
            raise ModelFailed(f"{self.name} found no usable answer: {told}") from error
        return answered.output

    def _agent(self, model: str | None) -> PydanticAgent[None, O]:
        """Return the machinery for this event loop and model; providers hold connections per loop."""
        from pydantic_ai import Agent as PydanticAgent

        of_loop = self._built.setdefault(asyncio.get_running_loop(), {})
        name = model or "offline"
        if name not in of_loop:
            of_loop[name] = PydanticAgent(
                _model(model, self.offline),
                name=self.name,
                deps_type=type(None),
                output_type=self.output,
                instructions=self.instructions,
                tools=[_offered(tool) for tool in self.tools],
            )
        return of_loop[name]


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
        return infer_model(model)
    except (UserError, ImportError) as error:
        told = plain_text(" ".join(str(error).split()), 300)
        raise ModelFailed(f"GONOGO_MODEL={model} cannot be used: {told}") from error


def _offered(tool: Tool[Any, Any]) -> PydanticTool[None]:
    """Return a tool as the model sees it; the governor does the call, so the function is never reached."""
    from pydantic_ai import Tool as PydanticTool

    async def ungoverned(**_args: Any) -> None:
        raise MissionMisdefined(f"{tool.name} was reached around the governor; nothing was done.")

    schema = tool.arguments.model_json_schema()
    return PydanticTool.from_schema(ungoverned, tool.name, tool.function.__doc__, schema)


def agent(
    name: str,
    *,
    output: type[O],
    instructions: str,
    offline: Script,
    tools: Sequence[Tool[Any, Any]] = (),
) -> Agent[O]:
    """Declare an agent.

    Args:
        name: as registered in ``policies/agents.yaml``; unregistered, it does not start.
        output: a pydantic model, or ``str``. A function is refused: it would run around the law.
        instructions: what the model is told.
        offline: the script that answers where no model is configured.
        tools: governed tools; each must be in the registered mandate.

    Raises:
        MissionMisdefined: the output is no type, or a tool is not a governed one.

    """
    if not isinstance(output, type):  # pyright: ignore[reportUnnecessaryIsInstance] - callers may be untyped
        raise MissionMisdefined(f"The output of {name} must be a type; a function would run around the law.")
    if any(TOOLS.get(tool.name) is not tool for tool in tools):
        raise MissionMisdefined(f"Every tool of {name} must be made with @tool.")
    return Agent(name, output, instructions, tuple(tools), offline)
