"""``gonogo up`` and ``gonogo demo``: the house, for as long as you stay, or for one story."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gonogo.cli.screen import err, plain_cell, say
from gonogo.errors import PolicyBroken
from gonogo.settings import settings

if TYPE_CHECKING:
    from gonogo.settings import Settings

PREFECT_PORT = 4200
DASHBOARD_PORT = 8501


def up(
    port: Annotated[int, typer.Option("--port", help="Of the Prefect server.")] = PREFECT_PORT,
    dashboard_port: Annotated[int, typer.Option("--dashboard-port", help="Of the dashboard.")] = DASHBOARD_PORT,
) -> None:
    """Run server, runner, loader and dashboard until Ctrl-C; deployments and schedules are served.

    Example: `gonogo up`
    """
    from gonogo.house.household import house, serve_until_stopped

    chosen = settings()
    say("The house comes up; the first time takes a few seconds more.")
    with house(chosen, port=port, dashboard_port=dashboard_port) as address:
        say(f"Prefect    {address.ui_url}   (runs, schedules, gates as forms)")
        say(f"Dashboard  {address.dashboard_url}   (what flies, what waits, what it is worth)")
        say(f"Model      {chosen.model or 'offline:scripted (no GONOGO_MODEL is set)'}")
        _tell_law(chosen)
        say("Ctrl-C stops everything; runs continue from their evidence next time.")
        serve_until_stopped(chosen)
    say("The house is down.")


def _tell_law(chosen: Settings) -> None:
    """Say who approved the law outside ``dev``, or that nothing will fly: better now than at the first case."""
    if chosen.environment == "dev":
        return
    from gonogo.enactments import chain_of, check_enacted

    try:
        check_enacted(chosen, chosen.environment)
    except PolicyBroken as error:
        err.print(f"gonogo: {plain_cell(error)}", style="red")
        return
    head = chain_of(chosen, chosen.environment).head
    say(f"Law        approved by {plain_cell(head.by if head else 'nobody')}")


def demo(
    cases: Annotated[int, typer.Option("--cases", help="Cases for each mission.", min=6)] = 6,
    seed: Annotated[int | None, typer.Option("--seed", help="Of the generated cases; new ones, if not given.")] = None,
) -> None:
    """Tell the whole story, unattended: missions, gates, answers, evidence, numbers, drift.

    Example: `gonogo demo`
    """
    from gonogo.cli.story import tell_story

    tell_story(settings(), cases, seed)
