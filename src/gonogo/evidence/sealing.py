"""Sealing: what is about a person stands in payloads as ciphertext under that person's key.

A sealed value is a text, ``[sealed:ID:KIND…]``: the id of the key, and AES-256-GCM of the value as JSON. The
payload that is committed to holds this text, so journals, log, proofs, bundles and the warehouse never see
anything else, and stay whole when the key is destroyed. The nonce is a keyed digest of the value, so equal
values of one person are sealed alike (as in RFC 5297), and nothing is ever sealed twice under one nonce.

Two kinds: ``v`` is a value; ``t`` is text in which others' values may be sealed once more.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, cast

import orjson
from cryptography.exceptions import InvalidTag

from gonogo.errors import EvidenceBroken
from gonogo.evidence.canon import payload_bytes
from gonogo.evidence.keyring import NONCE_BYTES
from gonogo.evidence.records import Payload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gonogo.evidence.keyring import SubjectKey
    from gonogo.evidence.records import Record

MARK = b"[sealed:"
"""What no payload with a sealed value is without."""
SHAPE = r"\[sealed:[a-z2-7]{26}:[tv][A-Za-z0-9_-]{38,}\]"
TOKEN = re.compile(r"\[sealed:([a-z2-7]{26}):([tv])([A-Za-z0-9_-]{38,})\]")

KeyOf = "Callable[[str], SubjectKey | None]"
"""Finds a key by the id that evidence names it by."""

Kind = Literal["v", "t"]


class Erased(Exception):
    """A value cannot be opened: its key was destroyed."""


def sealed(key: SubjectKey, value: object, kind: Kind = "v") -> str:
    """Return the text that a value stands as."""
    plain = payload_bytes(value)
    mixing = key.mixing.copy()
    mixing.update(kind.encode() + plain)
    nonce = mixing.digest()[:NONCE_BYTES]
    raw = nonce + key.sealing.encrypt(nonce, plain, f"{key.id}:{kind}".encode())
    return f"[sealed:{key.id}:{kind}{urlsafe_b64encode(raw).decode().rstrip('=')}]"


def opened_body(body: bytes, key_of: Callable[[str], SubjectKey | None]) -> bytes:
    """Return a payload with every sealed value in it opened.

    Raises:
        Erased: a key was destroyed; nothing is returned in part.
        EvidenceBroken: a sealed value is not what was sealed.

    """
    return body if MARK not in body else orjson.dumps(_walk(orjson.loads(body), lambda text: _opened(text, key_of)))


def opened(record: Record, key_of: Callable[[str], SubjectKey | None]) -> Record:
    """Return a record with its payload opened; without a payload, where a key in it was destroyed.

    Raises:
        EvidenceBroken: a sealed value is not what was sealed.

    """
    payload = record.payload
    if payload is None or MARK not in payload.body:
        return record
    try:
        return replace(record, payload=Payload(payload.salt, opened_body(payload.body, key_of)))
    except Erased:
        return replace(record, payload=None)


def key_ids(body: bytes) -> set[str]:
    """Return the ids of the keys a payload names."""
    return {found[1] for found in TOKEN.finditer(body.decode("utf-8", "replace"))} if MARK in body else set()


def sealed_values(body: bytes, key_of: Callable[[str], SubjectKey | None]) -> Iterator[tuple[str, str]]:
    """Yield every text sealed as a value in a payload, with the id of its key; what was erased is passed over."""
    if MARK not in body:
        return
    for found in TOKEN.finditer(body.decode()):
        key = key_of(found[1])
        if key is None:
            continue
        value = _value(found, key)
        if found[2] == "t":
            yield from sealed_values(str(value).encode(), key_of)
        elif isinstance(value, str):
            yield value, key.id


def _walk(value: Any, change: Callable[[str], Any]) -> Any:
    match value:
        case str():
            return change(value) if "[sealed:" in value else value
        case list():
            return [_walk(each, change) for each in cast("list[Any]", value)]
        case dict():
            return {name: _walk(each, change) for name, each in cast("dict[str, Any]", value).items()}
        case _:
            return value


def _opened(text: str, key_of: Callable[[str], SubjectKey | None]) -> Any:
    """Open what is sealed in a text; what was text before it was sealed is not looked at again."""

    def value_of(found: re.Match[str]) -> Any:
        key = key_of(found[1])
        if key is None:
            raise Erased(found[1])
        value = _value(found, key)
        return _opened(str(value), key_of) if found[2] == "t" else value

    whole = TOKEN.fullmatch(text)
    return value_of(whole) if whole else TOKEN.sub(lambda found: str(value_of(found)), text)


def _value(found: re.Match[str], key: SubjectKey) -> Any:
    try:
        raw = urlsafe_b64decode(found[3] + "=" * (-len(found[3]) % 4))
        nonce, rest = raw[:NONCE_BYTES], raw[NONCE_BYTES:]
        return orjson.loads(key.sealing.decrypt(nonce, rest, f"{key.id}:{found[2]}".encode()))
    except (InvalidTag, ValueError) as error:
        raise EvidenceBroken(
            f"A value under the key {key.id} is not what was sealed; restore the record or the key from its copy."
        ) from error
