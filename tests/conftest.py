"""What any test may ask for: a Postgres that the suite starts, kills and removes itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.postgres import PostgresServer


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A server for the session, on a socket and a port of its own."""
    from tests.postgres import PostgresServer, programs

    bindir = programs()
    if bindir is None:
        pytest.skip("needs the programs of a Postgres server (initdb, postgres)")
    server = PostgresServer.make(bindir)
    try:
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def postgres_url(postgres: PostgresServer) -> Iterator[str]:
    """An empty house in it; what this process opened there is closed afterwards."""
    from gonogo.evidence.postgres.journal import disconnect

    yield postgres.house()
    disconnect()
