"""Approvers: who may answer gates, with which keys, in which roles, and who stands in for whom. Reviewed text.

A person's keys and roles stand in ``approvers.yaml`` of the policy folder, which ``gonogo approvers``
keeps. Nothing secret stands there. What the file does not say, nobody may.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Self

from pydantic import AwareDatetime, Field, StringConstraints, TypeAdapter, ValidationError, model_validator

from gonogo.errors import PolicyBroken
from gonogo.model import Noun
from gonogo.policy.rules import Risk
from gonogo.policy.texts import read_section
from gonogo.public_keys import PublicKey, SignatureRefused
from gonogo.transports import leaves_clear

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from pathlib import Path

FILE = "approvers.yaml"

DELEGATION_DAYS_MAX = 14
"""The longest that somebody stands in for somebody else; whoever is away for longer has handed the role over."""

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._@-]{0,63}$")]
"""How people, roles and teams are called: lower case, so that two names that look alike are alike."""

Reason = Annotated[str, StringConstraints(min_length=1, max_length=300)]


class Enrolled(Noun):
    """Something that counts from a moment on, and, once it is revoked, from a moment on no more."""

    since: AwareDatetime
    until: AwareDatetime | None = None
    """When it runs out by itself; never, if not given."""
    revoked: AwareDatetime | None = None
    because: Reason | None = None
    """Why it was revoked."""

    def counts(self, at: datetime) -> bool:
        """Whether it counts at a moment."""
        ends = [end for end in (self.until, self.revoked) if end is not None]
        return self.since <= at and all(at < end for end in ends)


class ApproverKey(Enrolled):
    """A public key a person signs with."""

    key: str

    @model_validator(mode="after")
    def _is_a_key(self) -> Self:
        try:
            if str(PublicKey.parse(self.key)) != self.key:
                raise ValueError("write the key as type and base64, without a comment")
        except SignatureRefused as error:
            raise ValueError(f"{error}") from error
        return self

    @property
    def public(self) -> PublicKey:
        """The key itself."""
        return PublicKey.parse(self.key)


class Account(Enrolled):
    """Somebody's account at an OpenID provider, whose sign-ins count on the dashboard."""

    issuer: Annotated[str, StringConstraints(pattern=r"^https?://\S{1,300}$")]
    """As the provider writes itself in its tokens."""
    audience: Annotated[str, StringConstraints(min_length=1, max_length=255)]
    """The dashboard's client id there; a token for another application is not for us."""
    subject: Annotated[str, StringConstraints(min_length=1, max_length=255)] | None = None
    """Who it is there: the token's ``sub``."""
    email: Annotated[str, StringConstraints(pattern=r"^[^\sA-Z@]+@[^\sA-Z@]+$", max_length=255)] | None = None
    """Or the address that the provider has verified, in lower case; for providers whose subjects nobody can look up."""
    risk: Risk = "medium"
    """Up to which risk a sign-in with it counts."""

    @model_validator(mode="after")
    def _is_somebody(self) -> Self:
        if (self.subject is None) == (self.email is None):
            raise ValueError("an account is a subject or an email, one of them")
        if leaves_clear(self.issuer):
            raise ValueError("the issuer of an account is https://")
        return self

    @property
    def place(self) -> tuple[str, ...]:
        """What makes two accounts the same one."""
        return (self.issuer, "subject", self.subject) if self.subject else (self.issuer, "email", self.email or "")


class Person(Noun):
    """Somebody who may answer gates."""

    roles: tuple[Name, ...]
    logins: tuple[str, ...] = ()
    """Other names under which this person asks for runs, so that nobody approves what they asked for themselves."""
    teams: tuple[Name, ...] = ()
    """Owners of agents this person belongs to."""
    keys: tuple[ApproverKey, ...] = ()
    totp: Enrolled | None = None
    """Whether codes of an authenticator app count; the seed stands in the home."""
    accounts: tuple[Account, ...] = ()
    """At OpenID providers, for sign-ins on the dashboard."""
    revoked: AwareDatetime | None = None
    """Since when nothing of this person counts any more."""
    because: Reason | None = None

    def counts(self, at: datetime) -> bool:
        """Whether this person may answer at all at a moment."""
        return self.revoked is None or at < self.revoked


class Delegation(Noun):
    """One person stands in for another: in named roles, for a time, and within limits."""

    of: Name
    to: Name
    roles: Annotated[tuple[Name, ...], Field(min_length=1)]
    since: AwareDatetime
    until: AwareDatetime
    actions: tuple[str, ...] = ()
    """Only these; every action the role is asked about, if none is named."""
    limits: dict[str, int] = Field(default_factory=dict[str, int])
    """By argument of the action, the most it may be; an action without that argument is not within it."""
    revoked: AwareDatetime | None = None

    @model_validator(mode="after")
    def _is_bounded(self) -> Self:
        if not self.since < self.until <= self.since + timedelta(days=DELEGATION_DAYS_MAX):
            raise ValueError(f"a delegation ends after it began, and within {DELEGATION_DAYS_MAX} days")
        if self.of == self.to:
            raise ValueError("nobody stands in for themselves")
        return self

    def covers(self, role: str, action: str, args: Mapping[str, object], at: datetime) -> bool:
        """Whether it holds for a role, an action and its arguments, at a moment."""
        if role not in self.roles or not self.since <= at < self.until:
            return False
        if (self.revoked is not None and at >= self.revoked) or (self.actions and action not in self.actions):
            return False
        return all(_is_within(args.get(name), most) for name, most in self.limits.items())


def _is_within(value: object, most: int) -> bool:
    return type(value) is int and value <= most


class Approvers(Noun):
    """Everybody who may answer, and every delegation."""

    people: dict[Name, Person] = Field(default_factory=dict[str, Person])
    delegations: tuple[Delegation, ...] = ()
    witnesses: tuple[ApproverKey, ...] = ()
    """Keys of dashboards, which sign what they saw of a sign-in; nobody answers with one."""

    @model_validator(mode="after")
    def _is_unambiguous(self) -> Self:
        """Refuse a name, a key or an account that is two people's."""
        names: set[str] = set()
        keys: set[bytes] = {key.public.blob for key in self.witnesses}
        for name, person in self.people.items():
            for each in {name, *person.logins}:
                if each in names:
                    raise ValueError(f"{each} is the name of two people")
                names.add(each)
            for blob in {key.public.blob for key in person.keys}:
                if blob in keys:
                    raise ValueError(f"a key of {name} is somebody else's, too")
                keys.add(blob)
        places = [place for person in self.people.values() for place in {each.place for each in person.accounts}]
        if doubled := {" ".join(place) for place in places if places.count(place) > 1}:
            raise ValueError(f"the account {min(doubled)} is that of two people")
        return self

    @model_validator(mode="after")
    def _delegates_what_it_has(self) -> Self:
        """Refuse a delegation of what somebody does not have, or to nobody."""
        for each in self.delegations:
            if each.of not in self.people or each.to not in self.people:
                raise ValueError(f"the delegation of {each.of} to {each.to} names somebody who is not enrolled")
            lacking = set(each.roles) - set(self.people[each.of].roles)
            if lacking:
                raise ValueError(f"{each.of} cannot delegate {min(lacking)}: only a role of one's own is delegated")
        return self

    def person_of(self, blob: bytes) -> tuple[str, ApproverKey] | None:
        """Return whose key this is, and what is said of it; ``None`` for a key nobody enrolled."""
        for name, key in self._keys():
            if key.public.blob == blob:
                return name, key
        return None

    def _keys(self) -> Iterator[tuple[str, ApproverKey]]:
        for name, person in self.people.items():
            # A key that was enrolled again after it was revoked counts as it was said last.
            yield from ((name, key) for key in reversed(person.keys))

    def accounts_of(self, issuer: str, subject: str, email: str) -> list[tuple[str, Account]]:
        """Return whose account a sign-in is, and what is said of it, last word first; several people, or nobody."""
        known = {(issuer, "subject", subject), (issuer, "email", email)}
        return [
            (name, account)
            for name, person in self.people.items()
            for account in reversed(person.accounts)
            if account.place in known
        ]

    def trusts(self, issuer: str, audience: str) -> bool:
        """Whether anybody is enrolled with an account at a provider, for an application."""
        return any(
            (account.issuer, account.audience) == (issuer, audience)
            for person in self.people.values()
            for account in person.accounts
        )

    def witness_of(self, blob: bytes) -> ApproverKey | None:
        """Return what is said last of a dashboard's key; ``None`` for a key that is no dashboard's."""
        return next((key for key in reversed(self.witnesses) if key.public.blob == blob), None)

    def names_of(self, name: str) -> frozenset[str]:
        """Return every name somebody bears; the one given, where nobody is enrolled under it."""
        person = self.people.get(name)
        return frozenset({name}) if person is None else frozenset({name, *person.logins})

    def delegators(self, name: str, role: str, action: str, args: Mapping[str, object], at: datetime) -> set[str]:
        """Return for whom somebody may answer in a role that is not their own; nobody who is gone."""
        return {
            each.of
            for each in self.delegations
            if each.to == name and each.covers(role, action, args, at) and self.people[each.of].counts(at)
        }


def read_approvers(folder: Path, agents: Collection[str] = ()) -> Approvers:
    """Read ``approvers.yaml``; nobody may answer with proof where there is none.

    Args:
        folder: the policy folder.
        agents: names of registered agents, none of which is a person.

    Raises:
        PolicyBroken: the file does not hold; the message names the field. Nothing starts.

    """
    path = folder / FILE
    if not path.exists():
        return Approvers()
    try:
        found = TypeAdapter(Approvers).validate_python(read_section(path, "approvers"))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, ("approvers", *first["loc"])))
        raise PolicyBroken(f"{path}: {where}: {first['msg'].removeprefix('Value error, ')}.") from error
    posing = sorted({each for name in found.people for each in found.names_of(name)} & set(agents))
    if posing:
        raise PolicyBroken(f"{path}: approvers.people: {posing[0]} is a registered agent; agents approve nothing.")
    return found
