"""The registry: which agents exist, who answers for them, and what they may touch."""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

from pydantic import Field, TypeAdapter, ValidationError, model_validator

from gonogo.dependencies import UNDECLARED, Dependency
from gonogo.errors import PolicyBroken
from gonogo.evidence.canon import payload_bytes, sha256_hex
from gonogo.model import MICROS_PER_UNIT, Budget, Cap, Caps, Noun, Tier, Unit, Usd
from gonogo.policy.limits import Monitoring, read_monitoring
from gonogo.policy.texts import read_section

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path


T = TypeVar("T")


class Sampling(Noun):
    """Which share of what an agent does alone a person looks at, and when."""

    percent: Annotated[int, Field(ge=1, le=100)]
    """How many of a hundred changes; which ones is drawn from the run's evidence and cannot be foreseen."""
    sample: Literal["before", "after"] = "after"
    """Held until somebody said go, or done and reviewed later."""
    reviewer: str = "sample-reviewer"
    """The role that reviews; for ``before`` the law names it."""
    review_days: Annotated[int, Field(ge=1, le=366)] = 14
    """By when a review is due; a late one still counts."""


class Confidence(Noun):
    """Below what an agent's own word for how sure it is makes the mission wait for a person."""

    field: str
    """The field of the agent's output that holds it: a whole number from 0 to 100."""
    least_pct: Annotated[int, Field(ge=0, le=100)]


class Delegates(Noun):
    """To whom an agent may hand work, and how much of it."""

    to: tuple[str, ...]
    """Registered agents; it may hand nothing to anybody else."""
    depth: Annotated[int, Field(ge=1, le=16)] = 1
    """How many hand-overs may lie between it and whoever does the work; 1 = its specialists hand nothing on."""
    fan_out: Annotated[int, Field(ge=1, le=1_000)] = 8
    """How many pieces of work it may hand over in one turn."""


class AgentCard(Noun):
    """What is registered of an agent; without it the agent does not start."""

    version: str
    owner: str
    deputy: str
    mandate: str
    """One sentence: what it is for, and what it never does."""
    tools: tuple[str, ...]
    data_classes: tuple[str, ...] = ()
    tier: Tier
    sampling: Sampling | None = None
    """Needed for, and only for, the tier execute_with_sampling."""
    confidence: Confidence | None = None
    """Where the output says how sure the agent is, and how sure it has to be."""
    budget: Budget = Budget()
    escalation: str
    """The role that takes over where the agent must not go on."""
    fallback_models: tuple[str, ...] | None = None
    """Models it falls back on, in order, as ``provider:name``; those of ``GONOGO_FALLBACK_MODELS``, if not given."""
    delegates: Delegates | None = None
    """To whom it may hand work; nobody, if not given."""

    @model_validator(mode="after")
    def _is_sampled_as_its_tier_says(self) -> AgentCard:
        if (self.tier == "execute_with_sampling") != (self.sampling is not None):
            raise ValueError("sampling belongs to the tier execute_with_sampling, which needs it, and to no other")
        return self

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything registered."""
        return sha256_hex(payload_bytes(self.model_dump(mode="json", exclude_none=True)))


class Price(Noun):
    """The price of a model that no public list knows, in US dollars per million tokens."""

    input_usd_per_million: Annotated[Decimal, Field(ge=0)]
    output_usd_per_million: Annotated[Decimal, Field(ge=0)]
    basis: Literal["declared", "notional"]
    """``declared``: what we really pay. ``notional``: nobody is billed; it rehearses the budget."""
    why: str


class DayBudget(Caps):
    """What all runs of a mission, or all work of an agent, may use in one day (UTC), in every process together."""

    usd: Usd | None = None
    actions: Cap = None

    def limits(self) -> dict[Unit, int]:
        """Return every cap that binds, by its unit."""
        found: dict[Unit, int] = dict(super().limits())
        if self.usd is not None:
            found["usd_micros"] = int(self.usd * MICROS_PER_UNIT)
        if self.actions is not None:
            found["actions"] = self.actions
        return found


class DayBudgets(Noun):
    """What missions and agents may use in a day, over all their runs and processes."""

    missions: dict[str, DayBudget] = Field(default_factory=dict[str, DayBudget])
    agents: dict[str, DayBudget] = Field(default_factory=dict[str, DayBudget])


class Registry(Noun):
    """Every registered agent and declared price, budgets of a day, what is declared of dependencies, and limits."""

    agents: dict[str, AgentCard]
    prices: dict[str, Price]
    monitors: Monitoring = Monitoring()
    """What counts as abnormal, for everybody and for single agents."""
    dependencies: dict[str, Dependency] = Field(default_factory=dict[str, Dependency])
    days: DayBudgets = DayBudgets()

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything registered and declared."""
        return sha256_hex(payload_bytes(self.model_dump(mode="json", exclude_none=True)))

    def card(self, name: str) -> AgentCard:
        """Return an agent's card.

        Raises:
            PolicyBroken: nobody registered it, so it does not start.

        """
        found = self.agents.get(name)
        if found is None:
            msg = (
                f"The agent {name} is not registered, so it does not start. Register it in policies/agents.yaml "
                f"(registered: {', '.join(sorted(self.agents)) or 'none'})."
            )
            raise PolicyBroken(msg)
        return found

    def demoted(self, names: Collection[str]) -> Registry:
        """Return the registry in which these agents propose what they else would do; the same, if there are none.

        An agent below that stays where it is; a name nobody registered is nobody.
        """
        lower = {
            name: AgentCard.model_validate({**_fields(card), "tier": "propose", "sampling": None})
            for name, card in self.agents.items()
            if name in names and card.tier not in {"observe", "propose"}
        }
        return Registry.model_validate({**_fields(self), "agents": {**self.agents, **lower}}) if lower else self

    def dependency(self, name: str) -> Dependency:
        """Return what is declared of a system or provider; what holds for all of them, if nothing is."""
        return self.dependencies.get(name, UNDECLARED)


def _fields(noun: Noun) -> dict[str, Any]:
    """Return a noun's fields, to make another of; a copy would keep the digests that stand beside them."""
    return {name: getattr(noun, name) for name in type(noun).model_fields}


def read_registry(folder: Path) -> Registry:
    """Read ``agents.yaml``, ``prices.yaml``, and whichever of the other registers is there.

    Those are ``monitors.yaml``, ``dependencies.yaml`` and ``budgets.yaml``.

    Raises:
        PolicyBroken: a file is missing or wrong; the message names the file and the field.

    """
    agents = _read(folder / "agents.yaml", "agents", TypeAdapter(dict[str, AgentCard]))
    for name, card in agents.items():
        strangers = () if card.delegates is None else tuple(each for each in card.delegates.to if each not in agents)
        if strangers:
            raise PolicyBroken(
                f"{folder / 'agents.yaml'}: agents.{name}.delegates.to names {', '.join(strangers)}, "
                "whom nobody registered; register them, or take them out."
            )
    return Registry(
        agents=agents,
        prices=_read(folder / "prices.yaml", "prices", TypeAdapter(dict[str, Price])),
        monitors=read_monitoring(folder, agents),
        dependencies=_dependencies(folder / "dependencies.yaml"),
        days=_days(folder / "budgets.yaml", agents),
    )


def _days(path: Path, agents: dict[str, AgentCard]) -> DayBudgets:
    if not path.exists():
        return DayBudgets()
    days = _read(path, "days", TypeAdapter(DayBudgets))
    unknown = sorted(days.agents.keys() - agents.keys())
    if unknown:
        raise PolicyBroken(f"{path}: days.agents.{unknown[0]}: no such agent is registered in agents.yaml.")
    return days


def _dependencies(path: Path) -> dict[str, Dependency]:
    # Every field has a value that holds where nothing is declared, so nothing has to be.
    return _read(path, "dependencies", TypeAdapter(dict[str, Dependency])) if path.exists() else {}


def _read(path: Path, name: str, adapter: TypeAdapter[T]) -> T:
    try:
        return adapter.validate_python(read_section(path, name))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, (name, *first["loc"])))
        raise PolicyBroken(f"{path}: {where}: {first['msg']}.") from error
