"""Proofs: whether an answer is what an enrolled person said about exactly this, and whether the law lets it count.

Looked at twice: when the answer is given, and again when a run is about to act on it. Then the keys, the
people and the law are those of that moment: what was revoked in between counts no more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from gonogo import codes, rolls
from gonogo.asked import NotProven, RunOut, lifetime_of
from gonogo.entitlements import check_rules
from gonogo.errors import GonogoError, PolicyBroken
from gonogo.evidence.canon import moment, plain_text
from gonogo.policy.force import approvers_in_force
from gonogo.public_keys import SignatureRefused
from gonogo.signatures import Signature
from gonogo.statements import NAMESPACE, Said, TokenRefused, digest_of, read_token

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from gonogo.asked import Asked, By, Holding
    from gonogo.policy.approvers import Approvers
    from gonogo.settings import Settings

CLOCK_OFF_MAX = timedelta(minutes=2)
"""How far ahead a signer's clock may be."""


@dataclass(frozen=True, slots=True)
class Proven:
    """An answer that an enrolled person gave."""

    said: Said
    proof: By
    digest: str
    """Of the statement."""
    fingerprint: str = ""
    """Of the key; empty for anything else."""
    holds: Holding = "own"
    """How its person came to answer."""
    told: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Further facts of the record."""
    kept: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What whoever acts on it later looks at again."""

    def data(self) -> dict[str, Any]:
        """Return what the record of the answer holds of it."""
        known: dict[str, Any] = {
            "statement_digest": self.digest,
            "nonce": self.said.nonce,
            "issued": self.said.issued,
            "expires": self.said.expires,
            "reason_code": self.said.code,
        }
        if self.holds != "own":
            known["holds"] = self.holds
        return known | ({"key_fingerprint": self.fingerprint} if self.fingerprint else {}) | dict(self.told)


def proof_by_key(settings: Settings, asked: Asked, token: str, at: datetime) -> Proven:
    """Return what a token proves about this.

    Raises:
        NotProven: nothing, and why.

    """
    try:
        said, raw = read_token(token)
        signature = Signature.parse(raw)
        if said.subject != asked.subject:
            raise NotProven(f"The token was made for {plain_text(said.subject, 80)}, not for {asked.subject}.")
        approvers = approvers_of(settings)
        known = approvers.person_of(signature.key.blob)
        if known is None:
            raise NotProven(f"The key {signature.key.fingerprint} is nobody's; `gonogo approvers` enrols keys.")
        name, key = known
        statement = said.statement(asked.about)
        signature.check(statement, NAMESPACE)
    except (TokenRefused, SignatureRefused) as error:
        raise NotProven(f"The signature does not count. {error}") from error
    if name != said.by:
        raise NotProven(f"The key is {name}'s, and the statement says {plain_text(said.by, 80)}.")
    if not key.counts(at):
        raise RunOut(f"The key {signature.key.fingerprint} of {name} is revoked, has run out, or counts later.")
    check_times(said, asked, at)
    holds = check_rules(settings, asked, said, "signature", at)
    # Whoever acts on it later looks at the signature again.
    kept = {"token": token.strip()}
    return Proven(said, "signature", digest_of(statement), signature.key.fingerprint, holds=holds, kept=kept)


def proof_by_code(settings: Settings, asked: Asked, said: Said, code: str, at: datetime) -> Proven:
    """Return what a code of an authenticator app proves; it is used up by that.

    Raises:
        NotProven: nothing, and why; a wrong code is recorded.

    """
    _check_code_holder(settings, said.by, at)
    check_times(said, asked, at)
    holds = check_rules(settings, asked, said, "totp", at)
    try:
        seed = codes.read_seed(settings.home, said.by)
    except GonogoError as error:
        raise NotProven(str(error)) from error
    if seed is None:
        raise NotProven(f"This home holds no seed of {said.by}; answer where it stands, or with a key.")
    digest = digest_of(said.statement(asked.about))
    objection = rolls.use_code(settings, said.by, codes.step_of(seed, code, at.timestamp()), digest, at)
    if objection is not None:
        raise NotProven(objection)
    return Proven(said, "totp", digest, holds=holds)


def still_by_code(settings: Settings, asked: Asked, said: Said, at: datetime) -> Proven:
    """Return what a code proved when it was typed, if it would still count.

    Raises:
        NotProven: it does not: nobody used a code for this, or the person may no longer answer.

    """
    _check_code_holder(settings, said.by, at)
    check_times(said, asked, at)
    holds = check_rules(settings, asked, said, "totp", at)
    digest = digest_of(said.statement(asked.about))
    if not rolls.code_was_used(settings, said.by, digest):
        raise NotProven(f"No code of {said.by} was used for this.")
    return Proven(said, "totp", digest, holds=holds)


def approvers_of(settings: Settings) -> Approvers:
    """Return who may answer.

    Raises:
        NotProven: that cannot be read.

    """
    try:
        return approvers_in_force(settings.policy_folder)[2]
    except PolicyBroken as error:
        raise NotProven(f"Who may answer cannot be read: {error}") from error


def _check_code_holder(settings: Settings, name: str, at: datetime) -> None:
    person = approvers_of(settings).people.get(name)
    if person is None or person.totp is None or not person.totp.counts(at):
        raise RunOut(f"{plain_text(name, 80)} is not enrolled with an authenticator app.")


def check_times(said: Said, asked: Asked, at: datetime) -> None:
    """Check that an answer is good at a moment, and for no longer than its risk allows.

    Raises:
        NotProven: it is not; RunOut where it was.

    """
    issued, expires = moment(said.issued), moment(said.expires)
    if issued > at + CLOCK_OFF_MAX:
        raise NotProven(f"It was signed at {said.issued[:19]}Z, which is ahead of the clock here; compare the clocks.")
    if expires - issued > lifetime_of(asked):
        hours = int(lifetime_of(asked).total_seconds()) // 3_600
        raise RunOut(f"It claims to be good for longer than the {hours} h that this risk allows.")
    if at >= expires:
        raise RunOut(f"It ran out at {said.expires[:19]}Z; answer again.")
