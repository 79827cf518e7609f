"""Viewings: who opened a card first and when is evidence, once, and wakes nobody."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from gonogo.errors import RunUnknown
from gonogo.evidence.journals import journal_of
from gonogo.viewings import Viewing, first_viewings, note_viewed, stream_of
from tests.gonogo.toy.approvers import paying
from tests.gonogo.toy.people import Town

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("backend")

AT = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)


async def test_the_first_time_somebody_opens_a_card_is_recorded_and_no_later_one(tmp_path: Path) -> None:
    """Each person once at each gate, with what vouches for the name, and bound to the card that was shown."""
    town = Town(tmp_path)
    (gate,) = (await town.park(paying(6_000))).waits
    assert note_viewed(town.settings, "r1", gate, "grace", proof="oidc", at=AT)
    assert not note_viewed(town.settings, "r1", gate, "grace", proof="oidc", at=AT + timedelta(minutes=5))
    assert note_viewed(town.settings, "r1", gate, "linus", proof="unproven", at=AT)
    assert first_viewings(town.settings, "r1") == [
        Viewing(gate, "grace", AT, "oidc"),
        Viewing(gate, "linus", AT, "unproven"),
    ]
    first = journal_of(town.settings).read_desk(stream_of("r1"))[0]
    assert (first.data["event"], first.data["run"], first.fields["authtype"]) == ("viewed", "r1", "user")
    assert town.desk() == []


async def test_many_windows_at_once_open_a_card_for_the_first_time_once(tmp_path: Path) -> None:
    """Two windows of one person are one person."""
    town = Town(tmp_path)
    (gate,) = (await town.park(paying(6_000))).waits

    def note(name: str) -> bool:
        return note_viewed(town.settings, "r1", gate, name, proof="oidc", at=AT)

    with ThreadPoolExecutor(8) as pool:
        new = list(pool.map(note, ["grace", "linus"] * 8))
    assert sum(new) == len(first_viewings(town.settings, "r1")) == 2


async def test_a_card_that_is_none_has_no_viewers(tmp_path: Path) -> None:
    """A made-up gate leaves nothing behind."""
    town = Town(tmp_path)
    await town.park(paying(6_000))
    with pytest.raises(RunUnknown):
        note_viewed(town.settings, "r1", "nosuchgate", "grace", proof="oidc", at=AT)
    assert first_viewings(town.settings, "r1") == []
