"""Answers by people who signed in at an OpenID provider: what counts, and everything that does not."""

from __future__ import annotations

import base64
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from gonogo import signins
from gonogo.approvals import answer_gate
from gonogo.ballots import Reply
from gonogo.errors import AnswerRefused
from gonogo.evidence.journal import FileJournal
from gonogo.evidence.journals import journal_of
from gonogo.rolls import sign_out
from gonogo.settings import using
from gonogo.signers import new_pair
from gonogo.signins import SignInRefused, read_sign_in
from gonogo.witnesses import witness_key
from tests.gonogo.toy.approvers import paying
from tests.gonogo.toy.bank import payments
from tests.gonogo.toy.people import SINCE, Town
from tests.openid import new_key, provider

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gonogo.evidence.records import Record
    from tests.openid import Provider

PAID = [("a", 6_000)]


@pytest.fixture(scope="module", name="there")
def _there() -> Iterator[Provider]:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    with provider() as found:
        yield found


@pytest.fixture(name="town")
def _town(tmp_path: Path, there: Provider) -> Iterator[Town]:  # pyright: ignore[reportUnusedFunction] - as above
    town = Town(tmp_path)
    town.rule('@gate("manager")\n@deadline', '@gate("manager")\n@risk("medium")\n@deadline')
    town.give_account("ada", there.issuer)
    signins._known.clear()  # pyright: ignore[reportPrivateUsage] - providers come and go at one address in tests
    yield town
    there.bent.clear()


async def waiting(town: Town) -> str:
    """Fly until the one gate, and return it."""
    (gate,) = (await town.park(paying(6_000))).waits
    return gate


def say(town: Town, gate: str, token: str, by: str = "ada") -> Record:
    """Answer as the dashboard does for whoever has signed in."""
    with using(town.settings):
        reply = Reply("go", by, "seen", "dashboard", "oidc", {}, token)
        return answer_gate(journal_of(town.settings), gate, reply, town.environment)


async def test_a_sign_in_opens_a_gate_of_medium_risk_and_its_token_is_nowhere_kept(town: Town, there: Provider) -> None:
    """Who, where, when and how stand in the record; of the token, its digest."""
    gate, token = await waiting(town), there.token()
    record = say(town, gate, token)
    told = record.data["sign_in"]
    assert (record.data["proof"], record.data["by"], record.fields["authtype"]) == ("oidc", "ada", "user")
    assert (told["issuer"], told["subject"], told["amr"], told["acr"]) == (there.issuer, "sub-ada", ["pwd"], "1")
    assert "email" not in told
    written = "".join(path.read_text() for path in town.home.rglob("*.jsonl"))
    assert token not in written
    assert token.rpartition(".")[2] not in written
    assert (await town.park(None)).status == "done"
    assert payments(town.home) == PAID


@pytest.mark.parametrize(
    ("account", "claims"),
    [
        ({"email": "ada@example.com"}, {}),
        ({"email": "ada@example.com"}, {"sub": "another", "email": "Ada@Example.com"}),
    ],
)
async def test_an_address_that_the_provider_has_verified_names_a_person_too(
    town: Town, there: Provider, account: dict[str, str], claims: dict[str, Any]
) -> None:
    """For providers whose subjects nobody can look up; in whatever case it is written."""
    town.give_account("ada", there.issuer, **account)
    assert say(town, await waiting(town), there.token(**claims)).data["by"] == "ada"
    assert (await town.park(None)).status == "done"


NOW = int(time.time())
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "another application's token": ({"aud": "somebody-else"}, "Nobody is enrolled with sign-ins at"),
    "another issuer's name": ({"iss": "https://elsewhere.invalid"}, "Nobody is enrolled with sign-ins at"),
    "asked for by another application": ({"aud": ["gonogo-dashboard", "x"], "azp": "x"}, "Nobody is enrolled"),
    "for several, asked for by nobody": ({"aud": ["gonogo-dashboard", "x"]}, "several applications"),
    "somebody nobody knows": ({"sub": "sub-mallory"}, "is nobody's"),
    "nobody": ({"sub": None}, "does not say who"),
    "a name that is no text": ({"sub": 7}, "does not say who"),
    "run out": ({"exp": NOW - 10}, "ran out"),
    "without an end": ({"exp": None}, "exp is no time"),
    "from the future": ({"iat": NOW + 4_000}, "ahead of the clock"),
    "not good yet": ({"nbf": NOW + 4_000}, "not good yet"),
    "signed in an hour ago": ({"auth_time": NOW - 3_600}, "signed in more than 15 minutes before"),
    "signed in at no known time": ({"auth_time": None}, "does not say when ada proved"),
    "a time that is a flag": ({"auth_time": True}, "auth_time is no time"),
    "a time beyond all time": ({"exp": 1e300}, "exp is no time"),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_a_token_that_does_not_say_what_it_must_answers_nothing_and_that_is_evidence(
    town: Town, there: Provider, case: str
) -> None:
    """The gate stays open, the refusal says why, and nothing is paid."""
    claims, why = REFUSED[case]
    gate = await waiting(town)
    with pytest.raises(AnswerRefused, match=why):
        say(town, gate, there.token(**claims))
    (refused,) = town.desk()
    assert (refused.data["accepted"], refused.data["proof"]) == (False, "oidc")
    assert payments(town.home) == []


async def test_an_address_that_nobody_has_verified_names_nobody(town: Town, there: Provider) -> None:
    """Anybody can write one into a profile."""
    town.give_account("ada", there.issuer, email="ada@example.com")
    with pytest.raises(AnswerRefused, match="is nobody's"):
        say(town, await waiting(town), there.token(email_verified=False))


async def test_only_a_key_of_the_issuer_vouches_for_a_token(town: Town, there: Provider) -> None:
    """Not another one of the same name, none at all, or the public half used as a shared secret."""
    gate, good = await waiting(town), there.token()
    forged = new_key()
    parts: dict[str, Any] = {**forged.as_dict(private=True), "kid": there.keys[-1].kid}
    forged_token = there.token(key=type(forged).import_key(parts))
    head, body, signature = good.split(".")
    bent = json.loads(base64.urlsafe_b64decode(body + "=="))
    other = base64.urlsafe_b64encode(json.dumps(bent | {"sub": "sub-grace"}).encode()).decode().rstrip("=")
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').decode().rstrip("=")
    shared = base64.urlsafe_b64encode(b'{"alg":"HS256"}').decode().rstrip("=")
    for token in (
        forged_token, f"{head}.{other}.{signature}", f"{none}.{body}.", f"{shared}.{body}.{signature}",
        f"{head}.{body}.", good[:-4] + "AAAA", "", "a.b.c", "none", "x" * 20_000, there.token(key=forged),
    ):  # fmt: skip
        with pytest.raises(AnswerRefused, match="The sign-in does not count"):
            say(town, gate, token)
    assert say(town, gate, good).data["accepted"]


async def test_a_provider_that_changes_its_keys_is_asked_again(
    town: Town, there: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token bears the name of its key; one that is not known yet is fetched once, and not at every token."""
    monkeypatch.setattr(signins, "_ASK_AGAIN_SECONDS", 0.0)
    gate = await waiting(town)
    with pytest.raises(AnswerRefused, match="publishes no key"):
        say(town, gate, there.token(key=new_key()))
    there.keys.append(new_key())
    assert say(town, gate, there.token()).data["accepted"]


async def test_nobody_is_asked_for_keys_whom_nobody_enrolled(town: Town, there: Provider) -> None:
    """A token cannot send the dashboard anywhere."""
    before = len(there.asked)
    with pytest.raises(SignInRefused, match="Nobody is enrolled"):
        read_sign_in(there.token(), lambda _issuer, _audience: False, signins.datetime.now(signins.UTC))
    assert len(there.asked) == before
    del town


async def test_a_provider_that_is_away_answers_nothing(town: Town) -> None:
    """No keys, no proof: the gate stays open."""
    with provider() as gone:
        token = gone.token()
    town.give_account("ada", gone.issuer)
    with pytest.raises(AnswerRefused, match=r"cannot be asked for its keys now \(ConnectError\)"):
        say(town, await waiting(town), token)


async def test_a_sign_in_is_the_person_s_own(town: Town, there: Provider) -> None:
    """Whoever signed in as ada does not answer as grace, who may do the same."""
    with pytest.raises(AnswerRefused, match="It is ada who signed in, and the answer says grace"):
        say(town, await waiting(town), there.token(), "grace")


async def test_a_sign_in_counts_up_to_the_risk_it_was_enrolled_for(tmp_path: Path, there: Provider) -> None:
    """Outside dev a gate whose rule names no risk is of high risk."""
    town = Town(tmp_path)
    signins._known.clear()  # pyright: ignore[reportPrivateUsage] - providers come and go at one address in tests
    town.give_account("ada", there.issuer)
    gate = await waiting(town)
    with pytest.raises(AnswerRefused, match="proof-as-strong-as-the-risk"):
        say(town, gate, there.token())
    town.give_account("ada", there.issuer, risk="high")
    with pytest.raises(AnswerRefused, match="signed in more than 5 minutes before"):
        say(town, gate, there.token(auth_time=int(time.time()) - 400))
    say(town, gate, there.token())
    assert (await town.park(None)).status == "done"


async def test_a_sign_in_that_somebody_signed_out_of_is_over_in_every_window(town: Town, there: Provider) -> None:
    """A cookie, or a page that is still open, does not know; the roll does."""
    gate, token = await waiting(town), there.token()
    with using(town.settings):
        sign_out(town.settings, "ada", signins.sha256_hex(token.encode()))
    with pytest.raises(AnswerRefused, match="somebody signed out of it"):
        say(town, gate, token)
    assert say(town, gate, there.token(jti="another")).data["accepted"]


async def test_a_dashboard_that_nobody_enrolled_vouches_for_nothing(town: Town, there: Provider) -> None:
    """No key, or one that approvers.yaml does not name: the answer is refused with the way out."""
    gate, path = await waiting(town), witness_key(town.settings)
    path.rename(path.with_name("away"))
    with pytest.raises(AnswerRefused, match="`gonogo approvers witness` gives it a key"):
        say(town, gate, there.token())
    new_pair(path)
    with pytest.raises(AnswerRefused, match="is no dashboard's"):
        say(town, gate, there.token())


async def test_what_was_revoked_meanwhile_counts_no_more_when_the_run_wakes(town: Town, there: Provider) -> None:
    """The account, the person, or the dashboard's key: each ends the run no-go, and nothing is paid."""
    say(town, await waiting(town), there.token())
    town.people["ada"]["accounts"][0]["revoked"] = "2026-01-02T00:00:00Z"
    town.enrol()
    landing = await town.park(None)
    assert (landing.status, payments(town.home)) == ("no_go", [])
    assert "counts no more: The account that signed in as ada is revoked" in str(landing)


async def test_a_dashboard_s_key_that_was_revoked_meanwhile_takes_its_word_with_it(town: Town, there: Provider) -> None:
    """Whoever had the key could have said anything."""
    say(town, await waiting(town), there.token())
    town.witnesses[0]["revoked"] = "2026-01-02T00:00:00Z"
    town.enrol()
    landing = await town.park(None)
    assert (landing.status, payments(town.home)) == ("no_go", [])


async def test_an_account_that_is_somebody_else_s_now_does_not_count(town: Town, there: Provider) -> None:
    """The go was ada's; the account is linus's when the run wakes."""
    say(town, await waiting(town), there.token())
    town.people["linus"]["accounts"] = town.people["ada"].pop("accounts")
    town.enrol()
    landing = await town.park(None)
    assert (landing.status, payments(town.home)) == ("no_go", [])


@pytest.mark.parametrize("bent", ["statement", "subject", "testimony", "witness", "reason"])
async def test_a_record_that_no_dashboard_signed_is_no_answer(town: Town, there: Provider, bent: str) -> None:
    """Whoever can write the evidence and has no key of a dashboard's moves nothing: the run fails."""
    gate = await waiting(town)
    with using(town.settings):
        reply = Reply("go", "ada", "seen", "dashboard", "oidc", {}, there.token())
        record = answer_gate(journal_of(town.settings), gate, reply, "prod")
    data, body = dict(record.data), dict(record.body_object())
    match bent:
        case "statement":
            data |= {"nonce": "0" * 32}
        case "subject":
            data |= {"sign_in": {**data["sign_in"], "subject": "sub-grace"}}
        case "reason":
            body |= {"reason": "never said"}
        case _:
            body |= {bent: "AAAA"}
    _rewrite(town, record, data, body)
    landing = await town.park(None)
    assert (landing.status, payments(town.home)) == ("failed", [])


def _rewrite(town: Town, record: Record, data: dict[str, Any], body: dict[str, Any]) -> None:
    """Put a forged answer in the place of the true one, chain and all."""
    from gonogo.evidence.canon import payload_bytes

    journal = FileJournal(town.home / "journals")
    journal.desk_path("r1").unlink()
    envelope = {name: record.fields[name] for name in ("runid", "subject", "tenantid", "envname", "missionid")}
    with journal.open_desk("r1") as desk:
        desk.append(envelope, "approval_record", data, payload=payload_bytes(body))
        desk.commit_now()


async def test_a_sign_in_of_low_risk_may_be_hours_old_and_say_no_time(town: Town, there: Provider) -> None:
    """When the token was issued has to do, where the provider says nothing better."""
    town.rule('@risk("medium")', '@risk("low")')
    gate = await waiting(town)
    say(town, gate, there.token(auth_time=None))
    assert (await town.park(None)).status == "done"


def test_a_witness_key_is_nobody_s_key_and_an_account_is_one_person_s(town: Town, there: Provider) -> None:
    """What could pass for two people is refused when the file is read."""
    from gonogo.errors import PolicyBroken
    from gonogo.policy.approvers import read_approvers

    def flaw() -> str:
        town.write()
        with pytest.raises(PolicyBroken) as refused:
            read_approvers(town.policies)
        return str(refused.value)

    town.people["linus"]["accounts"] = list(town.people["ada"]["accounts"])
    assert "is that of two people" in flaw()
    town.people["linus"]["accounts"] = [
        {"issuer": "http://id.example.com", "audience": "x", "subject": "y", "since": SINCE}
    ]
    assert "is https://" in flaw()
    town.people["linus"]["accounts"] = [{"issuer": there.issuer, "audience": "x", "since": SINCE}]
    assert "a subject or an email" in flaw()
    town.people["linus"]["accounts"] = []
    town.witnesses = [{"key": town.people["grace"]["keys"][0]["key"], "since": SINCE}]
    assert "somebody else's, too" in flaw()
