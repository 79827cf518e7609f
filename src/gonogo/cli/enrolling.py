"""Commands about approvers: who may answer gates, with which keys."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from gonogo.cli.screen import plain_cell, print_json, print_table, say
from gonogo.errors import EnrolmentRefused
from gonogo.evidence.canon import timestamp
from gonogo.settings import Settings, settings

Action = Literal["list", "enrol", "rotate", "revoke", "delegate", "witness"]
Risk = Literal["low", "medium", "high"]

_LIMIT = re.compile(r"([a-z_][a-z0-9_]*)=([0-9]{1,15})")


def approvers(
    what: Annotated[Action, typer.Argument(help="list, enrol, rotate, revoke, delegate or witness.")],
    who: Annotated[str, typer.Argument(help="The person; nobody for list and witness.")] = "",
    key: Annotated[str, typer.Option("--key", help="A public key file; for revoke, a fingerprint.")] = "",
    totp: Annotated[bool, typer.Option("--totp", help="The authenticator app instead of, or beside, a key.")] = False,
    issuer: Annotated[
        str, typer.Option("--issuer", help="An OpenID provider, as it writes itself in its tokens.")
    ] = "",
    client: Annotated[str, typer.Option("--client", help="The dashboard's client id at that provider.")] = "",
    subject: Annotated[str, typer.Option("--subject", help="Who the person is there: the `sub` of the tokens.")] = "",
    email: Annotated[str, typer.Option("--email", help="Or the address that the provider has verified.")] = "",
    up_to: Annotated[Risk, typer.Option("--up-to", help="Up to which risk a sign-in there counts.")] = "medium",
    roles: Annotated[list[str] | None, typer.Option("--role", help="A role; repeatable.")] = None,
    teams: Annotated[list[str] | None, typer.Option("--team", help="An owner of agents they belong to.")] = None,
    logins: Annotated[list[str] | None, typer.Option("--login", help="Another name they ask for runs by.")] = None,
    to: Annotated[str, typer.Option("--to", help="To whom it is delegated.")] = "",
    days: Annotated[int, typer.Option("--days", min=1, help="For how long it is delegated; at most 14.")] = 7,
    actions: Annotated[list[str] | None, typer.Option("--action", help="Delegate only this; repeatable.")] = None,
    limits: Annotated[list[str] | None, typer.Option("--limit", help="argument=most, of what is delegated.")] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why; needed to revoke.")] = "",
    name: Annotated[str | None, typer.Option("--as", help="Who you are; your login name, if not given.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say who may answer gates, and with what proof. Changes `approvers.yaml`, and each change is evidence.

    Example: `gonogo approvers enrol ada --role claims-manager --key ~/.ssh/id_ed25519.pub`
    """
    chosen = settings()
    if what == "list" or what == "witness":  # noqa: PLR1714 - the type checker follows this, and no set
        _list(chosen, as_json=as_json) if what == "list" else _witness(chosen, key, name, as_json=as_json)
        return
    if not who:
        raise typer.BadParameter("Say who.")
    from gonogo import enrolments

    by = name or _login(chosen)
    uri = ""
    match what:
        case "enrol":
            public = enrolments.read_key(Path(key).expanduser()) if key else ""
            given = {"roles": roles or [], "teams": teams or [], "logins": logins or []}
            account = _account(issuer, client, subject, email, up_to)
            uri = enrolments.enrol(chosen, who, by=by, key=public, totp=totp, account=account, **given)
        case "rotate":
            if not (key or totp):
                raise typer.BadParameter("Say what takes the old one's place: --key, --totp, or both.")
            public = enrolments.read_key(Path(key).expanduser()) if key else ""
            uri = enrolments.rotate(chosen, who, by=by, key=public, totp=totp)
        case "revoke":
            if not reason:
                raise typer.BadParameter("Say --reason; who looks at it later asks why.")
            enrolments.revoke(chosen, who, reason, by=by, fingerprint=key, totp=totp, to=to, issuer=issuer)
        case "delegate":
            if not (to and roles):
                raise typer.BadParameter("Say --to and --role: who stands in, and in what.")
            what_for = {"to": to, "roles": roles, "actions": actions or [], "limits": _limits(limits or [])}
            enrolments.delegate(chosen, who, by=by, days=days, **what_for)
    _tell(what, who, uri, as_json=as_json)


def _account(issuer: str, client: str, subject: str, email: str, up_to: Risk) -> dict[str, str] | None:
    """Return an account at a provider as it was given; ``None`` where none was."""
    given = {"issuer": issuer, "audience": client, "subject": subject, "email": email.lower()}
    if not any(given.values()):
        return None
    if not (issuer and client) or bool(subject) == bool(email):
        raise typer.BadParameter("An account is --issuer, --client, and --subject or --email.")
    return {field: value for field, value in given.items() if value} | {"risk": up_to}


def _witness(chosen: Settings, key: str, name: str | None, *, as_json: bool) -> None:
    from gonogo import enrolments

    public = enrolments.read_key(Path(key).expanduser()) if key else ""
    fingerprint = enrolments.witness(chosen, by=name or _login(chosen), key=public)
    if as_json:
        print_json({"done": "witness", "fingerprint": fingerprint})
        return
    say(f"The dashboard vouches for sign-ins with {fingerprint}, and with no key of before. Have the change reviewed.")


def _tell(what: str, who: str, uri: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"person": who, "done": what} | ({"app": uri} if uri else {}))
        return
    say(f"{plain_cell(who)}: {what} is recorded, and approvers.yaml says so. Have the change reviewed as any other.")
    say("Outside dev it counts once it is approved: gonogo policies approve --as NAME --sign KEY --reason TEXT")
    if uri:
        say("Show this to the authenticator app now; it is not shown again:")
        say(plain_cell(uri))


def _list(chosen: Settings, *, as_json: bool) -> None:
    from gonogo.policy.force import approvers_in_force

    known = approvers_in_force(chosen.policy_folder)[2]
    if as_json:
        print_json(known.model_dump(mode="json", exclude_none=True))
        return
    now = datetime.now(UTC)
    rows: list[tuple[Any, ...]] = []
    for name, person in known.people.items():
        keys = [each.public.fingerprint for each in person.keys if each.counts(now)]
        app = ["authenticator app"] if person.totp is not None and person.totp.counts(now) else []
        there = [
            f"{each.subject or each.email} at {each.issuer}, up to {each.risk} risk"
            for each in person.accounts
            if each.counts(now)
        ]
        state = "may answer" if person.counts(now) else f"revoked: {person.because or 'no reason given'}"
        rows.append((name, ", ".join(person.roles), "\n".join([*keys, *app, *there]), state))
    print_table("Approvers", ("who", "roles", "proof", ""), rows, "Nobody is enrolled.")
    for key in known.witnesses:
        if key.counts(now):
            say(plain_cell(f"The dashboard vouches for sign-ins with {key.public.fingerprint}"))
    standing = [each for each in known.delegations if each.until > now and each.revoked is None]
    for each in standing:
        what = ", ".join((*each.roles, *each.actions, *(f"{name} up to {most}" for name, most in each.limits.items())))
        say(plain_cell(f"{each.to} stands in for {each.of} until {timestamp(each.until)[:19]}Z: {what}"))


def _limits(texts: list[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for text in texts:
        matched = _LIMIT.fullmatch(text)
        if matched is None:
            raise EnrolmentRefused(f"--limit {text} is not argument=most, as amount_cents=100000.")
        found[matched[1]] = int(matched[2])
    return found


def _login(chosen: Settings) -> str:
    """Return who types. Brings Prefect in, so not before it is needed."""
    from gonogo.flights import requester

    return requester(chosen)
