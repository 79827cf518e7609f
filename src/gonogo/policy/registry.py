"""The registry: which agents exist, who answers for them, and what they may touch."""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, cast

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from gonogo.errors import PolicyBroken
from gonogo.evidence.canon import payload_bytes, sha256_hex
from gonogo.model import MICROS_PER_UNIT, Budget, Cap, Caps, Noun, Tier, Unit, Usd

if TYPE_CHECKING:
    from pathlib import Path


T = TypeVar("T")


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
    budget: Budget = Budget()
    escalation: str
    """The role that takes over where the agent must not go on."""

    @property
    def digest(self) -> str:
        """SHA-256 of everything registered."""
        return sha256_hex(payload_bytes(self.model_dump(mode="json")))


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
    """Every registered agent, every declared price, and every budget of a day."""

    agents: dict[str, AgentCard]
    prices: dict[str, Price]
    days: DayBudgets = DayBudgets()

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything registered and declared."""
        return sha256_hex(payload_bytes(self.model_dump(mode="json")))

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


def read_registry(folder: Path) -> Registry:
    """Read ``agents.yaml`` and ``prices.yaml``, and ``budgets.yaml`` where there is one.

    Raises:
        PolicyBroken: a file is missing or wrong; the message names the file and the field.

    """
    agents = _read(folder / "agents.yaml", "agents", TypeAdapter(dict[str, AgentCard]))
    prices = _read(folder / "prices.yaml", "prices", TypeAdapter(dict[str, Price]))
    path = folder / "budgets.yaml"
    if not path.exists():
        return Registry(agents=agents, prices=prices)
    days = _read(path, "days", TypeAdapter(DayBudgets))
    unknown = sorted(days.agents.keys() - agents.keys())
    if unknown:
        raise PolicyBroken(f"{path}: days.agents.{unknown[0]}: no such agent is registered in agents.yaml.")
    return Registry(agents=agents, prices=prices, days=days)


class _OnceEach(yaml.SafeLoader):
    """Refuses a key that is written twice, as YAML demands: the later mandate would win unseen."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT002 - PyYAML's signature
        """Return a mapping whose keys are all different."""
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.YAMLError(f"{key.value} is written twice, again in line {key.start_mark.line + 1}")
            if isinstance(key, yaml.ScalarNode):
                seen.add(key.value)
        return super().construct_mapping(node, deep=deep)


def _section(path: Path, name: str) -> object:
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _OnceEach)  # noqa: S506 - a SafeLoader
    except UnicodeDecodeError as error:
        raise PolicyBroken(f"{path} cannot be read ({error}); it is text, in UTF-8.") from error
    except OSError as error:
        raise PolicyBroken(f"{path} cannot be read ({error.strerror}); every mission needs it.") from error
    except yaml.YAMLError as error:
        raise PolicyBroken(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict) or name not in content:
        raise PolicyBroken(f"{path} must have the top-level key '{name}'.")
    return cast("dict[str, Any]", content)[name]


def _read(path: Path, name: str, adapter: TypeAdapter[T]) -> T:
    try:
        return adapter.validate_python(_section(path, name))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, (name, *first["loc"])))
        raise PolicyBroken(f"{path}: {where}: {first['msg']}.") from error
