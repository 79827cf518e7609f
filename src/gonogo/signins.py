"""Sign-ins: what the ID token of an OpenID provider says about who signed in, when and how, once it is checked.

Checked is the token itself, with the keys that its issuer publishes (OpenID Connect Core 1.0, section
3.1.3.7): not what a session, a cookie or a header says about it. Only issuers somebody enrolled are
ever asked for keys. A token is a secret while it is good, so it is never kept, and named by its digest.
"""

from __future__ import annotations

import time
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any, cast

import orjson

from gonogo.evidence.canon import plain_text, sha256_hex
from gonogo.transports import leaves_clear

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

TOKEN_MAX_CHARACTERS = 16_384
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519")
"""Signatures with a public key; a shared secret, or none at all, proves nothing to anybody else."""

CLOCK_OFF = timedelta(minutes=2)
"""How far a provider's clock may be off ours."""

_ANSWER_MAX_BYTES = 262_144
_ASK_SECONDS_MAX = 5.0
_KEYS_FRESH_SECONDS = 600.0
_ASK_AGAIN_SECONDS = 10.0
_TEXT_MAX = 255
_SECONDS_MAX = 253_402_300_799
"""The last second of the year 9999."""


class SignInRefused(ValueError):
    """The token proves nothing here; the message says why, and never what stands in it that is secret."""


@dataclass(frozen=True, slots=True)
class SignIn:
    """Somebody signed in at a provider, for one application."""

    issuer: str
    audience: str
    """The application, as the provider knows it: its client id."""
    subject: str
    """The person, as the provider knows them; never given to somebody else."""
    email: str
    """Where the provider says that it has verified it; else empty."""
    authenticated: datetime | None
    """When the person proved who they are (``auth_time``); ``None`` where the provider does not say."""
    issued: datetime
    expires: datetime
    acr: str
    """How strongly, in the provider's words; may be empty."""
    amr: tuple[str, ...]
    """By which means, as ``pwd`` or ``hwk``; may be empty."""
    digest: str
    """SHA-256 of the token."""

    @property
    def at(self) -> datetime:
        """When it happened, as far as the provider says."""
        return self.authenticated or self.issued


@dataclass(slots=True)
class _Known:
    """The keys of an issuer, and when they were fetched, on the monotonic clock."""

    keys: Any
    fetched: float


_known: dict[str, _Known] = {}
_asking = Lock()


def read_sign_in(token: str, is_trusted: Callable[[str, str], bool], now: datetime) -> SignIn:
    """Return what an ID token says, once its issuer's keys vouch for it and it is good now.

    Args:
        token: as the provider gave it to the application.
        is_trusted: whether tokens of an issuer for an application count here at all; asked before anybody
            is asked for keys.
        now: when it has to be good.

    Raises:
        SignInRefused: it is no such token, its issuer cannot be asked, or it has run out.

    """
    header, unchecked = _parts(token)
    issuer, audience = _issuer_and_audience(unchecked, is_trusted)
    if header.get("alg") not in ALGORITHMS:
        raise SignInRefused("The token is not signed with a key that its issuer could publish.")
    claims = _checked(token, issuer, header)
    if claims.get("iss") != issuer:
        raise SignInRefused("The token names two issuers.")
    return _sign_in(claims, issuer, audience, sha256_hex(token.encode()), now)


def _parts(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    pieces = token.split(".") if len(token) <= TOKEN_MAX_CHARACTERS and token.isascii() else []
    if len(pieces) != 3:  # noqa: PLR2004 - header, claims, signature
        raise SignInRefused("This is no ID token; sign in again.")
    try:
        header, claims = (orjson.loads(urlsafe_b64decode(each + "=" * (-len(each) % 4))) for each in pieces[:2])
    except ValueError as error:
        raise SignInRefused("This is no ID token; sign in again.") from error
    if not isinstance(header, dict) or not isinstance(claims, dict):
        raise SignInRefused("This is no ID token; sign in again.")
    return cast("dict[str, Any]", header), cast("dict[str, Any]", claims)


def _issuer_and_audience(claims: Mapping[str, Any], is_trusted: Callable[[str, str], bool]) -> tuple[str, str]:
    """Return whose token it is and for whom, before anybody vouches for that."""
    issuer, aud = claims.get("iss"), claims.get("aud")
    audiences = cast("list[object]", aud) if isinstance(aud, list) else [aud]
    party = claims.get("azp")
    if len(audiences) > 1 and party is None:
        raise SignInRefused("The token is for several applications, and does not say who asked for it.")
    audience = party if party is not None else audiences[0]
    if not isinstance(issuer, str) or not isinstance(audience, str) or audience not in audiences:
        raise SignInRefused("The token does not say whose it is, or for whom.")
    if not is_trusted(issuer, audience):
        told = f"{plain_text(issuer, 200)} for the application {plain_text(audience, 100)}"
        raise SignInRefused(f"Nobody is enrolled with sign-ins at {told}; `gonogo approvers enrol` does that.")
    return issuer, audience


def _checked(token: str, issuer: str, header: Mapping[str, Any]) -> dict[str, Any]:
    """Return the claims, once a key of the issuer's vouches for them; new keys are asked for once."""
    from joserfc import jwt
    from joserfc.errors import InvalidKeyIdError, JoseError

    is_fresh = False
    while True:
        keys = _keys_of(issuer, again=is_fresh)
        try:
            return jwt.decode(token, keys, algorithms=[str(header["alg"])]).claims
        except InvalidKeyIdError as error:
            if is_fresh:
                raise SignInRefused(f"{issuer} publishes no key of the name that the token bears.") from error
            is_fresh = True
        except (JoseError, ValueError) as error:
            raise SignInRefused(f"No key of {issuer} vouches for the token; sign in again.") from error


def _keys_of(issuer: str, *, again: bool) -> Any:
    """Return an issuer's keys, fetched at most ten minutes ago, or just now where a new one may have come."""
    from joserfc.errors import JoseError
    from joserfc.jwk import KeySet

    with _asking:
        known = _known.get(issuer)
        age = float("inf") if known is None else time.monotonic() - known.fetched
        if known is not None and age < (_ASK_AGAIN_SECONDS if again else _KEYS_FRESH_SECONDS):
            return known.keys
        told = _ask(f"{issuer.rstrip('/')}/.well-known/openid-configuration", issuer)
        if told.get("issuer") != issuer:
            raise SignInRefused(f"{issuer} does not call itself so in its own configuration.")
        try:
            keys = KeySet.import_key_set(cast("Any", _ask(str(told.get("jwks_uri")), issuer)))
        except (JoseError, KeyError, TypeError, ValueError) as error:
            raise SignInRefused(f"The keys that {issuer} publishes cannot be read.") from error
        _known[issuer] = _Known(keys, time.monotonic())
        return keys


def _ask(url: str, issuer: str) -> dict[str, Any]:
    """Return the JSON object at an address of a provider's."""
    import httpx

    if not url.startswith(("https://", "http://")) or leaves_clear(url):
        raise SignInRefused(f"{issuer} is not asked for its keys in the clear; its addresses have to be https.")
    try:
        with httpx.stream("GET", url, timeout=_ASK_SECONDS_MAX) as answer:
            answer.raise_for_status()
            body = b""
            for piece in answer.iter_bytes():
                body += piece
                if len(body) > _ANSWER_MAX_BYTES:
                    raise SignInRefused(f"{issuer} answers with more than keys.")
        found: Any = orjson.loads(body)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise SignInRefused(
            f"{issuer} cannot be asked for its keys now ({type(error).__name__}); answer with a key or a code."
        ) from error
    except orjson.JSONDecodeError as error:
        raise SignInRefused(f"{issuer} answers with no JSON.") from error
    if not isinstance(found, dict):
        raise SignInRefused(f"{issuer} answers with no JSON object.")
    return cast("dict[str, Any]", found)


def _sign_in(claims: Mapping[str, Any], issuer: str, audience: str, digest: str, now: datetime) -> SignIn:
    subject = claims.get("sub")
    amr: object = claims.get("amr")
    issued, expires = _moment(claims, "iat"), _moment(claims, "exp")
    authenticated = _moment(claims, "auth_time") if "auth_time" in claims else None
    if not isinstance(subject, str) or not 0 < len(subject) <= _TEXT_MAX:
        raise SignInRefused("The token does not say who signed in.")
    for moment in (issued, authenticated or issued):
        if moment > now + CLOCK_OFF:
            raise SignInRefused(f"The sign-in lies ahead of the clock here; compare it with that of {issuer}.")
    if "nbf" in claims and _moment(claims, "nbf") > now + CLOCK_OFF:
        raise SignInRefused("The token is not good yet.")
    if now >= expires:
        raise SignInRefused(f"The sign-in ran out at {expires:%Y-%m-%dT%H:%M:%SZ}; sign in again.")
    email = claims.get("email")
    is_verified = claims.get("email_verified") is True and isinstance(email, str)
    means = cast("list[object]", amr) if isinstance(amr, list) else []
    return SignIn(
        issuer=issuer,
        audience=audience,
        subject=subject,
        email=plain_text(str(email), _TEXT_MAX).lower() if is_verified else "",
        authenticated=authenticated,
        issued=issued,
        expires=expires,
        acr=plain_text(str(claims.get("acr") or ""), _TEXT_MAX),
        amr=tuple(plain_text(str(each), 40) for each in means[:10]),
        digest=digest,
    )


def _moment(claims: Mapping[str, Any], name: str) -> datetime:
    """Return a time in a token; whole seconds, as every provider writes it."""
    seconds = claims.get(name)
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds <= _SECONDS_MAX:
        raise SignInRefused(f"The token's {name} is no time.")
    return datetime.fromtimestamp(int(seconds), UTC)
