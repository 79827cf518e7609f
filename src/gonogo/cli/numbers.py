"""Commands about the numbers: land the evidence, show KPIs, compare should and is."""

from __future__ import annotations

import threading
from collections import Counter
from importlib import import_module
from types import ModuleType
from typing import Annotated, Any

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


def drift(as_json: AsJson = False) -> None:
    """Compare should and is; too few runs are a state of their own, never green.

    Example: `gonogo drift`
    """
    report = to_jsonable_python(room(settings().drift).report(settings().home))
    if as_json:
        print_json(report)
        return
    findings: list[dict[str, Any]] = report["findings"]
    judged = [finding for finding in findings if finding["verdict"] != "not_enough_data"]
    rows = [(_VERDICTS[f["verdict"]], f["mission"], f["step"], f["monitor"], f["sentence"]) for f in judged]
    if rows:
        print_table("Should beside is", ("verdict", "mission", "step", "monitor", "says"), rows, "")
    lacking = Counter(f["mission"] for f in findings if f["verdict"] == "not_enough_data")
    for mission, count in lacking.items():
        example = next(f for f in findings if f["mission"] == mission and f["verdict"] == "not_enough_data")
        say(f"Drift of {mission}: not enough data for {count} comparisons. {plain_cell(example['sentence'])}")
    if not findings:
        say("Nothing has landed to compare: gonogo land")


def shown(value: object) -> str:
    """Return a number as a person reads it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:,.2f}".rstrip("0").rstrip(".")
    return "" if value is None else plain_cell(f"{value:,}" if isinstance(value, int) else value)
