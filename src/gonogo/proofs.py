"""Proofs: whether an answer is what an enrolled person said about exactly this, and whether the law lets it count.

Looked at twice: when the answer is given, and again when a run is about to act on it. Then the keys, the
people and the law are those of that moment: what was revoked in between counts no more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from gonogo import codes, emergencies, rolls
from gonogo.emergencies import lacking, overdue_reviews
from gonogo.enactments import check_enacted
from gonogo.errors import GonogoError, PolicyBroken
from gonogo.evidence.canon import moment, plain_text
from gonogo.policy.force import approvers_in_force
from gonogo.policy.law import Request
from gonogo.policy.rules import risk_called
from gonogo.public_keys import SignatureRefused
from gonogo.signatures import Signature
from gonogo.statements import BREAK_GLASS, LIFETIME, NAMESPACE, Said, TokenRefused, digest_of, read_token

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from gonogo.model import Environment
    from gonogo.policy.approvers import Approvers
    from gonogo.policy.law import Law
    from gonogo.policy.registry import Registry
    from gonogo.policy.rules import Risk
    from gonogo.settings import Settings

ACTION = "approve"
"""What the law calls an answer at a gate."""

CLOCK_OFF_MAX = timedelta(minutes=2)
"""How far ahead a signer's clock may be."""

By = Literal["totp", "signature"]

Holding = Literal["own", "delegated", "escalated", "none"]
"""Whether somebody has the role that is asked for: their own, somebody else's for a time, a rung of the ladder's."""


class NotProven(ValueError):
    """The answer does not count; the message says why."""


class RunOut(NotProven):
    """It did count, or would have: it has run out, was revoked, or the law now keeps this person from it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a person, as far as proof is concerned."""

    subject: str
    """The gate's id, or what else a statement is about."""
    about: Mapping[str, Any]
    """What the statement binds: digests of action and card, run, mission, law and so on."""
    action: str
    role: str
    environment: Environment
    args: Mapping[str, Any] = field(default_factory=dict[str, Any])
    risk: Risk | None = None
    """As a rule names it; :func:`risk_in` says what holds where none does."""
    mission: str = ""
    requester: str = ""
    agent: str = ""
    """The registered agent that wants to act; empty where none does."""
    executor: str = ""
    """Under which login the run flies; empty where that is not known."""
    earlier: frozenset[str] = frozenset()
    """Who said go to the same action before."""
    rungs: frozenset[str] = frozenset()
    """Roles of the escalation ladder that may answer, too, by now."""
    glass: str = ""
    """The role that may go alone in an emergency; empty where nobody may."""


@dataclass(frozen=True, slots=True)
class Proven:
    """An answer that an enrolled person gave."""

    said: Said
    proof: By
    digest: str
    """Of the statement."""
    fingerprint: str = ""
    """Of the key; empty for a code."""
    holds: Holding = "own"
    """How its person came to answer."""

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
        return known | ({"key_fingerprint": self.fingerprint} if self.fingerprint else {})


def risk_in(risk: Risk | None, environment: Environment) -> Risk:
    """Return the risk of what is asked: as a rule names it; else low in ``dev``, and high everywhere else."""
    return risk or ("low" if environment == "dev" else "high")


def risk_named(text: object) -> Risk | None:
    """Return a risk as evidence holds it; the highest for a word that is none."""
    return None if text is None else risk_called(text) or "high"


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
    _check_times(said, asked, at)
    holds = _check_rules(settings, asked, said, "signature", at)
    return Proven(said, "signature", digest_of(statement), signature.key.fingerprint, holds)


def proof_by_code(settings: Settings, asked: Asked, said: Said, code: str, at: datetime) -> Proven:
    """Return what a code of an authenticator app proves; it is used up by that.

    Raises:
        NotProven: nothing, and why; a wrong code is recorded.

    """
    _check_code_holder(settings, said.by, at)
    _check_times(said, asked, at)
    holds = _check_rules(settings, asked, said, "totp", at)
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
    _check_times(said, asked, at)
    _check_rules(settings, asked, said, "totp", at)
    digest = digest_of(said.statement(asked.about))
    if not rolls.code_was_used(settings, said.by, digest):
        raise NotProven(f"No code of {said.by} was used for this.")
    return Proven(said, "totp", digest)


def lifetime_of(asked: Asked) -> timedelta:
    """Return how long an answer to this is good for, at most."""
    return LIFETIME[risk_in(asked.risk, asked.environment)]


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


def _check_times(said: Said, asked: Asked, at: datetime) -> None:
    issued, expires = moment(said.issued), moment(said.expires)
    if issued > at + CLOCK_OFF_MAX:
        raise NotProven(f"It was signed at {said.issued[:19]}Z, which is ahead of the clock here; compare the clocks.")
    if expires - issued > lifetime_of(asked):
        hours = int(lifetime_of(asked).total_seconds()) // 3_600
        raise RunOut(f"It claims to be good for longer than the {hours} h that this risk allows.")
    if at >= expires:
        raise RunOut(f"It ran out at {said.expires[:19]}Z; answer again.")


def _check_rules(settings: Settings, asked: Asked, said: Said, proof: By, at: datetime) -> Holding:
    """Let the law say whether this person may give this answer; return how they hold the role."""
    law, registry, approvers = _in_force(settings, asked)
    person = approvers.people.get(said.by)
    if person is None or not person.counts(at):
        raise RunOut(f"{plain_text(said.by, 80)} is not enrolled, or no longer; `gonogo approvers list` tells.")
    card = registry.agents.get(asked.agent)
    is_glass = said.code == BREAK_GLASS
    holds, standing_in = _holding(approvers, asked, said, at)
    further: dict[str, Any] = {"delegators": standing_in}
    if is_glass:
        further = {"reason_characters": len(said.reason), "overdue": overdue_reviews(settings, said.by, at)}
    request = Request(
        principal=("Person", said.by),
        action=emergencies.ACTION if is_glass else ACTION,
        resource=("Gate", asked.subject),
        call={
            "environment": asked.environment,
            "mission": asked.mission,
            "requester": asked.requester,
            "agent_owner": "" if card is None else card.owner,
            "executor": asked.executor,
        },
        args={
            "action": asked.action,
            "role": asked.role,
            "answer": said.answer,
            "risk": risk_in(asked.risk, asked.environment),
            "proof": proof,
            "holds": holds,
            **further,
        },
    )
    names = sorted(approvers.names_of(said.by))
    facts: list[dict[str, Any]] = [
        {"uid": {"type": "Person", "id": said.by}, "attrs": {"names": names, "teams": list(person.teams)}},
        {"uid": {"type": "Gate", "id": asked.subject}, "attrs": {}},
    ]
    earlier = sorted({each for one in asked.earlier for each in approvers.names_of(one)})
    try:
        ruling = law.decide(request, law.entities([{"parents": [], **fact} for fact in facts]), (), earlier)
    except PolicyBroken as error:
        raise NotProven(f"The law has no rules for answers with proof (approvals.cedar): {error}") from error
    if ruling.verdict != "allow":
        raise RunOut(f"{', '.join(ruling.rules)}: {' '.join(ruling.because)}{lacking(asked, said, holds)}")
    return holds


def _in_force(settings: Settings, asked: Asked) -> tuple[Law, Registry, Approvers]:
    """Return the law, the registry and the approvers; outside ``dev`` only those that somebody approved."""
    try:
        if asked.environment != "dev":
            check_enacted(settings, asked.environment)
        return approvers_in_force(settings.policy_folder)
    except PolicyBroken as error:
        raise RunOut(f"{error}") from error


def _holding(approvers: Approvers, asked: Asked, said: Said, at: datetime) -> tuple[Holding, list[str]]:
    """Return how a person has the role, and every name of those they stand in for."""
    roles = approvers.people[said.by].roles
    if said.code == BREAK_GLASS:
        # Nobody lends that role, and no ladder leads to it.
        return ("own" if asked.glass in roles else "none"), []
    if asked.role in roles:
        return "own", []
    delegators = approvers.delegators(said.by, asked.role, asked.action, asked.args, at)
    names = sorted({each for one in delegators for each in approvers.names_of(one)})
    if names:
        return "delegated", names
    return ("escalated" if asked.rungs.intersection(roles) else "none"), []
