"""Tools: everything an agent or a step can do to the world, decided, recorded and done once."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar, cast, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError, create_model

from gonogo import errors
from gonogo.acts import CREDENTIAL, IDEMPOTENCY_KEY, act
from gonogo.current import current_run, current_step
from gonogo.errors import MissionMisdefined, ToolFailed
from gonogo.evidence.canon import payload_bytes, plain_text
from gonogo.evidence.plain import plain
from gonogo.evidence.scopes import current_scope
from gonogo.gates import Revision
from gonogo.personal import holds_personal
from gonogo.provenance import Marks, marks_of, tracked_arguments
from gonogo.reaches import NOTHING, ONE_RECORD, Reach
from gonogo.undos import refuse_inconsistent

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from pydantic import BaseModel

    from gonogo.model import Effect
    from gonogo.undos import Undo

P = ParamSpec("P")
R = TypeVar("R")

TOOLS: dict[str, Tool[Any, Any]] = {}
"""Every tool that has been defined in this process, by name."""


@dataclass(frozen=True, slots=True)
class Tool(Generic[P, R]):
    """A function that acts on a system of record, with what the law and the recorder must know."""

    function: Callable[P, Awaitable[R]]
    name: str
    system: str
    effect: Effect
    is_idempotent: bool
    preview: Callable[..., str] | None
    arguments: type[BaseModel]
    """What the tool takes, without the idempotency key; validates and describes."""
    result: TypeAdapter[Any] = field(repr=False)
    wants_key: bool
    check: str = ""
    """How a person finds out in the system of record whether a call happened."""
    undo: Undo | None = None
    """How its effect is undone; ``None`` where nobody has said."""
    result_type: Any = field(default=None, repr=False)
    """The annotation of what it returns."""
    confirm: Callable[..., Awaitable[bool]] | None = None
    """Looks in the system of record whether it holds what the tool says that it did."""
    marks: Marks = field(default_factory=Marks)
    """What the result declares about whose word its values are."""
    tracked: tuple[str, ...] = ()
    """Arguments that say where something goes or how much; empty for a tool that only reads."""
    wants_credential: bool = False
    """Whether it is handed a credential for each call."""
    is_personal: bool = False
    """Whether what it takes or returns is declared to be about people."""
    reach: Callable[..., Reach] | None = None
    """What a call touches, from its arguments; one record in its own system where a tool that changes says nothing."""

    def reached(self, values: dict[str, Any]) -> Reach:
        """Return what a call with these arguments touches.

        Raises:
            BudgetExceeded: the tool cannot say; what is unknown is not nothing.

        """
        if self.reach is None:
            return NOTHING if self.effect == "read" else ONE_RECORD
        try:
            reach = self.reach(**values)
        except Exception as error:
            told = plain_text(f"{type(error).__name__}: {' '.join(str(error).split())}", 300)
            raise errors.BudgetExceeded(
                f"{self.name} cannot say what this call reaches ({told}); what is unknown is not nothing, so it was "
                "not called. Correct the tool's reach.",
            ) from error
        if not isinstance(reach, Reach):  # pyright: ignore[reportUnnecessaryIsInstance] - an author's function may
            raise errors.BudgetExceeded(f"The reach of {self.name} returned no gonogo.Reach; it was not called.")
        return reach

    async def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Act from inside a step, on the mandate the step acts under.

        Raises:
            PolicyDenied: the law forbids it; nothing happened.
            GateDenied: a person said no-go, or nobody answered; nothing happened.
            ToolFailed: the system refused, or could not; DependencyFailed: it was out, also when tried again.
            StepTimedOut: it did not answer in time.
            DependencyOpen: it is left alone for a while after it has failed too often.
            Unconfirmed: it says that it is done, and the system of record does not hold it.
            InDoubt: an earlier attempt began, its end was never recorded, and nobody said to do it again.

        """
        run = current_run()
        if current_step() is None:
            msg = f"{self.name} is called in mission code; flows branch and steps act: call it inside a @step."
            raise MissionMisdefined(msg)
        bound = inspect.signature(self.function).bind_partial(*args, **kwargs)
        values = self.checked(bound.arguments)
        key = current_scope().claim("tool", self.name, run.ledger.digest(payload_bytes(values)))
        while True:
            done = await act(run, self, values, key)
            if not isinstance(done, Revision):
                return cast("R", done)
            if not done.changes:
                reason = plain_text(done.reason, 300)
                raise errors.GateDenied(f"{self.name}: the reviewer wants it changed: {reason}")
            values = self.checked({**values, **done.changes})
            key += "/revised"

    def checked(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments as plain JSON, validated.

        Raises:
            ToolFailed: they are not what the tool takes; the message names the field.

        """
        try:
            model = self.arguments.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise ToolFailed(f"{self.name} does not take these arguments: {where}: {first['msg']}.") from error
        return plain(model)


def tool(
    *,
    system: str,
    effect: Effect,
    idempotent: bool = True,
    preview: Callable[..., str] | None = None,
    name: str | None = None,
    check: str = "",
    undo: Undo | None = None,
    confirm: Callable[..., Awaitable[bool]] | None = None,
    reach: Callable[..., Reach] | None = None,
) -> Callable[[Callable[P, Awaitable[R]]], Tool[P, R]]:
    """Make an async function a governed tool.

    Annotations say whose word values are: an argument marked ``Annotated[str, Content()]`` is text,
    every other one says where something goes or how much, and a write whose value comes only from
    untrusted text waits for a person. A result marked ``Annotated[X, Trusted()]`` is the house's own.

    Args:
        system: the system of record it acts on; a mission may only touch systems of its scope.
        effect: what it does to the world.
        idempotent: whether a second call with the same ``idempotency_key`` does nothing new. A
            tool that cannot promise this is not repeated after a crash unless a person says that it
            did not happen.
        preview: given the same arguments, says as markdown what would change; reads only. Values go
            through :func:`gonogo.shown` or :func:`gonogo.quoted`, so that nothing in them is markup.
        name: how agents and the law call it; the function's name, if not given.
        check: one sentence, shown where a call is in doubt: how a person finds out in the system
            whether it happened.
        undo: what ``gonogo rollback`` does about its effect: ``reversible(tool, ...)``,
            ``compensate(tool, ...)`` or ``irreversible("why")``; undeclared, it is left to its owner.
        confirm: given the result and the same arguments, reads back whether the system of record
            holds what was done; where it does not, the call fails as a data mismatch that somebody
            owns. Reads only.
        reach: given the same arguments, says what the call touches (:class:`gonogo.Reach`); a pure
            function. Without it, a tool that changes something touches one record in its system.

    Raises:
        MissionMisdefined: the function is not async, lacks annotations, or its undo does not fit it.

    """

    def define(function: Callable[P, Awaitable[R]]) -> Tool[P, R]:
        called = name or function.__name__
        if not inspect.iscoroutinefunction(function):
            raise MissionMisdefined(f"The tool {called} must be async def.")
        hints = get_type_hints(function, include_extras=True)
        parameters = inspect.signature(function).parameters
        missing = [parameter for parameter in parameters if parameter not in hints]
        if missing or "return" not in hints:
            raise MissionMisdefined(f"The tool {called} lacks annotations for {', '.join(missing) or 'its result'}.")
        fields: dict[str, Any] = {
            parameter.name: (hints[parameter.name], ... if parameter.default is parameter.empty else parameter.default)
            for parameter in parameters.values()
            if parameter.name not in {IDEMPOTENCY_KEY, CREDENTIAL}
        }
        arguments = create_model(f"{called}_arguments", __config__=ConfigDict(extra="forbid"), **fields)
        made = Tool(
            function, called, system, effect, idempotent, preview, arguments, TypeAdapter(hints["return"]),
            IDEMPOTENCY_KEY in parameters, check, undo, hints["return"], confirm, marks_of(hints["return"]),
            () if effect == "read" else tracked_arguments({name: hints[name] for name in fields}),
            CREDENTIAL in parameters, _is_personal(called, arguments, hints["return"]), reach,
        )  # fmt: skip
        refuse_inconsistent(made)
        _refuse_another(called, function)
        TOOLS[called] = made
        return made

    return define


def _is_personal(name: str, arguments: type[BaseModel], result: Any) -> bool:
    try:
        return holds_personal(arguments) or holds_personal(result)
    except TypeError as error:
        raise MissionMisdefined(f"The tool {name}: {error}") from error


def _refuse_another(name: str, function: Callable[..., Any]) -> None:
    """Refuse a second tool of a name: law and mandates speak by name, and would speak of whichever came last."""
    known = TOOLS.get(name)
    if known is None:
        return
    was, now = known.function, function
    if (was.__module__, was.__qualname__) != (now.__module__, now.__qualname__):
        raise MissionMisdefined(
            f"Two tools are called {name}, {was.__module__}.{was.__qualname__} and "
            f"{now.__module__}.{now.__qualname__}; "
            "law and mandates know tools by name, so give one of them another.",
        )
