"""Commands about proof: sequence the journals into the log, and verify the log."""

from __future__ import annotations

import signal
import threading
import time
from base64 import b64encode
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gonogo.cli.screen import err, plain_cell, print_json, say
from gonogo.errors import RunBusy, SettingsBroken
from gonogo.settings import settings

if TYPE_CHECKING:
    from gonogo.log.anchors import Exposure, Kept
    from gonogo.log.verifier import Report
    from gonogo.settings import Settings

ANCHOR_AGAIN_SECONDS = 60.0
"""How often it is looked whether something is due to be anchored."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def sequence(
    every: Annotated[float | None, typer.Option("--every", help="Keep on, at this interval in seconds.")] = None,
    as_json: AsJson = False,
) -> None:
    """Take the evidence into the log, and sign where that leaves it.

    Example: `gonogo sequence`
    """
    from gonogo.evidence.journals import journal_of
    from gonogo.log import sequencer
    from gonogo.sequencing import renew

    chosen = settings()
    if every is not None:
        _keep_sequencing(every)
        return
    done = sequencer.sequence(chosen, journal_of(chosen))
    renew(chosen)
    open_to = _exposure(chosen)
    if as_json:
        print_json({"size": done.size, "new": done.new, "faults": done.faults, "unanchored": _as_fields(open_to)})
    else:
        say(f"{done.new} records taken in; the log holds {done.size}.")
        for fault in done.faults:
            say(f"left out: {plain_cell(fault)}")
        say(_told(open_to))
    if done.faults:
        raise typer.Exit(1)


def _keep_sequencing(every_seconds: float) -> None:
    """Sequence again and again, and anchor what is due, until the process is stopped.

    What cannot be done now is tried again: the log at the next turn, the anchor after a minute. Flights are
    told by when the next pass is due, and at Ctrl-C or SIGTERM that none is.
    """
    from gonogo.errors import GonogoError
    from gonogo.evidence.journals import journal_of
    from gonogo.log import sequencer
    from gonogo.log.anchors import anchor_if_due
    from gonogo.sequencing import promising

    signal.signal(signal.SIGTERM, _leave)
    chosen, never, told, anchor_from = settings(), threading.Event(), set[str](), 0.0
    with promising(chosen) as passed:
        while not never.wait(every_seconds):
            try:
                with suppress(RunBusy):
                    faults = sequencer.sequence(chosen, journal_of(chosen)).faults
                    passed()
                    for fault in faults:
                        if fault not in told:
                            err.print(plain_cell(fault))
                    told = set(faults)
                if time.monotonic() >= anchor_from:
                    anchor_from = time.monotonic() + ANCHOR_AGAIN_SECONDS
                    anchor_if_due(chosen)
            except GonogoError as error:
                err.print(plain_cell(error))


def _leave(*_: object) -> None:
    """Leave the loop wherever it is; what was not signed is taken in again by whoever sequences next."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise SystemExit(0)


def _exposure(chosen: Settings) -> Exposure:
    from gonogo.log.anchors import exposure

    return exposure(chosen)


def _as_fields(found: Exposure) -> dict[str, int]:
    return {"records": found.records, "age_seconds": found.age_seconds}


def _told(found: Exposure) -> str:
    """Return how much only this machine vouches for."""
    if not found.records:
        return "All of it is anchored."
    return f"{found.records} of them are not anchored, the oldest for {timedelta(seconds=found.age_seconds)}."


def verify(
    log: Annotated[
        Path | None, typer.Option("--log", help="Folder of a log, a bundle, or a proof; this home's log, if not given.")
    ] = None,
    against: Annotated[
        list[Path] | None, typer.Option("--against", help="A checkpoint that was kept elsewhere; may be repeated.")
    ] = None,
    anchor: Annotated[
        str | None, typer.Option("--anchor", help="Git repository; every checkpoint it ever held is compared.")
    ] = None,
    stamps: Annotated[
        Path | None, typer.Option("--stamps", help="PEM certificates; every stamp beside the log is checked with them.")
    ] = None,
    key: Annotated[str | None, typer.Option("--key", help="Verifier key; the anchor's or the log's, if none.")] = None,
    as_json: AsJson = False,
) -> None:
    """Prove the log whole, or say which record broke what.

    Example: `gonogo verify`
    """
    from gonogo.log import verifier
    from gonogo.log.sequencer import log_folder

    what = log or log_folder(settings())
    kept = [_kept(path) for path in against or []]
    pinned = key
    if anchor is not None:
        notes, keys = _anchored(anchor, what)
        kept, pinned = kept + notes, key or keys[0]
    if stamps is not None:
        kept += _stamped(what, stamps)
    report = verifier.verify_any(what, pinned or _own_key(what), kept)
    open_to = None if log is not None or report.findings else _exposure(settings())
    if as_json:
        _print_report(report, open_to)
    else:
        for finding in report.findings:
            say(f"broken: {plain_cell(finding)}")
        if report.checkpoint is not None:
            say(f"{report.checkpoint.origin}: {report.checkpoint.size} records, {report.shown} shown to be in it")
        say(verifier.caveat(report.held, is_own_key=pinned is None))
        if open_to is not None:
            say(_told(open_to))
            if erased := _erased():
                say(f"{erased} data subjects were erased: what they said cannot be read any more, every proof holds.")
    if report.findings:
        raise typer.Exit(1)


def _stamped(folder: Path, roots: Path) -> list[str]:
    """Return the checkpoints that an authority has stamped, and say when the newest was."""
    from gonogo.evidence.canon import timestamp
    from gonogo.log.stamps import stamps

    found = stamps(folder, roots)
    if not found:
        raise SettingsBroken(f"No stamp stands beside {folder}; `gonogo stamp` makes one.")
    err.print(
        f"{len(found)} stamps hold; the newest says that {found[-1].size} records stood so at "
        f"{timestamp(found[-1].at)[:19]}Z."
    )
    return [each.note for each in found]


def _erased() -> int:
    from gonogo import archive

    return archive.erased_count(archive.facts(settings()))


def _print_report(report: Report, open_to: Exposure | None) -> None:
    signed = report.checkpoint
    print_json(
        {
            "size": 0 if signed is None else signed.size,
            "root": "" if signed is None else b64encode(signed.root).decode(),
            "shown": report.shown,
            "broken": report.findings,
            "continues": report.held,
            "unanchored": None if open_to is None else _as_fields(open_to),
            "erased_subjects": None if open_to is None else _erased(),
        }
    )


def _anchored(remote: str, folder: Path) -> Kept:
    """Return what a repository holds of the log in a folder."""
    from gonogo.log import verifier
    from gonogo.log.anchors import kept_in

    try:
        origin = verifier.read_checkpoint((folder / "checkpoint").read_text(encoding="utf-8"), None).origin
    except (OSError, ValueError, verifier.Broken) as error:
        raise SettingsBroken(f"There is no log at {folder} to compare with the anchor ({error}).") from error
    return kept_in(remote, origin)


def _own_key(what: Path) -> str:
    from gonogo.log.sequencer import log_folder

    # A bundle or a proof brings no key along: it would vouch for itself.
    folder = what if what.is_dir() or not what.exists() else log_folder(settings())
    try:
        return (folder / "key.pub").read_text(encoding="utf-8")
    except OSError as error:
        msg = f"There is no log with a key at {folder} ({error.strerror}); `gonogo sequence` makes one."
        raise SettingsBroken(msg) from error


def _kept(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsBroken(f"{path} is no checkpoint that can be read ({error}).") from error
