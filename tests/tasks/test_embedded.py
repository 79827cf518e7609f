"""The ground of the embedded systems of record: once per key, whole or not at all, many processes."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gonogo.errors import ToolFailed
from tasks.embedded import Order, System, insert, write_ahead

if TYPE_CHECKING:
    from collections.abc import Callable

SCHEMA = "create table if not exists notes (note text not null check (note <> 'forbidden'));"
ROOT = Path(__file__).parents[2]


def system(folder: Path) -> System:
    """Return a system with one table."""
    return System(folder / "systems" / "notes.db", SCHEMA)


def noted(text: str) -> Callable[[sqlite3.Connection], dict[str, Any]]:
    """Return work that writes a note and gives its number."""

    def work(db: sqlite3.Connection) -> dict[str, Any]:
        return {"row": db.execute(insert("notes", {"note": text}), {"note": text}).lastrowid}

    return work


def notes(of: System) -> list[str]:
    """Return what was really written."""
    with of.reading() as db:
        return [row["note"] for row in db.execute("select note from notes order by rowid")]


def test_the_same_key_gives_the_first_receipt_and_changes_nothing(tmp_path: Path) -> None:
    """A repetition after a crash is recognised."""
    here = system(tmp_path)
    first = here.change(Order("note", "k1", {"note": "a"}), noted("a"))
    again = here.change(Order("note", "k1", {"note": "a"}), noted("a"))
    assert first == again == {"row": 1}
    assert notes(here) == ["a"]


def test_a_used_key_for_something_else_is_refused(tmp_path: Path) -> None:
    """A key names one change for ever."""
    here = system(tmp_path)
    here.change(Order("note", "k1", {"note": "a"}), noted("a"))
    with pytest.raises(ToolFailed, match="already used"):
        here.change(Order("note", "k1", {"note": "b"}), noted("b"))
    with pytest.raises(ToolFailed, match="already used"):
        here.change(Order("other", "k1", {"note": "a"}), noted("a"))
    assert notes(here) == ["a"]


def test_a_change_without_a_key_is_refused(tmp_path: Path) -> None:
    """Whoever reaches a connector around the hearth changes nothing."""
    here = system(tmp_path)
    with pytest.raises(ToolFailed, match="without an idempotency key"):
        here.change(Order("note", "", {}), noted("a"))
    assert notes(here) == []


def test_a_refused_change_leaves_nothing_and_its_key_free(tmp_path: Path) -> None:
    """A change is whole or not at all, and can be asked for again."""
    here = system(tmp_path)

    def half(db: sqlite3.Connection) -> dict[str, Any]:
        noted("half")(db)
        raise ToolFailed("not this one")

    with pytest.raises(ToolFailed, match="not this one"):
        here.change(Order("note", "k1", {}), half)
    with pytest.raises(ToolFailed, match="CHECK constraint"):
        here.change(Order("note", "k1", {}), noted("forbidden"))
    assert notes(here) == []
    here.change(Order("note", "k1", {}), noted("now"))
    assert notes(here) == ["now"]


def test_a_file_that_is_no_database_is_a_failure_with_a_way_out(tmp_path: Path) -> None:
    """The message names the file and where to look."""
    here = system(tmp_path)
    here.path.parent.mkdir(parents=True)
    here.path.write_bytes(b"not a database, but long enough to be taken for one" * 30)
    with pytest.raises(ToolFailed, match=r"notes\.db could not be used .* look at"):
        notes(here)


def test_a_file_that_was_deleted_is_made_anew(tmp_path: Path) -> None:
    """A state folder can be thrown away while a process lives."""
    here = system(tmp_path)
    here.change(Order("note", "k1", {}), noted("a"))
    for file in here.path.parent.iterdir():
        file.unlink()
    assert notes(here) == []


def test_a_new_file_that_another_process_is_making_is_waited_for() -> None:
    """SQLite refuses the second of two that switch a new file to write-ahead mode; nobody is told so."""
    refusals = [sqlite3.OperationalError("database is locked")] * 3

    class Contended(sqlite3.Connection):
        def execute(self, *_asked: object) -> sqlite3.Cursor:
            if refusals:
                raise refusals.pop()
            return self.cursor()

    connection = sqlite3.connect(":memory:", factory=Contended)
    write_ahead(connection)
    connection.close()
    assert refusals == []


WRITER = """
import sys
from pathlib import Path
from tasks.embedded import Order, System, insert
here = System(Path(sys.argv[1]), sys.argv[2])
for number in range(20):
    for key in (f"shared-{number}", f"{sys.argv[3]}-{number}"):
        row = {"note": key}
        here.change(Order("note", key, row), lambda db: {"row": db.execute(insert("notes", row), row).lastrowid})
"""


def test_several_processes_write_at_once_and_every_key_once(tmp_path: Path) -> None:
    """Four processes start on an empty folder; shared keys are written once, own keys all."""
    here = system(tmp_path)
    command = [sys.executable, "-c", WRITER, str(here.path), SCHEMA]
    writers = [subprocess.Popen([*command, str(name)], cwd=ROOT, stderr=subprocess.PIPE) for name in range(4)]
    told = [writer.communicate(timeout=120)[1].decode() for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0, 0, 0], told
    written = notes(here)
    assert len(written) == len(set(written)) == 20 + 4 * 20
    # Anybody can open the file with sqlite3 and look.
    connection = sqlite3.connect(here.path)
    assert connection.execute("select count(*) from receipts").fetchone() == (100,)
    connection.close()
