"""Credentials of tools: good for one call of one tool in one run, and for a minute.

A tool that names an argument ``credential`` is handed one at each call. What it proves stands in it, signed by this
house: run, tool, system, digest of the action and of the arguments. A connector that checks it (:func:`verify`)
does nothing for a captured one: it is not for that tool, or not for those arguments, used already, or over. Where a
system knows only secrets of its own, a broker hands the real one out instead, for as long as the call lasts.

Neither is ever recorded: a credential shows itself as ``[credential]``, and what a tool returns or raises is
searched for both.
"""

from __future__ import annotations

import asyncio
import os
import threading
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gonogo.errors import SettingsBroken, ToolFailed
from gonogo.evidence.canon import moment, payload_bytes, sha256_hex, timestamp, uuid7
from gonogo.evidence.keyring import read_secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gonogo.settings import Settings

LIFETIME = timedelta(seconds=60)
"""How long a credential is good for."""
CLOCKS_APART = timedelta(seconds=5)
"""How far the clock of whoever checks it may be behind."""
TOKEN_CHARACTERS_MAX = 4_096
_PREFIX = "gonogo-credential1"
_FIELDS = ("action", "args", "expires", "issued", "nonce", "principal", "run", "system", "tool")


class CredentialRefused(ValueError):
    """A credential does not count; the message says why, and holds nothing of it."""


class Claims(NamedTuple):
    """What a credential proves."""

    run: str
    tool: str
    system: str
    principal: str
    """The agent that acts, or the mission."""
    action: str
    """Digest of the action, as evidence and approvals name it."""
    args: str
    """SHA-256 over the arguments as sorted compact JSON."""
    nonce: str
    issued: str
    expires: str


@dataclass(frozen=True, slots=True)
class Credential:
    """What a tool is handed; shows nothing of itself unless it is asked to."""

    token: str = field(repr=False)
    secret: str | None = field(default=None, repr=False)
    """The real secret, where a broker gave one."""

    def reveal(self) -> str:
        """Return what the system of record is shown: the real secret, or the token where there is none."""
        return self.token if self.secret is None else self.secret

    def __str__(self) -> str:
        """Say what it is, and nothing of it."""
        return "[credential]"


UNISSUED = Credential("")
"""What a tool declares as the default of its argument, so that its callers need not name one."""

Broker = Callable[[str, Claims], Awaitable[str]]
"""Returns the real secret that a name stands for, for one call; what it raises fails the call before it is made."""


async def _from_environment(name: str, _claims: Claims) -> str:
    return os.environ[name]


async def _from_file(name: str, _claims: Claims) -> str:
    return (await asyncio.to_thread(Path(name).read_text, encoding="utf-8")).strip()


async def _from_prefect(name: str, _claims: Claims) -> str:
    from prefect.blocks import system

    secrets: Any = system.Secret
    return str((await secrets.aload(name)).get())


BROKERS: dict[str, Broker] = {"env": _from_environment, "file": _from_file, "prefect": _from_prefect}
"""Who exchanges a claim for a secret, by the word before the colon in ``policies/dependencies.yaml``."""


def args_digest(arguments: Mapping[str, Any]) -> str:
    """Return the digest that binds a credential to the arguments of a call, plain JSON; the same on both sides."""
    return sha256_hex(payload_bytes({name: value for name, value in arguments.items() if value is not None}))


def key_path(settings: Settings) -> Path:
    """Return where the private key stands that signs credentials."""
    return settings.credential_key or settings.home / "keys" / "credentials.key"


def signing_key(settings: Settings) -> Ed25519PrivateKey:
    """Return the key that signs; made where there is none.

    Raises:
        SettingsBroken: others may read it, or it is no key.
        EvidenceUnwritable: it cannot be made.

    """
    path = key_path(settings)
    return Ed25519PrivateKey.from_private_bytes(read_secret(path, "key of credentials", "GONOGO_CREDENTIAL_KEY"))


def public_key(settings: Settings) -> str:
    """Return what connectors check credentials with, in hex; it is no secret."""
    return signing_key(settings).public_key().public_bytes_raw().hex()


async def issue(settings: Settings, claims: Claims, source: str | None) -> Credential:
    """Return a credential for one call.

    Args:
        settings: whose key signs it.
        claims: what it is for; see :func:`claims_for`.
        source: ``KIND:NAME`` of the real secret, as the system's dependency declares it; none, if none.

    Raises:
        SettingsBroken: the key cannot be used, or nobody exchanges such a source.
        ToolFailed: the broker gave no secret; the call is not made.

    """
    body = orjson.dumps(claims._asdict(), option=orjson.OPT_SORT_KEYS)
    signature = signing_key(settings).sign(_PREFIX.encode() + b"\n" + body)
    token = f"{_PREFIX}.{_encoded(body)}.{_encoded(signature)}"
    if source is None:
        return Credential(token)
    kind, _, name = source.partition(":")
    broker = BROKERS.get(kind)
    if broker is None:
        raise SettingsBroken(f"Nobody exchanges {kind}:… for {claims.system}; known are {', '.join(sorted(BROKERS))}.")
    try:
        secret = await broker(name, claims)
    except Exception as error:  # noqa: BLE001 - whatever a broker raises, the call is not made
        # What it raised may hold what it was about to hand out.
        why = type(error).__name__
        raise ToolFailed(f"No credential for {claims.system} was to be had from {kind}:{name} ({why}).") from None
    return Credential(token, secret)


def claims_for(
    run_id: str, tool: str, system: str, *, principal: str, action: str, arguments: Mapping[str, Any]
) -> Claims:
    """Return what a credential for one call proves, from now on for a minute."""
    now = datetime.now(UTC)
    digest, until = args_digest(arguments), timestamp(now + LIFETIME)
    return Claims(run_id, tool, system, principal, action, digest, uuid7(), timestamp(now), until)


class Uses:
    """Which credentials a connector has accepted; each counts once. For one process; use one for each system."""

    def __init__(self) -> None:
        self._used: dict[str, datetime] = {}
        self._lock = threading.Lock()

    def use(self, claims: Claims, at: datetime) -> bool:
        """Use a credential up; whether it had not been used before."""
        with self._lock:
            for old in [nonce for nonce, until in self._used.items() if until + CLOCKS_APART < at]:
                del self._used[old]
            if claims.nonce in self._used:
                return False
            self._used[claims.nonce] = moment(claims.expires)
            return True


def verify(
    token: str,
    key: str,
    *,
    tool: str,
    arguments: Mapping[str, Any],
    uses: Uses | None = None,
    at: datetime | None = None,
) -> Claims:
    """Return what a credential proves, for a connector that is about to do what it was asked.

    Args:
        token: what the caller showed.
        key: the house's public key in hex; see :func:`public_key`.
        tool: what the connector is asked to do.
        arguments: with what, as plain JSON, as they came in.
        uses: what was used before; without it, a captured credential can be used again for the very same call.
        at: the time; now, if none.

    Raises:
        CredentialRefused: it is not this house's, not for this, over, not yet good, or used already.

    """
    now = at or datetime.now(UTC)
    claims = _read(token, key)
    if claims.tool != tool:
        raise CredentialRefused("It is for another tool.")
    if claims.args != args_digest(arguments):
        raise CredentialRefused("It is for other arguments.")
    issued, expires = moment(claims.issued), moment(claims.expires)
    if expires - issued > LIFETIME:
        raise CredentialRefused("It claims to be good for longer than any credential is.")
    if now >= expires:
        raise CredentialRefused("It is over.")
    if issued > now + CLOCKS_APART:
        raise CredentialRefused("It is from the future; compare the clocks.")
    if uses is not None and not uses.use(claims, now):
        raise CredentialRefused("It was used before.")
    return claims


def _read(token: str, key: str) -> Claims:
    """Return what a credential says, where this house has signed it."""
    parts = token.split(".") if len(token) <= TOKEN_CHARACTERS_MAX else []
    if len(parts) != len((_PREFIX, "body", "signature")) or parts[0] != _PREFIX:
        raise CredentialRefused("It is no credential.")
    try:
        body, signature = _decoded(parts[1]), _decoded(parts[2])
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(key))
    except ValueError as error:
        raise CredentialRefused("It is no credential, or the key is none.") from error
    try:
        public.verify(signature, _PREFIX.encode() + b"\n" + body)
    except InvalidSignature as error:
        raise CredentialRefused("This house has not signed it.") from error
    try:
        given: Any = orjson.loads(body)
        if sorted(given) != list(_FIELDS) or not all(isinstance(value, str) for value in given.values()):
            raise CredentialRefused("It does not say what a credential says.")
        claims = Claims(**given)
        for time in (claims.issued, claims.expires):
            moment(time)
    except (TypeError, ValueError, AttributeError) as error:
        raise CredentialRefused("It does not say what a credential says.") from error
    return claims


def _encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    """Return base64url as bytes; a text that is another one for the same bytes is refused."""
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (Base64Error, ValueError) as error:
        raise CredentialRefused("It is no credential.") from error
    if _encoded(raw) != text:
        raise CredentialRefused("It is no credential.")
    return raw
