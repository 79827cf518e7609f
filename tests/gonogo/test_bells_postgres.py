"""Bells of journals in Postgres: what a database notifies is heard, also after its connection was cut."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.peers.postgres import binaries, postgres
from gonogo.bells import DESK_CHANNEL, Bell, ChannelWatcher
from tests.e2e.command import until

if TYPE_CHECKING:
    from collections.abc import Iterator

psycopg: Any = pytest.importorskip("psycopg", reason="the Postgres driver is an extra")

HANGS_SECONDS = 60.0
NEVER_SECONDS = 3_600.0


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database nobody else uses."""
    if binaries() is None:
        pytest.skip("there is no Postgres on this machine")
    with postgres(tmp_path_factory.mktemp("postgres")) as server:
        url = f"{server}/postgres"
        while not _is_up(url):
            pass
        yield url


def _is_up(url: str) -> bool:
    """Whether it has finished starting; it takes connections a moment earlier."""
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def notify(url: str, run_id: str) -> None:
    """Do what an append to a desk does in its transaction."""
    with psycopg.connect(url) as connection:
        connection.execute("SELECT pg_notify(%s, %s)", (DESK_CHANNEL, run_id))


async def heard(bell: Bell, act: Any, run_id: str | None) -> set[str]:
    """Return the runs that were rung for once something has been heard."""
    with bell.listening(run_id) as ear:
        await asyncio.to_thread(act)
        async with asyncio.timeout(HANGS_SECONDS):
            return await ear.heard(NEVER_SECONDS)


async def test_a_commit_to_a_desk_rings_for_its_run(url: str) -> None:
    """And for nobody else's."""
    bell = Bell(lambda ring: ChannelWatcher(url, ring))

    def act() -> None:
        notify(url, "other")
        notify(url, "r1")

    assert await heard(bell, act, "r1") == {"r1"}


async def test_a_bell_whose_connection_was_cut_hears_again(url: str) -> None:
    """A database that was restarted costs a poll, and the bell is back by itself."""
    bell = Bell(lambda ring: ChannelWatcher(url, ring))

    def act() -> None:
        listening = f"SELECT pid FROM pg_stat_activity WHERE query = 'LISTEN {DESK_CHANNEL}'"
        with psycopg.connect(url, autocommit=True) as connection:
            before = {pid for (pid,) in connection.execute(listening).fetchall()}
            for pid in before:
                connection.execute("SELECT pg_terminate_backend(%s)", (pid,))
            while {pid for (pid,) in connection.execute(listening).fetchall()} <= before:
                pass
        notify(url, "r1")

    assert await heard(bell, act, None) == {"r1"}


def test_a_watcher_that_is_closed_before_it_begins_leaves_no_connection_open(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gate that is answered at once: its bell is taken down while its thread starts."""
    started: list[threading.Thread] = []

    def start(self: threading.Thread) -> None:
        started.append(self)

    monkeypatch.setattr(threading.Thread, "start", start)
    watcher = ChannelWatcher(url, lambda _: None)
    monkeypatch.undo()
    watcher.close()
    (thread,) = started
    thread.run()
    query = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'LISTEN%%' AND datname = current_database()"
    with psycopg.connect(url, autocommit=True) as connection:
        # The server notices a moment after the client has closed.
        until(lambda: connection.execute(query).fetchone() == (0,), "the end of the connection")


async def test_without_a_database_the_listener_has_only_its_own_looks() -> None:
    """A mission does not fail because nobody rings for it."""
    bell = Bell(lambda ring: ChannelWatcher("postgresql://127.0.0.1:1/nowhere", ring))
    with bell.listening("r1") as ear:
        assert await ear.heard(0.01) == set()
