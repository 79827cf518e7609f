"""Signed notes, as C2SP signed-note has them (https://c2sp.org/signed-note): text, and lines that sign it.

Keys are Ed25519. A verifier key is one line, ``name+hash+key``, which can be published and pinned.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

if TYPE_CHECKING:
    from collections.abc import Sequence

_ED25519 = b"\x01"
_DASH = "\u2014"  # the em dash that begins a signature line
_KEY_BYTES, _HASH_BYTES = 32, 4


class NoteRefused(ValueError):
    """A note is malformed, or no known key has signed it."""


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """Who may have signed: a name and a public key."""

    name: str
    public: bytes

    @classmethod
    def parse(cls, text: str) -> VerifierKey:
        """Read ``name+hash+key``.

        Raises:
            NoteRefused: it is no verifier key, or its hash does not fit.

        """
        name, _, rest = text.strip().partition("+")
        shown, _, encoded = rest.partition("+")
        raw = unbase64(encoded)
        if not is_name(name) or raw[:1] != _ED25519 or len(raw) != 1 + _KEY_BYTES:
            raise NoteRefused("A verifier key reads name+hash+key, with an Ed25519 key.")
        key = cls(name, raw[1:])
        if key.hash.hex() != shown:
            raise NoteRefused(f"The hash of the verifier key {name} does not fit its key; it was copied wrongly.")
        return key

    @property
    def hash(self) -> bytes:
        """The four bytes by which a signature names its key."""
        return hashlib.sha256(self.name.encode() + b"\n" + _ED25519 + self.public).digest()[:_HASH_BYTES]

    def __str__(self) -> str:
        """Return the key as one line."""
        return f"{self.name}+{self.hash.hex()}+{b64encode(_ED25519 + self.public).decode()}"


@dataclass(frozen=True, slots=True)
class Signer:
    """A name and its private key."""

    name: str
    private: Ed25519PrivateKey

    @property
    def verifier(self) -> VerifierKey:
        """Return the key that others check with."""
        return VerifierKey(self.name, self.private.public_key().public_bytes_raw())

    def line(self, text: str) -> str:
        """Return the line that signs a text."""
        raw = self.verifier.hash + self.private.sign(text.encode())
        return f"{_DASH} {self.name} {b64encode(raw).decode()}\n"


def is_name(name: str) -> bool:
    """Whether a key may bear this name: not empty, no space, no plus sign."""
    return bool(name) and "+" not in name and not any(letter.isspace() for letter in name)


def sign(text: str, signers: Sequence[Signer]) -> str:
    """Return the text as a note that every signer has signed."""
    if not text.endswith("\n"):
        raise NoteRefused("The text of a note ends in a newline.")
    return text + "\n" + "".join(signer.line(text) for signer in signers)


def verified_text(note: str, keys: Sequence[VerifierKey], need: int = 1) -> str:
    """Return the text of a note that at least ``need`` of these keys have signed.

    A signature by an unknown key is passed over; one by a known key that does not hold refuses the note.

    Raises:
        NoteRefused: the note is malformed, a signature is wrong, or too few of the keys have signed.

    """
    place = note.rfind("\n\n")
    if place < 0 or not note.endswith("\n"):
        raise NoteRefused("A note is a text, an empty line, and signature lines.")
    text, lines = note[: place + 1], note[place + 2 :].split("\n")[:-1]
    known = {(key.name, key.hash): key for key in keys}
    signed: set[tuple[str, bytes]] = set()
    for line in lines:
        name, raw = _signature(line)
        key = known.get((name, raw[:_HASH_BYTES]))
        if key is None:
            continue
        try:
            Ed25519PublicKey.from_public_bytes(key.public).verify(raw[_HASH_BYTES:], text.encode())
        except InvalidSignature as error:
            raise NoteRefused(f"The signature of {name} is not of this text; it was changed.") from error
        signed.add((name, raw[:_HASH_BYTES]))
    if len(signed) < need:
        raise NoteRefused(f"{len(signed)} of the known keys have signed; {need} must.")
    return text


def _signature(line: str) -> tuple[str, bytes]:
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    raw = unbase64(encoded)
    if dash != _DASH or not is_name(name) or len(raw) <= _HASH_BYTES:
        raise NoteRefused("A signature line reads: em dash, name, signature in base64.")
    return name, raw


def unbase64(text: str) -> bytes:
    """Return base64 as bytes; a text that is another one for the same bytes is refused."""
    try:
        raw = b64decode(text, validate=True)
    except (Base64Error, ValueError) as error:
        raise NoteRefused(f"Not base64: {error}.") from error
    if b64encode(raw).decode() != text:
        raise NoteRefused("Not base64 in the one form it has.")
    return raw
