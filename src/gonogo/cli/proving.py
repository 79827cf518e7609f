"""Commands about proof: sequence the journals into the log, and verify the log."""

from __future__ import annotations

import threading
from base64 import b64encode
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from gonogo.cli.screen import err, plain_cell, print_json, say
from gonogo.errors import RunBusy, SettingsBroken
from gonogo.settings import settings

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

    chosen = settings()
    if every is not None:
        _keep_sequencing(every)
        return
    done = sequencer.sequence(chosen, journal_of(chosen))
    if as_json:
        print_json({"size": done.size, "new": done.new, "faults": done.faults})
    else:
        say(f"{done.new} records taken in; the log holds {done.size}.")
        for fault in done.faults:
            say(f"left out: {plain_cell(fault)}")
    if done.faults:
        raise typer.Exit(1)


def _keep_sequencing(every_seconds: float) -> None:
    """Sequence again and again until the process is stopped; what cannot be done now is tried again."""
    from gonogo.errors import GonogoError
    from gonogo.evidence.journals import journal_of
    from gonogo.log import sequencer

    chosen, never, told = settings(), threading.Event(), set[str]()
    while not never.wait(every_seconds):
        try:
            with suppress(RunBusy):
                faults = sequencer.sequence(chosen, journal_of(chosen)).faults
                for fault in faults:
                    if fault not in told:
                        err.print(plain_cell(fault))
                told = set(faults)
        except GonogoError as error:
            err.print(plain_cell(error))


def verify(
    log: Annotated[Path | None, typer.Option("--log", help="Folder of the log; this home's own, if not given.")] = None,
    against: Annotated[
        list[Path] | None, typer.Option("--against", help="A checkpoint that was kept elsewhere; may be repeated.")
    ] = None,
    key: Annotated[str | None, typer.Option("--key", help="Verifier key; the log's own, if not given.")] = None,
    as_json: AsJson = False,
) -> None:
    """Prove the log whole, or say which record broke what.

    Example: `gonogo verify`
    """
    from gonogo.log import verifier
    from gonogo.log.sequencer import log_folder

    folder = log or log_folder(settings())
    report = verifier.verify(folder, key or _own_key(folder), [_kept(path) for path in against or []])
    if as_json:
        signed = report.checkpoint
        root = "" if signed is None else b64encode(signed.root).decode()
        size = 0 if signed is None else signed.size
        print_json({"size": size, "root": root, "broken": report.findings, "continues": report.held})
    else:
        for finding in report.findings:
            say(f"broken: {plain_cell(finding)}")
        if report.checkpoint is not None:
            say(f"{report.checkpoint.origin}: {report.checkpoint.size} records, all read")
        say(verifier.caveat(report.held, is_own_key=key is None))
    if report.findings:
        raise typer.Exit(1)


def _own_key(folder: Path) -> str:
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
