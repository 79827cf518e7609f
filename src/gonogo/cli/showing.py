"""Commands that show what is in the log to somebody who has nothing of ours but a verifier and a key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import orjson
import typer

from gonogo.cli.screen import err
from gonogo.errors import SettingsBroken
from gonogo.settings import settings

To = Annotated[Path | None, typer.Option("--to", help="File to write; standard output, if not given.")]


def prove(
    record: Annotated[
        str | None, typer.Argument(help="The record: its id, its digest, or its place, as in RUN/flight/7.")
    ] = None,
    since: Annotated[
        Path | None, typer.Option("--since", help="Prove instead that the log continues this kept checkpoint.")
    ] = None,
    to: To = None,
) -> None:
    """Write a proof that a record is in the log, or that the log continues a kept checkpoint; `verifier.py` checks it.

    Example: `gonogo prove RUN/flight/0 --to record.tlog-proof`
    """
    from gonogo.log.proofs import prove_continuation, prove_record

    if (record is None) == (since is None):
        raise typer.BadParameter("name one record, or a checkpoint with --since")
    if record is not None:
        _write(prove_record(settings(), record), to)
    elif since is not None:
        _write(prove_continuation(settings(), _text(since)), to)


def bundle(
    run: Annotated[str, typer.Argument(help="The run: its id, or a part that only one run has.")],
    to: To = None,
    payloads: Annotated[
        bool, typer.Option("--payloads", help="Put the payloads in; they may hold personal data.")
    ] = False,
) -> None:
    """Write all records of a run with their proofs into one file that `verifier.py` checks without this home.

    Example: `gonogo bundle RUN --to run.bundle.json`
    """
    from gonogo.board import find_run
    from gonogo.evidence.journals import journal_of
    from gonogo.log.proofs import bundle_of

    chosen = settings()
    journal = journal_of(chosen)
    found = bundle_of(chosen, journal, find_run(journal, run), payloads=payloads)
    _write(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode() + "\n", to)


def _write(text: str, to: Path | None) -> None:
    if to is None:
        typer.echo(text, nl=False)
        return
    try:
        to.write_text(text, encoding="utf-8")
    except OSError as error:
        raise SettingsBroken(f"{to} cannot be written: {error.strerror}.") from error
    err.print(f"Written to {to}.")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsBroken(f"{path} cannot be read ({error}).") from error
