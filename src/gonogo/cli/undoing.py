"""``gonogo rollback``: undo what a run did."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from gonogo.board import find_run
from gonogo.cli.flying import tell
from gonogo.cli.screen import EXIT_BY_STATUS, err, plain_cell, print_json, say
from gonogo.errors import GonogoError
from gonogo.evidence.journals import journal_of
from gonogo.settings import settings

if TYPE_CHECKING:
    from gonogo.evidence.journals import Journal
    from gonogo.pilots import Wait
    from gonogo.plans import Landing
    from gonogo.runs import Run
    from gonogo.settings import Settings


def rollback(
    run: Annotated[str, typer.Argument(help="The run to undo, or a part of its id; it has ended.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it becomes evidence.")],
    name: Annotated[str | None, typer.Option("--as", help="Who asks for it; the login name, if not given.")] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Leave at a gate instead of waiting there.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Undo what can be undone of a run, newest first; the same command continues an interrupted rollback.

    Exit 0 all undone, 1 something stands and is an exception of its owner, 5 waiting at a gate.

    Example: `gonogo rollback claims-triage-4kq7m2xh9c0d --reason "paid the wrong claim" --as ada`
    """
    from gonogo.lanes.local import LocalPilot
    from gonogo.rollbacks import asked_by, roll_back

    chosen = asked_by(settings(), name)
    journal = journal_of(chosen)
    run_id = find_run(journal, run)
    _load(journal, run_id, chosen)
    pilot = LocalPilot(patience="leave" if no_wait else "stay", announce=_announce)
    landing = asyncio.run(roll_back(journal, run_id, reason, pilot, chosen))
    if as_json:
        print_json(landing.model_dump())
    else:
        _print(run_id, landing)
    outcome = (landing.outcome or {}).get("outcome")
    raise typer.Exit(1 if outcome == "partly_undone" else EXIT_BY_STATUS[landing.status])


def _load(journal: Journal, run_id: str, chosen: Settings) -> None:
    """Define the tools of the run's mission; what is gone is left to its owner instead of being undone."""
    from gonogo.house.loading import find_mission

    records = journal.read_flight(run_id)
    if not records:
        return
    try:
        find_mission(chosen, records[0].data["mission"])
    except GonogoError as error:
        err.print(f"The mission cannot be loaded, so its tools are unknown: {plain_cell(error)}", style="yellow")


def _announce(run: Run, wait: Wait) -> None:
    tell(run.id, wait.kind, wait.name)


def _print(run_id: str, landing: Landing) -> None:
    """Say what was undone, and whose the rest is."""
    outcome = landing.outcome
    if outcome is None:
        what = "waits at a gate" if landing.status == "waiting" else f"ended {landing.status}: {landing.error}"
        say(f"The rollback {landing.run_id} {plain_cell(what)}.")
        if landing.status == "waiting":
            say(f'After the answer it continues with: gonogo rollback {run_id} --reason "..."')
        return
    counts = f"{outcome['undone']} undone, {outcome['not_undone']} not"
    say(f"Run {run_id}: {counts}. Record: gonogo evidence {landing.run_id}")
    for left in outcome["left"]:
        say(f"  stands: {plain_cell(left['tool'])}, owned by {plain_cell(left['owner'])}: {plain_cell(left['why'])}")
