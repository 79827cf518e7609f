"""``gonogo reconcile``: what happened and is not in the evidence."""

from __future__ import annotations

from collections import Counter

import typer

from gonogo.cli.proving import AsJson
from gonogo.cli.screen import err, plain_cell, print_json, say
from gonogo.settings import settings


def reconcile(as_json: AsJson = False) -> None:
    """Ask the systems of record, Prefect and the log what happened, and name what the evidence does not hold.

    Example: `gonogo reconcile`
    """
    from gonogo.evidence.journals import journal_of
    from gonogo.house import gaps
    from gonogo.house.address import find_house

    chosen = settings()
    journal, house = journal_of(chosen), find_house(chosen)
    found = gaps.gaps_in_deeds(journal, gaps.deeds_told(chosen))
    found += gaps.gaps_in_streams(chosen, journal)
    if house is None:
        err.print("No house is up, so Prefect was not asked what it has run.")
    else:
        found += gaps.gaps_in_runs(journal, house.api_url)
    if as_json:
        print_json({"gaps": [gap._asdict() for gap in found], "asked_prefect": house is not None})
    else:
        for gap in found:
            say(f"{gap.kind.replace('_', ' ')}: {plain_cell(gap.what)}")
        counted = Counter(gap.kind.replace("_", " ") for gap in found)
        say(", ".join(f"{count} {kind}" for kind, count in counted.items()) or "Nothing is missing.")
    if found:
        raise typer.Exit(1)
