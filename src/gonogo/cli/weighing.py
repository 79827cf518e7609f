"""Commands that weigh the law: what a proposed one would have done, and what each gate costs and catches."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic_core import to_jsonable_python

from gonogo.cli.numbers import room
from gonogo.cli.screen import money, plain_cell, print_json, print_table, say, word
from gonogo.settings import settings

DAYS_MAX = 36_600

_WORTH = {"catches": "catches", "caught_nothing": "has caught nothing", "not_enough_data": "not enough data"}


def backtest(
    policies: Annotated[Path, typer.Argument(help="The folder with the proposed law.")],
    days: Annotated[int, typer.Option("--days", min=1, max=DAYS_MAX, help="How far back from the newest record.")] = 90,
    known: Annotated[
        list[Path] | None,
        typer.Option("--known", help="A further policy folder: laws and agents' cards of the meantime. Repeatable."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON; every changed action is in it.")] = False,
) -> None:
    """Put the actions of the past to a proposed law: which would change, and what that would have cost and caught.

    Example: `gonogo backtest policies/ --days 90`
    """
    found = room(settings().backtests).report(settings().home, policies, days, known or [])
    told = to_jsonable_python(found)
    if as_json:
        print_json(told)
        return
    rows = [_row(shift) for shift in told["shifts"]]
    columns = ("mission", "action", "was", "would be", "actions", "people", "each waits", "money", "turned out bad")
    print_table("What would change", columns, rows, "No verdict changes.")
    _tell(told)


def _row(shift: dict[str, Any]) -> tuple[object, ...]:
    more, fewer = shift["hours_added"], shift["hours_saved"]
    people = [f"more: {_hours(more)}"] if shift["hours_added"]["value"] != 0 else []
    people += [f"less: {_hours(fewer)}"] if fewer["value"] != 0 else []
    waits = "" if shift["wait_hours"]["value"] == 0 else _hours(shift["wait_hours"])
    return (
        shift["mission"], shift["action"], _way(shift, "before"), _way(shift, "after"), f"{shift['actions']:,}",
        ", ".join(people), waits, _cents(shift["amount_cents"]), _harm(shift),
    )  # fmt: skip


def _way(shift: dict[str, Any], side: str) -> str:
    asked = ", ".join(shift[f"asks_{side}"])
    return f"{word(shift[side])} {asked}".strip()


def _hours(estimate: dict[str, Any]) -> str:
    if estimate["value"] is None:
        return "not known"
    if estimate["low"] == estimate["high"]:
        return f"{estimate['value']:,.1f} h"
    return f"{estimate['value']:,.1f} h ({estimate['low']:,.1f} to {estimate['high']:,.1f})"


def _cents(cents: int | None) -> str:
    return "" if cents is None else f"{cents / 100:,.2f}"


def _harm(shift: dict[str, Any]) -> str:
    if shift["before"] != "allow":
        return f"{shift['let_through']} were stopped" if shift["let_through"] else ""
    beside, usual = shift["harmed_percent"], shift["usual_percent"]
    if beside["value"] is None:
        return f"{shift['harmed']} of {beside['n']}"
    other = "" if usual["value"] is None else f"; elsewhere {usual['value']:.1f} %"
    return f"{shift['harmed']} of {beside['n']}: {beside['low']:.1f} to {beside['high']:.1f} %{other}"


def _tell(told: dict[str, Any]) -> None:
    since, until = told["since"][:10], told["until"][:10]
    counts = f"{told['changed']:,} change, {told['unchanged']:,} do not"
    say(f"{told['actions']:,} actions from {since} to {until}: {counts}.")
    for gap in told["not_rebuilt"]:
        say(f"Left out, {gap['actions']:,} actions: {plain_cell(gap['says'])}.")
    if told["unproven"]:
        say(f"{told['unproven']:,} were decided by a law that is in none of the folders; nothing checks their replay.")
    for name, what in (("hours_added", "More of people's time"), ("hours_saved", "Less of people's time")):
        estimate = told[name]
        say(f"{what}: {_hours(estimate)}" + (f", {plain_cell(estimate['reason'])}" if estimate["reason"] else "") + ".")
    refused = _cents(told["stopped_cents"])
    say(f"Money that moved and would have waited: {_cents(told['delayed_cents'])}; that would be refused: {refused}.")
    say(f"Of what was let pass and would not be, {told['harmed']:,} turned out bad; a gate by itself stops none of it.")
    say(f"Of what people stopped, {told['let_through']:,} would go through.")
    if told["proposed_digest"] == told["in_force_digest"]:
        say("The proposal is the law in force.")
    if told["ignores_agents"]:
        say("The proposal's agents.yaml differs from the one in force; it is not taken into account.")


def tell_worth(*, as_json: bool) -> None:
    """Show what each gate costs and catches."""
    told = to_jsonable_python(room(settings().gateworth).report(settings().home))
    if as_json:
        print_json(told)
        return
    rows = [
        (
            f"{gate['action']} of {gate['mission']}", f"{gate['role']}: {', '.join(gate['rules'])}",
            f"{gate['answered']:,}",
            _caught(gate), _cents(gate["stopped_cents"]), gate["missed"] or "",
            "" if gate["waited_p50_minutes"] is None else f"{gate['waited_p50_minutes']:,.1f} min",
            *(money(gate[name], gate["currency"] or "") for name in ("review_micros", "micros_per_catch")),
            _WORTH[gate["verdict"]],
        )
        for gate in told
    ]  # fmt: skip
    columns = (
        "gate", "asks", "answers", "caught", "of money", "missed", "median wait", "cost", "a catch", "says",
    )  # fmt: skip
    print_table(
        "What gates cost and catch", columns, rows, "No gate has opened yet, or nothing has landed: gonogo land"
    )
    if any(gate["basis"] == "example" for gate in told):
        say("What people cost is an example: policies/assumptions.yaml holds figures nobody answers for yet.")


def _caught(gate: dict[str, Any]) -> str:
    if gate["verdict"] == "not_enough_data":
        return f"{gate['caught']:,}"
    return f"{gate['caught']:,} ({gate['caught_low']:.1f} to {gate['caught_high']:.1f} %)"
