"""Assumptions: what the numbers need and no evidence can say, declared in ``policies/assumptions.yaml``.

Every value has a source and a date, the file has a version and a standing, and each snapshot names
the digest of the file it was computed with. A file that is missing or does not hold assumes nothing:
evidence still lands, and every number that needs it is null. Nothing is assumed by default.
"""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple, Self, cast

from pydantic import Field, ValidationError, model_validator

from analytics.calendars import Calendar
from analytics.told import Told
from gonogo.errors import PolicyBroken
from gonogo.model import MICROS_PER_UNIT, Noun, Usd
from gonogo.policy.texts import parse_text

if TYPE_CHECKING:
    from pathlib import Path

FILE = "assumptions.yaml"

Money = Usd
"""An amount in the file's currency, written as text: no float ever holds money."""

Percent = Annotated[int, Field(ge=0, le=100)]
Minutes = Annotated[int, Field(ge=0, le=100_000)]

Standing = Literal["example", "declared"]
"""example: shipped with gonogo, nobody answers for it. declared: somebody does."""

UNASSIGNED = "unassigned"
"""The business unit of a mission that nobody assigned."""

ROLLBACK_SUFFIX = "_rollback"
"""A rollback flies as a mission of its own: it costs what its mission's runs cost, and replaces no work of people."""

_MINUTES_PER_HOUR = 60
_MS_PER_MINUTE = 60_000


class Finance(Told):
    """What Finance says."""

    discount_percent_per_year: Annotated[Decimal, Field(ge=0, le=100)]


class Manual(Told):
    """A case by hand."""

    minutes: Minutes
    wage_per_hour: Money
    """With everything on top of the wage."""
    other_per_case: Money = Decimal(0)
    """Tools, rework and errors of a case by hand."""

    @property
    def micros(self) -> int:
        """What a case costs, in millionths, half rounded up."""
        return micros(self.wage_per_hour * self.minutes / _MINUTES_PER_HOUR + self.other_per_case)


class Rules(Told):
    """The same work by rule-based automation."""

    cost_per_case: Money
    handled_percent: Percent
    """Share of cases that rules alone could handle."""


class Review(Told):
    """People who answer at gates and look at samples."""

    minutes_per_answer: Minutes
    """Active time; an answer never counts longer than its gate stood open."""
    wage_per_hour: Money


class ToolFees(Told):
    """What calls of tools cost, by the tool's name."""

    per_call: dict[str, Money]
    """Part of what ``platform`` counts for a run, so it is in no full cost a second time."""


class Platform(Told):
    """Infrastructure, tools' fees, oversight and on-call, for one run."""

    cost_per_run: Money


class Value(Told):
    """Which part of the manual cost that a success replaces is money, and on which line. What is left over is hours."""

    cash_percent: Percent = 0
    """Spend that stops."""
    cash_reference: str | None = None
    """Where the ledger shows it; a share without one is refused."""
    avoidance_percent: Percent = 0
    """Approved, budgeted spend that is not made."""
    avoidance_reference: str | None = None
    """The budget line; a share without one is refused."""
    redeployed_percent: Percent = 0
    """Share of the hours left over that is shown to be used for other work."""
    redeployed_reference: str | None = None
    """What shows it; a share without one is refused."""

    @model_validator(mode="after")
    def _has_references(self) -> Self:
        if self.cash_percent + self.avoidance_percent > 100:  # noqa: PLR2004 - all of it
            raise ValueError("cash_percent and avoidance_percent are shares of one cost and come to more than 100")
        for line in ("cash", "avoidance", "redeployed"):
            if getattr(self, f"{line}_percent") and not getattr(self, f"{line}_reference"):
                raise ValueError(f"{line}_percent needs a {line}_reference that shows it")
        return self


class Plan(Told):
    """What a mission was and will be spent on, and how many cases it gets."""

    investment: Money
    """Spent once, before the first case."""
    change_per_month: Money = Decimal(0)
    """Spent on changing it, each month."""
    cases_per_month: Annotated[int, Field(ge=1, le=10**9)]
    spread_percent: Annotated[int, Field(ge=0, le=90)] = 0
    """How far cases and prices may lie from plan, either way."""
    adoption_percent: Annotated[int, Field(ge=1, le=100)] = 100
    """Least share of the cases that will come to the mission; up to all of them may."""
    months: Annotated[int, Field(ge=1, le=240)] = 36
    """How far the plan looks."""


class Holdout(Told):
    """Cases that chance sets aside for people, so that the baseline is measured and not declared."""

    outcome: str
    """The mission's outcome word for a case that was set aside."""
    measure: str
    """The measure, in seconds, of how long a person needed for it."""


class Terms(Noun):
    """What is assumed of one mission; nothing of what is left out."""

    business_unit: Annotated[str, Field(min_length=1)] = UNASSIGNED
    okr: str | None = None
    points: Annotated[int, Field(ge=0, le=1_000)] | None = None
    rework_days: Annotated[int, Field(ge=1, le=3_660)] | None = None
    manual: Manual | None = None
    rules: Rules | None = None
    review: Review | None = None
    platform: Platform | None = None
    value: Value | None = None
    plan: Plan | None = None
    holdout: Holdout | None = None


class Assumptions(Noun):
    """The whole file."""

    version: Annotated[int, Field(ge=1)]
    standing: Standing
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]
    finance: Finance | None = None
    tool_fees: ToolFees | None = None
    calendar: Calendar | None = None
    """Business hours, for service levels that count in them."""
    missions: dict[str, Terms] = Field(default_factory=dict[str, Terms])

    def terms(self, mission: str) -> Terms:
        """Return what is assumed of a mission; a rollback has the costs of its mission, and no worth."""
        own = self.missions.get(mission)
        if own is not None:
            return own
        base = self.missions.get(mission.removesuffix(ROLLBACK_SUFFIX))
        if base is None:
            return Terms()
        return Terms(business_unit=base.business_unit, okr=base.okr, review=base.review, platform=base.platform)


class Declared(NamedTuple):
    """The file as it was read, or what is wrong with it."""

    assumptions: Assumptions | None
    digest: str | None
    """SHA-256 of its bytes; ``None`` where there is no file."""
    fault: str | None
    """Why nothing is assumed, in one sentence."""

    @property
    def mark(self) -> str:
        """What changes with the file: numbers computed under another mark are stale."""
        return f"{self.digest} {self.fault}"


def read_assumptions(folder: Path) -> Declared:
    """Read ``assumptions.yaml`` of a policy folder; what does not hold is a fault and assumes nothing, never raised."""
    path = folder / FILE
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return Declared(None, None, f"{path} is not there")
    except OSError as error:
        return Declared(None, None, f"{path} cannot be read ({error.strerror})")
    return _declared(path, raw)


@lru_cache(maxsize=4)
def _declared(path: Path, raw: bytes) -> Declared:
    """Return what a file says; asked at every load, and parsed when it says something else."""
    digest = sha256(raw).hexdigest()
    try:
        return Declared(Assumptions.model_validate(parse_text(path, raw)), digest, None)
    except PolicyBroken as error:
        return Declared(None, digest, str(error))
    except ValidationError as error:
        first = error.errors()[0]
        return Declared(None, digest, f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}")


def micros(amount: Decimal) -> int:
    """Return an amount in millionths, half rounded up."""
    return int((amount * MICROS_PER_UNIT).quantize(Decimal(1), ROUND_HALF_UP))


def mission_row(assumptions: Assumptions | None, mission: str) -> dict[str, Any]:
    """Return a mission as a row of the table ``missions``."""
    terms = Terms() if assumptions is None else assumptions.terms(mission)
    manual, rules, review, platform, holdout = terms.manual, terms.rules, terms.review, terms.platform, terms.holdout
    replaces_nothing = manual is None and mission.endswith(ROLLBACK_SUFFIX) and platform is not None
    return {
        "mission": mission,
        "business_unit": terms.business_unit,
        "okr": terms.okr,
        "points": terms.points,
        "rework_days": terms.rework_days,
        "manual_minutes": None if manual is None else manual.minutes,
        "manual_micros": 0 if replaces_nothing else None if manual is None else manual.micros,
        "manual_micros_per_hour": None if manual is None else micros(manual.wage_per_hour),
        "manual_other_micros": None if manual is None else micros(manual.other_per_case),
        "rules_micros": None if rules is None else micros(rules.cost_per_case),
        "rules_handled_percent": None if rules is None else rules.handled_percent,
        "review_ms": None if review is None else review.minutes_per_answer * _MS_PER_MINUTE,
        "review_micros_per_hour": None if review is None else micros(review.wage_per_hour),
        "platform_micros": None if platform is None else micros(platform.cost_per_run),
        "holdout_outcome": None if holdout is None else holdout.outcome,
        "holdout_measure": None if holdout is None else holdout.measure,
        "currency": "" if assumptions is None else assumptions.currency,
        "standing": "undeclared" if assumptions is None or terms == Terms() else assumptions.standing,
    }


def assumption_rows(assumptions: Assumptions | None) -> list[dict[str, Any]]:
    """Return every assumption as a row of the table ``assumptions``, in the order of the file."""
    if assumptions is None:
        return []
    told = assumptions.model_dump(mode="json", exclude_none=True)
    missions = told.pop("missions")
    found = _rows(None, told)
    for mission, terms in missions.items():
        found += _rows(mission, terms)
    return found


def _rows(mission: str | None, told: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name, value in told.items():
        if not isinstance(value, dict):
            found.append({"mission": mission, "name": name, "value": str(value), "source": None, "as_of": None})
            continue
        group = cast("dict[str, Any]", value)
        source, as_of = group["source"], date.fromisoformat(group["as_of"])
        found += [
            {"mission": mission, "name": f"{name}.{field}", "value": str(each), "source": source, "as_of": as_of}
            for field, each in group.items()
            if field not in {"source", "as_of"}
        ]
    return found
