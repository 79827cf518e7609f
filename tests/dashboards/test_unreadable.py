"""What cannot be read: each page says in a sentence what it is and the way out, and nobody sees a traceback."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from analytics import roi
from analytics.errors import MartMissing
from analytics.marts import mart_path, open_mart
from dashboards.mart import MartUnreadable, current_mart, unreadable
from tests.dashboards.fleets import fleet, publish
from tests.dashboards.views import PAGES, draw, text

if TYPE_CHECKING:
    from pathlib import Path

HEAD_BYTES = 12_288
"""A DuckDB file begins with three headers of 4 KiB each."""


def _overwrite(home: Path, start: int, stop: int | None = None) -> None:
    """Publish the same mart with bytes in it overwritten."""
    path = mart_path(home)
    told = bytearray(path.read_bytes())
    stop = len(told) if stop is None else stop
    told[start:stop] = b"\xa5" * (stop - start)
    aside = path.with_suffix(".aside")
    aside.write_bytes(told)
    aside.replace(path)


@pytest.mark.parametrize("page", PAGES)
def test_a_page_of_a_mart_whose_tables_are_overwritten_says_how_to_publish_it_anew(home: Path, page: str) -> None:
    """The head is whole, so it opens; what is behind it is not, and is not shown as zeros."""
    publish(home, fleet(runs=12))
    _overwrite(home, HEAD_BYTES)
    said = text(draw(page))
    assert "cannot be read right now" in said
    assert "run gonogo land to publish it anew" in said


def test_a_page_of_a_mart_whose_head_is_overwritten_says_so(home: Path) -> None:
    """A mart that does not even open is the same to a reader."""
    publish(home, fleet(runs=12))
    _overwrite(home, 0, HEAD_BYTES)
    assert "run gonogo land to publish it anew" in text(draw())


@pytest.mark.parametrize("error", [duckdb.IOException, duckdb.InternalException, duckdb.SerializationException,
                                   duckdb.Error])  # fmt: skip
def test_damage_that_comes_to_light_late_is_the_marts_in_every_reader(home: Path, error: type[duckdb.Error]) -> None:
    """A question that meets a broken block is told as a mart that cannot be read."""
    publish(home)
    with pytest.raises(MartMissing, match="publish it anew"), open_mart(home):
        raise error("Corrupt database file: computed checksum 1 does not match stored checksum 2\nat a block")


def test_a_wrong_question_is_not_blamed_on_the_mart(home: Path) -> None:
    """A fault of ours stays one: nobody is sent to publish a mart that is whole."""
    publish(home)
    with pytest.raises(duckdb.CatalogException), open_mart(home) as con:
        con.execute("SELECT * FROM nowhere")


def test_the_board_on_a_mart_whose_accounts_cannot_be_computed_says_so(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The return is read by a connection of its own, which may meet a broken block first."""
    publish(home, fleet(runs=12))

    def meet(home: Path) -> Any:
        with open_mart(home):
            raise duckdb.Error("Corrupt database file")

    monkeypatch.setattr(roi, "report", meet)
    assert "run gonogo land to publish it anew" in text(draw("pages/board.py"))


@pytest.mark.parametrize("page", PAGES)
def test_a_home_that_is_no_folder_is_named_with_the_way_out(home: Path, page: str) -> None:
    """A file stands where the home should be."""
    home.write_text("not a folder", encoding="utf-8")
    said = text(draw(page))
    assert f"{mart_path(home)} cannot be read (not a directory)" in said
    assert "set GONOGO_HOME to another home" in said


def _forbid(*_: object, **__: object) -> bool:
    return False


def test_a_mart_that_may_not_be_read_is_told_from_one_that_is_broken(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To publish it anew would not help; to be allowed would."""
    publish(home)
    # Whoever runs the tests may read everything, so the system's answer is given for it.
    monkeypatch.setattr("dashboards.mart.os.access", _forbid)
    with pytest.raises(MartUnreadable, match=r"permission denied\); let the user who serves the dashboard read it"):
        current_mart(home)


@pytest.mark.parametrize("page", ["pages/live.py", "pages/evidence.py"])
def test_a_journal_that_may_not_be_read_is_told_on_the_page(
    home: Path, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mart is readable and the journals beside it are not: still a sentence."""
    publish(home, fleet(runs=12))

    def refuse(*_: object, **__: object) -> Any:
        raise PermissionError(errno.EACCES, "Permission denied", str(home / "journals"))

    target = "dashboards.halting.halts" if page == "pages/live.py" else "dashboards.archive.find_runs"
    monkeypatch.setattr(target, refuse)
    said = text(draw(page))
    assert f"{home / 'journals'} cannot be read (permission denied)" in said


def _names() -> list[tuple[OSError, str]]:
    return [
        (PermissionError(errno.EACCES, "Permission denied", "/h"), "/h cannot be read (permission denied)"),
        (OSError("gone"), "Something here cannot be read (gone)"),
    ]


@pytest.mark.parametrize(("error", "said"), _names())
def test_what_the_system_refuses_is_told_with_what_is_known_of_it(error: OSError, said: str) -> None:
    """An error without a file and a number is a sentence, too."""
    assert unreadable(error).startswith(said)
