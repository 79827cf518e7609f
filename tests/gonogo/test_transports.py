"""Transports: outside of dev nothing leaves this host in the clear, whichever way an address is written."""

from __future__ import annotations

import re
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gonogo.errors import SettingsBroken
from gonogo.settings import process_settings
from gonogo.transports import ADDRESSES, journals_clear, leaves_clear, refuse_clear

CLEAR_URLS = (
    "http://prefect.example.com/api",
    "HTTP://prefect.example.com/api",
    "http://127.0.0.1.example.com/api",
    "http://localhost.example.com/api",
    "http://localhost@example.com/api",
    "http://[2001:db8::1]/api",
    "http://10.0.0.7:4200/api",
    "http://[::1/api",
    "prefect.example.com/api",
)
KEPT_URLS = (
    "",
    "https://prefect.example.com/api",
    "http://127.0.0.1:4200/api",
    "http://localhost:4200/api",
    "http://[::1]:4200/api",
    "http://127.8.9.1/api",
)
CLEAR_JOURNALS = (
    "postgresql://db.example.com/evidence",
    "postgresql://kim:secret@db.example.com:5432/evidence?sslmode=require",
    "postgresql://db.example.com/evidence?sslmode=verify-ca",
    "postgresql://db.example.com/evidence?sslmode=verify-full&sslmode=disable",
    "postgresql://localhost,db.example.com/evidence",
    "postgresql:///evidence?host=db.example.com",
    "postgresql://localhost/evidence?host=db.example.com",
    "postgresql://localhost/evidence?hostaddr=10.0.0.7",
    "postgresql://[2001:db8::1]/evidence",
    "postgresql://[::1/evidence",
)
KEPT_JOURNALS = (
    "postgresql://db.example.com/evidence?sslmode=verify-full",
    "postgresql://localhost:5432/evidence",
    "postgresql://kim:secret@127.0.0.1,localhost/evidence",
    "postgresql://[::1]:5432/evidence",
    "postgresql:///evidence",
    "postgresql:///evidence?host=/var/run/postgresql",
    "postgresql://%2Fvar%2Frun%2Fpostgresql/evidence",
)


@pytest.mark.parametrize("url", CLEAR_URLS)
def test_plain_http_to_another_host_is_clear(url: str) -> None:
    """Whatever the name looks like, and where it cannot be read."""
    assert leaves_clear(url)


@pytest.mark.parametrize("url", KEPT_URLS)
def test_https_and_this_host_are_not(url: str) -> None:
    """A process on this host may be asked plainly."""
    assert not leaves_clear(url)


@pytest.mark.parametrize("url", CLEAR_JOURNALS)
def test_a_postgres_elsewhere_has_to_prove_its_name(url: str) -> None:
    """Encryption alone does not tell who answers; the last mode named is the one that counts."""
    assert journals_clear(url, {})


@pytest.mark.parametrize("url", KEPT_JOURNALS)
def test_sockets_loopback_and_verified_names_are_kept(url: str) -> None:
    """These need no more."""
    assert not journals_clear(url, {})


def test_what_libpq_takes_from_the_environment_counts() -> None:
    """An address that names no host gets its own from there."""
    assert journals_clear("postgresql:///evidence", {"PGHOST": "db.example.com"})
    assert not journals_clear("postgresql:///evidence", {"PGHOST": "db.example.com", "PGSSLMODE": "verify-full"})
    assert journals_clear("postgresql://db/e?sslmode=prefer", {"PGSSLMODE": "verify-full"})


@given(st.text(max_size=60))
def test_no_text_is_kept_that_is_neither_https_nor_this_host(text: str) -> None:
    """Hostile or broken, an address is either read as one of these, or clear."""
    if text and not leaves_clear(text):
        parts = urlsplit(text)
        assert parts.scheme == "https" or parts.hostname == "localhost" or ip_address(parts.hostname or "").is_loopback


@pytest.mark.parametrize("name", ADDRESSES)
def test_in_dev_anything_goes_and_elsewhere_the_variable_is_named(name: str) -> None:
    """And what may be secret in the address is not repeated."""
    environ = {name: "http://kim:secret@example.com/v1"}
    refuse_clear("dev", None, environ)
    with pytest.raises(SettingsBroken, match=name) as told:
        refuse_clear("prod", None, environ)
    assert "secret" not in str(told.value)


def test_the_settings_of_a_process_do_not_hold_with_clear_journals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is begun; one sentence says what to add."""
    monkeypatch.setenv("GONOGO_ENVIRONMENT", "prod")
    monkeypatch.setenv("GONOGO_JOURNALS", "postgresql://kim:secret@db.example.com/evidence")
    process_settings.cache_clear()
    try:
        with pytest.raises(SettingsBroken, match="sslmode=verify-full"):
            process_settings()
    finally:
        process_settings.cache_clear()


def test_every_variable_a_model_provider_reads_its_address_from_is_looked_at() -> None:
    """One that pydantic-ai comes to read, or drops, shows here; that of a page which only links to us is no address."""
    room = Path(str(find_spec("pydantic_ai").origin)).parent / "providers"  # pyright: ignore[reportOptionalMemberAccess] - it is installed
    named = re.compile(r"""["']([A-Z][A-Z_0-9]*(?:_URL|_ENDPOINT|_BASE))["']""")
    read = {name for file in room.glob("*.py") for name in named.findall(file.read_text(encoding="utf-8"))}
    assert read - set(ADDRESSES) == {"OPENROUTER_APP_URL"}
    # These three clients read their own; pydantic-ai hands them no address.
    clients = {"OPENAI_BASE_URL", "ANTHROPIC_BASE_URL", "GOOGLE_GEMINI_BASE_URL", "GOOGLE_VERTEX_BASE_URL"}
    assert set(ADDRESSES) - read <= {"PREFECT_API_URL", *clients}


def test_the_guide_names_every_variable() -> None:
    """And no other one."""
    guide = (Path(__file__).parents[2] / "docs" / "guides" / "tls.md").read_text(encoding="utf-8")
    table = guide.partition("| address |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`([A-Z_]+)`", table)) == {*ADDRESSES, "GONOGO_JOURNALS"}
