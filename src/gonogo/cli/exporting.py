"""``gonogo export``: what happened, in the formats that outside tools read."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Literal

import typer

from gonogo.cli.numbers import room
from gonogo.cli.screen import plain_cell, print_json, say
from gonogo.settings import settings


def export(
    form: Annotated[Literal["ocel", "otlp", "focus"], typer.Argument(help="ocel, otlp or focus.")],
    out: Annotated[str, typer.Option("--out", help="The file to write; for otlp the address to send to.")],
    since: Annotated[str | None, typer.Option("--from", help="From this time on, as 2026-03-01; UTC.")] = None,
    until: Annotated[str | None, typer.Option("--to", help="Before this time, as 2026-04-01; UTC.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Export events (OCEL 2.0), spans (OpenTelemetry over HTTP) or costs (FOCUS); names and digests, no payloads.

    Example: `gonogo export ocel --out events.json --from 2026-03-01`
    """
    chosen = settings()
    told = room(chosen.exports).export(chosen.home, form, out, _moment(since, "--from"), _moment(until, "--to"))
    if as_json:
        print_json(told)
        return
    counts = ", ".join(f"{name} {value:,}" for name, value in told.items() if type(value) is int)
    standard = told.get("version") or told.get("conventions")
    say(f"{form} {standard}: {counts} to {plain_cell(out)}.")
    if told.get("resumed"):
        say("An export that was cut off went on behind what had been taken.")


def _moment(text: str | None, option: str) -> datetime | None:
    """Read a time; one without a zone is UTC."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(
            f"{text!r} is no time like 2026-03-01 or 2026-03-01T08:00Z.", param_hint=option
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
