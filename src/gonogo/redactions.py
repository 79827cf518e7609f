"""Redactions: secrets that a tool's result carries, taken out before mission, model or evidence see them.

Known shapes only (keys of well-known services, private keys, signed tokens, passwords in addresses and
in fields of that name) and the secrets in this process's own environment. What merely looks random
stays: a digest, an id or a key of ours must not vanish from a result.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

_SHAPES: dict[str, str] = {
    "private_key": (
        r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----.*?"
        r"(?:-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|\Z)"
    ),
    "token": r"\beyJ[A-Za-z0-9_-]{8,4096}\.eyJ[A-Za-z0-9_-]{8,16384}\.[A-Za-z0-9_-]{16,}",
    "aws_key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "github_token": r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{36,})",
    "gitlab_token": r"\bglpat-[A-Za-z0-9_-]{20,}",
    "slack_token": r"\bxox[abeoprs]-[0-9]{6,}-[A-Za-z0-9-]{8,}",
    "stripe_key": r"\b[rs]k_(?:live|test)_[A-Za-z0-9]{16,}",
    "google_key": r"\bAIza[0-9A-Za-z_-]{35}",
    # A slug such as sk-learn-a-lot-about-it has no capital and no digit.
    "api_key": r"\bsk-(?=[A-Za-z_-]{0,256}[0-9])(?=[a-z0-9_-]{0,256}[A-Z])[A-Za-z0-9_-]{20,}",
    "password": r"(?<=://)[^\s:/@\[\]<>{}]{0,128}:[^\s/@\[\]<>{}]{1,256}(?=@[A-Za-z0-9.\[-])",
}
"""How a secret looks, by what it is called in the record."""

_MARKS = (
    b"PRIVATE KEY", b"eyJ", b"AKIA", b"ASIA", b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_", b"github_pat_", b"glpat-",
    b"xox", b"k_live_", b"k_test_", b"AIza", b"sk-",
)  # fmt: skip
_NAMES = (b"pass", b"pwd", b"secret", b"api", b"token", b"private", b"authorization", b"credentials")
"""What no result with a secret is without, the second in any case; the rest is not looked into."""

_KNOWN = [(kind, re.compile(shape, re.DOTALL)) for kind, shape in _SHAPES.items()]

_FIELDS = frozenset({
    "password", "passwd", "pwd", "passphrase", "secret", "secretkey", "clientsecret", "apikey", "apisecret",
    "accesstoken", "refreshtoken", "authtoken", "bearertoken", "sessiontoken", "privatekey", "secretaccesskey",
    "authorization", "credentials",
})  # fmt: skip
"""Names of fields whose text is a secret, without case, dashes and underscores."""

_ENVIRONMENT = re.compile(r"(?:^|_)(?:KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?|DSN)(?:$|_)")
_LENGTH_MIN = 12
"""A value of the environment shorter than this would be found in places where it is no secret."""


_handed: Counter[str] = Counter()
"""Secrets that tools hold now, and how many of them do."""


@contextmanager
def handing(*secrets: str) -> Generator[None]:
    """Take these secrets out of what is returned and raised, for the block that uses them."""
    kept = [secret for secret in secrets if secret]
    _handed.update(kept)
    try:
        yield
    finally:
        _handed.subtract(kept)
        for secret in kept:
            if not _handed[secret]:
                del _handed[secret]


@contextmanager
def shown_without_secrets() -> Generator[None]:
    """Let whatever is raised in the block say what it says without the secrets that are handed out in it.

    An error outlives the block, and is told and recorded by those who no longer know what was secret.
    """
    try:
        yield
    except Exception as error:
        told: BaseException | None = error
        # What it came from is told in tracebacks, too.
        while told is not None:
            told.args = tuple(cleaned(each) if isinstance(each, str) else each for each in told.args)
            told = told.__cause__ or told.__context__
        raise


def _ours() -> tuple[tuple[str, ...], tuple[bytes, ...]]:
    """Return the secrets of the environment and those that are handed out, as text and as they stand in JSON."""
    known = _of_environment()
    if not _handed:
        return known
    texts = tuple(sorted({*known[0], *_handed}, key=len, reverse=True))
    return texts, tuple(orjson.dumps(text)[1:-1] for text in texts)


def redact(body: bytes) -> tuple[bytes, dict[str, int]]:
    """Return a result as JSON without the secrets in it, and how many of each kind were taken out.

    A body without any is returned as it is. Each secret becomes a text that names its kind, so that a
    reader sees that something was there.
    """
    ours = _ours()
    if not _may_hold_one(body, ours[1]):
        return body, {}
    found: dict[str, int] = {}
    cleaned_value = _walk(orjson.loads(body), ours[0], found)
    return (orjson.dumps(cleaned_value), found) if found else (body, {})


def _may_hold_one(body: bytes, ours: tuple[bytes, ...]) -> bool:
    for mark in _MARKS:
        if mark in body:
            return True
    lower = body.lower()
    for name in _NAMES:
        if name in lower:
            return True
    return (b"://" in body and b"@" in body) or any(value in body for value in ours)


def cleaned(text: str) -> str:
    """Return a text without the secrets in it: what a tool raised stands in evidence as well."""
    return _text(text, _ours()[0], {})


def _walk(value: Any, ours: tuple[str, ...], found: dict[str, int]) -> Any:
    match value:
        case str():
            return _text(value, ours, found)
        case list():
            return [_walk(each, ours, found) for each in cast("list[Any]", value)]
        case dict():
            return {name: _field(name, each, ours, found) for name, each in cast("dict[str, Any]", value).items()}
        case _:
            return value


def _field(name: str, value: Any, ours: tuple[str, ...], found: dict[str, int]) -> Any:
    bare = name.lower().replace("_", "").replace("-", "")
    if bare in _FIELDS and isinstance(value, str) and value.strip("*x•. ") and not value.startswith("[redacted: "):
        return _note("password" if bare.startswith(("pass", "pwd")) else "secret", found)
    return _walk(value, ours, found)


def _text(text: str, ours: tuple[str, ...], found: dict[str, int]) -> str:
    for secret in ours:
        if secret in text:
            text = text.replace(secret, _note("environment", found))
    for kind, shape in _KNOWN:
        text = shape.sub(_noting(kind, found), text)
    return text


def _noting(kind: str, found: dict[str, int]) -> Callable[[re.Match[str]], str]:
    return lambda _match: _note(kind, found)


def _note(kind: str, found: dict[str, int]) -> str:
    found[kind] = found.get(kind, 0) + 1
    return f"[redacted: {kind}]"


@cache
def _of_environment() -> tuple[tuple[str, ...], tuple[bytes, ...]]:
    """Return the secrets in the environment this process was started with, as text and as they stand in JSON."""
    values = {value for name, value in os.environ.items() if _ENVIRONMENT.search(name)}
    # Longest first: one secret may contain another. A file's name and an address without a password are none.
    kept = sorted((v for v in values if len(v) >= _LENGTH_MIN and not v.startswith(("/", "http"))), key=len)[::-1]
    return tuple(kept), tuple(orjson.dumps(value)[1:-1] for value in kept)
