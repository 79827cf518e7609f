"""Journals for the tests of evidence: the same promises, whatever keeps them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gonogo.evidence.journal import FileJournal
from tests.gonogo.toy.shelves import FileShelf, TableShelf

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gonogo.evidence.files import FileStream
    from gonogo.evidence.journals import Journal
    from gonogo.evidence.streams import Stream
    from tests.gonogo.toy.shelves import Shelf


@pytest.fixture(params=["files", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where journals stand: a folder, or the address of a database."""
    return str(tmp_path) if request.param == "files" else request.getfixturevalue("postgres_url")


@pytest.fixture
def journal(place: str, tmp_path: Path) -> Journal:
    """Journals of every kind; a test that asks for them runs once on each."""
    if place == str(tmp_path):
        return FileJournal(tmp_path / "journals")
    from gonogo.evidence.postgres.journal import PostgresJournal

    return PostgresJournal(place)


@pytest.fixture
def shelf(place: str, tmp_path: Path) -> Shelf:
    """Where the large payloads of these journals stand."""
    return FileShelf(tmp_path / "payloads") if place == str(tmp_path) else TableShelf(place)


@pytest.fixture
def stream(journal: Journal) -> Iterator[Stream]:
    """The open flight of the run ``r1``."""
    stream = journal.open_flight("r1")
    yield stream
    stream.close()


@pytest.fixture
def files(tmp_path: Path) -> FileJournal:
    """Journals in files, for what only files do."""
    return FileJournal(tmp_path / "journals")


@pytest.fixture
def file_stream(files: FileJournal) -> Iterator[FileStream]:
    """The open flight of the run ``r1`` in a file."""
    stream = files.open_flight("r1")
    yield stream
    stream.close()
