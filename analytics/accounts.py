"""Accounts: the nouns of the return on agents. Money is whole millionths; a ``None`` has its reason beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analytics.bootstraps import CONFIDENCE, RESAMPLES, SEED

if TYPE_CHECKING:
    from analytics.forecasts import Forecast


@dataclass(frozen=True, slots=True)
class Amount:
    """Money for one case or success, in millionths, with its interval where there is one."""

    micros: int | None
    low: int | None
    high: int | None
    basis: str | None
    reason: str | None
    """Why there is no value, or no interval."""


@dataclass(frozen=True, slots=True)
class Option:
    """One way to have a case done."""

    option: str
    """agents; by hand; rules, the rest by hand."""
    micros_per_case: int | None
    """All cases: what the option leaves undone is done by hand."""
    handled_percent: float | None
    basis: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class Value:
    """What the successes replaced, by the lines of Finance, in millionths of currency."""

    cash_micros: int
    """Spend that stopped."""
    avoidance_micros: int
    """Budgeted spend that was not made."""
    redeployed_micros: int
    """Hours that are shown to be used for other work."""
    idle_micros: int
    """Hours released that nobody has shown to be used: no money, and in no total."""
    hours: float
    """Hours of people that the successes replaced, on no line twice."""


@dataclass(frozen=True, slots=True)
class MissionRoi:
    """One mission's account."""

    mission: str
    business_unit: str
    currency: str | None
    runs: int
    ended: int
    successes: int
    days: int
    clusters: str
    """What was drawn for the intervals: days or runs."""
    model_micros: int
    review_micros: int
    """What people's answers cost, at the declared rate."""
    review_minutes: float
    answers: int
    platform_micros: int
    full_micros: int
    per_success: Amount
    """Failures and review time in the numerator; the K6.full of the mission without cases set aside."""
    manual: Amount
    """A case by hand, as declared."""
    saving_declared: Amount
    manual_measured: Amount
    """A case by hand, as measured on cases that chance set aside for people."""
    saving_measured: Amount
    value: Value | None
    """``None`` where no manual cost is declared."""
    options: list[Option]
    forecasts: list[Forecast]
    forecast_reason: str | None
    """Why there is no forecast."""


@dataclass(frozen=True, slots=True)
class RoiReport:
    """Every mission's account, and what all of it was computed with."""

    missions: list[MissionRoi]
    undeclared: list[str]
    """Missions that flew and of which review and platform cost are not declared."""
    standing: str
    """declared, or example: nobody answers for the figures."""
    currency: str
    assumptions_version: int
    assumptions_digest: str
    snapshot: dict[str, Any]
    seed: int = SEED
    resamples: int = RESAMPLES
    confidence: float = CONFIDENCE
