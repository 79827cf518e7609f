"""Switches of several machines: two homes, one Postgres, facts that come in any order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gonogo.evidence.journals import journal_of
from gonogo.exchange import catch_up, share
from gonogo.settings import Settings
from gonogo.switches import SWITCHBOARD, Target, halt, halts, rearm

if TYPE_CHECKING:
    from pathlib import Path

    from tests.postgres import PostgresServer

ALL = Target("all")


@pytest.fixture(name="homes")
def _homes(tmp_path: Path, postgres_url: str) -> tuple[Settings, Settings]:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    here, there = (Settings(home=tmp_path / name, journals=postgres_url) for name in ("here", "there"))
    return here, there


def test_what_is_halted_here_is_halted_there_before_a_run_begins_and_lifted_from_there(
    homes: tuple[Settings, Settings],
) -> None:
    """Both ways, and as often as somebody likes: each fact stands in the database once."""
    here, there = homes
    thrown = halt(here, ALL, "fire", by="ada")
    assert share(here)
    assert share(here)
    catch_up(there)
    assert halts(there) == (thrown,)
    rearm(there, ALL, "out", by="bob")
    assert share(there)
    assert share(here)
    assert halts(here) == halts(there) == ()
    assert len(journal_of(here).read_desk(SWITCHBOARD)) == 2


def test_two_that_throw_at_once_are_two_facts_and_who_rearms_lifts_those_they_know(
    homes: tuple[Settings, Settings],
) -> None:
    """The other one goes on to hold."""
    here, there = homes
    halt(here, ALL, "fire", by="ada")
    second = halt(there, ALL, "smoke", by="bob")
    rearm(here, ALL, "out", by="ada")
    assert share(here)
    assert share(there)
    assert share(here)
    assert halts(here) == halts(there) == (second,)


def test_a_throw_holds_here_while_the_database_is_dead_and_reaches_it_later(
    homes: tuple[Settings, Settings], postgres: PostgresServer
) -> None:
    """Nothing is asked of the database to halt."""
    here, there = homes
    postgres.stop("kill")
    thrown = halt(here, ALL, "fire", by="ada")
    assert halts(here) == (thrown,)
    assert not share(here)
    postgres.start()
    assert share(here)
    assert share(there)
    assert halts(there) == (thrown,)
