"""The command line and its page say the same: commands, options, defaults, exit codes, examples."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pytest
import typer.main

from gonogo.cli.main import app
from gonogo.cli.screen import EXIT_BY_STATUS
from tests.docs.pages import GUIDES, PAGES, blocks, commands, name, read, section

PAGE = GUIDES / "command-line.md"
GROUP: Any = typer.main.get_command(app)
"""The command line as click sees it; typer brings its own click along, so it has no type to name."""
COMMANDS: dict[str, Any] = GROUP.commands

_SHOWN = re.compile(r"(?:\w+=\S+ )*gonogo (.*)")
SHOWN = [(name(page), found[1]) for page in PAGES for line in commands(page) if (found := _SHOWN.fullmatch(line))]
"""Every `gonogo` command of a shell block, with the page it stands on."""

INLINE = [
    (name(page), line)
    for page in PAGES
    for line in re.findall(r"`gonogo ([a-z][^`\n]*)`", read(page))
    if line.split()[0] != "init"
]
"""Every `gonogo` command in running text, but those that are named as not here yet."""


def options(command: str) -> list[Any]:
    """Return a command's own options."""
    return [parameter for parameter in COMMANDS[command].params if parameter.param_type_name == "option"]


def rows(command: str) -> dict[str, str]:
    """Return the rows of a command's table of options: option and what follows it."""
    return dict(re.findall(r"^\| `(--[a-z-]+)` \| (.*) \|$", section(PAGE, f"gonogo {command}"), re.MULTILINE))


def exit_codes() -> dict[int, str]:
    """Return the page's exit codes and what they mean."""
    found = re.findall(r"^\| (\d+) \| (.*) \|$", section(PAGE, "Exit codes"), re.MULTILINE)
    return {int(code): says for code, says in found}


def parse(line: str) -> None:
    """Let the command line parse a line as it would, without running the command."""
    command, *words = shlex.split(line)
    COMMANDS[command].make_context(command, words, GROUP.make_context("gonogo", [command])).close()


def test_the_page_has_a_section_for_each_command_and_for_no_other() -> None:
    """What is announced is there, and what is there is announced."""
    assert re.findall(r"^## gonogo (.+)$", read(PAGE), re.MULTILINE) == list(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_section_lists_exactly_the_options_of_its_command(command: str) -> None:
    """An option that nobody can read about is not there."""
    assert set(rows(command)) == {option.opts[0] for option in options(command)}


@pytest.mark.parametrize("command", COMMANDS)
def test_a_section_names_the_defaults_and_what_is_required(command: str) -> None:
    """A default that is wrong on the page is worse than none."""
    for option in options(command):
        told = rows(command)[option.opts[0]]
        if option.required:
            assert "Required" in told, option.opts
        if isinstance(option.default, int) and not isinstance(option.default, bool):
            assert f"`{option.default}`" in told, option.opts


@pytest.mark.parametrize("command", COMMANDS)
def test_a_section_has_an_example_of_its_own_command(command: str) -> None:
    """The quickest way to learn a command is to see it."""
    assert f"```sh\ngonogo {command}" in section(PAGE, f"gonogo {command}")


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_a_command_has_an_example_that_parses(command: str) -> None:
    """Help that does not work is not help."""
    example = re.search(r"Example: `gonogo (.+)`", COMMANDS[command].help or "")
    assert example is not None
    assert example[1].split()[0] == command
    parse(example[1])


@pytest.mark.parametrize(("page", "line"), SHOWN, ids=[f"{page}: {line}" for page, line in SHOWN])
def test_a_command_in_a_shell_block_parses(page: str, line: str) -> None:
    """A reader copies it; options and arguments are those that the command takes."""
    del page
    parse(line)


def test_pages_show_every_command_somewhere() -> None:
    """A guard for the test above: it would pass on pages without a block."""
    assert {line.split()[0] for _, line in SHOWN} == set(COMMANDS)


@pytest.mark.parametrize(("page", "line"), INLINE, ids=[f"{page}: {line}" for page, line in INLINE])
def test_a_command_in_running_text_names_a_command_and_options_that_exist(page: str, line: str) -> None:
    """It may be abridged, but not invented."""
    del page
    command, *words = line.split()
    known = {opt for option in options(command) for opt in option.opts} | {"--help"}
    assert {word for word in words if word.startswith("--")} <= known


def test_the_exit_codes_of_a_flight_are_those_of_the_page() -> None:
    """Scripts depend on them."""
    told = exit_codes()
    assert set(EXIT_BY_STATUS.values()) | {2, 130} == set(told)
    for status, word in {"no_go": "no-go", "aborted": "aborted", "waiting": "waits", "failed": "failed"}.items():
        assert word in told[EXIT_BY_STATUS[status]]


def test_an_expected_exit_code_in_an_example_is_one_of_the_page() -> None:
    """`# exit 5` behind an example means what the table says."""
    expected = {int(code) for page in PAGES for b in blocks(page, "sh") for code in re.findall(r"# exit (\d+)", b.text)}
    assert expected
    assert expected <= set(exit_codes())
