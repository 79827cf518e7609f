"""The file of keys, held open: whichever file stands there now, by many threads and processes, and nothing lost."""

from __future__ import annotations

import os
import signal
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from gonogo.errors import EvidenceUnwritable
from gonogo.evidence import shelves
from gonogo.evidence.shelves import OPEN_MAX, FileShelf

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WRAPPED = bytes(range(60))


@pytest.fixture(name="shelf")
def _shelf(tmp_path: Path) -> FileShelf:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    return FileShelf(tmp_path / "keys" / "subjects.sqlite")


def rows_in(path: Path) -> int:
    """Count the keys in a file, past gonogo."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return db.execute("select count(*) from subject_keys").fetchone()[0]


def test_a_key_stands_in_the_file_as_soon_as_it_is_put(shelf: FileShelf) -> None:
    """Nothing is sealed under a key that only memory holds; only the owner reads the file."""
    assert shelf.put("a", "ada", WRAPPED) == ("a", WRAPPED)
    assert rows_in(shelf.path) == 1
    assert stat.S_IMODE(shelf.path.stat().st_mode) == 0o600
    journal = shelf.path.with_name("subjects.sqlite-journal")
    assert stat.S_IMODE(journal.stat().st_mode) == 0o600


def test_whoever_comes_second_gets_the_key_that_is_there(shelf: FileShelf) -> None:
    """One key a subject, whoever made it."""
    shelf.put("a", "ada", WRAPPED)
    assert shelf.put("b", "ada", WRAPPED[::-1]) == ("a", WRAPPED)
    assert shelf.by_id("b") is None
    assert rows_in(shelf.path) == 1


def holding(shelf: FileShelf, secret: bytes) -> set[str]:
    """Return the files in the folder of keys that a secret stands in."""
    return {path.name for path in shelf.path.parent.iterdir() if secret in path.read_bytes()}


def in_child(does: Callable[[], bool]) -> int:
    """Do something in a forked process, which ends with 0 where that came to true; returns its number."""
    child = os.fork()
    if child == 0:
        is_done = False
        try:
            is_done = does()
        finally:
            os._exit(0 if is_done else 1)
    return child


def test_a_destroyed_key_is_nowhere_in_the_files(shelf: FileShelf) -> None:
    """Overwritten in the file itself, and gone with the journal beside it, while the connection stays open."""
    secret = os.urandom(60)
    shelf.put("a", "ada", secret)
    shelf.put("b", "bob", WRAPPED)
    assert holding(shelf, secret) == {"subjects.sqlite", "subjects.sqlite-journal"}
    assert shelf.destroy("a")
    assert not shelf.destroy("a")
    assert not holding(shelf, secret)
    assert shelf.by_id("b") == ("bob", WRAPPED)
    shelf.put("c", "carol", WRAPPED)
    assert not holding(shelf, secret)


def test_a_key_that_is_destroyed_while_another_process_makes_keys_is_nowhere_either(shelf: FileShelf) -> None:
    """Whatever the other one's journal held of it."""
    secrets = [os.urandom(60) for _ in range(20)]
    for number, secret in enumerate(secrets):
        shelf.put(f"id-{number}", f"person-{number}", secret)
    child = in_child(lambda: all(shelf.put(f"new-{number}", f"other-{number}", WRAPPED) for number in range(200)))
    for number, secret in enumerate(secrets):
        assert shelf.destroy(f"id-{number}")
        assert shelf.by_id(f"id-{number}") is None
        # The other one may be writing its journal: it must not hold what was destroyed before.
        assert not holding(shelf, secret)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert rows_in(shelf.path) == 200
    assert not any(holding(shelf, secret) for secret in secrets)


def test_a_process_that_dies_while_it_destroys_leaves_the_key_whole_or_gone(shelf: FileShelf) -> None:
    """Whoever destroys it again leaves nothing of it."""
    secret = os.urandom(60)
    shelf.put("a", "ada", secret)
    shelf.put("b", "bob", WRAPPED)

    def die() -> bool:
        rows = sqlite3.connect(shelf.path, isolation_level=None)
        # Without room for pages, it writes to the file before it commits.
        for statement in ("PRAGMA secure_delete = ON", "PRAGMA cache_size = 0", "BEGIN IMMEDIATE"):
            rows.execute(statement)
        rows.execute("DELETE FROM subject_keys WHERE id = 'a'")
        os.kill(os.getpid(), signal.SIGKILL)
        return False

    os.waitpid(in_child(die), 0)
    assert shelf.by_id("a") == ("ada", secret)
    assert shelf.destroy("a")
    assert not holding(shelf, secret)
    assert shelf.by_id("b") == ("bob", WRAPPED)


def test_a_file_that_was_taken_away_is_made_anew(shelf: FileShelf) -> None:
    """What was deleted is gone, also for a process that had it open."""
    shelf.put("a", "ada", WRAPPED)
    shelf.path.unlink()
    assert shelf.by_id("a") is None
    assert shelf.put("b", "ada", WRAPPED) == ("b", WRAPPED)
    assert rows_in(shelf.path) == 1


def test_a_file_that_was_brought_back_is_the_one_that_counts(shelf: FileShelf, tmp_path: Path) -> None:
    """A copy in its place: the keys of the copy, not those that were there before."""
    shelf.put("a", "ada", WRAPPED)
    copy = tmp_path / "copy.sqlite"
    copy.write_bytes(shelf.path.read_bytes())
    shelf.put("b", "bob", WRAPPED)
    copy.replace(shelf.path)
    assert shelf.by_id("b") is None
    assert shelf.by_id("a") == ("ada", WRAPPED)


def test_a_forked_child_opens_the_file_for_itself(shelf: FileShelf) -> None:
    """Both go on, and each sees what the other has put."""
    shelf.put("a", "ada", WRAPPED)
    child = in_child(lambda: shelf.by_id("a") is not None and shelf.put("b", "bob", WRAPPED) == ("b", WRAPPED))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert shelf.by_id("b") == ("bob", WRAPPED)
    shelf.put("c", "carol", WRAPPED)
    assert rows_in(shelf.path) == 3


def test_threads_share_it_and_end_with_one_key_a_subject(shelf: FileShelf) -> None:
    """Eight of them put forty keys for ten people."""

    def put(number: int) -> tuple[str, bytes]:
        return shelf.put(f"id-{number}", f"person-{number % 10}", WRAPPED)

    with ThreadPoolExecutor(8) as threads:
        kept = list(threads.map(put, range(40)))
    assert len({identity for identity, _ in kept}) == rows_in(shelf.path) == 10


def test_a_process_keeps_few_files_open(tmp_path: Path) -> None:
    """Homes come and go; each is found again."""
    homes = [FileShelf(tmp_path / f"{number}.sqlite") for number in range(OPEN_MAX + 3)]
    for home in homes:
        home.put("a", "ada", WRAPPED)
    assert len(shelves._held) <= OPEN_MAX  # pyright: ignore[reportPrivateUsage]
    assert all(home.by_id("a") == ("ada", WRAPPED) for home in homes)


def test_a_file_that_is_none_is_said_and_read_again_once_it_is_mended(shelf: FileShelf) -> None:
    """What failed is not held on to."""
    shelf.put("a", "ada", WRAPPED)
    whole = shelf.path.read_bytes()
    shelf.path.write_bytes(b"no keys at all" * 1_000)
    with pytest.raises(EvidenceUnwritable, match="cannot be used"):
        shelf.put("b", "bob", WRAPPED)
    shelf.path.write_bytes(whole)
    assert shelf.by_id("a") == ("ada", WRAPPED)


def test_one_that_another_process_holds_is_waited_for_and_then_said(
    shelf: FileShelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is sealed under a key that could not be kept."""
    monkeypatch.setattr(shelves, "WAIT_SECONDS", 0.05)
    shelf.put("a", "ada", WRAPPED)
    with closing(sqlite3.connect(shelf.path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        shelves._let_go(shelf.path)  # pyright: ignore[reportPrivateUsage]
        with pytest.raises(EvidenceUnwritable, match="locked"):
            shelf.put("b", "bob", WRAPPED)
        other.execute("ROLLBACK")
    assert shelf.put("b", "bob", WRAPPED) == ("b", WRAPPED)
