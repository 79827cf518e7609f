"""Missions: real Prefect flows with an owner, a scope and a budget, whose story is recorded."""

from __future__ import annotations

import functools
import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, cast, get_type_hints

from prefect import Flow
from pydantic import BaseModel

from gonogo.errors import MissionMisdefined
from gonogo.evidence.canon import sha256_hex
from gonogo.model import PATHS, Budget, Charter, Outcome
from gonogo.plans import refuse_nul

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine
    from datetime import timedelta

    from gonogo.model import Declared, FailureClass

P = ParamSpec("P")
R = TypeVar("R")


class Mission(Flow[P, R]):
    """A Prefect flow that is flown: recorded, governed, and continued from its evidence."""

    charter: Charter
    case_name: str
    case_type: type[BaseModel]
    outcome_type: type[Outcome]

    def __init__(self, story: Callable[P, Awaitable[R]], charter: Charter, **options: Any) -> None:
        self.charter = charter
        self._story = cast("Callable[[Any], Awaitable[Outcome]]", story)
        self.case_name, self.case_type, self.outcome_type = _signature(story)

        @functools.wraps(story)
        async def flown(*args: Any, **kwargs: Any) -> Any:
            from gonogo.lanes.prefect import fly_flow_run

            return await fly_flow_run(self, *args, **kwargs)

        # Prefect reads types off the signature, and could not resolve names in quotes from this module.
        given = inspect.signature(story).parameters[self.case_name].replace(annotation=self.case_type)
        vars(flown)["__signature__"] = inspect.Signature([given], return_annotation=self.outcome_type)
        super().__init__(cast("Callable[P, R]", flown), name=charter.name, persist_result=False, **options)

    def serialize_parameters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return the case as Prefect stores it; asked for before a flow run is made.

        Raises:
            CaseRefused: no Postgres could store it; there is no flow run.

        """
        refuse_nul(self.charter.name, parameters.get(self.case_name))
        return super().serialize_parameters(parameters)

    @property
    def story(self) -> Callable[[Any], Awaitable[Outcome]]:
        """The author's function, without the recording around it."""
        return self._story


def _signature(story: Callable[..., Any]) -> tuple[str, type[BaseModel], type[Outcome]]:
    """Return the case's name and type and the outcome's type, or say what is wrong with the story."""
    name = story.__name__
    hints = get_type_hints(story)
    parameters = list(inspect.signature(story).parameters.values())
    takes = hints.get(parameters[0].name) if len(parameters) == 1 else None
    gives = hints.get("return")
    if not inspect.iscoroutinefunction(story):
        raise MissionMisdefined(f"The mission {name} must be async def.")
    if not (isinstance(takes, type) and issubclass(takes, BaseModel)):
        raise MissionMisdefined(f"The mission {name} takes exactly one case, a pydantic model, and annotates it.")
    if not (isinstance(gives, type) and issubclass(gives, Outcome)):
        raise MissionMisdefined(f"The mission {name} must be annotated to return a subclass of gonogo.Outcome.")
    if not inspect.getdoc(story):
        raise MissionMisdefined(f"The mission {name} needs a docstring; it is what operators read.")
    return parameters[0].name, takes, gives


def mission(
    *,
    owner: str,
    scope: list[str],
    budget: Budget | None = None,
    sla: timedelta | None = None,
    on_failure: dict[FailureClass, Declared] | None = None,
    safe_state: str = "",
    name: str | None = None,
    **options: Any,
) -> Callable[[Callable[P, Awaitable[R]]], Mission[P, Coroutine[Any, Any, R]]]:
    """Make an async function a mission.

    The function takes one case (a pydantic model) and returns an :class:`gonogo.Outcome`. It
    branches and waits; every effect is in a ``@step``.

    Args:
        owner: who answers for it.
        scope: the systems of record its tools may touch; anything else is refused.
        budget: what one run may use; one US dollar and 25 changes, if not given.
        sla: time from start to outcome that counts as kept; leave out where the outcome measures
            ``sla_kept`` itself.
        on_failure: where a run goes that fails, by class of the failure: put to flight again later
            (``requeue``), handed to a person (``escalate``) or over (``terminate``);
            :data:`gonogo.model.PATHS` says what holds for the others.
        safe_state: how the systems of record stand when a run is halted in its middle, and who sees to
            what is left, in one sentence; told to whoever owns the halted run.
        name: as the UI, the evidence and ``gonogo run`` call it; the function's name, if not given.
        options: anything else a Prefect flow takes.

    Raises:
        MissionMisdefined: the function is no mission; the message says why.

    """
    stray = [word for word in (on_failure or {}) if word not in PATHS]
    if stray:
        raise MissionMisdefined(f"{', '.join(stray)} is no class of failure; on_failure knows {', '.join(PATHS)}.")

    def define(story: Callable[P, Awaitable[R]]) -> Mission[P, Coroutine[Any, Any, R]]:
        source = inspect.getsourcefile(story)
        charter = Charter(
            name=name or story.__name__,
            owner=owner,
            scope=tuple(scope),
            budget=budget or Budget(),
            sla_seconds=None if sla is None else int(sla.total_seconds()),
            on_failure=on_failure or {},
            safe_state=safe_state,
            description=inspect.getdoc(story) or "",
            digest=sha256_hex(Path(source).read_bytes() if source else story.__name__.encode()),
        )
        return cast("Mission[P, Coroutine[Any, Any, R]]", Mission(story, charter, **options))

    return define
