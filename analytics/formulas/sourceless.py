"""KPIs of the catalogue without a number yet: null with the reason, so that nobody takes silence for zero."""

from __future__ import annotations

from analytics.formulas.formula import Formula


def _null(kpi: str, name: str, formula: str, unit: str, why: str) -> Formula:
    return Formula(kpi, name, formula, unit, why, None, "all")


SOURCELESS: tuple[Formula, ...] = (
    _null(
        "K13.business",
        "SLA kept, business hours",
        "runs inside their service level by a clock of business hours / runs due",
        "% of runs with a service level",
        "no calendar of business hours is declared anywhere",
    ),
    _null(
        "K25.precision",
        "Precision of anomalies",
        "findings of monitors that were right / findings reviewed",
        "% of reviewed findings",
        "nobody records whether a monitor's finding was right",
    ),
    _null(
        "K27",
        "Cost of tool calls",
        "sum of fees / calls",
        "CURRENCY micros per call",
        "tools record no fee; policies/assumptions.yaml counts them in the platform cost of a run",
    ),
    _null(
        "K32",
        "Drift index",
        "largest standardised gap of should and is over K5, K11, K14, K15, K19",
        "z",
        "the drift report judges by tests and floors and publishes no standardised gap",
    ),
    _null(
        "K33",
        "Remediation in time",
        "drift findings closed within their deadline / due",
        "% of due findings",
        "drift_findings tells when each was due and closed; no formula reads it yet",
    ),
    _null(
        "K34",
        "Reviewer integrity",
        "seeded bad requests that reviewers caught / seeded",
        "% of seeded requests",
        "no bad request is seeded, and nobody records when a reviewer first saw a card",
    ),
    _null(
        "K35.forecast",
        "Forecast error",
        "|actual - forecast| / actual",
        "ratio",
        "nobody forecasts what missions will cost",
    ),
    _null(
        "K38",
        "Time to production",
        "agent created to certified",
        "days",
        "agents have no certificate on record",
    ),
)
"""Numbers without a source."""
