"""Bytes, digests, ids and times: the rules under which evidence can be checked by anyone.

Leaves keep to a subset of JSON in which RFC 8785, orjson and the standard library write the same
bytes: sorted ASCII keys, no floats, integers within 2^53-1. Payloads may hold any JSON; they are
committed to by their exact bytes and a salt, so nothing ever has to be serialised again to check.
"""

from __future__ import annotations

import hashlib
import os
import time
from base64 import b32encode
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast
from unicodedata import normalize

import orjson

from gonogo.errors import EvidenceBroken

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

INTEGER_MAX = 2**53 - 1
LEAF_MAX_BYTES = 65_535
SALT_BYTES = 32
GENESIS = "0" * 64
"""The previous digest of a stream's first record."""


def leaf_bytes(fields: Mapping[str, Any]) -> bytes:
    """Return the exact bytes of a leaf.

    Raises:
        EvidenceBroken: a value outside the byte rules, or a leaf above 65,535 bytes.

    """
    check(fields)
    return checked_bytes(fields)


def check(value: object) -> None:
    """Check that something within a leaf keeps to the byte rules.

    Raises:
        EvidenceBroken: it does not; the message says where, and why.

    """
    try:
        flaw = _flaw(value)
    except RecursionError as error:
        raise EvidenceBroken(f"A leaf cannot be written as JSON ({error}); put its body in the payload.") from error
    if flaw is not None:
        raise EvidenceBroken(f"leaf{flaw}")


def checked_bytes(fields: Mapping[str, Any]) -> bytes:
    """Return the exact bytes of a leaf whose parts have each been checked.

    Raises:
        EvidenceBroken: it is above 65,535 bytes, or nested too deep.

    """
    try:
        raw = orjson.dumps(fields, option=orjson.OPT_SORT_KEYS)
    except TypeError as error:
        raise EvidenceBroken(f"A leaf cannot be written as JSON ({error}); put its body in the payload.") from error
    if len(raw) > LEAF_MAX_BYTES:
        msg = f"A record of {len(raw)} bytes exceeds {LEAF_MAX_BYTES}; put its body in the payload."
        raise EvidenceBroken(msg)
    return raw


def _flaw(value: object) -> str | None:
    """Return where and why the three serialisers would write a value differently, or ``None``."""
    kind = type(value)
    if kind is dict:
        for key, inner in cast("dict[object, object]", value).items():
            if not isinstance(key, str) or not key.isascii():
                return f" has the key {key!r}; keys are ASCII text."
            # Nearly everything a leaf holds is short ASCII text or a small number: told here, without a call.
            if type(inner) is str and inner.isascii():
                continue
            if type(inner) is int and -INTEGER_MAX <= inner <= INTEGER_MAX:
                continue
            flaw = _flaw(inner)
            if flaw is not None:
                return f".{key}{flaw}"
        return None
    if kind is list or kind is tuple:
        for index, inner in enumerate(cast("list[object]", value)):
            flaw = _flaw(inner)
            if flaw is not None:
                return f"[{index}]{flaw}"
        return None
    return _scalar_flaw(value)


def _scalar_flaw(value: object) -> str | None:
    """Return the same for what holds nothing else."""
    kind = type(value)
    if value is None or kind is bool:
        return None
    if kind is str:
        if _is_clean(cast("str", value)):
            return None
        return " is not clean Unicode NFC; pass it through plain_text() first."
    if kind is int:
        if -INTEGER_MAX <= cast("int", value) <= INTEGER_MAX:
            return None
        return f" = {value} is outside the integers JSON readers agree on."
    return (
        f" is a {kind.__name__}; evidence leaves hold text, integers, "
        "booleans, null, lists and objects. Money goes in micro-units, shares in ppm."
    )


def _is_clean(text: str) -> bool:
    """Whether text is NFC and can be written as UTF-8, which a lone surrogate cannot."""
    if text.isascii():
        return True
    return text == normalize("NFC", text) and text == text.encode("utf-8", "replace").decode()


def plain_text(text: str, limit: int = 2_000) -> str:
    """Return text as a leaf may hold it: NFC, no lone surrogates, at most ``limit`` characters."""
    if not text.isascii():
        text = normalize("NFC", text.encode("utf-8", "replace").decode())
    return text if len(text) <= limit else text[: limit - 1] + "…"


def payload_bytes(value: object, default: Callable[[Any], Any] | None = None) -> bytes:
    """Return sorted compact JSON of any value; equal values give equal bytes.

    Raises:
        EvidenceBroken: it cannot be written as JSON: a lone surrogate, an integer beyond 64 bits, an unknown type.

    """
    options = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS
    try:
        return orjson.dumps(value, default=default, option=options)
    except TypeError as error:
        raise EvidenceBroken(f"A payload cannot be written as JSON ({error}).") from error


def sha256_hex(raw: bytes) -> str:
    """Return the SHA-256 of the bytes as 64 lower-case hex digits."""
    return hashlib.sha256(raw).hexdigest()


def commitment(salt: bytes, raw: bytes) -> str:
    """Return the salted commitment to a payload; without the salt it tells nothing about it."""
    return hashlib.sha256(salt + raw).hexdigest()


def new_salt() -> bytes:
    """Return 32 fresh random bytes."""
    return random_bytes(SALT_BYTES)


_pool: list[bytes] = []
"""Random bytes drawn ahead, in pieces of a salt's length."""
_POOL_PIECES = 256
# A fork must never draw what its parent drew.
os.register_at_fork(after_in_child=_pool.clear)


def random_bytes(count: int) -> bytes:
    """Return bytes of the system's generator, drawn many at a time; no thread and no fork sees another's."""
    if count > SALT_BYTES:
        return os.urandom(count)
    try:
        return _pool.pop()[:count]
    except IndexError:
        drawn = os.urandom(SALT_BYTES * _POOL_PIECES)
        _pool.extend(drawn[at : at + SALT_BYTES] for at in range(SALT_BYTES, len(drawn), SALT_BYTES))
        return drawn[:count]


_VARIANT = dict(zip("0123456789abcdef", "89ab" * 4, strict=True))
"""A random hex digit, with its upper two bits set to what RFC 9562 wants there."""


def uuid7() -> str:
    """Return a time-ordered UUID (RFC 9562, version 7) as text."""
    # 48 bits of milliseconds, version 7, 12 random bits, variant 2, 62 random bits.
    drawn = random_bytes(10).hex()
    return f"{_millisecond()}{drawn[:3]}-{_VARIANT[drawn[3]]}{drawn[4:7]}-{drawn[7:19]}"


_this_millisecond: tuple[int, str] = (0, "")


def _millisecond() -> str:
    """Return what all identifiers of this millisecond begin with, version included."""
    global _this_millisecond  # noqa: PLW0603 - one clock for the process; the pair is replaced as a whole
    now = time.time_ns() // 1_000_000
    known = _this_millisecond
    if known[0] != now:
        text = f"{now:012x}"
        known = _this_millisecond = (now, f"{text[:8]}-{text[8:]}-7")
    return known[1]


def short_id(*parts: str, length: int = 12) -> str:
    """Return a short lower-case id that is the same for the same parts, in ``[a-z2-7]``."""
    raw = hashlib.sha256("\x1f".join(parts).encode()).digest()
    return b32encode(raw).decode().lower()[:length]


def timestamp(moment: datetime | None = None) -> str:
    """Return RFC 3339 UTC with six decimals and ``Z``; now, when no moment is given."""
    if moment is None:
        return _now()
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


_this_second: tuple[int, str] = (0, "")


def _now() -> str:
    """Return the time; all but the microseconds is written once a second."""
    global _this_second  # noqa: PLW0603 - one clock for the process; the pair is replaced as a whole
    second, microseconds = divmod(time.time_ns() // 1_000, 1_000_000)
    known = _this_second
    if known[0] != second:
        known = _this_second = (second, time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(second)))
    return f"{known[1]}{microseconds:06d}Z"


def moment(text: str) -> datetime:
    """Read a timestamp back as an aware UTC datetime."""
    return datetime.fromisoformat(text)
