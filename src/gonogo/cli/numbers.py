"""Commands about the numbers: land the evidence, show KPIs, compare should and is."""

from __future__ import annotations

import threading
from collections import Counter
from importlib import import_module
from types import ModuleType
from typing import Annotated, Any, Literal

import typer
from pydantic_core import to_jsonable_python

from gonogo.cli.screen import money, plain_cell, print_json, print_table, say
from gonogo.errors import SettingsBroken
from gonogo.settings import settings

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_VERDICTS = {"drift": "drift", "ok": "ok", "not_enough_data": "not enough data"}


def room(name: str) -> ModuleType:
    """Return a room's module by its configured name.

    Raises:
        SettingsBroken: it does not import; the message says what it needed.

    """
    try:
        return import_module(name)
    except ImportError as error:
        raise SettingsBroken(f"{name} does not import ({error}); run in the project's folder, or set it.") from error


def land(
    every: Annotated[float | None, typer.Option("--every", help="Keep landing, at this interval in seconds.")] = None,
    as_json: AsJson = False,
) -> None:
    """Load the evidence into DuckDB and publish the marts.

    Example: `gonogo land`
    """
    warehouse = room(settings().warehouse)
    if every is not None:
        warehouse.keep_landing(settings().home, every, threading.Event())
        return
    landed = to_jsonable_python(warehouse.land(settings().home))
    if as_json:
        print_json(landed)
        return
    say(", ".join(f"{name.replace('_', ' ')} {shown(value)}" for name, value in landed.items()))


def kpis(as_json: AsJson = False) -> None:
    """Show the numbers; one without a source is empty, with the reason.

    Example: `gonogo kpis`
    """
    found = [to_jsonable_python(kpi) for kpi in room(settings().kpis).report(settings().home)]
    if as_json:
        print_json(found)
        return
    print_kpis(found)


def print_kpis(found: list[dict[str, Any]]) -> None:
    """Show KPIs as a table: a row each, a column for each mission."""
    missions = list(dict.fromkeys(["all", *(kpi["mission"] for kpi in found)]))
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for kpi in found:
        name = kpi["name"] + (f": {kpi['segment']}" if kpi["segment"] else "")
        rows.setdefault((name, _unit(kpi["unit"])), {})[kpi["mission"]] = _value(kpi)
    cells = [(name, *(row.get(mission, "") for mission in missions), unit) for (name, unit), row in rows.items()]
    print_table("KPIs", ("kpi", *missions, "unit"), cells, "Nothing has landed: gonogo land")
    bases = {kpi["basis"] for kpi in found if kpi["basis"]}
    if "notional" in bases or "mixed" in bases:
        say(
            "Costs stand on notional prices: the offline model bills nobody; policies/prices.yaml says what is assumed."
        )
    for reason in sorted({f"{kpi['name']}: {kpi['reason']}" for kpi in found if kpi["reason"]}):
        say(f"Empty, because: {plain_cell(reason)}")


def _value(kpi: dict[str, Any]) -> str:
    if kpi["value"] is None:
        return "-"
    unit, _, rest = kpi["unit"].partition(" micros")
    return money(round(kpi["value"]), unit) if rest or kpi["unit"].endswith(" micros") else shown(kpi["value"])


def _unit(unit: str) -> str:
    """Return a unit without what the value already says."""
    currency, micros, rest = unit.partition(" micros")
    return rest.strip() if micros and currency.isalpha() else unit


def drift(
    by: Annotated[Literal["run", "month"], typer.Option("--by", help="The latest runs, or month by month.")] = "run",
    seal: Annotated[
        bool, typer.Option("--seal", help="Freeze all runs so far, and what is in force, as should.")
    ] = False,
    every: Annotated[bool, typer.Option("--all", help="Show what is as it should be, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compare should and is; too few runs are a state of their own, never green.

    Example: `gonogo drift --by month`
    """
    watched = room(settings().drift)
    if seal:
        say(f"Sealed: {watched.seal_baseline(settings().home)}. Runs that end from now on are compared with it.")
        return
    if by == "month":
        months = [to_jsonable_python(each) | {"verdict": each.verdict} for each in watched.by_month(settings().home)]
        print_json(months) if as_json else print_months(months)
        return
    found = watched.report(settings().home)
    report = to_jsonable_python(found)
    if as_json:
        print_json(report)
        return
    findings: list[dict[str, Any]] = report["findings"]
    judged = [
        finding for finding in findings if finding["verdict"] == "drift" or (every and finding["verdict"] == "ok")
    ]
    rows = [(_VERDICTS[f["verdict"]], f["mission"], f["step"], f["monitor"], f["sentence"]) for f in judged]
    if rows:
        print_table("Should beside is", ("verdict", "mission", "step", "monitor", "says"), rows, "")
    if findings:
        say(f"{_VERDICTS[found.verdict].capitalize()}. Compared with {report['baseline']}.")
    fine = Counter(f["mission"] for f in findings if f["verdict"] == "ok")
    for mission, count in fine.items():
        say(f"As it should be, {mission}: {count} comparisons and checks.")
    lacking = Counter(f["mission"] for f in findings if f["verdict"] == "not_enough_data")
    for mission, count in lacking.items():
        example = next(f for f in findings if f["mission"] == mission and f["verdict"] == "not_enough_data")
        say(f"Drift of {mission}: not enough data for {count} comparisons. {plain_cell(example['sentence'])}")
    if not findings:
        say("Nothing has landed to compare: gonogo land")


_MEASURES = {
    "sla_kept": "service level kept",
    "reassigned": "changed hands",
    "reopened": "reopened",
    "succeeded": "succeeded",
    "handling_time": "opened to closed, median",
}


def print_months(months: list[dict[str, Any]]) -> None:
    """Show a table for each mission, a row a month, and what drifted in words."""
    for mission in dict.fromkeys(month["mission"] for month in months):
        mine = [month for month in months if month["mission"] == mission]
        rows = [
            (
                month["month"],
                f"{month['cases']:,}",
                month["open"] or "",
                *(_percent(month[name], month[f"{name}_known"]) for name in list(_MEASURES)[:4]),
                _hours(month["handling_median_seconds"]),
                _VERDICTS[month["verdict"]],
            )
            for month in mine
        ]
        columns = ("month", "cases", "open", *_MEASURES.values(), "beside the months before")
        print_table(mission, columns, rows, "")
        for month in mine:
            for gap in month["gaps"]:
                if gap["verdict"] == "drift":
                    show = _hours if gap["measure"] == "handling_time" else _of_a_hundred
                    say(
                        f"{month['month']}: {_MEASURES[gap['measure']]} is {show(gap['is_now'])} and was "
                        f"{show(gap['should'])} in the months before (q = {gap['q']:.2g})."
                    )
    if not months:
        say("Nothing has landed to compare: gonogo land")


def _percent(hits: int, known: int) -> str:
    return f"{100 * hits / known:.1f} %" if known else ""


def _of_a_hundred(share: float | None) -> str:
    return "" if share is None else f"{share:.1f} %"


def _hours(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds / 3_600:,.1f} h"


def shown(value: object) -> str:
    """Return a number as a person reads it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:,.2f}".rstrip("0").rstrip(".")
    return "" if value is None else plain_cell(f"{value:,}" if isinstance(value, int) else value)
