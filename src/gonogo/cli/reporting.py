"""The command about the board report: every number of the board with its receipt, as one file to print."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from gonogo.cli.numbers import room
from gonogo.cli.screen import plain_cell, say
from gonogo.errors import SettingsBroken
from gonogo.settings import settings


def report(
    out: Annotated[Path, typer.Option("--out", help="File to write; - is standard output.")] = Path("board.html"),
) -> None:
    """Write the board report: one HTML file that needs nothing beside it, to read, to print and to file.

    Example: `gonogo report --out board.html`
    """
    made = room(settings().report).board_report(settings().home)
    if str(out) == "-":
        typer.echo(made, nl=False)
        return
    _write(out, made)
    say(f"{plain_cell(out)} holds the board report, {len(made.encode()) // 1024:,} KiB; print it from any browser.")


def _write(path: Path, text: str) -> None:
    """Put the whole file in place, or leave what was there: half a report must not be filed.

    Raises:
        SettingsBroken: it cannot be written.

    """
    aside = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        aside.write_text(text, encoding="utf-8")
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise SettingsBroken(f"{path} cannot be written ({error.strerror}); name another place with --out.") from error
