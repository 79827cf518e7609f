"""The limits of the monitors: what counts as abnormal, and how far the switch reaches then. Declared, reviewed text."""

from __future__ import annotations

from datetime import time
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, ValidationError, field_validator, model_validator

from gonogo.errors import PolicyBroken
from gonogo.evidence.canon import payload_bytes, sha256_hex
from gonogo.model import MICROS_PER_UNIT, Noun
from gonogo.policy.texts import read_section, read_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Measure = Literal["off", "flag", "halt"]
"""What a monitor does about what it finds: nothing, evidence with an owner, or the kill switch."""

Reach = Literal["run", "agent", "mission"]
"""What a halt stops: this run, every run the agent acts in, every run of the mission."""

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

WINDOW_SECONDS_MAX = 86_400
"""The longest rolling window: a day."""

_WHOM = (
    "payee", "recipient", "recipients", "to", "cc", "email", "address", "iban", "account", "counterparty", "signatory",
)  # fmt: skip
_SUMS = ("amount", "amount_cents", "cents", "value_cents", "amount_micros", "sum_cents")

Count = Annotated[int, Field(ge=1)]
Window = Annotated[int, Field(ge=1, le=WINDOW_SECONDS_MAX)]


class Limit(Noun):
    """What every limit says."""

    action: Measure = "halt"
    reach: Reach = "run"


class SpendLimit(Limit):
    """Money and tokens of model calls in a rolling window."""

    over: Reach = "run"
    """What they are added up over: one agent in one run, an agent or a mission over all its runs in a process."""
    window_seconds: Window = 60
    usd: Annotated[Decimal, Field(ge=0)] | None = None
    """At most so much in a window; ``None`` declares no limit."""
    tokens: Annotated[int, Field(ge=0)] | None = None
    """At most so many in a window, both ways."""
    rise_percent: Count | None = 500
    """So much above the baseline's peak is abnormal: 500 means six times the peak. ``None`` compares with nothing."""

    @field_validator("usd", mode="before")
    @classmethod
    def _no_float_money(cls, value: object) -> object:
        if isinstance(value, float):
            msg = f'money is written as text: usd: "{value}", not a float'
            raise ValueError(msg)  # noqa: TRY004 - pydantic turns ValueError, not TypeError, into its report
        return value

    @model_validator(mode="after")
    def _compares_runs_with_runs(self) -> SpendLimit:
        if self.rise_percent is not None and self.over != "run":
            raise ValueError("rise_percent compares a run with earlier runs, so it goes with over: run only")
        return self

    @property
    def micros(self) -> int | None:
        """The declared money in micro-USD."""
        return None if self.usd is None else int(self.usd * MICROS_PER_UNIT)


class LoopLimit(Limit):
    """One call, or a short cycle of calls, again and again with identical arguments."""

    repeats: Count = 5
    """So often in a row one identical call may be made; the next one is not made any more."""
    cycle_length: Annotated[int, Field(ge=1, le=16)] = 4
    """Cycles up to this many calls are recognised."""
    cycle_repeats: Count = 4
    """So often in a row one identical cycle may be gone through."""


class ProgressLimit(Limit):
    """Operations that brought nothing new: no result not seen before, no change not made before."""

    operations: Count = 40


class CircleLimit(Limit):
    """Work that is handed back to somebody through whose hands it came; earlier hand-overs are flagged."""

    handovers: Count = 2


class BoundsLimit(Limit):
    """Calls outside the mandate of the agent or the scope of the mission; earlier ones are flagged."""

    calls: Count = 2


class BlocksLimit(Limit):
    """Calls that the law refused, in a rolling window."""

    blocks: Count = 5
    window_seconds: Window = 600


class MixLimit(Limit):
    """A tool the agent never used before, or used far more often in one run than ever before."""

    action: Measure = "flag"
    times: Count = 3
    """So many times the most calls in any run before."""


class RecipientsLimit(Limit):
    """Recipients of changes that the agent never had to do with before, counted by UTC day."""

    action: Measure = "flag"
    reach: Reach = "agent"
    arguments: tuple[str, ...] = _WHOM
    """Names of tool arguments that hold one recipient or a list of them."""
    new_per_day: Annotated[int, Field(ge=0)] = 1_000


class AmountsLimit(Limit):
    """Amounts of changes, in the unit the tool's argument has."""

    action: Measure = "flag"
    arguments: tuple[str, ...] = _SUMS
    """Names of tool arguments that hold an amount as a whole number."""
    most: Annotated[int, Field(ge=0)] | None = None
    """At most so much at once; ``None`` declares no limit."""
    times: Count = 3
    """So many times the largest amount before is abnormal."""


class HoursLimit(Limit):
    """When changes may be made; without hours nothing is watched."""

    action: Measure = "flag"
    begin: time | None = None
    end: time | None = None
    days: tuple[Day, ...] = DAYS
    timezone: str = "UTC"

    @field_validator("begin", "end", mode="before")
    @classmethod
    def _is_written_as_text(cls, value: object) -> object:
        if value is not None and not isinstance(value, str | time):
            # YAML reads 22:00 without quotes as the number 1320.
            msg = 'a time of day is written in quotes, as "22:00"'
            raise ValueError(msg)
        return value

    @field_validator("timezone")
    @classmethod
    def _is_a_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            msg = f"{name} is no time zone of the IANA database, such as Europe/Berlin"
            raise ValueError(msg) from error
        return name

    @model_validator(mode="after")
    def _has_both_ends(self) -> HoursLimit:
        if (self.begin is None) != (self.end is None) or not self.days:
            raise ValueError("hours have a begin, an end and at least one day")
        return self


class Limits(Noun):
    """Every monitor and its limit, for one agent or for whoever has none of its own."""

    history_runs: Count = 20
    """With fewer earlier runs of an agent nothing is compared with its baseline; only declared limits hold."""
    spend_velocity: SpendLimit = SpendLimit(usd=Decimal(5), tokens=2_000_000)
    agent_spend: SpendLimit = SpendLimit(over="agent", reach="agent", usd=Decimal(50), rise_percent=None)
    mission_spend: SpendLimit = SpendLimit(over="mission", reach="mission", usd=Decimal(100), rise_percent=None)
    loop: LoopLimit = LoopLimit()
    no_progress: ProgressLimit = ProgressLimit()
    circular_delegation: CircleLimit = CircleLimit()
    out_of_bounds: BoundsLimit = BoundsLimit()
    policy_blocks: BlocksLimit = BlocksLimit()
    tool_mix: MixLimit = MixLimit()
    recipients: RecipientsLimit = RecipientsLimit()
    amounts: AmountsLimit = AmountsLimit()
    hours: HoursLimit = HoursLimit()


class Monitoring(Noun):
    """The limits in force."""

    everybody: Limits = Limits()
    agents: dict[str, Limits] = Field(default_factory=dict[str, Limits])
    """Limits of agents that have some of their own; what they do not name is everybody's."""

    @cached_property
    def digest(self) -> str:
        """SHA-256 of every limit in force."""
        return sha256_hex(payload_bytes(self.model_dump(mode="json")))

    def of(self, principal: str) -> Limits:
        """Return the limits of an agent, or of a mission that acts on its own mandate."""
        return self.agents.get(principal, self.everybody)


def read_monitoring(folder: Path, registered: Mapping[str, object]) -> Monitoring:
    """Read ``monitors.yaml``; where there is none, the defaults hold.

    Raises:
        PolicyBroken: it does not hold, or names an agent that nobody registered; the message names
            the file and the field. Nothing starts.

    """
    path = folder / "monitors.yaml"
    if not path.exists():
        return Monitoring()
    content = read_text(path)
    stray = [str(name) for name in content if name not in {"monitors", "agents"}]
    if stray:
        raise PolicyBroken(f"{path}: {stray[0]}: is none of its sections, which are monitors and agents.")
    declared = _words(path, "monitors", read_section(path, "monitors", content))
    everybody = _limits(path, "monitors", declared)
    agents: dict[str, Limits] = {}
    for name, own in _words(path, "agents", content.get("agents", {})).items():
        if name not in registered:
            raise PolicyBroken(f"{path}: agents.{name}: nobody registered this agent in agents.yaml.")
        agents[name] = _limits(path, f"agents.{name}", _merged(path, f"agents.{name}", declared, own))
    return Monitoring(everybody=everybody, agents=agents)


def _words(path: Path, where: str, value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise PolicyBroken(f"{path}: {where}: holds names and what they stand for, not {type(value).__name__}.")
    return cast("dict[str, Any]", value)


def _merged(path: Path, where: str, base: dict[str, Any], own: object) -> dict[str, Any]:
    """Lay an agent's own fields over everybody's, field by field."""
    merged = dict(base)
    for name, value in _words(path, where, own).items():
        under = merged.get(name)
        is_both = isinstance(under, dict) and isinstance(value, dict)
        merged[name] = {**cast("dict[str, Any]", under), **cast("dict[str, Any]", value)} if is_both else value
    return merged


def _limits(path: Path, where: str, declared: dict[str, Any]) -> Limits:
    """Lay what is declared over the defaults; a monitor that is named keeps the defaults of what it leaves out."""
    defaults = Limits()
    for name, value in declared.items():
        if isinstance(value, dict) and isinstance(own := getattr(defaults, name, None), Limit):
            declared = {**declared, name: {**own.model_dump(), **cast("dict[str, Any]", value)}}
    try:
        return Limits.model_validate(declared)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, (where, *first["loc"])))
        raise PolicyBroken(f"{path}: {field}: {first['msg']}.") from error
