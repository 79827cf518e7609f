"""Dossier: drift findings that somebody owns, with should beside is, and when each is due."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from dashboards.figures import subject
from dashboards.markup import Html, join, table, tag
from dashboards.states import FINDING, SEVERITY, pill
from dashboards.wording import NOTHING, duration, left, money, plural, spoken

if TYPE_CHECKING:
    from datetime import datetime

    from dashboards.tables import Tables

SHOWN = 100
"""So many findings are shown; how many more there are is said."""

Which = Literal["open", "overdue", "closed"]
"""open: not closed yet. overdue: open and past its due time. closed: later runs showed it gone."""

_WHERE = """
WHERE ($mission IS NULL OR owned.mission = $mission)
    AND (
        ($which = 'open' AND owned.state <> 'closed')
        OR ($which = 'overdue' AND owned.state <> 'closed' AND owned.due_at < $now)
        OR ($which = 'closed' AND owned.state = 'closed')
    )
"""

_OWNED = f"""
SELECT
    owned.*, found.should, found.is_now, found.unit, found.test, found.n_baseline, found.n_current,
    found.verdict AS verdict_now
FROM drift_findings AS owned
LEFT JOIN findings AS found
    ON found.mission = owned.mission AND found.monitor = owned.monitor AND found.step IS NOT DISTINCT FROM owned.subject
{_WHERE}
ORDER BY
    owned.state = 'closed',
    CASE owned.severity WHEN 'critical' THEN 0 WHEN 'high' THEN 1 WHEN 'medium' THEN 2 ELSE 3 END,
    owned.due_at, owned.finding
LIMIT $most
"""  # noqa: S608 - our own condition

_COUNTS = """
SELECT
    count(*) FILTER (WHERE state <> 'closed') AS open,
    count(*) FILTER (WHERE state <> 'closed' AND due_at < $now) AS overdue,
    count(*) FILTER (WHERE state <> 'closed' AND severity = 'critical') AS critical,
    count(*) FILTER (WHERE state = 'closed') AS closed,
    count(*) FILTER (WHERE state = 'closed' AND closed_at <= due_at) AS closed_in_time,
    min(due_at) FILTER (WHERE state <> 'closed' AND due_at >= $now) AS next_due
FROM drift_findings
WHERE $mission IS NULL OR mission = $mission
"""

_HEADS = (("Finding", ""), ("Should", "num"), ("Is", "num"), ("Owner", ""), ("Due", ""), ("Remedy", ""), ("State", ""))

ROUTES = {
    "ticket": "a ticket for its owner",
    "pause": "ticket; its deployments are paused",
    "reapproval": "ticket that asks to seal what is in force, or put back what was",
    "demote": "ticket; its agents only propose until it is closed",
}
"""What is done about a finding, by its route."""


def dossier(
    tables: Tables, mission: str | None, which: Which, now: datetime
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return findings, worst and most urgent first, and how many there are of each kind."""
    chosen = {"mission": mission, "now": now}
    return tables.rows(_OWNED, which=which, most=SHOWN, **chosen), tables.row(_COUNTS, **chosen)


def board_dossier(tables: Tables) -> list[dict[str, Any]]:
    """Return what is open, for a report."""
    now = tables.row("SELECT published_at FROM snapshot")["published_at"]
    return dossier(tables, None, "open", now)[0]


def dossier_table(found: list[dict[str, Any]], now: datetime) -> Html:
    """Return findings as a table; should and is are those of this snapshot, the sentence is that of the opening."""
    if not found:
        return tag("p", "Nobody owns a finding.", css="none")
    return table(_HEADS, [_row(each, now) for each in found], "Findings")


def _row(each: dict[str, Any], now: datetime) -> list[object]:
    about = {"monitor": each["monitor"], "step": each["subject"], "mission": each["mission"]}
    return [
        join([
            tag("b", subject(about).capitalize()), " ", pill(each["severity"] or "", SEVERITY),
            tag("div", each["sentence"], css="second"),
            tag("div", tag("code", each["finding"]), css="second"),
        ]),
        value(each["should"], each["unit"]),
        value(each["is_now"], each["unit"]),
        join([each["owner"], tag("div", f"deputy {each['deputy']}" if each["deputy"] else None, css="second")]),
        _due(each, now),
        join([ROUTES.get(each["route"], each["route"]), tag("div", each["receipt"], css="second")]),
        _state(each, now),
    ]  # fmt: skip


def _due(each: dict[str, Any], now: datetime) -> Html:
    if each["state"] == "closed":
        late = each["due_at"] is not None and each["closed_at"] > each["due_at"]
        return join(["closed late" if late else "closed in time"])
    is_over = each["due_at"] is not None and each["due_at"] <= now
    return tag("span", left(each["due_at"], now), css="warn" if is_over else "")


def _state(each: dict[str, Any], now: datetime) -> Html:
    open_for = f"for {duration((now - each['opened_at']).total_seconds())}"
    if each["state"] == "closed":
        said = f"{plural(each['verified_runs'] or 0, 'later run')} passed. {each['closed_because'] or ''}"
    else:
        said = f"{open_for}; {plural(each['needs_runs'] or 0, 'later run')} must pass; now {_now(each)}"
    return join([pill(each["state"], FINDING), tag("div", said, css="second")])


def _now(each: dict[str, Any]) -> str:
    """Return what the comparison says today; what is not compared any more is no good news."""
    return {"ok": "ok", "drift": "still drifting", "not_enough_data": "not enough data"}.get(
        each["verdict_now"] or "", "not compared"
    )


def value(amount: float | None, unit: str | None) -> str:
    """Return one side of a comparison in its unit."""
    if amount is None:
        return NOTHING
    if unit and unit.endswith(" micros"):
        return money(amount, unit.removesuffix(" micros"))
    share = (unit or "").startswith("%")
    return f"{amount:.1f} %" if share else f"{amount:,.1f} {spoken(unit or '')}".rstrip()
