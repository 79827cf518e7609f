"""A command line with a fresh home for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.e2e.command import Command

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


@pytest.fixture
def gonogo(tmp_path: Path) -> Generator[Command]:
    """`gonogo` with a home that does not exist yet."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    command = Command(tmp_path / "home", scratch)
    yield command
    command.clean_up()
