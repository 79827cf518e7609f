"""A small OpenID provider on this machine: discovery, keys, a login page, and the code flow with PKCE and nonce.

Real as far as whoever signs in, and whoever checks a token, can tell. It knows two people and one application.
"""

from __future__ import annotations

import json
import secrets
import threading
import time
from base64 import b64decode, urlsafe_b64encode
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

if TYPE_CHECKING:
    from collections.abc import Generator

CLIENT, SECRET = "gonogo-dashboard", "a secret between provider and dashboard"
PASSWORDS = {"ada": "enchantress of numbers", "mallory": "let me in"}

_PAGE = """<!doctype html><title>Sign in</title><h1>Sign in to {client}</h1>
<form method="post" action="/authorize?{query}"><label>User <input name="user"></label>
<label>Password <input name="password" type="password"></label><button>Sign in</button></form><p>{said}</p>"""


@dataclass(slots=True)
class Provider:
    """An OpenID provider; what it says of people can be bent, as a broken or hostile one would."""

    issuer: str = ""
    keys: list[RSAKey] = field(default_factory=lambda: [new_key()])
    codes: dict[str, dict[str, str]] = field(default_factory=dict[str, dict[str, str]])
    asked: list[str] = field(default_factory=list[str])
    """Paths that were asked for, in order."""
    bent: dict[str, Any] = field(default_factory=dict[str, Any])
    """Claims that stand in every token in the place of the true ones; ``None`` leaves one out."""
    is_pkce_seen: bool = False

    def token(self, user: str = "ada", *, key: RSAKey | None = None, alg: str = "RS256", **claims: Any) -> str:
        """Return an ID token of somebody who has just signed in."""
        now = int(time.time())
        said: dict[str, Any] = {
            "iss": self.issuer, "aud": CLIENT, "sub": f"sub-{user}", "iat": now, "exp": now + 3_600, "auth_time": now,
            "amr": ["pwd"], "acr": "1", "email": f"{user}@example.com", "email_verified": True,
        }  # fmt: skip
        said |= self.bent | claims
        signing = key or self.keys[-1]
        return jwt.encode(
            {"alg": alg, "kid": str(signing.kid)}, {n: v for n, v in said.items() if v is not None}, signing
        )

    def metadata(self) -> dict[str, Any]:
        """Return what discovery answers."""
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "code_challenge_methods_supported": ["S256"],
        }


def new_key() -> RSAKey:
    """Return a key to sign tokens with."""
    return RSAKey.generate_key(2048, {"kid": secrets.token_hex(4), "use": "sig"})


@contextmanager
def provider() -> Generator[Provider]:
    """Serve a provider on this machine for the block."""
    found = Provider()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("_Bound", (_Handler,), {"provider": found}))
    found.issuer = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, name="openid")
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    provider: Provider

    def do_GET(self) -> None:
        """Answer discovery, keys and the login page."""
        url = urlsplit(self.path)
        self.provider.asked.append(url.path)
        match url.path:
            case "/.well-known/openid-configuration":
                self._json(200, self.provider.metadata())
            case "/jwks":
                self._json(200, dict(KeySet([*self.provider.keys]).as_dict(private=False)))
            case "/authorize":
                self._login(url.query, "")
            case _:
                self.send_error(404)

    def do_POST(self) -> None:
        """Take a login, or exchange a code."""
        url = urlsplit(self.path)
        self.provider.asked.append(url.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        given = {name: values[0] for name, values in parse_qs(body).items()}
        if url.path == "/authorize":
            self._authorize(url.query, given)
        elif url.path == "/token":
            self._exchange(given)
        else:
            self.send_error(404)

    def _login(self, query: str, said: str) -> None:
        client = parse_qs(query).get("client_id", [""])[0]
        page = _PAGE.format(client=escape(client), query=escape(query), said=escape(said))
        self._send(200, "text/html; charset=utf-8", page.encode())

    def _authorize(self, query: str, given: dict[str, str]) -> None:
        asked = {name: values[0] for name, values in parse_qs(query).items()}
        user = given.get("user", "")
        if asked.get("client_id") != CLIENT or PASSWORDS.get(user) != given.get("password"):
            self._login(query, "User or password is wrong.")
            return
        code = secrets.token_urlsafe(16)
        self.provider.codes[code] = asked | {"user": user, "at": str(int(time.time()))}
        back = urlencode({"code": code, "state": asked.get("state", "")})
        self.send_response(302)
        self.send_header("Location", f"{asked['redirect_uri']}?{back}")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _exchange(self, given: dict[str, str]) -> None:
        asked = self.provider.codes.pop(given.get("code", ""), None)
        if asked is None or self._client(given) != (CLIENT, SECRET):
            self._json(400, {"error": "invalid_grant"})
            return
        if "code_challenge" in asked:
            made = urlsafe_b64encode(sha256(given.get("code_verifier", "").encode()).digest()).decode().rstrip("=")
            self.provider.is_pkce_seen = made == asked["code_challenge"]
        if not self.provider.is_pkce_seen or given.get("redirect_uri") != asked["redirect_uri"]:
            self._json(400, {"error": "invalid_grant"})
            return
        token = self.provider.token(asked["user"], nonce=asked.get("nonce"), auth_time=int(asked["at"]))
        answer = {"token_type": "Bearer", "access_token": secrets.token_hex(16), "expires_in": 3_600}
        self._json(200, answer | {"id_token": token})

    def _client(self, given: dict[str, str]) -> tuple[str, str]:
        scheme, _, coded = self.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return given.get("client_id", ""), given.get("client_secret", "")
        name, _, secret = b64decode(coded).decode().partition(":")
        return unquote(name), unquote(secret)

    def _json(self, status: int, body: dict[str, Any]) -> None:
        self._send(status, "application/json", json.dumps(body).encode())

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the base class calls it
        """Say nothing on the test's terminal."""
