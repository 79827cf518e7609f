"""The ``gonogo`` command."""

from __future__ import annotations

import sys

import typer

from gonogo.cli import (
    comparing,
    deciding,
    drilling,
    enrolling,
    exporting,
    finding,
    flying,
    forgetting,
    housekeeping,
    keeping,
    looking,
    numbers,
    owning,
    proving,
    reporting,
    reviewing,
    ruling,
    showing,
    spending,
    switching,
    undoing,
    weighing,
    worth,
)
from gonogo.cli.screen import err, plain_cell
from gonogo.errors import AnswerRefused, EnrolmentRefused, GonogoError, RetentionRefused, SwitchRefused

app = typer.Typer(
    name="gonogo",
    help="Mission control for AI agents: mission, gates, evidence, drift loop.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)

app.command()(housekeeping.demo)
app.command()(housekeeping.up)
app.command()(flying.run)
app.command()(looking.runs)
app.command()(deciding.gates)
app.command()(deciding.decide)
app.command()(deciding.event)
app.command()(switching.abort)
app.command()(switching.rearm)
app.command()(reviewing.reviews)
app.command()(reviewing.reviewers)
app.command()(owning.exceptions)
app.command()(ruling.policies)
app.command()(enrolling.approvers)
app.command()(looking.evidence)
app.command()(proving.sequence)
app.command()(proving.verify)
app.command()(keeping.anchor)
app.command()(keeping.stamp)
app.command()(keeping.rekey)
app.command()(forgetting.erase)
app.command()(forgetting.purge)
app.command()(forgetting.hold)
app.command()(forgetting.release)
app.command()(showing.prove)
app.command()(showing.bundle)
app.command()(comparing.reconcile)
app.command()(undoing.rollback)
app.command()(spending.budgets)
app.command()(numbers.land)
app.command()(numbers.rebuild)
app.command()(numbers.drift)
app.command()(finding.findings)
app.command()(numbers.kpis)
app.command()(worth.roi)
app.command()(weighing.backtest)
app.command()(exporting.export)
app.command()(reporting.report)
app.command()(drilling.drill)


def main() -> None:
    """Run the command line; an expected failure is one sentence on standard error."""
    try:
        app()
    except (AnswerRefused, EnrolmentRefused, RetentionRefused, SwitchRefused) as error:
        err.print(f"gonogo: {plain_cell(error)}", style="red")
        sys.exit(2)
    except GonogoError as error:
        err.print(f"gonogo: {plain_cell(error)}", style="red")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
