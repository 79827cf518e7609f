"""The pages of this repository, and how tests read them."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
GUIDES = ROOT / "docs" / "guides"
DECISIONS = ROOT / "docs" / "decisions"
ROOMS = ("flows", "tasks", "policies", "analytics", "dashboards")

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
"""Every page that a reader can open."""

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_FILE = re.compile(r"(?:#|//) (\S+\.\w+)\n")


class Block(NamedTuple):
    """One fenced block of a page."""

    language: str
    text: str

    @property
    def file(self) -> str | None:
        """The file that the block's first line says it is, or ``None``."""
        named = _FILE.match(self.text)
        return named[1] if named else None

    @property
    def content(self) -> str:
        """The block without the line that names its file."""
        return self.text if self.file is None else self.text.partition("\n")[2]


def read(path: Path) -> str:
    """Return a page."""
    return path.read_text(encoding="utf-8")


def name(path: Path) -> str:
    """Return a page's path from the root: how it is called in test names."""
    return path.relative_to(ROOT).as_posix()


def blocks(path: Path, *languages: str) -> list[Block]:
    """Return a page's fenced blocks, in order; those of some languages, if they are named."""
    found = [Block(language, text) for language, text in _BLOCK.findall(read(path))]
    return [block for block in found if not languages or block.language in languages]


def prose(path: Path) -> str:
    """Return a page without its fenced blocks."""
    return _BLOCK.sub("", read(path))


def section(path: Path, heading: str) -> str:
    """Return what stands under a second-level heading; empty, where there is none."""
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", read(path), re.DOTALL | re.MULTILINE)
    return found[1] if found else ""


def anchors(path: Path) -> set[str]:
    """Return the fragments that a page's headings can be linked by."""
    headings = re.findall(r"^#{1,6} (.+)$", prose(path), re.MULTILINE)
    plain = [re.sub(r"[`*]|\[([^]]*)\]\([^)]*\)", r"\1", heading) for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in plain}


def commands(path: Path) -> list[str]:
    """Return a page's shell commands, one a line, comments and here-documents left out."""
    found: list[str] = []
    for block in blocks(path, "sh"):
        text = re.sub(r"<<'(\w+)'\n.*?^\1$", "", block.text, flags=re.DOTALL | re.MULTILINE)
        lines = (re.sub(r"\s+#.*$", "", line).strip() for line in text.splitlines())
        found += [line for line in lines if line and not line.startswith("#")]
    return found


def repository(folder: Path) -> Path:
    """Copy the rooms into a folder, as a user's repository has them, and return it."""
    for room in ROOMS:
        shutil.copytree(ROOT / room, folder / room, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "prefect.yaml"):
        shutil.copy(ROOT / file, folder / file)
    return folder


def tracked(*patterns: str) -> list[Path]:
    """Return the files that belong to the repository and fit a pattern; all that are there, outside git."""
    done = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        found = [path for pattern in patterns for path in ROOT.rglob(pattern)]
        return sorted({path for path in found if ".venv" not in path.parts})
    return sorted({ROOT / line for line in done.stdout.splitlines() if (ROOT / line).is_file()})
