"""Secrets in a tool's result: known shapes are taken out, what only looks random stays."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from gonogo import redactions
from gonogo.redactions import cleaned, redact
from tests.gonogo.toy.flaky import SCRIPT, hauled

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SIGNED = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV"
KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAKC\n-----END RSA PRIVATE KEY-----"

SECRETS: list[tuple[Any, str]] = [
    (f"before {SIGNED} after", "token"),
    (KEY, "private_key"),
    (KEY[:60], "private_key"),
    ("AKIA" + "IOSFODNN7EXAMPLE", "aws_key"),
    ("ghp_" + "a1B2" * 9, "github_token"),
    ("xoxb-" + "123456789012-abcdefGHIJ", "slack_token"),
    ("sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc", "stripe_key"),
    ("AIza" + "Sy0123456789abcdefghijklmnopqrstuvw", "google_key"),
    ("sk-ant-" + "api03-AbCdEfGhIjKlMnOpQrSt", "api_key"),
    ("glpat-" + "abcDEF0123456789abcd", "gitlab_token"),
    ("postgresql://house:hunter22@db.example/house", "password"),
    ({"password": "hunter22"}, "password"),
    ({"deep": [{"Client-Secret": "s3cr3t"}]}, "secret"),
    ({"access_token": "opaque-words"}, "secret"),
]

HARMLESS: list[Any] = [
    {"digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"},
    {"id": "0192f3a4-7b6c-7d8e-9f01-23456789abcd", "tokens": 12, "max_tokens": "4096"},
    {"password": None, "secret": True, "token_count": "7"},
    {"password": "****"},
    {"password": ""},
    {"idempotency_key": "c0ffee" * 10, "key": "claims/CLM-1"},
    "Passwords must have eight characters; the secret of success is a token of respect.",
    "risk-adjusted-return-on-capital-employed-in-q4",
    "sk-learn-is-a-library-with-a-very-long-name",
    "see https://example.org/a:b/c and mail ada@example.org at 10:30",
    "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----",
    "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----",
    "eyJ is how a token begins",
    "AKIA is four letters",
    "DE89370400440532013000",
]


@pytest.mark.parametrize(("value", "kind"), SECRETS, ids=[f"{kind}{i}" for i, (_, kind) in enumerate(SECRETS)])
def test_a_secret_is_taken_out_and_named_by_its_kind(value: Any, kind: str) -> None:
    """Nothing of it is left; what stands around it is."""
    body, found = redact(json.dumps({"x": value, "y": "kept"}).encode())
    assert found == {kind: 1}
    assert f"[redacted: {kind}]".encode() in body
    assert json.loads(body)["y"] == "kept"
    for part in ("SflKx", "MIIEow", "IOSF", "a1B2", "GHIJ", "4eC39", "Sy0123", "AbCdE", "hunter22", "s3cr3t", "opaque"):
        assert part.encode() not in body


@pytest.mark.parametrize("value", HARMLESS, ids=range(len(HARMLESS)))
def test_what_only_looks_like_one_stays(value: Any) -> None:
    """A result is returned byte by byte as it came."""
    body = json.dumps({"x": value}).encode()
    assert redact(body) == (body, {})


@pytest.fixture
def own_secret(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return a secret that the environment of this process holds."""
    value = 'made-up "value" of ours'
    monkeypatch.setenv("DEPOT_API_KEY", value)
    monkeypatch.setenv("DEPOT_TOKEN", "short")
    monkeypatch.setenv("DEPOT_KEY", "/etc/depot/key.pem")
    redactions._of_environment.cache_clear()  # pyright: ignore[reportPrivateUsage] - another environment
    yield value
    redactions._of_environment.cache_clear()  # pyright: ignore[reportPrivateUsage] - another environment


def test_a_secret_of_this_process_is_taken_out_wherever_it_stands(own_secret: str) -> None:
    """Whatever its shape; a short one and a file's name are none."""
    body = json.dumps({"echo": f"you sent {own_secret}!", "ls": "/etc/depot/key.pem", "word": "short"}).encode()
    clean, found = redact(body)
    assert found == {"environment": 1}
    assert json.loads(clean) == {
        "echo": "you sent [redacted: environment]!",
        "ls": "/etc/depot/key.pem",
        "word": "short",
    }
    assert cleaned(f"refused: {own_secret}") == "refused: [redacted: environment]"


def _holding(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and SIGNED.encode() in path.read_bytes()]


async def test_neither_the_mission_nor_the_evidence_sees_it(tmp_path: Path) -> None:
    """And the record says that something was taken out, and what kind it was."""
    SCRIPT[:] = [f"the token is {SIGNED}"]
    went = await hauled(tmp_path)
    assert went.landing.outcome is not None
    assert went.landing.outcome["what"] == "the token is [redacted: token]"
    (result,) = went.told("tool_call", "result")
    assert result["redacted"] == ["token"]
    assert not _holding(tmp_path)


async def test_a_failure_does_not_tell_it_either(tmp_path: Path) -> None:
    """What a tool raised stands in evidence, too."""
    SCRIPT[:] = [LookupError(f"no such thing as {SIGNED}")]
    went = await hauled(tmp_path)
    assert went.landing.error == "fetch failed: no such thing as [redacted: token]"
    assert not _holding(tmp_path)
