"""Pages lead where they say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from tests.docs.pages import DECISIONS, GUIDES, PAGES, ROOT, anchors, blocks, name, prose, read

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

every_page = pytest.mark.parametrize("page", PAGES, ids=name)


def links(page: Path) -> Iterator[str]:
    """Yield every target of a page's links and images."""
    yield from re.findall(r"\]\(([^)\s]+)\)", prose(page))


@every_page
def test_every_link_within_the_repository_leads_somewhere(page: Path) -> None:
    """To a file or folder that is there, and to a heading that is there."""
    broken: list[str] = []
    for link in links(page):
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _, fragment = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        is_inside = target.is_relative_to(ROOT) and target.exists()
        if not is_inside or (fragment and fragment not in anchors(target)):
            broken.append(link)
    assert not broken


@every_page
def test_every_file_named_in_running_text_is_there(page: Path) -> None:
    """A path in backquotes that begins with a room or with docs, tests or src is a promise, too."""
    rooms = r"(?:flows|tasks|policies|analytics|dashboards|docs|tests|src)"
    named = re.findall(rf"`({rooms}/[\w./-]*\w)`", prose(page))
    shown = {block.file for block in blocks(page)}
    placeholder = re.compile(r"\b[A-Z]{4,}\b")
    missing = [path for path in named if path not in shown and not (ROOT / path).exists()]
    assert not [path for path in missing if not placeholder.search(path.replace("_", " "))]


@every_page
def test_links_outside_are_encrypted(page: Path) -> None:
    """No page sends its reader over plain http, but to their own machine."""
    assert not re.findall(r"http://(?!127\.0\.0\.1|localhost)", read(page))


def test_every_page_can_be_reached_from_the_readme() -> None:
    """A page that nobody links is a page that nobody reads."""
    reached: set[Path] = set()
    waiting = [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in reached:
            continue
        reached.add(page)
        for link in links(page):
            target = (page.parent / link.partition("#")[0]).resolve()
            if target.is_dir():
                target /= "README.md"
            if target.suffix == ".md" and target.is_file() and target.is_relative_to(ROOT):
                waiting.append(target)
    assert not [name(page) for page in PAGES if page not in reached]


def test_the_decisions_are_numbered_and_short_and_say_three_things() -> None:
    """Context, decision, consequence, on less than a page; the list has each of them."""
    records = sorted(DECISIONS.glob("[0-9]*.md"))
    assert [int(record.name[:4]) for record in records] == list(range(1, len(records) + 1))
    index = read(DECISIONS / "README.md")
    for record in records:
        text = read(record)
        assert len(text.splitlines()) <= 40, record.name
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Decision", "Consequence"], record.name
        number, title = re.findall(r"^# (\d+)\. (.+)$", text, re.MULTILINE)[0]
        assert f"{number}. [{title}]({record.name})" in index


def test_every_guide_is_a_page_of_the_readme() -> None:
    """The table at its end is the way in."""
    readme = read(ROOT / "README.md")
    assert not [guide.name for guide in GUIDES.glob("*.md") if f"docs/guides/{guide.name}" not in readme]
