"""KPIs of the catalogue without a number yet: null with the reason, so that nobody takes silence for zero."""

from __future__ import annotations

from analytics.formulas.formula import Formula


def _null(kpi: str, name: str, formula: str, unit: str, why: str) -> Formula:
    return Formula(kpi, name, formula, unit, why, None, "all")


SOURCELESS: tuple[Formula, ...] = (
    _null(
        "K25.precision",
        "Precision of anomalies",
        "findings of monitors that were right / findings reviewed",
        "% of reviewed findings",
        "nobody is asked whether a monitor's finding was right; a halt that was lifted says only that it is over",
    ),
    _null(
        "K34",
        "Reviewer integrity",
        "seeded bad requests that reviewers caught / seeded",
        "% of seeded requests",
        "no known-bad request is put before reviewers, so there is nothing that they could have caught or missed",
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
