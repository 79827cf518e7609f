"""Commands about the numbers: land the evidence, show KPIs, compare should and is."""

from __future__ import annotations

import threading
from collections import Counter
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Literal

import typer
from pydantic_core import to_jsonable_python

from gonogo.cli.receipts import read_kept, tell_receipt, tell_recheck
from gonogo.cli.screen import money, plain_cell, print_json, print_table, say
from gonogo.errors import SettingsBroken
from gonogo.settings import settings

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_REBUILT = {
    "equal": "Equal in every table: {records} records in {seconds:.1f} s.",
    "different": "Different: the evidence does not make the warehouse that was here ({records} records).",
    "not_compared": "Rebuilt from {records} records; nothing was compared: {because}.",
}

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
    replay: Annotated[bool, typer.Option("--replay", help="Read the journals of quarantined lines again.")] = False,
    as_json: AsJson = False,
) -> None:
    """Load the evidence into DuckDB and publish the marts.

    Example: `gonogo land`
    """
    warehouse = room(settings().warehouse)
    if replay:
        _tell(to_jsonable_python(warehouse.replay(settings().home)), as_json=as_json)
        return
    if every is not None:
        warehouse.keep_landing(settings().home, every, threading.Event())
        return
    _tell(to_jsonable_python(warehouse.land(settings().home)), as_json=as_json)


def _tell(done: dict[str, Any], *, as_json: bool) -> None:
    """Show what was done in one line, or as JSON."""
    if as_json:
        print_json(done)
    else:
        say(", ".join(f"{name.replace('_', ' ')} {shown(value)}" for name, value in done.items()))


def rebuild(
    check: Annotated[bool, typer.Option("--check", help="Compare only; the live warehouse stays.")] = False,
    as_json: AsJson = False,
) -> None:
    """Compute the warehouse anew from the evidence alone, compare it with the live one, and replace that.

    Example: `gonogo rebuild --check`
    """
    done = room(settings().warehouse).rebuild(settings().home, "compare" if check else "replace")
    told = to_jsonable_python(done)
    if as_json:
        print_json(told)
    else:
        rows = [(t["table"], shown(t["rows"]), shown(t["missing"]), shown(t["extra"])) for t in told["tables"]]
        if rows:
            print_table("Evidence beside the live warehouse", ("table", "rows", "missing", "extra"), rows, "")
        say(_REBUILT[told["verdict"]].format(**told))
        if told["kept"]:
            say(f"The old file is kept: {plain_cell(told['kept'])}")
    raise typer.Exit(1 if told["verdict"] == "different" else 0)


def compact(as_json: AsJson = False) -> None:
    """Write the warehouse file anew, without the room that replaced rows left in it.

    Example: `gonogo compact`
    """
    _tell(to_jsonable_python(room(settings().warehouse).compact(settings().home)), as_json=as_json)


def kpis(
    kpi: Annotated[str | None, typer.Argument(help="One KPI and its parts, as K19; all, if not given.")] = None,
    by: Annotated[Literal["mission", "unit"], typer.Option("--by", help="A column a mission, or a unit.")] = "mission",
    receipt: Annotated[bool, typer.Option("--receipt", help="Print what it takes to compute it again.")] = False,
    against: Annotated[Path | None, typer.Option("--against", help="A kept receipt to compute again.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show the numbers; one without a source is empty, with the reason.

    Example: `gonogo kpis K6 --receipt`
    """
    module, home = room(settings().kpis), settings().home
    if against is not None:
        raise typer.Exit(tell_recheck(module.recheck(home, read_kept(against)), as_json=as_json))
    if receipt:
        raise typer.Exit(tell_receipt(module.receipt(home, kpi), as_json=as_json))
    ids = None if kpi is None else {formula.id for formula in module.chosen(kpi)}
    found = [
        told for each in module.report(home) if ids is None or each.id in ids for told in [to_jsonable_python(each)]
    ]
    if as_json:
        print_json(found)
        return
    print_kpis(found, by)


def print_kpis(found: list[dict[str, Any]], by: Literal["mission", "unit"] = "mission") -> None:
    """Show KPIs as tables, the board's first: a row each, a column for each mission or business unit."""
    shown_of = [kpi for kpi in found if kpi["mission"].startswith("unit:") == (by == "unit") or kpi["mission"] == "all"]
    missions = list(dict.fromkeys(["all", *(kpi["mission"] for kpi in shown_of)]))
    _print_table("The board", [kpi for kpi in shown_of if kpi["board"] and not kpi["segment"]], missions)
    _print_table("KPIs", [kpi for kpi in shown_of if not kpi["board"] or kpi["segment"]], missions)
    bases = {kpi["basis"] for kpi in found if kpi["basis"]}
    if "notional" in bases or "mixed" in bases:
        say(
            "Costs stand on notional prices: the offline model bills nobody; policies/prices.yaml says what is assumed."
        )
    if "example" in bases:
        say("What people cost and save is an example: policies/assumptions.yaml holds figures nobody answers for yet.")
    why: dict[str, list[str]] = {}
    for kpi in shown_of:
        if kpi["reason"] and kpi["id"] not in why.setdefault(kpi["reason"], []):
            why[kpi["reason"]].append(kpi["id"])
    for reason, ids in sorted(why.items()):
        say(f"Empty ({', '.join(ids)}): {plain_cell(reason)}")


def _print_table(title: str, found: list[dict[str, Any]], missions: list[str]) -> None:
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for kpi in found:
        if kpi["value"] is not None or kpi["board"]:
            name = f"{kpi['id']} {kpi['name']}" + (f": {kpi['segment']}" if kpi["segment"] else "")
            rows.setdefault((name, _unit(kpi["unit"])), {})[kpi["mission"]] = _value(kpi)
    cells = [(name, *(row.get(mission, "-") for mission in missions), unit) for (name, unit), row in rows.items()]
    columns = ("kpi", *(mission.removeprefix("unit:") for mission in missions), "unit")
    print_table(title, columns, cells, f"{title}: nothing to show yet: gonogo land")


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
