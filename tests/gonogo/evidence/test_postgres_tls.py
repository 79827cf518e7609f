"""Journals over TLS: a Postgres that proves its name is written to, one that cannot is not."""

from __future__ import annotations

import os
import pwd
import shutil
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from gonogo.errors import EvidenceUnreachable
from gonogo.evidence.postgres import server as servers
from gonogo.evidence.postgres.journal import PostgresJournal, disconnect
from gonogo.transports import journals_clear
from tests.certificates import make_certificates
from tests.gonogo.toy.paper import write_some
from tests.postgres import ask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.certificates import Certificates
    from tests.postgres import PostgresServer


@pytest.fixture(name="certificates")
def _certificates(postgres: PostgresServer, tmp_path: Path) -> Iterator[Certificates]:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    """A server that offers TLS for the block, with a certificate for 127.0.0.1."""
    made = make_certificates(tmp_path / "right")
    for file in (made.certificate, made.key):
        kept = shutil.copy(file, postgres.folder / "data" / file.name)
        if postgres.owner is not None:
            os.chown(kept, pwd.getpwnam(postgres.owner).pw_uid, -1)
    settings = {"ssl_cert_file": made.certificate.name, "ssl_key_file": made.key.name, "ssl": "on"}
    for name, value in settings.items():
        ask(postgres.url(), f"ALTER SYSTEM SET {name} = '{value}'")
    ask(postgres.url(), "SELECT pg_reload_conf()")
    while ask(postgres.url(), "SHOW ssl") != [("on",)]:
        pass
    yield made
    disconnect()
    for name in settings:
        ask(postgres.url(), f"ALTER SYSTEM RESET {name}")
    ask(postgres.url(), "SELECT pg_reload_conf()")
    while ask(postgres.url(), "SHOW ssl") != [("off",)]:
        pass


def address(postgres: PostgresServer, authority: Path) -> str:
    """Return the address of the server over the network, with the authority that vouches for it."""
    root = quote(str(authority), safe="")
    return f"postgresql://gonogo@127.0.0.1:{postgres.port}/postgres?sslmode=verify-full&sslrootcert={root}"


def test_journals_are_written_under_tls_where_the_server_proves_its_name(
    postgres: PostgresServer, certificates: Certificates
) -> None:
    """The server itself says that the writer's connection is encrypted."""
    url = address(postgres, certificates.authority)
    assert not journals_clear(url, {})
    journal = PostgresJournal(url)
    write_some(journal, 2)
    assert len(journal.read_flight("r1")) == 2
    query = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE client_addr IS NOT NULL"
    assert ask(url, query) == [(True,)]


def test_a_server_that_another_authority_vouches_for_is_not_written_to(
    postgres: PostgresServer, certificates: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody in between is refused before the first word; nothing of ours is told to it."""
    monkeypatch.setattr(servers, "PATIENCE_SECONDS", 0)
    assert certificates.authority.exists()
    other = make_certificates(tmp_path / "other")
    with pytest.raises(EvidenceUnreachable, match="certificate verify failed"):
        PostgresJournal(address(postgres, other.authority)).run_ids()
