"""What commands show: people get tables, programs get JSON on a clean standard output."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import orjson
from pydantic_core import to_jsonable_python
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markdown import Markdown
from rich.table import Column, Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gonogo.plans import Landing

PIPE_COLUMNS = 120
"""How wide tables are where nobody's terminal says."""

out = Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else PIPE_COLUMNS)
err = Console(stderr=True, soft_wrap=True)

EXIT_BY_STATUS = {"done": 0, "no_go": 3, "aborted": 4, "waiting": 5, "flying": 5, "failed": 1, "interrupted": 1}
"""Exit codes of ``gonogo run``; stable."""


def print_json(value: object) -> None:
    """Write one JSON document to standard output, and nothing else."""
    sys.stdout.buffer.write(orjson.dumps(to_jsonable_python(value), option=orjson.OPT_INDENT_2) + b"\n")
    sys.stdout.flush()


def print_table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], empty: str) -> None:
    """Show rows as a table, or say that there are none."""
    headers = [Column(columns[0], no_wrap=True), *columns[1:]]
    table = Table(*headers, title=title, title_justify="left", header_style="bold", box=SIMPLE_HEAD)
    for row in rows:
        table.add_row(*("" if cell is None else plain_cell(cell) for cell in row))
    if table.row_count:
        out.print(table)
    else:
        out.print(empty)


def plain_cell(cell: object) -> str:
    """Return a value as text that rich does not read as markup."""
    return str(cell).replace("[", "\\[")


def print_card(card: str) -> None:
    """Show a gate's card."""
    out.print(Markdown(card))


def money(micros: int | None, currency: str = "USD") -> str:
    """Return micro-units as money with six decimals at most, four at least."""
    return "" if micros is None else f"{micros / 1_000_000:.4f} {currency}"


def say(text: str) -> None:
    """Print one line as it is; long ones are the terminal's to wrap."""
    out.print(text, soft_wrap=True)


def word(status: str | None) -> str:
    """Return a status as people write it."""
    return (status or "").replace("no_go", "no-go")


def print_landing(landing: Landing) -> None:
    """Say how a run ended."""
    totals = landing.totals
    cost = money(totals.get("cost_micros"), totals.get("currency", "USD"))
    basis = totals.get("price_basis", "")
    outcome = (landing.outcome or {}).get("outcome")
    say(f"run       {landing.run_id}")
    say(f"mission   {landing.mission}")
    say(f"status    {word(landing.status)}" + (f", outcome {outcome}" if outcome else ""))
    if landing.error:
        say(f"because   {plain_cell(landing.error)}")
    if landing.again_at:
        say(f"flies again from {landing.again_at[:19]}Z")
    if landing.waits:
        say(f"waits for {', '.join(landing.waits)}")
    if totals:
        say(f"cost      {cost} ({basis} prices), {totals['model_calls']} model calls, {totals['actions']} changes")
    say(f"evidence  {landing.evidence} records: gonogo evidence {landing.run_id}")
