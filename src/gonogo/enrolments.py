"""Enrolments: who becomes an approver, with which key, and who stops being one. Each change is evidence first.

The file ``approvers.yaml`` is reviewed text of the policy folder; what is done here changes that file and
nothing else, and is worth what the review of the folder is worth.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import ValidationError

from gonogo import codes, rolls
from gonogo.errors import EnrolmentRefused, EvidenceUnwritable
from gonogo.evidence.canon import plain_text, sha256_hex, timestamp
from gonogo.policy.approvers import FILE, Approvers, read_approvers
from gonogo.policy.force import in_force
from gonogo.public_keys import PublicKey, SignatureRefused
from gonogo.signers import new_pair
from gonogo.witnesses import witness_key

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from gonogo.settings import Settings

_HEAD = """\
# Who may answer gates with proof: people, their public keys, roles and delegations. `gonogo approvers` keeps this
# file, and records every change; nothing secret stands here.
"""

_PLACE = ("issuer", "audience", "subject", "email")

Change = Callable[[dict[str, Any], str], None]
"""What is done to the file's content, at a moment."""


def read_key(path: Path) -> str:
    """Return the public key in a ``.pub`` file, as ``approvers.yaml`` holds it.

    Raises:
        EnrolmentRefused: it holds none, or a private one.

    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise EnrolmentRefused(f"{path} cannot be read ({error}); --key takes the public half, KEY.pub.") from error
    if "PRIVATE KEY" in text:
        raise EnrolmentRefused(f"{path} is a private key; it stays where it is. Give the public half, {path}.pub.")
    try:
        return str(PublicKey.parse(text.strip()))
    except SignatureRefused as error:
        raise EnrolmentRefused(f"{path} holds no public key that is taken: {error}") from error


def enrol(
    settings: Settings,
    name: str,
    *,
    by: str,
    key: str = "",
    totp: bool = False,
    account: Mapping[str, str] | None = None,
    **who: list[str],
) -> str:
    """Enrol a person, or give one who is enrolled further roles, teams, logins, a key, an app or an account.

    Args:
        settings: whose policy folder and evidence.
        name: the person.
        by: who says so.
        key: a public key, as :func:`read_key` returns it.
        totp: whether to enrol an authenticator app.
        account: at an OpenID provider: ``issuer``, ``audience``, ``subject`` or ``email``, and ``risk``.
        who: ``roles``, ``teams`` and ``logins``.

    Returns:
        What the authenticator app takes its seed from, once and never again; empty without ``totp``.

    Raises:
        EnrolmentRefused: the file would not hold; nothing changed.

    """

    def change(content: dict[str, Any], now: str) -> None:
        person = content["people"].setdefault(name, {"roles": []})
        if person.pop("revoked", None):
            # Who comes back comes back without the keys of before.
            person.pop("because", None)
            person["roles"], person["keys"], person["accounts"], person["totp"] = [], [], [], None
        for field, values in who.items():
            person[field] = list(dict.fromkeys([*person.get(field, []), *values]))
        if key:
            person["keys"] = [*person.get("keys", []), {"key": key, "since": now}]
        if totp:
            person["totp"] = {"since": now}
        if account:
            place = {field: account.get(field) for field in _PLACE}
            old = [
                _ended(each, now, "enrolled again") if {name: each.get(name) for name in _PLACE} == place else each
                for each in person.get("accounts", [])
            ]
            person["accounts"] = [*old, {**account, "since": now}]

    told = {} if account is None else {"sign_in": f"{account['issuer']} up to {account['risk']} risk"}
    _change(settings, "enrolled", name, by, change, key=key, **told, **who)
    return codes.write_seed(settings.home, name) if totp else ""


def rotate(settings: Settings, name: str, *, by: str, key: str = "", totp: bool = False) -> str:
    """Give a person a new key in the place of all they have, or a new seed; the old ones count no more.

    Returns:
        What the authenticator app takes its new seed from; empty without ``totp``.

    Raises:
        EnrolmentRefused: the person is not enrolled, or the file would not hold.

    """

    def change(content: dict[str, Any], now: str) -> None:
        person = _person(content, name)
        if key:
            old = [_ended(each, now, "rotated") for each in person.get("keys", [])]
            person["keys"] = [*old, {"key": key, "since": now}]
        if totp:
            person["totp"] = {"since": now}

    _change(settings, "rotated", name, by, change, key=key)
    return codes.write_seed(settings.home, name) if totp else ""


def revoke(
    settings: Settings,
    name: str,
    reason: str,
    *,
    by: str,
    fingerprint: str = "",
    totp: bool = False,
    to: str = "",
    issuer: str = "",
) -> None:
    """Revoke a person; or only a key, the authenticator app, accounts at a provider, or what was delegated to somebody.

    Raises:
        EnrolmentRefused: there is nothing of the kind to revoke.

    """

    def change(content: dict[str, Any], now: str) -> None:
        person = _person(content, name)
        if fingerprint:
            keys = [each for each in person.get("keys", []) if _fingerprint(each) == fingerprint]
            person["keys"] = [_ended(each, now, reason) if each in keys else each for each in person.get("keys", [])]
            _must(keys, f"{name} has no key {fingerprint}; `gonogo approvers list` shows them.")
        if totp:
            _must(person.get("totp"), f"{name} has no authenticator app enrolled.")
            person["totp"] = _ended(person["totp"], now, reason)
        if to:
            given = [each for each in content["delegations"] if (each["of"], each["to"]) == (name, to)]
            _must(given, f"{name} has delegated nothing to {to}.")
            for each in given:
                each.setdefault("revoked", now)
        if issuer:
            known = [each for each in person.get("accounts", []) if each["issuer"] == issuer]
            _must(known, f"{name} has no account at {plain_text(issuer, 200)}; `gonogo approvers list` shows them.")
            person["accounts"] = [
                _ended(each, now, reason) if each in known else each for each in person.get("accounts", [])
            ]
        if not (fingerprint or totp or to or issuer):
            person |= {"revoked": now, "because": reason}

    told = {"fingerprint": fingerprint, "sign_in": plain_text(issuer, 200)}
    _change(settings, "revoked", name, by, change, reason=reason, **told)
    if totp or not (fingerprint or to or issuer):
        codes.forget_seed(settings.home, name)


def witness(settings: Settings, *, by: str, key: str = "") -> str:
    """Let the dashboard vouch for sign-ins with a key, in the place of all before it; returns its fingerprint.

    Args:
        settings: whose policy folder and evidence.
        by: who says so.
        key: the public key; a new pair is made where the dashboard looks for it, if none is given.

    Raises:
        EnrolmentRefused: no pair could be made, or the file would not hold.

    """
    made = key or new_pair(witness_key(settings))

    def change(content: dict[str, Any], now: str) -> None:
        old = [_ended(each, now, "rotated") for each in content.get("witnesses", [])]
        content["witnesses"] = [*old, {"key": made, "since": now}]

    _change(settings, "witness", "dashboard", by, change, key=made)
    return PublicKey.parse(made).fingerprint


def delegate(settings: Settings, name: str, *, by: str, days: int, **what: Any) -> None:
    """Let somebody stand in for a person, for some days.

    Args:
        settings: whose policy folder and evidence.
        name: who delegates.
        by: who says so.
        days: for how long; 14 at most.
        what: ``to``, ``roles``, ``actions`` and ``limits`` of :class:`Delegation`.

    Raises:
        EnrolmentRefused: it goes too far, or one of them is not enrolled.

    """

    def change(content: dict[str, Any], now: str) -> None:
        until = datetime.fromisoformat(now) + timedelta(days=days)
        content["delegations"].append({"of": name, "since": now, "until": timestamp(until), **what})

    _change(settings, "delegated", name, by, change, **{field: what[field] for field in ("to", "roles")})


def _person(content: dict[str, Any], name: str) -> dict[str, Any]:
    found = content["people"].get(name)
    _must(found, f"{plain_text(name, 80)} is not enrolled; `gonogo approvers list` says who is.")
    return found


def _must(found: object, otherwise: str) -> None:
    if not found:
        raise EnrolmentRefused(otherwise)


def _ended(entry: dict[str, Any], now: str, because: str) -> dict[str, Any]:
    """Return a key or app with its end; one that ended before keeps that."""
    return entry if entry.get("revoked") else {**entry, "revoked": now, "because": because}


def _fingerprint(entry: dict[str, Any]) -> str:
    return PublicKey.parse(entry["key"]).fingerprint


def _change(settings: Settings, event: str, name: str, by: str, change: Change, **told: Any) -> None:
    """Change the file: the new content is checked, then the change is recorded, then the file replaced."""
    reason, key = str(told.pop("reason", "")), str(told.pop("key", ""))
    path = settings.policy_folder / FILE
    with rolls.turn(settings) as note:
        _, registry = in_force(settings.policy_folder)
        before = path.read_bytes() if path.exists() else b""
        content = read_approvers(settings.policy_folder, registry.agents).model_dump(mode="json", exclude_none=True)
        change(content, timestamp())
        text = _written(content, settings.policy_folder, registry.agents)
        facts = {field: value for field, value in told.items() if value}
        if key:
            facts["fingerprint"] = PublicKey.parse(key).fingerprint
        data = {
            "event": event, "person": plain_text(name, 80), "by": plain_text(by, 200), "proof": "unproven",
            "file_before": sha256_hex(before), "file_after": sha256_hex(text.encode()), **facts,
        }  # fmt: skip
        note(data, reason)
        _replace(path, text)


def _written(content: dict[str, Any], folder: Path, agents: Any) -> str:
    """Return the file's text for a content that holds.

    Raises:
        EnrolmentRefused: it does not; nothing was changed.

    """
    try:
        found = Approvers.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        told = first["msg"].removeprefix("Value error, ")
        raise EnrolmentRefused(f"{folder / FILE} was not changed: {where or 'approvers'}: {told}.") from error
    posing = sorted({each for name in found.people for each in found.names_of(name)} & set(agents))
    _must(not posing, f"{', '.join(posing)} is a registered agent; agents approve nothing.")
    whole = {"approvers": found.model_dump(mode="json", exclude_none=True)}
    return _HEAD + yaml.safe_dump(whole, sort_keys=False, allow_unicode=True, width=4_096)


def _replace(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        raise EvidenceUnwritable(f"{path} cannot be written ({error.strerror}); run the command again.") from error
