"""Links: one approval of a law, as what was signed about it, and whether it holds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import ValidationError

from gonogo.evidence.canon import moment, sha256_hex
from gonogo.policy.approvers import FILE, Approvers
from gonogo.policy.books import digest_of_files
from gonogo.public_keys import SignatureRefused
from gonogo.signatures import Signature
from gonogo.statements import LIFETIME, NAMESPACE, Said, TokenRefused, read_token

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from gonogo.evidence.records import Record

ROLE = "law"
"""The role that approves the law; a person has it in ``approvers.yaml``, of their own, and lends it to nobody."""


class LinkBroken(ValueError):
    """It approves nothing; the message says why."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A law that is to be approved: from which book to which."""

    before: str
    after: str
    policy: str
    environment: str
    tenant: str
    files: dict[str, str]
    changed: tuple[str, ...]
    """Names of the files that differ."""

    @property
    def subject(self) -> str:
        """What a token for it names."""
        return f"law:{self.after[:32]}"

    @property
    def about(self) -> dict[str, Any]:
        """What the statement binds."""
        return {
            "after": self.after,
            "before": self.before,
            "environment": self.environment,
            "kind": "law",
            "policy": self.policy,
            "tenant": self.tenant,
        }

    @classmethod
    def of(cls, record: Record, body: Mapping[str, Any]) -> Proposal:
        """Return what a record says was approved."""
        data, fields = record.data, record.fields
        return cls(
            data["before"], data["after"], data["policy"], fields["envname"], fields["tenantid"],
            dict(body["files"]), tuple(data["changed"]),
        )  # fmt: skip

    @staticmethod
    def approvers_in(text: str) -> Approvers:
        """Return the approvers that the text of ``approvers.yaml`` names; nobody, where there is none.

        Raises:
            LinkBroken: it does not hold.

        """
        try:
            content: Any = yaml.safe_load(text) if text else {"approvers": {}}
            return Approvers.model_validate(content["approvers"])
        except (yaml.YAMLError, ValidationError, KeyError, TypeError) as error:
            raise LinkBroken("The approvers in it do not hold.") from error


@dataclass(frozen=True, slots=True)
class Enactment:
    """One law that somebody approved."""

    id: str
    at: datetime
    by: str
    before: str
    """Digest of the book before; empty for the first."""
    after: str
    policy: str
    """Digest of its rules alone, as every record of a run names it."""
    reason: str
    files: dict[str, str]
    """SHA-256 of each file of the book."""
    approvers: Approvers
    nonce: str
    key: str
    """Fingerprint of the key that signed it."""


@dataclass(frozen=True, slots=True)
class Chain:
    """The laws of an environment, in the order in which they were approved."""

    links: tuple[Enactment, ...] = ()
    objections: tuple[str, ...] = ()
    """What stands on record and is no link, and why."""

    @property
    def head(self) -> Enactment | None:
        """The law that is approved now."""
        return self.links[-1] if self.links else None


def readable(token: str) -> tuple[Said, str]:
    """Return what a token says and the fingerprint of its key; nobody has checked either yet.

    Raises:
        LinkBroken: it is no token, or bears no signature.

    """
    try:
        said, raw = read_token(token)
        return said, Signature.parse(raw).key.fingerprint
    except (TokenRefused, SignatureRefused) as error:
        raise LinkBroken(f"{error}") from error


def check_link(proposal: Proposal, token: str, text: str, before: Approvers | None, at: datetime) -> None:
    """Return where a person who may approve the law approved exactly this one, at a moment.

    Args:
        proposal: from which law to which.
        token: what the person signed.
        text: ``approvers.yaml`` of the law that is approved.
        before: the approvers of the law before; ``None`` where this one is the first.
        at: when.

    Raises:
        LinkBroken: it does not count, and why.

    """
    stated = proposal.files.get(FILE)
    if digest_of_files(proposal.files) != proposal.after or stated != (sha256_hex(text.encode()) if text else None):
        raise LinkBroken("What is told of the files is not what was signed.")
    after = Proposal.approvers_in(text)
    said = _signed(proposal, token, before or after, at)
    _check_person(said, before or after, after, at)


def _signed(proposal: Proposal, token: str, judges: Approvers, at: datetime) -> Said:
    """Return what was signed, by a key that counts for the approvers that judge it."""
    try:
        said, raw = read_token(token)
        signature = Signature.parse(raw)
        known = judges.person_of(signature.key.blob)
        signature.check(said.statement(proposal.about), NAMESPACE)
    except (TokenRefused, SignatureRefused) as error:
        raise LinkBroken(f"The signature does not count: it was made for another law, or by nobody. {error}") from error
    if known is None or known[0] != said.by:
        whose = "nobody's" if known is None else f"{known[0]}'s"
        raise LinkBroken(f"The key {signature.key.fingerprint} is {whose} under the law that is in force.")
    if said.subject != proposal.subject or said.answer != "go":
        raise LinkBroken("The token says something else than that this law may be in force.")
    if not known[1].counts(at):
        raise LinkBroken(f"The key {signature.key.fingerprint} is revoked, has run out, or counts later.")
    lasts = moment(said.expires) - moment(said.issued)
    if at >= moment(said.expires) or lasts > LIFETIME["high"] or (moment(said.issued) - at).total_seconds() > 120:  # noqa: PLR2004 - clocks differ
        raise LinkBroken("It ran out, claims to be good for longer than an hour, or is ahead of the clock; sign again.")
    return said


def _check_person(said: Said, before: Approvers, after: Approvers, at: datetime) -> None:
    """Return where this person may approve this change: they have the role, and it is not about themselves."""
    judge, then = before.people[said.by], after.people.get(said.by)
    if not judge.counts(at) or ROLE not in judge.roles:
        raise LinkBroken(
            f"{said.by} does not have the role {ROLE} under the law that is in force, so it approves nothing."
        )
    if then != judge:
        raise LinkBroken(
            f"The change is one of {said.by}'s own roles or keys; somebody else with the role {ROLE} approves it."
        )
