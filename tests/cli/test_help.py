"""Every command explains itself, with an example that can be typed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from gonogo.cli.main import app

if TYPE_CHECKING:
    from tests.e2e.command import Command

COMMANDS = [str(command.name or command.callback.__name__) for command in app.registered_commands if command.callback]


def test_the_commands_of_the_design_are_there() -> None:
    """The stable surface; scripts depend on it."""
    assert {
        "demo", "up", "run", "runs", "gates", "decide", "event", "evidence", "land", "drift", "findings", "kpis",
    } <= set(COMMANDS)  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_help_gives_an_example_of_the_command(gonogo: Command, command: str) -> None:
    """`Example: gonogo <command> ...`."""
    done = gonogo(command, "--help")
    assert done.code == 0
    assert re.search(rf"Example:\s+gonogo {command}\b", done.out), done.out


def test_a_command_nobody_knows_is_a_usage_error(gonogo: Command) -> None:
    """Exit 2 and the way to help, no traceback."""
    done = gonogo("nonsuch")
    assert done.code == 2
    assert "--help" in done.err
    assert "Traceback" not in done.err
