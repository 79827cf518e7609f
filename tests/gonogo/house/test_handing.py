"""Handing over: whoever waits for a busy house waits on, and is told once nothing comes of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gonogo.errors import ServerUnreachable
from gonogo.evidence.journals import journal_of
from gonogo.house import handing
from gonogo.house.handing import coming, follow
from gonogo.house.server import free_port
from gonogo.settings import Settings
from tests.gonogo.toy.errands import Errand, park

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask at every look."""
    monkeypatch.setattr(handing, "LOOK_AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(handing, "LOOK_SECONDS", 0.0)


def nobody(_run_id: str, _kind: str, _name: str) -> None:
    """Nobody is told."""


async def test_a_run_that_a_busy_house_begins_late_is_waited_for(tmp_path: Path) -> None:
    """It is asked for as long as it comes, and followed from then on."""
    await park(Errand(), tmp_path)
    flight, away = tmp_path / "journals" / "flights" / "r1.jsonl", tmp_path / "away"
    flight.rename(away)
    asked: list[bool] = []

    def still_comes() -> bool:
        asked.append(True)
        if len(asked) == 3:
            away.rename(flight)
        return True

    landing = follow(Settings(home=tmp_path), "r1", announce=nobody, no_wait=True, still_comes=still_comes)
    assert landing.status == "done"
    assert len(asked) == 3


def test_a_run_that_no_longer_comes_is_given_up_with_the_place_to_look(tmp_path: Path) -> None:
    """Somebody deleted or ended the flow run before the mission began."""
    here = Settings(home=tmp_path)
    with pytest.raises(ServerUnreachable, match=r"did not begin run never; .*logs says why"):
        follow(here, "never", announce=nobody, no_wait=True, still_comes=lambda: False)
    assert journal_of(here).run_ids() == []


def test_a_house_that_went_before_it_began_a_run_is_told_of() -> None:
    """The run is handed over, and needs nobody but the next house."""
    with pytest.raises(ServerUnreachable, match=r"went before it began run r1 .*flies once the house is up again"):
        coming(f"http://127.0.0.1:{free_port()}/api", "f1", "r1")()
