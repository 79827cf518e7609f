"""The command that shows budgets: what a day has, and what of it is used."""

from __future__ import annotations

from typing import Annotated

import typer

from gonogo.cli.screen import money, print_json, print_table
from gonogo.policy.registry import read_registry
from gonogo.purses.standing import Standing, standing
from gonogo.settings import settings
from gonogo.uses import WORDS


def budgets(
    day: Annotated[str | None, typer.Option(help="Another day than today, as YYYY-MM-DD, in UTC.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the budgets of a day, and how much of each is used by all runs together.

    Example: `gonogo budgets`
    """
    chosen = settings()
    rows = standing(chosen, read_registry(chosen.policy_folder).days, day)
    if as_json:
        print_json([row.model_dump() | {"left": row.left} for row in rows])
        return
    columns = ("whose", "unit", "cap", "used", "in flight", "out of sight", "left")
    shown = [
        (
            f"{row.whose} {row.name}", "money" if row.unit == "usd_micros" else WORDS[row.unit],
            *(_told(row, amount) for amount in (row.cap, row.used, row.in_flight, row.out_of_sight, row.left)),
        )
        for row in rows
    ]  # fmt: skip
    title = f"Budgets of {rows[0].day} (UTC)" if rows else "Budgets"
    print_table(title, columns, shown, "No budget of a day is declared in policies/budgets.yaml.")


def _told(row: Standing, amount: int) -> str:
    return str(money(amount)) if row.unit == "usd_micros" else f"{amount:,}"
