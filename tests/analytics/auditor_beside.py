"""More of the auditor: what was foreseen, and what gates are worth. It shares no code with ``analytics``, either."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from math import floor, sqrt
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import orjson

if TYPE_CHECKING:
    from tests.analytics.auditor import Auditor, Row, Values

TERMINAL = {"done", "no_go", "aborted", "failed"}
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def foresight(auditor: Auditor, calendar: Row | None, fees: Row | None = None) -> dict[str, Values]:
    """Return fees of tools, the drift index, findings dealt with in time, the forecast's error, and business hours."""
    runs, tables = auditor.runs, auditor.tables
    newest = max((run["last_recorded_at"] for run in runs), default=None)
    due = [
        finding for finding in tables["drift_findings"]
        if finding["due_at"] and (finding["closed_at"] or (newest is not None and finding["due_at"] <= newest))
    ]  # fmt: skip
    served = [
        run for run in runs
        if calendar and run["status"] in TERMINAL and run["sla_seconds"] is not None and run["started_at"]
    ]  # fmt: skip
    return {
        "K13.business": auditor.share(served, lambda run: _in_time(run, calendar or {})),
        "K27": auditor.each(_priced(auditor, fees or {}), lambda p: _mean([call["fee"] for call in p])),
        "K32": _index(auditor),
        "K33": auditor.share(due, lambda f: f["closed_at"] is not None and f["closed_at"] <= f["due_at"]),
        "K35.forecast": auditor.each([r for r in runs if r["status"] in TERMINAL], lambda p: _error(p, newest)),
    }


def _priced(auditor: Auditor, fees: Row) -> list[Row]:
    begun = {"done", "failed", "in_doubt", "open"}
    return [
        {**call, "fee": floor(Fraction(Decimal(fees["per_call"][call["tool"]])) * 1_000_000 + Fraction(1, 2))}
        for call in auditor.tables["tool_calls"]
        if call["tool"] in fees.get("per_call", {}) and call["outcome"] in begun and call["source"] is None
    ]


def _mean(fees: list[int]) -> int | None:
    return floor(Fraction(sum(fees), len(fees)) + Fraction(1, 2)) if fees else None


def _in_time(run: Row, calendar: Row) -> bool:
    zone = ZoneInfo(calendar.get("timezone", "UTC"))
    opens, closes = time.fromisoformat(str(calendar["opens"])), time.fromisoformat(str(calendar["closes"]))
    holidays = {str(day) for day in calendar.get("holidays", [])}
    worked, day = timedelta(), run["started_at"].astimezone(zone).date() - timedelta(days=1)
    while day <= run["ended_at"].astimezone(zone).date():
        if WEEKDAYS[day.weekday()] in calendar["days"] and str(day) not in holidays:
            begin = max(run["started_at"], datetime.combine(day, opens, zone).astimezone(UTC))
            end = min(run["ended_at"], datetime.combine(day, closes, zone).astimezone(UTC))
            worked += max(end - begin, timedelta())
        day += timedelta(days=1)
    return run["status"] == "done" and worked <= timedelta(seconds=run["sla_seconds"])


def _index(auditor: Auditor) -> Values:
    found: Values = {}
    for row in auditor.tables["findings"]:
        if row["verdict"] == "not_enough_data" or row["should"] is None or row["is_now"] is None:
            continue
        if row["monitor"] in {"cost", "latency_p50"}:
            z = None if row["statistic"] is None else abs(row["statistic"])
        elif row["monitor"] in {"outcome_rate", "escalation_rate", "approval_rate"}:
            before, now = row["should"] / 100, row["is_now"] / 100
            n, m = row["n_baseline"], row["n_current"]
            pooled = (n * before + m * now) / (n + m)
            z = 0.0 if before == now else abs(now - before) / sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
        else:
            continue
        for name in (row["mission"], "all"):
            known = found.get((name, None))
            found[name, None] = z if known is None else max(known, z or 0.0)
    return found


def _error(part: list[Row], newest: datetime | None) -> float | None:
    if not part or newest is None or len({run["currency"] for run in part} - {None}) > 1:
        return None
    weeks: dict[int, int] = defaultdict(int)
    for run in part:
        weeks[(_monday(newest) - _monday(run["ended_at"])).days // 7] += run["cost_micros"]
    if max(weeks) < 5 or not weeks.get(1):
        return None
    forecast = Fraction(sum(weeks.get(ago, 0) for ago in (2, 3, 4, 5)), 4)
    return float(abs(weeks[1] - forecast) / weeks[1])


def _monday(moment: datetime) -> datetime:
    day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day - timedelta(days=day.weekday())


def worth_of_gates(tables: dict[str, list[Row]], missions: dict[str, Row]) -> dict[tuple[Any, ...], Row]:
    """Return what each gate costs and catches, by mission, action, role and rules."""
    undone = {run["rolls_back"] for run in tables["runs"] if run["rolls_back"]}
    groups: dict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for gate in tables["gates"]:
        if gate["doubt"] is None:
            key = gate["mission"], gate["action"], gate["role"], tuple(sorted(gate["rules"] or []))
            groups[key].append(gate)
    return {key: _worth(gates, missions[key[0]], tables, undone) for key, gates in groups.items()}


def _worth(gates: list[Row], mission: Row, tables: dict[str, list[Row]], undone: set[str]) -> Row:
    answered = [gate for gate in gates if gate["state"] == "answered"]
    caught = [gate for gate in answered if gate["answer"] in {"no_go", "revise"}]
    missed = [gate for gate in answered if gate["answer"] == "go" and _turned_out_bad(gate, tables, undone)]
    spent: int | None = None
    if mission["review_ms"] is not None and answered:
        spent = sum(min(max(gate["waited_ms"] or 0, 0), mission["review_ms"]) for gate in answered)
    exact = None if spent is None else Fraction(spent * mission["review_micros_per_hour"], 3_600_000)
    micros = None if exact is None else floor(exact + Fraction(1, 2))
    return {
        "asked": len(gates),
        "answered": len(answered),
        "went": sum(gate["answer"] == "go" for gate in answered),
        "stopped": sum(gate["answer"] == "no_go" for gate in answered),
        "revised": sum(gate["answer"] == "revise" for gate in answered),
        "expired": sum(gate["state"] == "expired" for gate in gates),
        "waiting": sum(gate["state"] == "open" for gate in gates),
        "caught": len(caught),
        "missed": len(missed),
        "stopped_cents": _amount(caught),
        "missed_cents": _amount(missed),
        "review_ms": spent,
        "review_micros": micros,
        "micros_per_catch": floor(Fraction(micros, len(caught)) + Fraction(1, 2))
        if micros is not None and caught
        else None,
        **_bounds(len(caught), len(answered)),
        "verdict": "not_enough_data" if len(answered) < 30 else "catches" if caught else "caught_nothing",
    }


def _bounds(hits: int, n: int) -> Row:
    if not n:
        return {"caught_percent": None, "caught_low": None, "caught_high": None}
    p, z = hits / n, 1.959963984540054
    middle, spread = p + z * z / (2 * n), z * sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = ((middle + sign * spread) / (1 + z * z / n) for sign in (-1, 1))
    return {"caught_percent": 100 * p, "caught_low": 100 * max(0.0, low), "caught_high": 100 * min(1.0, high)}


def _amount(gates: list[Row]) -> int | None:
    told = [orjson.loads(gate["arguments"]).get("amount_cents") for gate in gates if gate["arguments"]]
    known = [amount for amount in told if isinstance(amount, int)]
    return sum(known) if known else None


def _turned_out_bad(gate: Row, tables: dict[str, list[Row]], undone: set[str]) -> bool:
    operation = gate["key"].split("/gate:")[0].removesuffix("/executed")

    def same(row: Row) -> bool:
        return row["run_id"] == gate["run_id"] and (row["key"] or "").removesuffix("/executed") == operation

    calls = [call for call in tables["tool_calls"] if same(call)]
    is_done = any(call["outcome"] == "done" for call in calls)
    is_change = any(call["effect"] in {"write", "irreversible"} for call in calls)
    return (
        any(call["outcome"] == "in_doubt" for call in calls)
        or (is_done and is_change and gate["run_id"] in undone)
        or (is_done and any(same(review) and review["state"] == "wrong" for review in tables["reviews"]))
        or (not is_done and any(call["outcome"] == "failed" for call in calls))
    )
