"""The registry: which agents exist, who answers for them, and what they may touch."""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar, cast

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from gonogo.errors import PolicyBroken
from gonogo.evidence.canon import payload_bytes, sha256_hex
from gonogo.model import Budget, Noun, Tier

if TYPE_CHECKING:
    from pathlib import Path


T = TypeVar("T")


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
    budget: Budget = Budget()
    escalation: str
    """The role that takes over where the agent must not go on."""
    delegates: Delegates | None = None
    """To whom it may hand work; nobody, if not given."""

    @property
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


class Registry(Noun):
    """Every registered agent and every declared price."""

    agents: dict[str, AgentCard]
    prices: dict[str, Price]

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


def read_registry(folder: Path) -> Registry:
    """Read ``agents.yaml`` and ``prices.yaml``.

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
    )


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
