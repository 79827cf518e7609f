"""The first page: what stands on its first screen, that its excerpts are the real files, that its commands exist."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.docs.pages import PAGES, ROOT, blocks, commands, name, read

if TYPE_CHECKING:
    from pathlib import Path

README = ROOT / "README.md"
PICTURE = ROOT / "docs" / "images" / "walk.svg"
SCREEN_LINES = 25
STATIONS = ["Trigger", "Story", "Work", "Law", "Gate", "Evidence", "Warehouse", "Drift", "Dashboard"]


def test_the_first_screen_has_problem_promise_two_commands_and_the_picture() -> None:
    """In this order, before anything else."""
    screen = read(README).splitlines()[:SCREEN_LINES]
    text = "\n".join(screen)
    problem, promise = re.findall(r"^(?:An agent|gonogo flies).*?(?=\n\n)", text, re.DOTALL | re.MULTILINE)
    assert len(re.findall(r"\.(?=\s|$)", problem)) == 3
    assert len(re.findall(r"\.(?=\s|$)", promise)) == 1
    places = [text.index(part) for part in (problem, promise, "make demo", "make test", "docs/images/walk.svg")]
    assert places == sorted(places)


def test_the_mission_on_the_first_page_is_the_mission_in_the_file() -> None:
    """Verbatim: the decorator, the docstring, every branch."""
    (shown,) = blocks(README, "python")
    source = read(ROOT / "flows" / "claims_triage.py")
    assert shown.text.startswith("@mission(")
    assert source.endswith(shown.text)


def test_the_rule_on_the_first_page_is_the_rule_in_the_file() -> None:
    """Verbatim, too."""
    (shown,) = blocks(README, "cedar")
    assert shown.text in read(ROOT / "policies" / "claims.cedar")


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_make_target_on_a_page_is_in_the_makefile(page: Path) -> None:
    """In shell blocks and in running text."""
    targets = set(re.findall(r"^([a-z]+):", read(ROOT / "Makefile"), re.MULTILINE))
    assert set(re.findall(r"(?:`|^)make ([a-z]+)", read(page), re.MULTILINE)) <= targets


def test_the_readme_shows_no_command_that_no_test_looks_at() -> None:
    """Make targets are compared with the Makefile, gonogo commands are parsed and flown."""
    known = ("make ", "gonogo ", ". .venv/bin/activate")
    assert not [line for line in commands(README) if not line.startswith(known)]


def test_the_picture_walks_every_station_in_order_and_names_files_that_are_there() -> None:
    """It is read by people who have seen nothing else yet."""
    texts: list[tuple[str, str]] = re.findall(r'<text class="(\w+)[^>]*>([^<]+)</text>', read(PICTURE))
    files = [text for kind, text in texts if kind == "file"]
    assert [text for kind, text in texts if kind == "name"] == STATIONS
    assert len(files) == len(STATIONS)
    assert not [file for file in files if not (ROOT / file).exists()]


def test_the_picture_is_readable_in_the_dark_and_fetches_nothing() -> None:
    """One file, both themes, no font, script or image from anywhere, and words for those who cannot see it."""
    text = read(PICTURE)
    assert "prefers-color-scheme: dark" in text
    assert not re.findall(r"(?:href|src)=|url\((?!#)|@import|<script", text)
    assert "<title" in text
    assert "<desc" in text
