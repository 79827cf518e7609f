"""Signatures as OpenSSH makes them: ``ssh-keygen -Y sign``, PROTOCOL.sshsig of the OpenSSH source."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature

from gonogo.public_keys import PublicKey, Reader, SignatureRefused, unbase64

SIGNATURE_MAX_BYTES = 8_192
"""No signature is longer; RSA with 16,384 bits needs half of it."""

_MAGIC = b"SSHSIG"
_VERSION = 1
_ARMOUR = re.compile(r"-----BEGIN SSH SIGNATURE-----\n([A-Za-z0-9+/=\n]+)\n-----END SSH SIGNATURE-----\n?")
_MESSAGE_HASHES = {b"sha256": hashlib.sha256, b"sha512": hashlib.sha512}


@dataclass(frozen=True, slots=True)
class Signature:
    """A detached signature: by which key, for which purpose, how hashed, and the signature itself."""

    key: PublicKey
    namespace: str
    hash_name: bytes
    raw: bytes

    @classmethod
    def parse(cls, blob: bytes) -> Signature:
        """Read a signature's bytes, without armour.

        Raises:
            SignatureRefused: it is malformed, or of a kind that is not taken.

        """
        if len(blob) > SIGNATURE_MAX_BYTES:
            raise SignatureRefused(f"It is longer than {SIGNATURE_MAX_BYTES} bytes.")
        reader = Reader(blob)
        if reader.take(len(_MAGIC)) != _MAGIC or reader.number() != _VERSION:
            raise SignatureRefused("It is no SSH signature of version 1.")
        key, namespace, reserved, hash_name, raw = (reader.text() for _ in range(5))
        reader.end()
        if reserved or hash_name not in _MESSAGE_HASHES:
            raise SignatureRefused("It is made in a way that is not taken here; use ssh-keygen -Y sign.")
        try:
            return cls(PublicKey(key), namespace.decode("ascii"), hash_name, raw)
        except UnicodeDecodeError as error:
            raise SignatureRefused("Its namespace is not plain text.") from error

    def check(self, message: bytes, namespace: str) -> None:
        """Return where the key signed exactly this message for exactly this purpose.

        Raises:
            SignatureRefused: it did not.

        """
        if self.namespace != namespace:
            raise SignatureRefused(f"It was made for {self.namespace[:60]!r}, not for {namespace!r}.")
        digest = _MESSAGE_HASHES[self.hash_name](message).digest()
        fields = (namespace.encode(), b"", self.hash_name, digest)
        signed = _MAGIC + b"".join(len(part).to_bytes(4, "big") + part for part in fields)
        try:
            self.key.check(self.raw, signed)
        except InvalidSignature as error:
            raise SignatureRefused("The key did not sign this; it was changed, or is about something else.") from error


def unarmoured(text: str) -> bytes:
    """Return the bytes of a signature as ``ssh-keygen`` prints it.

    Raises:
        SignatureRefused: it is nothing of the kind.

    """
    found = _ARMOUR.fullmatch(text.replace("\r\n", "\n"))
    if found is None:
        raise SignatureRefused("It does not begin and end as an SSH signature does.")
    return unbase64(found[1].replace("\n", ""))
