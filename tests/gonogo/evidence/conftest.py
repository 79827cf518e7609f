"""Journals for the tests of evidence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gonogo.evidence.journal import FileJournal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gonogo.evidence.streams import Stream


@pytest.fixture(name="journal")
def _journal(tmp_path: Path) -> FileJournal:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    return FileJournal(tmp_path)


@pytest.fixture(name="stream")
def _stream(journal: FileJournal) -> Iterator[Stream]:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    stream = journal.open_flight("r1")
    yield stream
    stream.close()
