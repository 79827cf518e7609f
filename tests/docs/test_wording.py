"""What no page says: where it was written, what it cannot promise, and what is not true of this version."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

import pytest

from gonogo.cli.main import app
from tests.docs.pages import PAGES, ROOT, name, read, section, tracked

if TYPE_CHECKING:
    from pathlib import Path

every_page = pytest.mark.parametrize("page", PAGES, ids=name)

MACHINE_PATH = re.compile(r"(?<![\w.~/:-])/(?:work|home|root|Users|mnt|opt|srv|tmp|var|private)/\w")
"""A path that is true on one machine only."""

REGISTRY = re.compile(r"(?i)index-url|find-links|trusted-host|pypi\.|pythonhosted|artifactory|nexus|devpi|jfrog")
"""Where packages come from is for whoever installs them to say."""

CLAIM = re.compile(
    r"(?i)\b(?:compliant|compliance with|certified|court-proof|presumption of conformity|tamper-proof)\b"
)
"""What only an auditor or a court may say."""


@every_page
def test_a_page_names_no_path_of_a_machine(page: Path) -> None:
    """A reader's machine is another one."""
    assert not MACHINE_PATH.findall(read(page))


@every_page
def test_a_page_claims_no_more_than_evidence(page: Path) -> None:
    """What gonogo says is "maps to" and "evidence toward"; the rest is for others to say."""
    assert not CLAIM.findall(read(page))


INSTALL = tracked("*.md", "requirements.lock", "pyproject.toml", "Makefile", ".ci/*")
"""What says how to install, and every page."""


@pytest.mark.parametrize("path", INSTALL, ids=name)
def test_nothing_that_installs_names_an_index(path: Path) -> None:
    """The same files install from whichever index a place has."""
    assert not REGISTRY.findall(read(path))


def test_the_changelog_tells_of_this_version() -> None:
    """The version that is built has an entry, and its newest entry is that version."""
    version = tomllib.loads(read(ROOT / "pyproject.toml"))["project"]["version"]
    entries = re.findall(r"^## \[([^]]+)\]", read(ROOT / "CHANGELOG.md"), re.MULTILINE)
    assert entries[:2] == ["Unreleased", version]


def test_the_changelog_keeps_its_form() -> None:
    """Only the headings that Keep a Changelog knows, and no empty ones."""
    text = read(ROOT / "CHANGELOG.md")
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.+)$", text, re.MULTILINE)) <= kinds
    assert not re.findall(r"^### .+\n\n(?!- )", text, re.MULTILINE)


def test_a_command_of_a_later_version_is_named_only_where_the_readme_says_that_it_is_not_here() -> None:
    """Whoever meets one on any page finds it among what is not here yet."""
    missing = re.findall(r"gonogo ([a-z]+)`", section(ROOT / "README.md", "What is not here yet"))
    here = {command.name or getattr(command.callback, "__name__", "") for command in app.registered_commands}
    named = {command for page in PAGES for command in re.findall(r"`gonogo ([a-z]+)[ `]", read(page))}
    assert not here & set(missing)
    assert named <= here | set(missing)
