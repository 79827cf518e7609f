"""Enrolments: each change is evidence before the file says so, and what would not hold changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from gonogo import codes, enrolments
from gonogo.errors import EnrolmentRefused
from gonogo.evidence.canon import sha256_hex
from gonogo.evidence.journals import journal_of
from gonogo.policy.approvers import read_approvers
from gonogo.public_keys import PublicKey
from gonogo.rolls import ROLL
from gonogo.witnesses import witness_key
from tests.gonogo.toy.people import Town, public

if TYPE_CHECKING:
    from pathlib import Path

    from gonogo.policy.approvers import Approvers

pytestmark = pytest.mark.usefixtures("backend")


@pytest.fixture(name="town")
def _town(tmp_path: Path) -> Town:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    return Town(tmp_path)


def known(town: Town) -> Approvers:
    """Return who may answer now."""
    return read_approvers(town.policies)


def facts(town: Town) -> list[dict[str, Any]]:
    """Return what is recorded of changes."""
    return [record.data for record in journal_of(town.settings).read_desk(ROLL)]


def test_a_person_is_enrolled_with_key_roles_and_app(town: Town) -> None:
    """The file says so, the seed stands in the home, and the evidence holds both ends of the change."""
    before = (town.policies / "approvers.yaml").read_bytes()
    key = public(town.key("eve"))
    uri = enrolments.enrol(town.settings, "eve", by="root", key=key, totp=True, roles=["manager"], logins=["eve@corp"])
    assert uri.startswith("otpauth://totp/gonogo%3Aeve?secret=")
    eve = known(town).people["eve"]
    assert (eve.roles, eve.logins, [each.key for each in eve.keys]) == (("manager",), ("eve@corp",), [key])
    seed = codes.read_seed(town.home, "eve")
    assert seed is not None
    (fact,) = facts(town)
    assert (fact["event"], fact["person"], fact["by"], fact["proof"]) == ("enrolled", "eve", "root", "unproven")
    assert fact["fingerprint"] == PublicKey.parse(key).fingerprint
    after = (town.policies / "approvers.yaml").read_bytes()
    assert (fact["file_before"], fact["file_after"]) == (sha256_hex(before), sha256_hex(after))
    assert seed.hex() not in after.decode() + str(facts(town))


async def test_who_was_just_enrolled_may_answer_and_who_was_just_revoked_may_not(town: Town) -> None:
    """The file is looked at anew for each answer, and a change of it counts once it is approved."""
    from gonogo.errors import AnswerRefused
    from tests.gonogo.toy.approvers import paying

    (gate,) = (await town.park(paying(6_000))).waits
    enrolments.enrol(town.settings, "eve", by="root", key=public(town.key("eve")), roles=["manager"])
    token = town.token(gate, "eve")
    with pytest.raises(AnswerRefused, match=r"approvers\.yaml changed since"):
        town.say(gate, token)
    town.approve()
    enrolments.revoke(town.settings, "eve", "left", by="root")
    with pytest.raises(AnswerRefused, match=r"approvers\.yaml changed since"):
        town.say(gate, token)
    town.approve()
    with pytest.raises(AnswerRefused, match="eve is not enrolled, or no longer"):
        town.say(gate, token)
    enrolments.enrol(town.settings, "eve", by="root", roles=["manager"])
    town.approve()
    with pytest.raises(AnswerRefused, match="is nobody's"):
        town.say(gate, token)


def test_a_new_key_takes_the_place_of_all_old_ones(town: Town) -> None:
    """What the old one signed while it counted can still be told."""
    enrolments.rotate(town.settings, "grace", by="root", key=public(town.key("grace", "ecdsa")))
    old, new = known(town).people["grace"].keys
    now = datetime.now(UTC)
    assert (old.counts(now), new.counts(now)) == (False, True)
    assert old.because == "rotated"
    assert facts(town)[-1]["event"] == "rotated"


def test_a_key_an_app_a_delegation_and_a_person_are_revoked_one_by_one(town: Town) -> None:
    """The rest goes on; the seed of a revoked app is gone."""
    now = datetime.now(UTC)
    town.give_app("grace")
    enrolments.delegate(town.settings, "grace", by="grace", days=3, to="linus", roles=["rearm"], actions=[], limits={})
    fingerprint = known(town).people["grace"].keys[0].public.fingerprint
    enrolments.revoke(town.settings, "grace", "lost", by="root", fingerprint=fingerprint)
    assert not known(town).people["grace"].keys[0].counts(datetime.now(UTC))
    enrolments.revoke(town.settings, "grace", "phone lost", by="root", totp=True)
    assert codes.read_seed(town.home, "grace") is None
    enrolments.revoke(town.settings, "grace", "back", by="grace", to="linus")
    assert known(town).delegations[0].revoked is not None
    assert known(town).people["grace"].counts(datetime.now(UTC))
    enrolments.revoke(town.settings, "grace", "left", by="root")
    assert not known(town).people["grace"].counts(datetime.now(UTC))
    assert known(town).people["grace"].counts(now)
    assert [fact["event"] for fact in facts(town)] == ["delegated", "revoked", "revoked", "revoked", "revoked"]


Call = tuple[Callable[..., Any], tuple[str, ...], dict[str, Any]]

WRONG: list[tuple[Call, str]] = [
    ((enrolments.enrol, ("Eve",), {"roles": ["manager"]}), "people"),
    ((enrolments.enrol, ("clerk",), {"roles": ["manager"]}), "clerk is a registered agent"),
    ((enrolments.enrol, ("eve",), {"roles": [], "logins": ["grace"]}), "grace is the name of two people"),
    ((enrolments.rotate, ("eve",), {"totp": True}), "eve is not enrolled"),
    ((enrolments.revoke, ("eve", "left"), {}), "eve is not enrolled"),
    ((enrolments.revoke, ("grace", "x"), {"fingerprint": "SHA256:x"}), "grace has no key SHA256:x"),
    ((enrolments.revoke, ("grace", "x"), {"totp": True}), "no authenticator app"),
    ((enrolments.revoke, ("grace", "x"), {"to": "ada"}), "delegated nothing to ada"),
    ((enrolments.delegate, ("grace",), {"days": 15, "to": "ada", "roles": ["manager"]}), "within 14 days"),
    ((enrolments.delegate, ("grace",), {"days": 1, "to": "eve", "roles": ["manager"]}), "not enrolled"),
    ((enrolments.delegate, ("grace",), {"days": 1, "to": "ada", "roles": ["king"]}), "cannot delegate king"),
]


@pytest.mark.parametrize(("call", "told"), WRONG, ids=[told for _, told in WRONG])
def test_a_change_that_would_not_hold_changes_nothing_and_is_no_evidence(town: Town, call: Call, told: str) -> None:
    """One sentence; the file is byte for byte what it was."""
    verb, words, more = call
    before = (town.policies / "approvers.yaml").read_bytes()
    with pytest.raises(EnrolmentRefused, match=told):
        verb(town.settings, *words, by="root", **more)
    assert (town.policies / "approvers.yaml").read_bytes() == before
    assert facts(town) == []


def test_a_private_key_is_not_read_for_a_public_one(town: Town) -> None:
    """A mistake at the prompt must not copy a secret into the repository."""
    with pytest.raises(EnrolmentRefused, match="is a private key; it stays where it is"):
        enrolments.read_key(town.key("eve"))
    with pytest.raises(EnrolmentRefused, match="cannot be read"):
        enrolments.read_key(town.root / "none.pub")
    assert enrolments.read_key(town.key("eve").with_name("eve-ed25519.pub")) == public(town.key("eve"))


def test_an_account_is_enrolled_up_to_a_risk_and_revoked_alone(town: Town) -> None:
    """Enrolled again it counts as it was said last; revoked it leaves the person and their keys as they are."""
    account = {"issuer": "https://id.example.com", "audience": "board", "subject": "s-1"}
    enrolments.enrol(town.settings, "grace", by="root", account=account | {"risk": "high"})
    enrolments.enrol(town.settings, "grace", by="root", account=account | {"risk": "low"})
    first, second = known(town).people["grace"].accounts
    now = datetime.now(UTC)
    assert [(each.risk, each.counts(now)) for each in (first, second)] == [("high", False), ("low", True)]
    assert [fact["sign_in"] for fact in facts(town)] == [
        "https://id.example.com up to high risk",
        "https://id.example.com up to low risk",
    ]
    enrolments.revoke(town.settings, "grace", "moved", by="root", issuer="https://id.example.com")
    grace = known(town).people["grace"]
    assert not any(each.counts(datetime.now(UTC)) for each in grace.accounts)
    assert grace.counts(datetime.now(UTC))
    with pytest.raises(EnrolmentRefused, match="has no account at https://else"):
        enrolments.revoke(town.settings, "grace", "moved", by="root", issuer="https://else")


def test_somebody_who_comes_back_comes_back_without_the_account_of_before(town: Town) -> None:
    """As without the keys of before."""
    account = {"issuer": "https://id.example.com", "audience": "board", "subject": "s-1", "risk": "medium"}
    enrolments.enrol(town.settings, "grace", by="root", account=account)
    enrolments.revoke(town.settings, "grace", "left", by="root")
    enrolments.enrol(town.settings, "grace", by="root", roles=["manager"])
    assert known(town).people["grace"].accounts == ()


def test_a_dashboard_has_one_key_at_a_time_and_only_its_account_can_read_it(town: Town) -> None:
    """A new pair takes the place of the old one, on disk and in the file; a public key of elsewhere does, too."""
    first = enrolments.witness(town.settings, by="root")
    path = witness_key(town.settings)
    assert path.stat().st_mode & 0o077 == 0
    second = enrolments.witness(town.settings, by="root", key=public(town.key("board")))
    assert first != second
    counting = [key.public.fingerprint for key in known(town).witnesses if key.counts(datetime.now(UTC))]
    assert counting == [second]
    assert [(fact["event"], fact["fingerprint"]) for fact in facts(town)] == [("witness", first), ("witness", second)]
