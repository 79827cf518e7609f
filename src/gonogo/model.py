"""The nouns, and the closed vocabularies they speak. Imports nothing else of gonogo."""

from __future__ import annotations

from decimal import Decimal
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Union, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

MICROS_PER_UNIT = 1_000_000
"""Money is whole micro-units (millionths) of its currency, in evidence and in arithmetic."""

FailureClass = Literal[
    "tool_failure",
    "policy_block",
    "model_refusal",
    "data_mismatch",
    "timeout",
    "budget_exceeded",
    "aborted",
    "approval_denied",
    "approval_expired",
    "dependency_open",
    "internal",
]
"""Why something failed. Closed: reports group by it."""

Answer = Literal["go", "no_go", "revise"]
"""A gate's answers: do exactly this, do not, or propose something else."""

Asking = Literal["action", "doubt", "failure", "proposal", "review", "glass"]
"""What a gate is about: may it happen, did it, what of a step that failed, a proposal, a sample, an emergency."""

Verdict = Literal["allow", "deny", "gate"]
"""Policy's rulings: runs alone, never runs, runs when a person says go."""

Effect = Literal["read", "write", "irreversible"]
"""What a tool does to the world: nothing, something that can be undone, something that cannot."""

Tier = Literal["observe", "propose", "execute_with_approval", "execute_within_limits", "execute_with_sampling"]
"""How much an agent may do alone, least first."""

RunStatus = Literal["flying", "waiting", "done", "no_go", "aborted", "failed"]
"""Where a run is. The last four are final."""

Lane = Literal["mission", "batch", "local", "rehearsal"]
"""Who schedules: a Prefect flow run of its own, a batch, this process alone, or a test."""

Door = Literal["cli", "prefect", "dashboard", "deadline", "rehearsal", "driver"]
"""Where an answer or an event came in."""

Proof = Literal["unproven", "clock", "totp", "oidc", "signature"]
"""What vouches for an answer: a typed name (low risk in ``dev`` only), the deadline, which only says no, the code
of an authenticator app, a sign-in at an OpenID provider, or a signature by an enrolled key."""

Environment = Literal["dev", "test", "prod"]

Path = Literal["outcome", "requeue", "escalate", "terminate"]
"""Where a run goes from its end: its outcome says; it flies again later; a person takes over; it is over."""

Declared = Literal["requeue", "escalate", "terminate"]
"""What a mission or a step may declare for a failure."""

PATHS: dict[FailureClass, Declared] = {
    "tool_failure": "escalate",
    "policy_block": "terminate",
    "model_refusal": "escalate",
    "data_mismatch": "escalate",
    "timeout": "requeue",
    "budget_exceeded": "escalate",
    "aborted": "terminate",
    "approval_denied": "terminate",
    "approval_expired": "terminate",
    "dependency_open": "requeue",
    "internal": "escalate",
}
"""The path of each failure class where neither mission nor step declares another."""

FINAL: frozenset[str] = frozenset({"done", "no_go", "aborted", "failed"})
"""The run states nothing follows."""


class Noun(BaseModel):
    """A frozen fact: equal by value, closed to unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Measure:
    """Marks an integer or boolean field of an outcome as a number the warehouse should keep.

    ``Annotated[int, Measure("seconds")]`` lands in the table ``measures`` with its unit; ``None``
    means it was not measured, and is left out rather than counted as zero. On a field that may hold
    anything but whole numbers it is refused when the class is made: evidence has no fractions, and
    cutting one off unseen would be a wrong number. Choose a unit in which it is whole.
    """

    def __init__(self, unit: str) -> None:
        self.unit = unit


class Content:
    """Marks text that an outsider may have written, or that is only text: no target and no amount.

    On an argument of a tool (``Annotated[str, Content()]``): it says what is written, not where
    anything goes, so nobody asks where it came from. On a field of a result, a case or an event:
    whoever wrote it is not trusted, so a value that stands only there is not, either.
    """


class Trusted:
    """Marks a tool's result as the house's own: ``-> Annotated[Cover, Trusted()]``.

    Nobody outside can write what it returns (fields marked :class:`Content` excepted), so its values
    count as if they had been asked for.
    """


def _is_whole(annotation: object) -> bool:
    """Whether a type holds whole numbers, flags and ``None`` only."""
    origin, inner = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _is_whole(inner[0])
    if origin in {Union, UnionType}:
        return all(map(_is_whole, inner))
    if origin is Literal:
        return all(value is None or isinstance(value, int) for value in inner)
    return isinstance(annotation, type) and issubclass(annotation, int | NoneType)


class Outcome(Noun):
    """What a mission returns: a closed ``outcome``, which of its words are success, and measures.

    Subclasses declare ``outcome`` as a ``Literal`` and name ``successes`` and ``escalations``
    (handed to a person by rule, not by failure) among its words; a word outside is refused when
    the class is made.
    """

    outcome: Any
    """Subclasses say which words; ``Any`` only so that they may."""
    successes: ClassVar[frozenset[str]] = frozenset()
    escalations: ClassVar[frozenset[str]] = frozenset()

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse an outcome class whose words do not close."""
        super().__pydantic_init_subclass__(**kwargs)
        words = cls.vocabulary()
        stray = (cls.successes | cls.escalations) - words
        if not words or stray:
            msg = (
                f"{cls.__name__}.outcome must be a Literal that contains its successes and "
                f"escalations; {sorted(stray) or 'it is not a Literal'} does not fit. "
                "Write outcome: Literal[...] and keep both sets within it."
            )
            raise TypeError(msg)
        for name, field in cls.model_fields.items():
            if any(isinstance(mark, Measure) for mark in field.metadata) and not _is_whole(field.annotation):
                msg = (
                    f"{cls.__name__}.{name} is measured and may hold something other than whole numbers. Make it an "
                    "int in a unit in which it is whole (cents, seconds, percent, parts per million), or a bool."
                )
                raise TypeError(msg)

    @classmethod
    def vocabulary(cls) -> frozenset[str]:
        """Return every word ``outcome`` may be; empty when it is not a Literal."""
        annotation = cls.model_fields["outcome"].annotation
        return frozenset(get_args(annotation)) if get_origin(annotation) is Literal else frozenset()

    @property
    def is_success(self) -> bool:
        """Whether the mission reached what it exists for."""
        return self.outcome in self.successes

    @property
    def is_escalated(self) -> bool:
        """Whether the case was handed to a person by rule."""
        return self.outcome in self.escalations

    def measures(self) -> list[dict[str, Any]]:
        """Return the marked fields that were measured, as ``{name, value, unit}``, value an int."""
        found: list[dict[str, Any]] = []
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            found += [
                {"name": name, "value": int(value), "unit": mark.unit}
                for mark in field.metadata
                if isinstance(mark, Measure) and value is not None
            ]
        return found


Unit = Literal[
    "usd_micros", "tokens", "model_calls", "tool_calls", "actions", "seconds",
    "records", "recipients", "amount_cents", "systems",
]  # fmt: skip
"""What budgets count; the last four are the blast radius. All are whole numbers."""

CAP_MAX = 10**15
"""No cap is larger: sums of many stay within 64 bits."""

Cap = Annotated[int | None, Field(ge=0, le=CAP_MAX)]


def _no_float_money(value: object) -> object:
    if isinstance(value, float):
        msg = f'money is written as text: usd="{value}", not a float'
        raise ValueError(msg)  # noqa: TRY004 - pydantic turns ValueError, not TypeError, into its report
    return value


Usd = Annotated[Decimal, BeforeValidator(_no_float_money), Field(ge=0, le=CAP_MAX // MICROS_PER_UNIT)]
"""US dollars, written as text (``"2.00"``) so that no float ever holds money."""


class Caps(Noun):
    """Caps on what adds up; one that is not given does not bind."""

    tokens: Cap = None
    """Tokens of models, both ways."""
    model_calls: Cap = None
    tool_calls: Cap = None
    records: Cap = None
    """Records that tools change, as each tool declares them with ``reach``."""
    recipients: Cap = None
    """People and places that tools write or pay to."""
    amount_cents: Cap = None
    """Money that tools move, in minor units; currencies are not told apart."""

    def limits(self) -> dict[Unit, int]:
        """Return every cap that binds, by its unit."""
        names: tuple[Unit, ...] = ("tokens", "model_calls", "tool_calls", "records", "recipients", "amount_cents")
        found: dict[Unit, int | None] = {name: getattr(self, name) for name in names}
        return {name: cap for name, cap in found.items() if cap is not None}


class Budget(Caps):
    """What one run may use: money for models, actions (tool calls that change something), and more if given.

    Everything is reserved before a call and settled after. A cap that is reached refuses the next
    call with ``BudgetExceeded``; nothing of it was done.
    """

    usd: Usd = Decimal(1)
    actions: Annotated[int, Field(ge=0, le=CAP_MAX)] = 25
    seconds: Cap = None
    """Time in the air: waiting at gates and for events does not count. A call in flight is ended when it is over."""
    systems: Cap = None
    """Different systems of record in which something is changed."""

    if TYPE_CHECKING:

        def __init__(
            self,
            *,
            usd: Decimal | str = ...,
            actions: int = ...,
            tokens: int | None = ...,
            model_calls: int | None = ...,
            tool_calls: int | None = ...,
            seconds: int | None = ...,
            records: int | None = ...,
            recipients: int | None = ...,
            amount_cents: int | None = ...,
            systems: int | None = ...,
        ) -> None: ...

    @property
    def usd_micros(self) -> int:
        """The money cap in millionths of a US dollar."""
        return int(self.usd * MICROS_PER_UNIT)

    def limits(self) -> dict[Unit, int]:
        """Return every cap that binds, by its unit; without ``seconds`` and ``systems``, which do not add up."""
        return {"usd_micros": self.usd_micros, "actions": self.actions, **super().limits()}

    def told(self) -> dict[str, int]:
        """Return every cap as the evidence carries it."""
        rest = {"seconds": self.seconds, "systems": self.systems}
        return {**self.limits(), **{name: cap for name, cap in rest.items() if cap is not None}}


class Charter(Noun):
    """What a mission is before it flies: name, owner, scope, budget, service level, law."""

    name: str
    owner: str
    scope: tuple[str, ...]
    budget: Budget
    sla_seconds: int | None = None
    """Time from start to outcome that counts as kept; ``None`` where the mission measures it."""
    on_failure: dict[FailureClass, Declared] = Field(default_factory=dict[FailureClass, Declared])
    """Its own path for a failure class; :data:`PATHS` for the others."""
    safe_state: str = ""
    """How the systems of record stand when a run is halted in its middle, and who sees to the rest; one sentence."""
    description: str = ""
    digest: str = ""
    """SHA-256 of the mission's source file: the "should" in force."""
