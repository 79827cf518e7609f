"""Signatures: what OpenSSH signs is read, what anybody changed is refused, and OpenSSH agrees with both."""

from __future__ import annotations

import hashlib
import subprocess
from functools import lru_cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from gonogo.errors import AnswerRefused
from gonogo.public_keys import PublicKey, SignatureRefused
from gonogo.signatures import Signature, unarmoured
from gonogo.signers import sign
from gonogo.statements import NAMESPACE

MESSAGE = b'{"said":"go"}'
KINDS: tuple[tuple[str, ...], ...] = (
    ("ed25519",),
    ("ecdsa", "256"),
    ("ecdsa", "384"),
    ("ecdsa", "521"),
    ("rsa", "2048"),
    ("rsa", "3072"),
)
SK_ED25519, SK_ECDSA = b"sk-ssh-ed25519@openssh.com", b"sk-ecdsa-sha2-nistp256@openssh.com"


@lru_cache
def key_file(kind: str, bits: str = "") -> Path:
    """Return a key that the real ssh-keygen made."""
    path = Path(mkdtemp(prefix="gonogo-keys-")) / "key"
    more = ["-b", bits] if bits else []
    subprocess.run(["ssh-keygen", "-q", "-t", kind, *more, "-N", "", "-C", "a comment", "-f", path], check=True)
    return path


@lru_cache
def signed(*kind: str) -> bytes:
    """Return what the real ssh-keygen signed with it."""
    return sign(key_file(*kind), MESSAGE, NAMESPACE)


def field(raw: bytes) -> bytes:
    """Return bytes with their length before them."""
    return len(raw).to_bytes(4, "big") + raw


def integer(number: int) -> bytes:
    """Return a number as SSH writes it."""
    return field(number.to_bytes(number.bit_length() // 8 + 1, "big"))


def blob_of(key: bytes, raw: bytes, *, version: int = 1, hashed: bytes = b"sha512") -> bytes:
    """Return a whole signature."""
    head = b"SSHSIG" + version.to_bytes(4, "big")
    return head + field(key) + field(NAMESPACE.encode()) + field(b"") + field(hashed) + field(raw)


def to_sign(message: bytes, namespace: str = NAMESPACE) -> bytes:
    """Return what a key signs for a message."""
    digest = hashlib.sha512(message).digest()
    return b"SSHSIG" + field(namespace.encode()) + field(b"") + field(b"sha512") + field(digest)


def touched(kind: bytes, *, flags: int = 1, application: bytes = b"ssh:") -> bytes:
    """Return the signature of a security key that stands in software: what its chip would do, written out here."""
    counter = (7).to_bytes(4, "big")
    signs = hashlib.sha256(application).digest() + bytes([flags]) + counter + hashlib.sha256(to_sign(MESSAGE)).digest()
    if kind == SK_ED25519:
        private = Ed25519PrivateKey.generate()
        key = field(kind) + field(private.public_key().public_bytes_raw()) + field(application)
        plain = private.sign(signs)
    else:
        chip = ec.generate_private_key(ec.SECP256R1())
        point = chip.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        key = field(kind) + field(b"nistp256") + field(point) + field(application)
        first, second = decode_dss_signature(chip.sign(signs, ec.ECDSA(hashes.SHA256())))
        plain = integer(first) + integer(second)
    return blob_of(key, field(kind) + field(plain) + bytes([flags]) + counter)


def openssh_accepts(blob: bytes, folder: Path, message: bytes = MESSAGE) -> bool:
    """Whether the real ssh-keygen takes a signature."""
    from base64 import b64encode

    key = Signature.parse(blob).key
    (folder / "allowed").write_text(f"ada {key}\n")
    body = b64encode(blob).decode()
    lines = "\n".join(body[at : at + 70] for at in range(0, len(body), 70))
    (folder / "sig").write_text(f"-----BEGIN SSH SIGNATURE-----\n{lines}\n-----END SSH SIGNATURE-----\n")
    command = [
        "ssh-keygen",
        "-Y",
        "verify",
        "-f",
        folder / "allowed",
        "-I",
        "ada",
        "-n",
        NAMESPACE,
        "-s",
        folder / "sig",
    ]
    return subprocess.run(command, input=message, capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize("kind", KINDS, ids=" ".join)
def test_what_the_real_ssh_keygen_signs_is_taken(kind: tuple[str, ...]) -> None:
    """Each kind of key; the fingerprint is the one that people compare."""
    signature = Signature.parse(signed(*kind))
    signature.check(MESSAGE, NAMESPACE)
    listed = subprocess.run(["ssh-keygen", "-l", "-f", key_file(*kind)], capture_output=True, text=True, check=True)
    assert signature.key.fingerprint in listed.stdout
    assert PublicKey.parse(key_file(*kind).with_suffix(".pub").read_text()) == signature.key


@pytest.mark.parametrize("kind", [SK_ED25519, SK_ECDSA], ids=bytes.decode)
def test_security_keys_count_where_somebody_touched_them(kind: bytes, tmp_path: Path) -> None:
    """The real ssh-keygen agrees about the signature; one without a touch is refused."""
    good = touched(kind)
    Signature.parse(good).check(MESSAGE, NAMESPACE)
    assert openssh_accepts(good, tmp_path)
    with pytest.raises(SignatureRefused, match="Nobody touched the security key"):
        Signature.parse(touched(kind, flags=0)).check(MESSAGE, NAMESPACE)


@pytest.mark.parametrize("kind", KINDS, ids=" ".join)
def test_another_message_or_another_purpose_is_refused(kind: tuple[str, ...]) -> None:
    """One byte is another message; a signature made for git is none for a gate."""
    signature = Signature.parse(signed(*kind))
    for other in (MESSAGE + b" ", MESSAGE[:-1], b"", MESSAGE.replace(b"go", b"no")):
        with pytest.raises(SignatureRefused, match="did not sign this"):
            signature.check(other, NAMESPACE)
    with pytest.raises(SignatureRefused, match="made for 'gonogo-approval@v1', not for 'git'"):
        signature.check(MESSAGE, "git")


@given(st.sampled_from(KINDS), st.data())
def test_no_mutated_signature_is_taken(kind: tuple[str, ...], data: st.DataObject) -> None:
    """Bits flipped, bytes cut out, put in or swapped: refused in one sentence, and never another error."""
    good = signed(*kind)
    at = data.draw(st.integers(0, len(good) - 1))
    how = data.draw(st.sampled_from(["flip", "cut", "put", "end", "copy"]))
    changed = {
        "flip": lambda: good[:at] + bytes([good[at] ^ 1 << data.draw(st.integers(0, 7))]) + good[at + 1 :],
        "cut": lambda: good[:at] + good[at + data.draw(st.integers(1, 40)) :],
        "put": lambda: good[:at] + data.draw(st.binary(min_size=1, max_size=8)) + good[at:],
        "end": lambda: good + data.draw(st.binary(min_size=1, max_size=64)),
        "copy": lambda: good[:at] + good[: data.draw(st.integers(1, 64))] + good[at + 8 :],
    }[how]()
    if changed == good:
        return
    with pytest.raises(SignatureRefused):
        Signature.parse(changed).check(MESSAGE, NAMESPACE)


@given(st.binary(max_size=400))
def test_no_bytes_break_the_reader(raw: bytes) -> None:
    """Whatever comes is refused as a signature, as a key, and as the armour of one."""
    with pytest.raises(SignatureRefused):
        Signature.parse(raw)
    with pytest.raises(SignatureRefused):
        PublicKey(raw)
    with pytest.raises(SignatureRefused):
        unarmoured(raw.decode("latin1"))


def _rsa_signature(bits: int, algorithm: bytes, hashed: hashes.HashAlgorithm) -> bytes:
    private = rsa.generate_private_key(65_537, bits)
    numbers = private.public_key().public_numbers()
    key = field(b"ssh-rsa") + integer(numbers.e) + integer(numbers.n)
    return blob_of(key, field(algorithm) + field(private.sign(to_sign(MESSAGE), padding.PKCS1v15(), hashed)))


def _made(*, more: bytes = b"", kind: bytes = b"ssh-ed25519", **how: Any) -> bytes:
    private = Ed25519PrivateKey.generate()
    key = field(b"ssh-ed25519") + field(private.public_key().public_bytes_raw()) + more
    return blob_of(key, field(kind) + field(private.sign(to_sign(MESSAGE))), **how)


@pytest.mark.parametrize(
    ("blob", "told"),
    [
        (_rsa_signature(2_048, b"ssh-rsa", hashes.SHA1()), "with SHA-2 only"),  # noqa: S303 - refused for it
        (_rsa_signature(1_024, b"rsa-sha2-512", hashes.SHA512()), "2048 to 16384 bits"),
        (_made(version=2), "version 1"),
        (_made(hashed=b"md5"), "not taken"),
        (_made(kind=b"ssh-rsa"), "another kind than its key"),
        (_made(more=b"\0"), "too many"),
        (blob_of(field(b"ssh-dss") + field(b"x"), b"x"), "of the type b'ssh-dss' are not taken"),
        (blob_of(field(b"ssh-ed25519") + field(b"x"), b"x"), "The key is malformed"),
        (b"x" * 9_000, "longer than 8192 bytes"),
    ],
)
def test_weak_old_and_foreign_forms_are_refused_by_name(blob: bytes, told: str) -> None:
    """The sentence says which of them it was."""
    with pytest.raises(SignatureRefused, match=told):
        Signature.parse(blob).check(MESSAGE, NAMESPACE)


def test_a_key_that_cannot_sign_answers_nothing(tmp_path: Path) -> None:
    """No file, no key in it: one sentence each."""
    with pytest.raises(AnswerRefused, match="There is no key at"):
        sign(tmp_path / "none", MESSAGE, NAMESPACE)
    (tmp_path / "text").write_text("not a key")
    with pytest.raises(AnswerRefused, match="ssh-keygen did not sign with"):
        sign(tmp_path / "text", MESSAGE, NAMESPACE)


def test_an_agent_signs_for_a_key_whose_private_half_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The public half names it; the agent has the rest, as it has for hardware keys."""
    key = key_file("ed25519")
    told = subprocess.run(["ssh-agent", "-s", "-a", tmp_path / "s"], capture_output=True, text=True, check=True).stdout
    known = dict(part.split("=", 1) for part in told.replace(";", "\n").split("\n") if part.startswith("SSH_"))
    for name, value in known.items():
        monkeypatch.setenv(name, value)
    try:
        subprocess.run(["ssh-add", "-q", key], check=True)
        public = tmp_path / "id.pub"
        public.write_text(key.with_suffix(".pub").read_text())
        Signature.parse(sign(public, MESSAGE, NAMESPACE)).check(MESSAGE, NAMESPACE)
    finally:
        subprocess.run(["ssh-agent", "-k"], check=True, capture_output=True)
