"""Habits: what is usual, read where it is published, and never believed where it is not whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from gonogo.monitors.habits import FILE, FORMAT, NOT_ENOUGH, UNREADABLE, habits_of, mark_of, sealed

if TYPE_CHECKING:
    from pathlib import Path

USUAL: dict[str, Any] = {
    "runs": 20, "micros_peak": 5, "tokens_peak": 9, "tools": {"read": 3}, "amounts": {"pay.cents": [4, 100]},
    "recipients": [mark_of("ada")],
}  # fmt: skip


def whole(content: dict[str, Any]) -> bytes:
    """Return a file that is what it says it is."""
    return orjson.dumps({"content": content, "sha256": sealed(content)})


def published(home: Path, agents: dict[str, Any], **other: Any) -> None:
    """Publish habits as analytics does."""
    (home / FILE).write_bytes(whole({"format": FORMAT, "agents": agents, **other}))


def test_without_a_file_there_is_not_enough_history(tmp_path: Path) -> None:
    """And it is said so."""
    book = habits_of(tmp_path)
    assert book.of("clerk", 1) is None
    assert book.told("clerk", 1) == NOT_ENOUGH


def test_an_agent_with_enough_runs_is_compared_and_one_with_fewer_is_not(tmp_path: Path) -> None:
    """Exactly enough is enough."""
    published(tmp_path, {"clerk": USUAL})
    book = habits_of(tmp_path)
    found = book.of("clerk", 20)
    assert found is not None
    assert (found.tools, found.amounts, found.recipients) == (
        {"read": 3}, {"pay.cents": (4, 100)}, frozenset({mark_of(" ADA")}),
    )  # fmt: skip
    assert book.of("clerk", 21) is None
    assert book.told("clerk", 20) == "20 runs"
    assert book.told("clerk", 21) == f"{NOT_ENOUGH}: 20 of 21 runs"


def test_a_new_file_is_seen(tmp_path: Path) -> None:
    """By the next flight."""
    published(tmp_path, {})
    assert habits_of(tmp_path).of("clerk", 1) is None
    published(tmp_path, {"clerk": USUAL})
    assert habits_of(tmp_path).of("clerk", 1) is not None


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b'{"content": {}}', b'{"content": {"format": 1, "agents": {}}, "sha256": "00"}',
        whole({"format": 2, "agents": {}}), whole({"format": 1, "agents": []}),
        whole({"format": 1, "agents": {"a": {}}}),
    ],
)  # fmt: skip
def test_a_file_that_is_not_what_was_published_is_not_believed(tmp_path: Path, body: bytes) -> None:
    """Nothing is compared then, only declared limits hold, and the versions of the run say why."""
    (tmp_path / FILE).write_bytes(body)
    book = habits_of(tmp_path)
    assert book.of("clerk", 1) is None
    assert book.told("clerk", 1) == UNREADABLE


def test_a_folder_in_its_place_is_not_believed_either(tmp_path: Path) -> None:
    """Whatever stands there."""
    (tmp_path / FILE).mkdir()
    assert habits_of(tmp_path).told("clerk", 1) == UNREADABLE
