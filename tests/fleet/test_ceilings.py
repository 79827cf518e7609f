"""Files and functions stay as small as a reader's memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.fleet.fleet import ROOMS, ROOT, functions

if TYPE_CHECKING:
    from pathlib import Path

FILE_LINES_MAX = 300
FUNCTION_LINES_MAX = 70
CARRIED_AWAY = {"src/gonogo/log/verifier.py": 525}
"""Not split, since an auditor carries one file away: signatures, tree, records and what is verified, in this order."""
COUNTED = (".py", ".cedar", ".cedarschema", ".yaml", ".css")
"""Not `.sql`: a schema is one table after the other, with a sentence for every column."""

FILES = sorted(
    path
    for folder in ("src", *ROOMS)
    for path in (ROOT / folder).rglob("*")
    if path.suffix in COUNTED and path.is_file()
)

every_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
every_module = pytest.mark.parametrize(
    "path", [path for path in FILES if path.suffix == ".py"], ids=lambda path: path.relative_to(ROOT).as_posix()
)


@every_file
def test_a_file_stays_within_its_ceiling(path: Path) -> None:
    """One noun, one module; a file that outgrows it holds two."""
    most = CARRIED_AWAY.get(path.relative_to(ROOT).as_posix(), FILE_LINES_MAX)
    assert len(path.read_text(encoding="utf-8").splitlines()) <= most


@every_module
def test_a_function_stays_within_its_ceiling(path: Path) -> None:
    """What does not fit a screen is read by scrolling, and believed."""
    assert not [(name, lines) for name, lines in functions(path) if lines > FUNCTION_LINES_MAX]
