"""``gonogo roi``: what missions cost, people included, beside what the work costs otherwise."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from pydantic_core import to_jsonable_python

from gonogo.cli.numbers import room
from gonogo.cli.screen import plain_cell, print_json, print_table, say
from gonogo.settings import settings

_MICROS = 1_000_000


def roi(
    mission: Annotated[str | None, typer.Argument(help="One mission; all that flew, if not given.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show what missions cost and are worth, with intervals, on the assumptions of policies/assumptions.yaml.

    Example: `gonogo roi claims_triage`
    """
    told = to_jsonable_python(room(settings().roi).report(settings().home, mission))
    if as_json:
        print_json(told)
        return
    for account in told["missions"]:
        _tell(account)
    if told["undeclared"]:
        say(f"Nothing is declared for {', '.join(told['undeclared'])}: they are left out.")
    if not told["missions"]:
        say("No mission with declared review and platform cost has landed.")
    if told["standing"] == "example":
        say("Assumptions are EXAMPLES that ship with gonogo: nobody answers for these figures. Put in your own.")
    version, digest = told["assumptions_version"], told["assumptions_digest"]
    say(f"Assumptions version {version}, SHA-256 {digest[:16]}; snapshot {told['snapshot']['evidence_digest'][:16]}.")


def _tell(account: dict[str, Any]) -> None:
    currency = account["currency"] or ""
    say(f"{account['mission']} ({account['business_unit']}): {account['runs']} runs, {account['successes']} successes")
    costs = [(name, _money(account[f"{name}_micros"])) for name in ("model", "review", "platform", "full")]
    say(f"  cost of all runs, in {currency}: " + ", ".join(f"{name} {amount}" for name, amount in costs))
    rows = [
        (words, _money(account[name]["micros"]), _interval(account[name]), account[name]["basis"] or "",
         plain_cell(account[name]["reason"] or ""))
        for name, words in (
            ("per_success", "full cost per success"),
            ("manual", "a case by hand, declared"),
            ("saving_declared", "saving per success, declared"),
            ("manual_measured", "a case by hand, measured"),
            ("saving_measured", "saving per success, measured"),
        )
    ]  # fmt: skip
    print_table("", ("for one", currency or "money", "95 % interval", "basis", "because"), rows, "")
    value = account["value"]
    if value is not None:
        lines = ", ".join(f"{name} {_money(value[f'{name}_micros'])}" for name in ("cash", "avoidance", "redeployed"))
        say(f"  replaced so far: {lines}")
        idle = _money(value["idle_micros"])
        say(f"  of {value['hours']:.1f} hours released, {idle} stand on no line: nobody has shown that they are used")
    options = [
        (one["option"], _money(one["micros_per_case"]), "" if one["handled_percent"] is None
         else f"{one['handled_percent']:.1f} %", one["basis"] or "", one["reason"] or "")
        for one in account["options"]
    ]  # fmt: skip
    columns = ("a case done by", currency or "money", "handled", "basis", "because")
    print_table("Alternatives", columns, options, "")
    _tell_forecasts(account, currency)


def _tell_forecasts(account: dict[str, Any], currency: str) -> None:
    if account["forecast_reason"]:
        say(f"  No forecast: {plain_cell(account['forecast_reason'])}.")
        return
    rows = [
        (f["line"], f"{100 * f['p_npv_positive']:.1f} %",
         *(f"{f[name]:,.0f}" for name in ("npv_p10", "npv_p50", "npv_p90")),
         _months(f["payback_months"]), _months(f["discounted_payback_months"]))
        for f in account["forecasts"]
    ]  # fmt: skip
    columns = ("line", "P(NPV > 0)", "NPV p10", "p50", "p90", "payback", "discounted")
    print_table(f"Over the plan, in {currency}", columns, rows, "")


def _months(months: int | None) -> str:
    return "not within the plan" if months is None else f"{months} months"


def _money(micros: int | None) -> str:
    return "-" if micros is None else f"{micros / _MICROS:,.4f}"


def _interval(amount: dict[str, Any]) -> str:
    return "" if amount["low"] is None else f"{_money(amount['low'])} to {_money(amount['high'])}"
