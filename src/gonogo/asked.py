"""What is asked of a person, as far as proof is concerned: by whom, about what, at which risk."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from gonogo.policy.rules import risk_called
from gonogo.statements import LIFETIME

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from gonogo.model import Environment
    from gonogo.policy.rules import Risk

By = Literal["totp", "oidc", "signature"]

Holding = Literal["own", "delegated", "escalated", "none"]
"""Whether somebody has the role that is asked for: their own, somebody else's for a time, a rung of the ladder's."""


class NotProven(ValueError):
    """The answer does not count; the message says why."""


class RunOut(NotProven):
    """It did count, or would have: it has run out, was revoked, or the law now keeps this person from it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a person, as far as proof is concerned."""

    subject: str
    """The gate's id, or what else a statement is about."""
    about: Mapping[str, Any]
    """What the statement binds: digests of action and card, run, mission, law and so on."""
    action: str
    role: str
    environment: Environment
    args: Mapping[str, Any] = field(default_factory=dict[str, Any])
    risk: Risk | None = None
    """As a rule names it; :func:`risk_in` says what holds where none does."""
    mission: str = ""
    requester: str = ""
    agent: str = ""
    """The registered agent that wants to act; empty where none does."""
    executor: str = ""
    """Under which login the run flies; empty where that is not known."""
    earlier: frozenset[str] = frozenset()
    """Who said go to the same action before."""
    rungs: frozenset[str] = frozenset()
    """Roles of the escalation ladder that may answer, too, by now."""
    glass: str = ""
    """The role that may go alone in an emergency; empty where nobody may."""


def risk_in(risk: Risk | None, environment: Environment) -> Risk:
    """Return the risk of what is asked: as a rule names it; else low in ``dev``, and high everywhere else."""
    return risk or ("low" if environment == "dev" else "high")


def risk_named(text: object) -> Risk | None:
    """Return a risk as evidence holds it; the highest for a word that is none."""
    return None if text is None else risk_called(text) or "high"


def lifetime_of(asked: Asked) -> timedelta:
    """Return how long an answer to this is good for, at most."""
    return LIFETIME[risk_in(asked.risk, asked.environment)]
