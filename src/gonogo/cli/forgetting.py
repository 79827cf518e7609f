"""Commands that let go of what was recorded: erase a person, purge what is old, and hold what must stay."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from gonogo.cli.proving import AsJson
from gonogo.cli.screen import plain_cell, print_json, print_table, say
from gonogo.settings import settings

if TYPE_CHECKING:
    from gonogo.archive import HoldKind
    from gonogo.settings import Settings

By = Annotated[str | None, typer.Option("--as", help="Who you are; the login name, if not given.")]
Run = Annotated[str | None, typer.Option("--run", help="A run, or a part of its id.")]
Mission = Annotated[str | None, typer.Option("--mission", help="Every run of a mission.")]
Subject = Annotated[str | None, typer.Option("--subject", help="Everything about a person, by their business key.")]


def erase(
    subject: Annotated[str, typer.Argument(help="The business key that missions name the person by.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; becomes evidence, without the name.")],
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Destroy a person's key, and with it every value of theirs in evidence, warehouse and copies; proofs stay valid.

    Example: `gonogo erase CUST-1042 --reason "request of 12 May" --as ada`
    """
    from gonogo.flights import requester
    from gonogo.house import erasing

    chosen = settings()
    done = erasing.erase(chosen, subject, reason, by=by or requester(chosen))
    if as_json:
        print_json(asdict(done))
    else:
        say(f"erased: {done.reference}, known in {done.runs} runs; {len(done.ended)} of them were open and have ended.")
        for run_id in done.open:
            say(f"still flies: {plain_cell(run_id)}. The same command, once it has ended, completes the erasure.")
    if done.open:
        raise typer.Exit(1)


def hold(
    run: Run = None,
    mission: Mission = None,
    subject: Subject = None,
    reason: Annotated[str, typer.Option("--reason", help="Why; becomes evidence.")] = "",
    owner: Annotated[str, typer.Option("--owner", help="Who answers for it, and releases it some day.")] = "",
    by: By = None,
    list_: Annotated[bool, typer.Option("--list", help="Show what is held, and hold nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Keep a run, a mission or a person from being purged and erased, whatever their time is.

    Example: `gonogo hold --mission claims_triage --reason "lawsuit 12/26" --owner legal`
    """
    from gonogo import archive
    from gonogo.flights import requester

    chosen = settings()
    if not list_:
        kind, target = _target(chosen, run, mission, subject)
        archive.hold(chosen, kind, target, reason, owner=owner, by=by or requester(chosen))
    standing = archive.holds(archive.facts(chosen))
    if as_json:
        print_json([asdict(each) for each in standing])
        return
    rows = [(each.kind, each.target, each.owner, each.since[:10]) for each in standing]
    print_table("Holds", ("what", "which", "owner", "since"), rows, "Nothing is held.")


def release(
    run: Run = None,
    mission: Mission = None,
    subject: Subject = None,
    reason: Annotated[str, typer.Option("--reason", help="Why; becomes evidence.")] = "",
    by: By = None,
    as_json: AsJson = False,
) -> None:
    """Release what is held; from then on its own time counts again.

    Example: `gonogo release --mission claims_triage --reason "lawsuit 12/26 is settled"`
    """
    from gonogo import archive
    from gonogo.flights import requester

    chosen = settings()
    kind, target = _target(chosen, run, mission, subject)
    lifted = archive.release(chosen, kind, target, reason, by=by or requester(chosen))
    if as_json:
        print_json([asdict(each) for each in lifted])
    else:
        say(f"released: {kind} {plain_cell(target)}, {len(lifted)} holds")


def purge(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would go, and take nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take out the payloads of runs whose time is over, as `policies/retention.yaml` says; records and proofs stay.

    Example: `gonogo purge --dry-run`
    """
    from gonogo.house import purging

    chosen = settings()
    found = purging.due_now(chosen) if dry_run else purging.purge(chosen)
    if as_json:
        print_json({"dry_run": dry_run, **asdict(found)})
        return
    rows = [(each.run, each.mission, each.retention_class, each.ended[:10], each.payloads) for each in found.due]
    title = "Would go" if dry_run else "Gone"
    print_table(title, ("run", "mission", "class", "ended", "payloads"), rows, "Nothing is due.")
    for each in found.held:
        say(f"held by {plain_cell(each.owner)}: {plain_cell(each.run)}")


def _target(chosen: Settings, run: str | None, mission: str | None, subject: str | None) -> tuple[HoldKind, str]:
    """Return what is meant, as the archive names it.

    Raises:
        RetentionRefused: nothing is named, or several things, or a subject that has no key.

    """
    from gonogo.board import find_run
    from gonogo.errors import RetentionRefused
    from gonogo.evidence.journals import journal_of
    from gonogo.house.purging import subject_reference

    match run, mission, subject:
        case str(), None, None:
            return "run", find_run(journal_of(chosen), run)
        case None, str(), None:
            return "mission", mission
        case None, None, str():
            reference = subject_reference(chosen, subject)
            if reference is None:
                raise RetentionRefused("No key of such a subject is here: nothing of theirs is in the evidence.")
            return "subject", reference
        case _:
            raise RetentionRefused("Name exactly one of --run, --mission and --subject.")
