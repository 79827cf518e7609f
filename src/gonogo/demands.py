"""Demands: what it takes to answer a gate, in the words of its card."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gonogo.asked import risk_in

if TYPE_CHECKING:
    from gonogo.policy.law import Ruling
    from gonogo.policy.rules import Need
    from gonogo.runs import Run


def takes(run: Run, ruling: Ruling) -> str:
    """Return what vouches for an answer here, where a typed name does not; nothing where it does."""
    need = ruling.needs.get(ruling.roles[0])
    environment = run.settings.environment
    risk = risk_in(None if need is None else need.risk, environment)
    told: list[str] = []
    if environment != "dev" or risk != "low":
        weaker = "a signature, a sign-in on the dashboard, or a code of an authenticator app"
        told.append("a signature, or a sign-in that was enrolled for it" if risk == "high" else weaker)
    if need is not None and need.quorum > 1:
        told.append(f"the go of {need.quorum} different people")
    takes = f" It takes {', and '.join(told)} ({risk} risk)." if told else ""
    return takes + ("" if need is None else _otherwise(need))


def _otherwise(need: Need) -> str:
    """Return who may answer where the role does not, and who may go alone; nothing where nobody may."""
    climbs = "".join(
        f" {_span(rung.after_seconds)} after it opened, {rung.role} may answer, too." for rung in need.rungs or ()
    )
    if need.glass is None:
        return climbs
    return (
        f"{climbs} In an emergency {need.glass.role} may go alone: with a signature, the reason code BREAK_GLASS and "
        f"the reason in words; {need.glass.reviewer} looks at it within {_span(need.glass.review_seconds)}."
    )


def _span(seconds: int) -> str:
    """Return a time as its rule wrote it."""
    for unit, name in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds % unit == 0:
            return f"{seconds // unit} {name}"
    return f"{seconds} s"
