"""Witnesses: what a dashboard saw of a sign-in, signed by the dashboard, as the proof of one answer.

A provider says who signed in, and knows nothing of the answer; its token is a secret, so it is not kept.
The dashboard that checked the token binds the two: it signs that this person, who had signed in so, gave
this very statement. Whoever acts on the answer later looks again at the dashboard's signature, at the
person's account and at the law, without asking the provider.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson
from pydantic import ValidationError

from gonogo import rolls
from gonogo.asked import Holding, NotProven, RunOut, risk_in
from gonogo.entitlements import check_rules
from gonogo.errors import AnswerRefused, EvidenceBroken
from gonogo.evidence.canon import leaf_bytes, moment, plain_text, timestamp
from gonogo.model import Noun
from gonogo.proofs import Proven, approvers_of, check_times
from gonogo.public_keys import SignatureRefused
from gonogo.signatures import Signature
from gonogo.signers import sign
from gonogo.signins import SignInRefused, read_sign_in
from gonogo.statements import Said, digest_of

if TYPE_CHECKING:
    from pathlib import Path

    from gonogo.asked import Asked
    from gonogo.evidence.records import Record
    from gonogo.policy.approvers import Account, Approvers
    from gonogo.policy.rules import Risk
    from gonogo.settings import Settings
    from gonogo.signins import SignIn

NAMESPACE = "gonogo-sign-in@v1"
"""What a witness signs for; a person's signature of a statement is made for something else, and does not count."""

SIGN_IN_AGE: dict[Risk, timedelta] = {
    "low": timedelta(hours=8),
    "medium": timedelta(minutes=15),
    "high": timedelta(minutes=5),
}
"""How long ago somebody may have signed in when they answer."""


class Testimony(Noun):
    """What a dashboard saw: who had signed in, how, and which statement they gave."""

    statement: str
    """Digest of the statement."""
    issuer: str
    audience: str
    subject: str
    email: str
    authenticated: str
    """When they proved who they are; empty where the provider does not say."""
    issued: str
    expires: str
    acr: str
    amr: tuple[str, ...]
    token_digest: str
    seen: str
    """When the dashboard looked at it."""

    def body(self) -> bytes:
        """Return the exact bytes that are signed."""
        return leaf_bytes(self.model_dump(mode="json"))

    def facts(self) -> dict[str, Any]:
        """Return what the record of the answer says of it; the address stays in the payload, which can be erased."""
        return self.model_dump(mode="json", exclude={"statement", "email", "expires", "seen"})


def witness_key(settings: Settings) -> Path:
    """Return where the key stands with which the dashboard signs what it saw."""
    return settings.witness_key or settings.home / "keys" / "witness"


def who_is(settings: Settings, token: str, at: datetime) -> tuple[str, SignIn]:
    """Return the enrolled person whose sign-in a token is, and the sign-in.

    Raises:
        NotProven: it is nobody's, or is over; the message says why.

    """
    approvers = approvers_of(settings)
    try:
        sign_in = read_sign_in(token, approvers.trusts, at)
    except SignInRefused as error:
        raise NotProven(f"The sign-in does not count. {error}") from error
    if rolls.has_signed_out(settings, sign_in.digest):
        raise RunOut("The sign-in is over: somebody signed out of it. Sign in again.")
    name, _ = _account(approvers, sign_in, at)
    return name, sign_in


def proof_by_sign_in(settings: Settings, asked: Asked, said: Said, token: str, at: datetime) -> Proven:
    """Return what a sign-in proves about this, signed by the dashboard that saw it.

    Args:
        settings: whose approvers, law and key.
        asked: what is asked.
        said: what is said, by the enrolled person.
        token: the ID token.
        at: when.

    Raises:
        NotProven: nothing, and why.

    """
    name, sign_in = who_is(settings, token, at)
    if name != said.by:
        raise NotProven(f"It is {name} who signed in, and the answer says {plain_text(said.by, 80)}.")
    statement = said.statement(asked.about)
    testimony = Testimony(
        statement=digest_of(statement),
        issuer=sign_in.issuer,
        audience=sign_in.audience,
        subject=sign_in.subject,
        email=sign_in.email,
        authenticated="" if sign_in.authenticated is None else timestamp(sign_in.authenticated),
        issued=timestamp(sign_in.issued),
        expires=timestamp(sign_in.expires),
        acr=sign_in.acr,
        amr=sign_in.amr,
        token_digest=sign_in.digest,
        seen=timestamp(),
    )
    holds = _check(settings, asked, said, testimony, at)
    try:
        signature = sign(witness_key(settings), testimony.body(), NAMESPACE)
        _check_witness(approvers_of(settings), testimony, signature, at)
    except (AnswerRefused, EvidenceBroken, NotProven) as error:
        raise NotProven(
            f"This dashboard cannot vouch for a sign-in: {error} `gonogo approvers witness` gives it a key; "
            "until then answer with a key or a code of your own."
        ) from error
    told, kept = {"sign_in": testimony.facts()}, _kept(testimony, signature)
    return Proven(said, "oidc", digest_of(statement), holds=holds, told=told, kept=kept)


def still_by_sign_in(settings: Settings, asked: Asked, said: Said, answer: Record, at: datetime) -> Proven:
    """Return what a sign-in proved when the answer was given, if it would still count.

    Args:
        settings: whose approvers and law.
        asked: what is asked.
        said: what is recorded as said.
        answer: the record of it, with what the dashboard signed.
        at: when.

    Raises:
        RunOut: it did, and counts no more.
        NotProven: it never did.

    """
    data, body = answer.data, answer.body_object()
    try:
        testimony = Testimony.model_validate(orjson.loads(str(body.get("testimony", ""))))
        signature = b64decode(str(body.get("witness", "")), validate=True)
        times = [moment(each) for each in (testimony.issued, testimony.expires, testimony.seen)]
    except (ValidationError, ValueError) as error:
        raise NotProven("What the dashboard saw of the sign-in is not on record.") from error
    digest = digest_of(said.statement(asked.about))
    if testimony.statement != digest or testimony.facts() != data.get("sign_in"):
        raise NotProven("The dashboard saw a sign-in for something else than this.")
    if not moment(said.issued) <= times[2] < times[1]:
        raise NotProven("The sign-in was over when the answer was given.")
    _check_witness(approvers_of(settings), testimony, signature, at)
    holds = _check(settings, asked, said, testimony, at)
    return Proven(said, "oidc", digest, holds=holds)


def _kept(testimony: Testimony, signature: bytes) -> dict[str, str]:
    return {"testimony": testimony.body().decode(), "witness": b64encode(signature).decode()}


def _check(settings: Settings, asked: Asked, said: Said, testimony: Testimony, at: datetime) -> Holding:
    """Check age, person and law; return how they hold the role. At the moment of the answer, and when it is used."""
    approvers = approvers_of(settings)
    name, account = _account(approvers, testimony, at)
    if name != said.by:
        raise RunOut(f"The account that signed in is {name}'s now, and {plain_text(said.by, 80)} answered.")
    check_times(said, asked, at)
    risk = risk_in(asked.risk, asked.environment)
    if not testimony.authenticated and risk != "low":
        raise NotProven(
            f"{testimony.issuer} does not say when {name} proved who they are (auth_time), which {risk} risk takes; "
            "have the dashboard ask it with max_age."
        )
    age = moment(said.issued) - moment(testimony.authenticated or testimony.issued)
    if age > SIGN_IN_AGE[risk]:
        minutes = int(SIGN_IN_AGE[risk].total_seconds()) // 60
        raise RunOut(
            f"{name} signed in more than {minutes} minutes before, which {risk} risk does not allow; sign in again."
        )
    return check_rules(settings, asked, said, "oidc", at, ceiling=account.risk)


def _account(approvers: Approvers, seen: SignIn | Testimony, at: datetime) -> tuple[str, Account]:
    """Return whose account this is, where it counts at a moment.

    Raises:
        NotProven: it is nobody's, or several people's.
        RunOut: it was revoked, has run out, or counts later.

    """
    known = approvers.accounts_of(seen.issuer, seen.subject, seen.email)
    found = [(name, each) for name, each in known if each.audience == seen.audience]
    if not found:
        told = f"{plain_text(seen.subject, 80)} of {plain_text(seen.issuer, 200)}"
        raise NotProven(f"The account {told} is nobody's; `gonogo approvers enrol` binds accounts to people.")
    if len({name for name, _ in found}) > 1:
        raise NotProven(
            "The account is that of two people, one by its subject and one by its address; correct approvers.yaml."
        )
    counting = [(name, each) for name, each in found if each.counts(at)]
    name = found[0][0]
    if not counting or not approvers.people[name].counts(at):
        raise RunOut(f"The account that signed in as {name} is revoked, has run out, or counts later.")
    return counting[0]


def _check_witness(approvers: Approvers, testimony: Testimony, raw: bytes, at: datetime) -> None:
    try:
        signature = Signature.parse(raw)
        key = approvers.witness_of(signature.key.blob)
        if key is None:
            raise NotProven(f"The key {signature.key.fingerprint} that saw the sign-in is no dashboard's.")
        signature.check(testimony.body(), NAMESPACE)
    except (SignatureRefused, EvidenceBroken) as error:
        raise NotProven(f"No dashboard vouches for the sign-in. {error}") from error
    if not key.counts(at):
        raise RunOut(f"The key {signature.key.fingerprint} of the dashboard is revoked, has run out, or counts later.")
