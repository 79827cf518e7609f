"""Public keys as OpenSSH writes them, and whether one signed something: strict, and without a lenient reading.

Understood are Ed25519, ECDSA on the NIST curves, RSA from 2048 bits with SHA-2, and the security keys
``sk-ssh-ed25519`` and ``sk-ecdsa-sha2-nistp256``, which must say that somebody touched them. Anything
else, and every byte too many or too few, is refused.
"""

from __future__ import annotations

import hashlib
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

RSA_BITS_MIN, RSA_BITS_MAX = 2_048, 16_384

_TOUCHED = 0x01
"""The flag with which a security key says that a person touched it."""

_CURVES: dict[str, tuple[type[ec.EllipticCurve], type[hashes.HashAlgorithm]]] = {
    "nistp256": (ec.SECP256R1, hashes.SHA256),
    "nistp384": (ec.SECP384R1, hashes.SHA384),
    "nistp521": (ec.SECP521R1, hashes.SHA512),
}
_RSA_HASHES: dict[bytes, type[hashes.HashAlgorithm]] = {b"rsa-sha2-256": hashes.SHA256, b"rsa-sha2-512": hashes.SHA512}


class SignatureRefused(ValueError):
    """A key or a signature is malformed, of a kind that is not taken, or not of this message."""


class Reader:
    """Reads the length-prefixed fields of SSH's wire format, and refuses what is left over."""

    def __init__(self, raw: bytes) -> None:
        self._raw, self._at = raw, 0

    def take(self, count: int) -> bytes:
        """Return the next bytes."""
        piece = self._raw[self._at : self._at + count]
        if len(piece) != count:
            raise SignatureRefused("It is cut off.")
        self._at += count
        return piece

    def number(self) -> int:
        """Return the next unsigned 32-bit number."""
        return int.from_bytes(self.take(4), "big")

    def text(self) -> bytes:
        """Return the next string."""
        return self.take(self.number())

    def integer(self) -> int:
        """Return the next positive multiple-precision integer, in its one shortest form."""
        raw = self.text()
        if not raw or raw[0] & 0x80 or (raw[0] == 0 and not (len(raw) > 1 and raw[1] & 0x80)):
            raise SignatureRefused("A number in it is not a positive one in its shortest form.")
        return int.from_bytes(raw, "big")

    def end(self) -> None:
        """Refuse what follows the last field."""
        if self._at != len(self._raw):
            raise SignatureRefused("It has bytes too many.")


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public key as SSH writes it: ``type base64``."""

    blob: bytes

    @classmethod
    def parse(cls, line: str) -> PublicKey:
        """Read a line of a ``.pub`` file; a comment after the key is passed over.

        Raises:
            SignatureRefused: it is no key, or none that is taken here.

        """
        kind, _, rest = line.strip().partition(" ")
        key = cls(unbase64(rest.partition(" ")[0]))
        if key.kind != kind:
            raise SignatureRefused(f"The line says {kind[:40]!r} and the key in it is another kind.")
        return key

    def __post_init__(self) -> None:
        """Refuse a key that could not check anything."""
        _checker(self.blob)

    @property
    def kind(self) -> str:
        """The key's type, as SSH names it."""
        return Reader(self.blob).text().decode("ascii")

    @property
    def fingerprint(self) -> str:
        """``SHA256:`` and the digest, as ``ssh-keygen -l`` shows it."""
        return "SHA256:" + b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")

    def check(self, raw: bytes, signed: bytes) -> None:
        """Return where this key signed exactly these bytes.

        Raises:
            InvalidSignature: it did not.
            SignatureRefused: what is given is no signature of such a key.

        """
        _checker(self.blob)(raw, signed)

    def __str__(self) -> str:
        """Return the key as one line, without a comment."""
        return f"{self.kind} {b64encode(self.blob).decode()}"


def _checker(blob: bytes) -> _Check:
    """Return what checks signatures of a key.

    Raises:
        SignatureRefused: the key is malformed, weak, or of a kind that is not taken.

    """
    reader = Reader(blob)
    kind = reader.text()
    try:
        match kind:
            case b"ssh-ed25519":
                return _Ed25519(kind, Ed25519PublicKey.from_public_bytes(_last(reader)))
            case b"sk-ssh-ed25519@openssh.com":
                public = Ed25519PublicKey.from_public_bytes(reader.text())
                return _Touched(kind, _Ed25519(b"", public), _last(reader))
            case b"ssh-rsa":
                exponent, modulus = reader.integer(), reader.integer()
                reader.end()
                return _Rsa(kind, _rsa(exponent, modulus))
            case b"sk-ecdsa-sha2-nistp256@openssh.com":
                public = _on_curve(b"nistp256", reader)
                return _Touched(kind, public, _last(reader))
            case b"ecdsa-sha2-nistp256" | b"ecdsa-sha2-nistp384" | b"ecdsa-sha2-nistp521":
                public = _on_curve(kind.removeprefix(b"ecdsa-sha2-"), reader)
                reader.end()
                return public
            case _:
                raise SignatureRefused(f"Keys of the type {kind[:40]!r} are not taken.")
    except (ValueError, UnsupportedAlgorithm) as error:
        if isinstance(error, SignatureRefused):
            raise
        raise SignatureRefused(f"The key is malformed: {error}.") from error


def _last(reader: Reader) -> bytes:
    found = reader.text()
    reader.end()
    return found


def _rsa(exponent: int, modulus: int) -> rsa.RSAPublicKey:
    if not RSA_BITS_MIN <= modulus.bit_length() <= RSA_BITS_MAX:
        raise SignatureRefused(f"An RSA key has {RSA_BITS_MIN} to {RSA_BITS_MAX} bits.")
    return rsa.RSAPublicNumbers(exponent, modulus).public_key()


def _on_curve(name: bytes, reader: Reader) -> _Ecdsa:
    if reader.text() != name:
        raise SignatureRefused("The key names another curve than its type.")
    curve, hashed = _CURVES[name.decode()]
    public = ec.EllipticCurvePublicKey.from_encoded_point(curve(), reader.text())
    return _Ecdsa(b"ecdsa-sha2-" + name, public, hashed())


@dataclass(frozen=True, slots=True)
class _Ed25519:
    kind: bytes
    public: Ed25519PublicKey

    def __call__(self, raw: bytes, signed: bytes) -> None:
        self.plain(_of_kind(raw, self.kind), signed)

    def plain(self, raw: bytes, signed: bytes) -> None:
        self.public.verify(raw, signed)


@dataclass(frozen=True, slots=True)
class _Ecdsa:
    kind: bytes
    public: ec.EllipticCurvePublicKey
    hashed: hashes.HashAlgorithm

    def __call__(self, raw: bytes, signed: bytes) -> None:
        self.plain(_of_kind(raw, self.kind), signed)

    def plain(self, raw: bytes, signed: bytes) -> None:
        reader = Reader(raw)
        first, second = reader.integer(), reader.integer()
        reader.end()
        self.public.verify(encode_dss_signature(first, second), signed, ec.ECDSA(self.hashed))


@dataclass(frozen=True, slots=True)
class _Rsa:
    kind: bytes
    public: rsa.RSAPublicKey

    def __call__(self, raw: bytes, signed: bytes) -> None:
        reader = Reader(raw)
        hashed = _RSA_HASHES.get(reader.text())
        if hashed is None:
            raise SignatureRefused("An RSA signature is taken with SHA-2 only.")
        self.public.verify(_last(reader), signed, padding.PKCS1v15(), hashed())


@dataclass(frozen=True, slots=True)
class _Touched:
    """A security key: what it signs holds its application, whether somebody touched it, and how often it signed."""

    kind: bytes
    inner: _Ed25519 | _Ecdsa
    application: bytes

    def __call__(self, raw: bytes, signed: bytes) -> None:
        reader = Reader(raw)
        if reader.text() != self.kind:
            raise SignatureRefused("The signature is of another kind than its key.")
        plain, flags, counter = reader.text(), reader.take(1), reader.take(4)
        reader.end()
        if not flags[0] & _TOUCHED:
            raise SignatureRefused("Nobody touched the security key when it signed.")
        whole = hashlib.sha256(self.application).digest() + flags + counter + hashlib.sha256(signed).digest()
        self.inner.plain(plain, whole)


_Check = _Ed25519 | _Ecdsa | _Rsa | _Touched


def _of_kind(raw: bytes, kind: bytes) -> bytes:
    reader = Reader(raw)
    if reader.text() != kind:
        raise SignatureRefused("The signature is of another kind than its key.")
    return _last(reader)


def unbase64(text: str) -> bytes:
    """Return the bytes of a base64 text.

    Raises:
        SignatureRefused: it is none.

    """
    try:
        return b64decode(text, validate=True)
    except (Base64Error, ValueError) as error:
        raise SignatureRefused(f"Not base64: {error}.") from error
