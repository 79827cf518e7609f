"""Statements: the exact bytes a person signs about one action, and the token that carries them to a gate.

A statement says what was answered, by whom, why, until when, and about which action: the digest of
tool, arguments, target, agent, law and run, the card that was shown, the gate. The token carries only
what the person said, and the signature; everything else is taken from the gate's own request, so a
token that was made for anything else signs other bytes, and does not hold.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast, get_args

import orjson
from pydantic import Field, ValidationError

from gonogo.errors import EvidenceBroken
from gonogo.evidence.canon import leaf_bytes, moment, payload_bytes, random_bytes, sha256_hex, timestamp
from gonogo.model import Answer, Noun

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gonogo.policy.rules import Risk

NAMESPACE = "gonogo-approval@v1"
"""What a signature is made for; one that a key made for anything else does not count."""
TYPE = "gonogo.approval.v1"
TOKEN_MAX_CHARACTERS = 12_000
REASON_MAX_CHARACTERS = 2_000

ReasonCode = Literal[
    "POLICY_MET", "EXCEPTION_ACCEPTED", "COMPENSATED", "BREAK_GLASS",
    "WRONG_TARGET", "WRONG_AMOUNT", "EVIDENCE_MISSING", "POLICY_CONFLICT", "SUSPECTED_INJECTION",
    "OUT_OF_SCOPE", "DUPLICATE", "TIMING", "OTHER",
]  # fmt: skip
"""Why somebody answered as they did. Closed, so that reports group by it."""

BREAK_GLASS: ReasonCode = "BREAK_GLASS"
"""Says that somebody goes alone, in an emergency; the law has rules of its own for it."""

GO_CODES: frozenset[ReasonCode] = frozenset({"POLICY_MET", "EXCEPTION_ACCEPTED", "COMPENSATED", BREAK_GLASS})
"""Those that go with a go; the others stand against one."""

LIFETIME: dict[Risk, timedelta] = {
    "low": timedelta(hours=24),
    "medium": timedelta(hours=4),
    "high": timedelta(hours=1),
}
"""How long an answer is good for, at most, from when it was given to when it is used."""

_TOKEN = re.compile(r"gonogo1\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_NONCE_BYTES = 16
_Text = Annotated[str, Field(max_length=200)]
_Moment = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")]


class TokenRefused(ValueError):
    """What was pasted is no token, or not one that anybody made here."""


class Said(Noun):
    """What a person says about one action."""

    subject: _Text
    """The gate's id, or what else the statement is about."""
    answer: Answer
    by: _Text
    reason: Annotated[str, Field(max_length=REASON_MAX_CHARACTERS)]
    code: ReasonCode
    changes: Annotated[str, Field(max_length=TOKEN_MAX_CHARACTERS)]
    """For ``revise``: the arguments wanted instead, as compact JSON."""
    nonce: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    issued: _Moment
    expires: _Moment

    def body(self) -> bytes:
        """Return what the token carries of it.

        Raises:
            TokenRefused: a text in it is nothing evidence can hold.

        """
        try:
            return leaf_bytes(self.model_dump())
        except EvidenceBroken as error:
            raise TokenRefused(f"The answer cannot be signed: {error}") from error

    def statement(self, about: Mapping[str, Any]) -> bytes:
        """Return the exact bytes that are signed: what was said, about what."""
        return leaf_bytes({"about": dict(about), "said": self.model_dump(), "type": TYPE})

    def wish(self) -> dict[str, Any]:
        """Return the arguments that are wanted instead."""
        found: Any = orjson.loads(self.changes)
        return cast("dict[str, Any]", found) if isinstance(found, dict) else {}

    def is_within(self, at: datetime) -> bool:
        """Whether it is good at a moment."""
        return at < moment(self.expires)


def say(
    subject: str,
    answer: Answer,
    *,
    by: str,
    reason: str,
    code: str | None,
    changes: Mapping[str, Any],
    lifetime: timedelta,
    no_later: datetime | None = None,
) -> Said:
    """Return a new statement of a person, good from now on for a time.

    Args:
        subject: the gate's id, or what else it is about.
        answer: what is said.
        by: the person's name, as enrolled.
        reason: why, in words.
        code: why, in one of :data:`ReasonCode`; what fits the answer best, if none is given.
        changes: for ``revise``: the arguments wanted instead.
        lifetime: how long it is good for.
        no_later: when it runs out in any case: the gate's deadline.

    Raises:
        TokenRefused: something in it is too long, or is nothing evidence can hold.

    """
    try:
        wish = payload_bytes(dict(changes)).decode()
    except EvidenceBroken as error:
        raise TokenRefused(f"The answer cannot be signed: {error}") from error
    now = datetime.now(UTC)
    until = min(now + lifetime, no_later or now + lifetime)
    given = {
        "subject": subject,
        "answer": answer,
        "by": by,
        "reason": reason,
        "code": code or ("POLICY_MET" if answer == "go" else "OTHER"),
        "changes": wish,
        "nonce": random_bytes(_NONCE_BYTES).hex(),
        "issued": timestamp(now),
        "expires": timestamp(until),
    }
    said = _validated(given)
    said.body()
    return said


def token_of(said: Said, signature: bytes) -> str:
    """Return the one short text that carries a signed statement to a gate."""
    return f"gonogo1.{_encoded(said.body())}.{_encoded(signature)}"


def read_token(token: str) -> tuple[Said, bytes]:
    """Return what a token says and its signature, which nobody has checked yet.

    Raises:
        TokenRefused: it is no token; nothing of it is looked at, let alone shown.

    """
    text = token.strip()
    found = _TOKEN.fullmatch(text) if len(text) <= TOKEN_MAX_CHARACTERS else None
    if found is None:
        raise TokenRefused("This is no token; `gonogo decide GATE go --sign KEY --show-token` makes one.")
    try:
        body, signature = (_decoded(part) for part in found.groups())
        given: Any = orjson.loads(body)
    except ValueError as error:
        raise TokenRefused("The token is damaged; copy it whole.") from error
    said = _validated(given)
    if said.body() != body:
        raise TokenRefused("The token is not written as tokens are; somebody changed it.")
    return said, signature


def digest_of(statement: bytes) -> str:
    """Return by what evidence names a statement."""
    return sha256_hex(statement)


def _validated(given: object) -> Said:
    if not isinstance(given, dict):
        raise TokenRefused("The token says nothing that could be an answer.")
    try:
        said = Said.model_validate(given, strict=True)
        for time in (said.issued, said.expires):
            moment(time)
        is_wish = isinstance(orjson.loads(said.changes), dict)
    except (ValidationError, ValueError) as error:
        told = error.errors()[0] if isinstance(error, ValidationError) else {"loc": ("a time",), "msg": "no such time"}
        where = ".".join(map(str, told["loc"]))
        raise TokenRefused(f"The answer does not hold: {where}: {told['msg']}.") from error
    if not is_wish:
        raise TokenRefused("The answer does not hold: its changes are no JSON object.")
    if (said.code in GO_CODES) != (said.answer == "go") and said.code != "OTHER":
        codes = ", ".join(sorted(GO_CODES) if said.answer == "go" else sorted({*get_args(ReasonCode)} - GO_CODES))
        raise TokenRefused(f"The reason code {said.code} does not go with {said.answer}; choose of {codes}.")
    return said


def _encoded(raw: bytes) -> str:
    return urlsafe_b64encode(raw).decode().rstrip("=")


def _decoded(text: str) -> bytes:
    raw = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _encoded(raw) != text:
        raise ValueError("base64 has one form")
    return raw
