"""The file of approvers: what it may say, and what nothing starts with."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from gonogo.errors import PolicyBroken
from gonogo.policy.approvers import Approvers, Delegation, read_approvers

if TYPE_CHECKING:
    from pathlib import Path

ADA = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def key(**more: Any) -> dict[str, Any]:
    """Return an entry of a key."""
    return {"key": ADA, "since": "2026-01-01T00:00:00Z", **more}


def lent(**more: Any) -> dict[str, Any]:
    """Return an entry of a delegation."""
    return {
        "of": "ada", "to": "grace", "roles": ["manager"],
        "since": "2026-03-01T00:00:00Z", "until": "2026-03-08T00:00:00Z", **more,
    }  # fmt: skip


def written(folder: Path, people: Any, delegations: Any = (), agents: tuple[str, ...] = ()) -> Approvers:
    """Write the file and read it."""
    text = yaml.safe_dump({"approvers": {"people": people, "delegations": list(delegations)}})
    (folder / "approvers.yaml").write_text(text)
    return read_approvers(folder, agents)


TWO: dict[str, Any] = {"ada": {"roles": ["manager"], "keys": [key()]}, "grace": {"roles": ["clerk"]}}


def test_without_a_file_nobody_is_enrolled(tmp_path: Path) -> None:
    """Nobody who can prove it can answer then, which is the closed end."""
    assert read_approvers(tmp_path) == Approvers()


@pytest.mark.parametrize(
    ("people", "delegations", "told"),
    [
        ({"ada": {"roles": ["manager"], "sudo": True}}, [], "people.ada.sudo"),
        ({"ada": {}}, [], "people.ada.roles"),
        ({"Ada": {"roles": []}}, [], "people"),
        ({"ada": {"roles": ["claims manager"]}}, [], "people.ada.roles.0"),
        ({"ada": {"roles": [], "keys": [key(key="ssh-ed25519 AAAA")]}}, [], "It is cut off"),
        ({"ada": {"roles": [], "keys": [key(key=ADA + " a comment")]}}, [], "without a comment"),
        ({"ada": {"roles": [], "keys": [key(key=ADA.replace("ssh-ed25519 ", "ssh-rsa "))]}}, [], "another kind"),
        ({"ada": {"roles": [], "keys": [{"key": ADA}]}}, [], "people.ada.keys.0.since"),
        ({"ada": {"roles": [], "keys": [key(since="2026-01-01T00:00:00")]}}, [], "timezone"),
        ({"ada": {"roles": []}, "grace": {"roles": [], "logins": ["ada"]}}, [], "ada is the name of two people"),
        ({"ada": {"roles": [], "keys": [key()]}, "eve": {"roles": [], "keys": [key()]}}, [], "somebody else's, too"),
        ({"clerk-bot": {"roles": []}}, [], "clerk-bot is a registered agent; agents approve nothing"),
        ({"ada": {"roles": [], "logins": ["clerk-bot"]}}, [], "clerk-bot is a registered agent"),
        (TWO, [lent(to="eve")], "names somebody who is not enrolled"),
        (TWO, [lent(of="grace", to="ada")], "grace cannot delegate manager: only a role of one's own is delegated"),
        (TWO, [lent(to="ada")], "nobody stands in for themselves"),
        (TWO, [lent(until="2026-03-16T00:00:00Z")], "within 14 days"),
        (TWO, [lent(until="2026-02-01T00:00:00Z")], "ends after it began"),
        (TWO, [lent(roles=[])], "delegations.0.roles"),
        (TWO, [lent(limits={"amount_cents": "many"})], "delegations.0.limits"),
        ([], [], "people"),
    ],
)
def test_a_file_that_says_what_nobody_can_mean_is_refused(
    tmp_path: Path, people: Any, delegations: Any, told: str
) -> None:
    """The sentence names the file and the place; nothing starts until it is put right."""
    with pytest.raises(PolicyBroken, match=r"approvers\.yaml: ") as refused:
        written(tmp_path, people, delegations, agents=("clerk-bot",))
    assert told in str(refused.value)


def test_a_delegation_of_what_was_itself_delegated_is_refused(tmp_path: Path) -> None:
    """Grace stands in for Ada; she cannot send somebody else in."""
    people: dict[str, Any] = {**TWO, "linus": {"roles": []}}
    with pytest.raises(PolicyBroken, match="grace cannot delegate manager"):
        written(tmp_path, people, [lent(), lent(of="grace", to="linus")])


@pytest.mark.parametrize(
    ("role", "action", "args", "at", "holds"),
    [
        ("manager", "pay", {"amount_cents": 100}, NOON, True),
        ("manager", "pay", {"amount_cents": 101}, NOON, False),
        ("manager", "pay", {"amount_cents": "1"}, NOON, False),
        ("manager", "pay", {"amount_cents": True}, NOON, False),
        ("manager", "pay", {}, NOON, False),
        ("manager", "refund", {"amount_cents": 1}, NOON, False),
        ("director", "pay", {"amount_cents": 1}, NOON, False),
        ("manager", "pay", {"amount_cents": 1}, NOON + timedelta(days=8), False),
        ("manager", "pay", {"amount_cents": 1}, NOON - timedelta(days=1), False),
    ],
)
def test_a_delegation_holds_within_its_limits_only(
    role: str, action: str, args: dict[str, object], at: datetime, holds: bool
) -> None:
    """An argument that is not there, or is no number, is not within a limit."""
    given = Delegation.model_validate(lent(actions=["pay"], limits={"amount_cents": 100}))
    assert given.covers(role, action, args, at) is holds


def test_what_was_revoked_counts_until_then_and_not_from_then_on(tmp_path: Path) -> None:
    """A key, a person, a delegation alike."""
    ended = NOON.isoformat()
    people: dict[str, Any] = {
        "ada": {"roles": ["manager"], "keys": [key(revoked=ended, because="lost")], "revoked": ended},
        "grace": {"roles": ["clerk"]},
    }
    known = written(tmp_path, people, [lent(revoked=ended)])
    ada, before = known.people["ada"], NOON - timedelta(seconds=1)
    assert (ada.counts(before), ada.counts(NOON)) == (True, False)
    assert (ada.keys[0].counts(before), ada.keys[0].counts(NOON)) == (True, False)
    assert known.delegators("grace", "manager", "pay", {}, before) == {"ada"}
    assert known.delegators("grace", "manager", "pay", {}, NOON) == set()
