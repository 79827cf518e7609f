"""The command about findings: what drifted, whose it is, by when, and what later runs say."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from gonogo import docket
from gonogo.cli.screen import print_json, print_table
from gonogo.settings import settings

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def findings(
    closed: Annotated[bool, typer.Option("--closed", help="Show those that are closed, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """List the drift findings that somebody owns; later runs close them, nobody's word does.

    Example: `gonogo findings`
    """
    known = [entry for entry in docket.entries(settings()) if closed or entry.state != "closed"]
    if as_json:
        print_json([_told(entry) for entry in known])
        return
    rows = [
        (
            entry.id,
            entry.state,
            entry.found.severity,
            entry.found.owner,
            f"{entry.found.due_at:%Y-%m-%d %H:%M}" + (" overdue" if entry.is_overdue else ""),
            entry.found.route,
            entry.closed_because or entry.found.sentence,
        )
        for entry in known
    ]
    columns = ("finding", "state", "severity", "owner", "due (UTC)", "route", "says")
    print_table("Findings", columns, rows, "Nobody owns a finding: watch-drift opens them, gonogo drift shows drift.")


def _told(entry: docket.Entry) -> dict[str, Any]:
    flat = asdict(entry)
    return {**flat.pop("found"), **flat, "is_overdue": entry.is_overdue}
