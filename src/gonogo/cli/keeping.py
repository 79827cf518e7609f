"""Commands that keep the log out of one machine's hands: anchor it elsewhere, hand it over to a new key."""

from __future__ import annotations

from typing import Annotated

import typer

from gonogo.cli.proving import AsJson
from gonogo.cli.screen import print_json, say
from gonogo.settings import settings


def anchor(as_json: AsJson = False) -> None:
    """Commit the log's checkpoint to the git repository of `GONOGO_ANCHOR`, where other people are in charge.

    Example: `gonogo anchor`
    """
    from gonogo.log import anchors

    done = anchors.anchor(settings())
    if as_json:
        print_json(done._asdict())
    else:
        say(f"{done.size} records are anchored, as commit {done.commit}.")


def stamp(as_json: AsJson = False) -> None:
    """Have the log's checkpoint stamped by the time stamp authority of `GONOGO_TIMESTAMP_URL` (RFC 3161).

    Example: `gonogo stamp`
    """
    from gonogo.evidence.canon import timestamp
    from gonogo.log import stamps

    done = stamps.stamp(settings())
    if as_json:
        print_json({"size": done.size, "at": timestamp(done.at)})
    else:
        say(f"{done.size} records are stamped, as of {timestamp(done.at)[:19]}Z. Give the stamp to whoever audits.")


def rekey(
    reason: Annotated[str, typer.Option("--reason", help="Why; becomes evidence.")],
    by: Annotated[str | None, typer.Option("--as", help="Who you are; the login name, if not given.")] = None,
    as_json: AsJson = False,
) -> None:
    """Hand the log over to a new key: the old one signs the new one into the log, and counts no more.

    Example: `gonogo rekey --reason "yearly rotation" --as ada`
    """
    from gonogo.evidence.journals import journal_of
    from gonogo.flights import requester
    from gonogo.log.rotations import rotate

    chosen = settings()
    old, new = rotate(chosen, journal_of(chosen), reason, by=by or requester(chosen))
    if as_json:
        print_json({"old": str(old), "new": str(new)})
    else:
        say(f"old  {old}")
        say(f"new  {new}")
        say("The new key signs from here on. Publish it, and anchor the log now: `gonogo anchor`.")
