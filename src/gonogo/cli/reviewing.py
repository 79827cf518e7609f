"""Commands about reviewing: what waits to be looked at afterwards, and how people review."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gonogo.cli.numbers import room
from gonogo.cli.screen import plain_cell, print_card, print_json, print_table, say
from gonogo.evidence.canon import moment
from gonogo.evidence.journals import journal_of
from gonogo.settings import settings

if TYPE_CHECKING:
    from gonogo.settings import Settings

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def reviews(
    sweep: Annotated[
        bool, typer.Option("--sweep", help="Make an exception with an owner of each that is overdue; once.")
    ] = False,
    card: Annotated[bool, typer.Option("--card", help="Show each one's full card.")] = False,
    as_json: AsJson = False,
) -> None:
    """List what was done alone and waits to be looked at: samples, and emergencies. Exit 1 if one is overdue.

    Example: `gonogo reviews --card`
    """
    from gonogo.board import open_reviews
    from gonogo.reviews import sweep as swept

    journal = journal_of(settings())
    new = swept(journal) if sweep else []
    rows = open_reviews(journal)
    late = {row.gate for row in rows if datetime.now(UTC) >= moment(row.deadline)}
    if as_json:
        told = [row.model_dump() | {"is_overdue": row.gate in late} for row in rows]
        print_json({"reviews": told, "new_exceptions": [record.data["key"] for record in new]})
    else:
        cells = [
            (
                row.gate,
                "emergency" if row.about == "glass" else "sample",
                row.action,
                row.mission,
                row.role,
                f"{row.deadline[:16].replace('T', ' ')}" + (" overdue" if row.gate in late else ""),
            )
            for row in rows
        ]
        columns = ("review", "of", "what was done", "mission", "for role", "due (UTC)")
        print_table("Reviews", columns, cells, "Nothing waits to be looked at.")
        for row in rows if card else []:
            print_card(row.card)
        if new:
            say(f"{len(new)} became exceptions with an owner.")
        if rows:
            say(f'Answer one: gonogo decide {rows[0].gate} agree --reason "..." --as NAME (or disagree)')
    if late:
        raise typer.Exit(1)


def reviewers(
    seed: Annotated[
        bool, typer.Option("--seed", help="Put a known-bad request at its gate first; nothing is printed of it.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show how people review: how much, how fast, and how what they let through bore out.

    Example: `gonogo reviewers`
    """
    chosen = settings()
    if seed:
        asyncio.run(_probe(chosen))
    room(chosen.warehouse).land(chosen.home)
    found: list[dict[str, Any]] = room(chosen.reviewers).report(chosen.home)
    if as_json:
        print_json(found)
        return
    cells = [
        (
            plain_cell(each["reviewer"]),
            each["answers"],
            f"{each['goes']} / {each['no_goes']} / {each['revises']}",
            "" if each["median_open_ms"] is None else f"{each['median_open_ms'] / 1_000:.0f} s",
            each["unread"],
            each["busiest_hour"],
            f"{each['goes_borne_out']} of {each['goes_ended']}",
            f"{each['probes_caught']} of {each['probes']}",
        )
        for each in found
    ]
    columns = ("who", "answers", "go / no-go / revise", "median time", "unread", "busiest hour", "borne out", "probes")
    print_table("Reviewers", columns, cells, "Nobody has answered a gate yet.")


async def _probe(chosen: Settings) -> None:
    """Let the probes that were answered tell what they were, and put another one at its gate."""
    from gonogo.house.loading import find_mission
    from gonogo.probes import seed, tend

    find = partial(find_mission, chosen)
    await tend(chosen, find)
    await seed(chosen, find)
