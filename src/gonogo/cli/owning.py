"""``gonogo exceptions``: what waits for its owner, and how it is closed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from gonogo.cli.screen import plain_cell, print_json, print_table, say
from gonogo.evidence.journals import journal_of
from gonogo.settings import settings


def exceptions(
    what: Annotated[Literal["list", "close", "climb"], typer.Argument(help="list, close or climb.")] = "list",
    which: Annotated[str, typer.Argument(help="To close: the exception's id, or its end.")] = "",
    reason: Annotated[str, typer.Option("--reason", help="How it was settled; it becomes evidence.")] = "",
    name: Annotated[str, typer.Option("--as", help="Who you are, as enrolled.")] = "",
    sign: Annotated[Path | None, typer.Option("--sign", help="Your key, or the public half of an agent's.")] = None,
    token: Annotated[str, typer.Option("--token", help="A token that was signed elsewhere.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the exceptions that wait for their owner, or close one; climb tells whoever a ladder names.

    Example: `gonogo exceptions close 7f3a9c --reason "refunded by hand, ticket 4711" --as ada`
    """
    from gonogo.owned import climb_exceptions, close, find_exception, open_exceptions, signed_token

    chosen = settings()
    journal = journal_of(chosen)
    if what == "close":
        if not which or (not token and not (reason and name)):
            raise typer.BadParameter("Say which, --reason and --as; only a token has the latter two already.")
        owned = find_exception(journal, which)
        if sign is not None:
            token = signed_token(chosen, owned, reason, by=name, key=sign.expanduser())
        record = close(chosen, owned, reason, by=name, token=token)
        told = {"closed": owned.id, "by": record.data["by"], "proof": record.data["proof"]}
        print_json(told) if as_json else say(f"{owned.id} is closed by {plain_cell(told['by'])} ({told['proof']}).")
        return
    new = climb_exceptions(chosen) if what == "climb" else []
    rows = [owned.row() for owned in open_exceptions(journal)]
    if as_json:
        print_json({"exceptions": rows, "new_rungs": [record.data["role"] for record in new]})
        return
    cells = [
        (row["exception"][-12:], row["owner"], row["reason_code"], row["raised"][:16].replace("T", " "),
         ", ".join(row["told"]), row["run_id"], row["what"])
        for row in rows
    ]  # fmt: skip
    columns = ("exception", "owner", "class", "raised (UTC)", "told, too", "run", "what")
    print_table("Exceptions", columns, cells, "Nothing waits for its owner.")
