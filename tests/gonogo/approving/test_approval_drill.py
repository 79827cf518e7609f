"""The approval drill: every way to pretend that somebody agreed. All refused, none executes, each leaves evidence."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Literal

import pytest
from pydantic import BaseModel

from gonogo import Outcome, branch, mission, step
from gonogo.approvals import find_request, inherited
from gonogo.asked import lifetime_of
from gonogo.ballots import Reply
from gonogo.board import open_gates
from gonogo.errors import AnswerRefused, GateDenied, SwitchRefused
from gonogo.evidence.canon import payload_bytes, timestamp
from gonogo.evidence.journals import journal_of
from gonogo.lanes.forms import WAKE, take_form
from gonogo.rearmings import rearm, signed_token
from gonogo.settings import using
from gonogo.signers import sign
from gonogo.statements import NAMESPACE, read_token, say, token_of
from gonogo.switches import Target, halt, halts
from tests.gonogo.toy.approvers import paying
from tests.gonogo.toy.bank import CALLS, pay, payments
from tests.gonogo.toy.people import PEOPLE, SINCE, Town, public

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gonogo.model import Answer
    from gonogo.settings import Settings

pytestmark = pytest.mark.usefixtures("backend")

LARGE = paying(6_000)


@pytest.fixture(name="town")
def _town(tmp_path: Path) -> Town:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    return Town(tmp_path)


def stranger(town: Town, _gate: str) -> str:
    """Sign with a key that nobody enrolled."""
    return town.token(_gate, "grace", key=town.key("mallory"))


def in_anothers_name(town: Town, gate: str) -> str:
    """Sign as grace with the key of linus."""
    return town.token(gate, "grace", key=town.key("linus"))


def patched_up(town: Town, gate: str) -> str:
    """Take the signature of a no-go, and put it under a go."""
    said, signature = read_token(town.token(gate, "grace", "no_go"))
    return token_of(said.model_copy(update={"answer": "go", "code": "POLICY_MET"}), signature)


def about_something_else(town: Town, gate: str) -> str:
    """Sign a statement that names the gate, about an action that is not the one it holds."""
    return resigned(town, gate, action_digest="0" * 64)


def under_another_law(town: Town, gate: str) -> str:
    """Sign what was right under the law of yesterday."""
    return resigned(town, gate, policy="0" * 64)


def of_another_card(town: Town, gate: str) -> str:
    """Sign after having been shown something else."""
    return resigned(town, gate, card_digest="0" * 64)


def of_another_agent(town: Town, gate: str) -> str:
    """Sign for another version of the agent."""
    return resigned(town, gate, agent_version="0" * 64)


def resigned(town: Town, gate: str, **changed: str) -> str:
    """Sign a statement as grace, with something in it that is not so."""
    from gonogo.ballots import asked_of

    request = find_request(journal_of(town.settings), gate)
    asked = asked_of(request, (), "prod")
    said = say(gate, "go", by="grace", reason="seen", code=None, changes={}, lifetime=lifetime_of(asked))
    return token_of(said, sign(town.key("grace"), said.statement({**asked.about, **changed}), NAMESPACE))


def expired(town: Town, gate: str) -> str:
    """Use what grace signed two hours ago."""
    return dated(town, gate, timedelta(hours=-2))


def ahead(town: Town, gate: str) -> str:
    """Use what is good in an hour only."""
    return dated(town, gate, timedelta(hours=1))


def everlasting(town: Town, gate: str) -> str:
    """Use what says that it is good for a year."""
    return dated(town, gate, timedelta(0), timedelta(days=365))


def dated(town: Town, gate: str, shift: timedelta, lifetime: timedelta = timedelta(hours=1)) -> str:
    """Sign as grace, at another time."""
    from gonogo.ballots import asked_of

    asked = asked_of(find_request(journal_of(town.settings), gate), (), "prod")
    now = datetime.now(UTC) + shift
    said = say(gate, "go", by="grace", reason="seen", code=None, changes={}, lifetime=lifetime).model_copy(
        update={"issued": timestamp(now), "expires": timestamp(now + lifetime)}
    )
    return token_of(said, sign(town.key("grace"), said.statement(asked.about), NAMESPACE))


def for_git(town: Town, gate: str) -> str:
    """Use a signature that grace made for something else than approvals."""
    from gonogo.ballots import asked_of

    asked = asked_of(find_request(journal_of(town.settings), gate), (), "prod")
    said = say(gate, "go", by="grace", reason="seen", code=None, changes={}, lifetime=timedelta(hours=1))
    return token_of(said, sign(town.key("grace"), said.statement(asked.about), "git"))


def oneself(town: Town, gate: str) -> str:
    """Approve what one asked for."""
    town.people["grace"]["logins"] = ["tester"]
    town.enrol()
    return town.token(gate, "grace")


def who_flies(town: Town, gate: str) -> str:
    """Approve what flies under one's own account."""
    import getpass

    town.people["grace"]["logins"] = [getpass.getuser()]
    town.enrol()
    return town.token(gate, "grace")


def wrong_role(town: Town, gate: str) -> str:
    """Approve in a role one does not have."""
    town.people["grace"]["roles"] = ["clerk"]
    town.enrol()
    return town.token(gate, "grace")


def revoked_key(town: Town, gate: str) -> str:
    """Approve with a key that was lost."""
    town.people["grace"]["keys"][0] |= {"revoked": "2026-02-01T00:00:00Z", "because": "lost"}
    town.enrol()
    return town.token(gate, "grace")


def revoked_person(town: Town, gate: str) -> str:
    """Approve after having left."""
    town.people["grace"] |= {"revoked": "2026-02-01T00:00:00Z", "because": "left"}
    town.enrol()
    return town.token(gate, "grace")


def key_of_tomorrow(town: Town, gate: str) -> str:
    """Approve with a key that does not count yet."""
    town.people["grace"]["keys"][0] |= {"since": (datetime.now(UTC) + timedelta(days=1)).isoformat()}
    town.enrol()
    return town.token(gate, "grace")


def delegated_too_far(town: Town, gate: str) -> str:
    """Stand in for somebody who lent less than this."""
    town.people["eve"] = {"roles": [], "keys": [{"key": public(town.key("eve")), "since": SINCE}]}
    now = datetime.now(UTC)
    times = {"since": (now - timedelta(days=1)).isoformat(), "until": (now + timedelta(days=1)).isoformat()}
    limits = {"amount_cents": 5_999}
    town.delegations = [{"of": "ada", "to": "eve", "roles": ["manager"], "limits": limits, **times}]
    town.enrol()
    return town.token(gate, "eve")


def templated(_town: Town, _gate: str) -> str:
    """Paste template code."""
    return "{{ ''.__class__.__mro__[1].__subclasses__() }}"


def shell(_town: Town, _gate: str) -> str:
    """Paste a command."""
    return "$(gonogo decide --yes)"


def guessed(_town: Town, _gate: str) -> str:
    """Type six digits of nobody's app."""
    return "123456"


ATTACKS: dict[Callable[[Town, str], str], str] = {
    stranger: "is nobody's",
    in_anothers_name: "The key is linus's, and the statement says grace",
    patched_up: "did not sign this",
    about_something_else: "did not sign this",
    under_another_law: "did not sign this",
    of_another_card: "did not sign this",
    of_another_agent: "did not sign this",
    expired: "It ran out at",
    ahead: "ahead of the clock",
    everlasting: "good for longer than the 1 h",
    for_git: "made for 'git'",
    oneself: "requesters-do-not-approve",
    who_flies: "executors-do-not-approve",
    wrong_role: "does not hold the role manager",
    revoked_key: "is revoked",
    revoked_person: "is not enrolled, or no longer",
    key_of_tomorrow: "counts later",
    delegated_too_far: "stands in for one who does",
    templated: "This is no token",
    shell: "This is no token",
    guessed: "not enrolled with an authenticator app",
}


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
async def test_an_answer_that_only_looks_like_one_is_refused_recorded_and_does_nothing(
    town: Town, attack: Callable[[Town, str], str]
) -> None:
    """The gate stays open, nothing is paid, and the attempt is on the desk with the reason."""
    (gate,) = (await town.park(LARGE)).waits
    before = len(town.desk())
    token = attack(town, gate)
    with pytest.raises(AnswerRefused) as refused:
        town.say(gate, token, by="grace" if attack is guessed else "", reason="seen" if attack is guessed else "")
    assert ATTACKS[attack] in str(refused.value)
    (record,) = town.desk()[before:]
    assert record.data["accepted"] is False
    assert ATTACKS[attack] in record.data["refused_because"]
    assert "token" not in record.body_object()
    assert (await town.park(None)).waits == (gate,)
    assert payments(town.home) == CALLS == []


async def test_a_token_that_was_used_is_refused(town: Town) -> None:
    """At its own gate, where two people are needed; and once the run has ended."""
    town.rule('@gate("manager")\n@deadline', '@gate("manager")\n@quorum("2")\n@deadline')
    (gate,) = (await town.park(LARGE)).waits
    token = town.token(gate, "grace")
    town.say(gate, token)
    with pytest.raises(AnswerRefused):
        town.say(gate, token)
    assert (await town.park(None)).waits == (gate,)
    town.say(gate, town.token(gate, "linus"))
    await town.park(None)
    with pytest.raises(AnswerRefused, match="was already answered"):
        town.say(gate, token)
    assert payments(town.home) == [("a", 6_000)]


async def test_a_quorum_that_is_short_opens_nothing_even_where_somebody_forges_its_last_part(town: Town) -> None:
    """Whoever can write the desk writes that it is settled; the run counts the people itself."""
    town.rule('@gate("manager")\n@deadline', '@gate("manager")\n@quorum("2")\n@deadline')
    (gate,) = (await town.park(LARGE)).waits
    first = town.say(gate, town.token(gate, "grace"))
    forged = {**first.data, "people": ["grace", "linus"], "with": []}
    del forged["partial"]
    forge(town, gate, forged, first.body_object())
    landing = await town.park(None)
    assert "takes the go of 2 people, and fewer said it" in (landing.error or "")
    assert payments(town.home) == []


def forge(town: Town, gate: str, data: dict[str, Any], body: dict[str, Any]) -> None:
    """Write an answer to the desk past every check, as whoever can write files may."""
    journal = journal_of(town.settings)
    request = find_request(journal, gate)
    with journal.open_desk("r1") as desk:
        desk.append(inherited(request), "approval_record", data, payload=payload_bytes(body))
        desk.commit_now()


@pytest.mark.parametrize("forged", ["name", "no token", "another token", "edited", "code"])
async def test_a_record_that_somebody_wrote_past_the_gate_is_found_when_the_run_wakes(town: Town, forged: str) -> None:
    """The run does not believe what stands on its desk; it looks at the proof itself."""
    (gate,) = (await town.park(LARGE)).waits
    request = find_request(journal_of(town.settings), gate)
    data: dict[str, Any] = {
        "gate": gate, "answer": "go", "by": "grace", "role": "manager", "proof": "signature", "door": "cli",
        "action_digest": request.data["action_digest"], "accepted": True, "statement_digest": "0" * 64,
    }  # fmt: skip
    body: dict[str, Any] = {"reason": "seen", "changes": {}}
    match forged:
        case "name":
            data["proof"] = "unproven"
        case "no token":
            pass
        case "another token":
            body["token"] = patched_up(town, gate)
        case "edited":
            body["token"] = town.token(gate, "grace", "no_go")
        case _:
            town.give_app("grace")
            now = datetime.now(UTC)
            times = {"issued": timestamp(now), "expires": timestamp(now + timedelta(minutes=5))}
            data |= {"proof": "totp", "nonce": "0" * 32, "reason_code": "POLICY_MET", **times}
    forge(town, gate, data, body)
    landing = await town.park(None)
    assert landing.status in {"failed", "no_go"}
    assert f"gate {gate}" in (landing.error or "")
    assert payments(town.home) == []


async def test_waking_and_forcing_decide_nothing(town: Town) -> None:
    """A direct resume, a state that was forced: the run looks at its desk, finds nothing, and sleeps again."""
    (gate,) = (await town.park(LARGE)).waits
    run = form_run(town)
    with using(town.settings):
        take_form(run, gate, WAKE)
    for _ in range(3):
        assert (await town.park(None)).waits == (gate,)
    assert town.desk() == []
    assert payments(town.home) == []


def form_run(town: Town) -> Any:
    """Return what a form needs of a run."""
    journal = journal_of(town.settings)
    return SimpleNamespace(ledger=SimpleNamespace(journal=journal), settings=town.settings, id="r1")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"answer": "go", "name": "grace", "reason": "resumed by the API"}, "a name without proof"),
        ({"answer": "go", "name": "{{ user }}", "reason": "{% raw %}"}, "a name without proof"),
        ({"answer": "go", "token": "{{ token }}"}, "This is no token"),
        ({"answer": "yes", "name": "grace"}, "This is no token"),
        ({"answer": "go", "token": "x" * 50_000}, "This is no token"),
        ({"answer": "go", "token": ["list"]}, "This is no token"),
        (["go"], "This is no token"),
    ],
)
async def test_a_form_that_somebody_filled_past_the_ui_is_refused_and_recorded(
    town: Town, given: Any, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Prefect proves nothing about who resumed it, and what it stores may be edited."""
    (gate,) = (await town.park(LARGE)).waits
    with using(town.settings):
        take_form(form_run(town), gate, given)
    assert told in capsys.readouterr().out
    (record,) = town.desk()
    assert record.data["accepted"] is False
    assert (await town.park(None)).waits == (gate,)
    assert payments(town.home) == []


async def test_an_input_that_was_edited_after_it_was_signed_is_refused(town: Town) -> None:
    """Somebody turns the stored no-go of a form into a go; the token says what was meant."""
    (gate,) = (await town.park(LARGE)).waits
    token = town.token(gate, "grace", "no_go")
    with using(town.settings):
        take_form(form_run(town), gate, {"answer": "go", "token": token})
        assert "The answer that was typed is not the one that was signed" in town.desk()[0].data["refused_because"]
        take_form(form_run(town), gate, {"answer": "no_go", "token": token})
    assert (await town.park(None)).status == "no_go"
    assert payments(town.home) == []


async def test_in_the_form_one_field_takes_the_token(town: Town) -> None:
    """Nothing else is typed; name and reason are those that were signed."""
    (gate,) = (await town.park(LARGE)).waits
    with using(town.settings):
        take_form(form_run(town), gate, {"answer": "go", "token": f"  {town.token(gate, 'grace')}\n"})
    (record,) = town.desk()
    assert (record.data["by"], record.data["door"], record.data["proof"]) == ("grace", "prefect", "signature")
    assert (await town.park(None)).status == "done"


async def test_a_stale_go_is_nothing_at_the_gate_that_a_changed_law_opened(town: Town) -> None:
    """The action is another one now, whatever it looks like."""
    (old,) = (await town.park(LARGE)).waits
    token = town.token(old, "grace")
    law = town.policies / "toy.cedar"
    law.write_text(law.read_text() + "\n// reviewed\n")
    town.approve()
    (new,) = (await town.park(None)).waits
    for gate in (old, new):
        with pytest.raises(AnswerRefused):
            town.say(gate, token)
    assert (await town.park(None)).waits == (new,)
    assert payments(town.home) == []


class Ten(BaseModel):
    """Sums to pay, each to a payee of its own."""

    cents: list[int]


class Gone(Outcome):
    """Each as it was answered."""

    outcome: Literal["gone"]
    successes = frozenset({"gone"})


@step
async def pay_or_leave(payee: str, cents: int) -> bool:
    """Pay; a no is an answer like another."""
    await pay(payee=payee, amount_cents=cents)
    return True


@mission(owner="counter", scope=["bank"])
async def paying_ten(case: Ten) -> Gone:
    """Pay every sum in a branch of its own, whatever becomes of the others."""

    async def one(index: int, cents: int) -> None:
        async with branch(str(index)):
            with suppress(GateDenied):
                await pay_or_leave(f"payee{index}", cents)

    await asyncio.gather(*(one(index, cents) for index, cents in enumerate(case.cents)))
    return Gone(outcome="gone")


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_ten_gates_answered_in_random_order_by_three_people_and_none_is_misrouted(town: Town, seed: int) -> None:
    """Each go pays its own sum, each no-go none; a token opens nothing at another gate."""
    chance = random.Random(seed)  # noqa: S311 - the same order on every machine
    sums = [6_000 + number for number in range(10)]
    landing = await town.park(Ten(cents=sums), flying=paying_ten)
    journal = journal_of(town.settings)
    gates = {find_request(journal, gate).body()["args"]["amount_cents"]: gate for gate in landing.waits}
    assert len(set(gates.values())) == len(sums)
    said: dict[int, tuple[str, Answer]] = {}
    for amount in chance.sample(sums, len(sums)):
        person, answer = chance.choice(PEOPLE), chance.choice(ANSWERS)
        token = town.token(gates[amount], person, answer)
        others = [gates[other] for other in sums if other != amount and other not in said]
        if others:
            with pytest.raises(AnswerRefused, match="The token was made for"):
                town.say(chance.choice(others), token, answer)
        town.say(gates[amount], token, answer)
        said[amount] = (person, answer)
    assert open_gates(journal) == []
    by_gate = {record.data["gate"]: record.data for record in town.desk() if record.data["accepted"]}
    assert {amount: (by_gate[gate]["by"], by_gate[gate]["answer"]) for amount, gate in gates.items()} == said
    assert (await town.park(None, flying=paying_ten)).status == "done"
    went = [(f"payee{amount - 6_000}", amount) for amount in sums if said[amount][1] == "go"]
    assert sorted(payments(town.home)) == sorted(went)
    assert went


ANSWERS: tuple[Answer, ...] = ("go", "go", "no_go")


def halted(town: Town) -> Settings:
    """Halt the mission, and return the settings of the house."""
    halt(town.settings, Target("mission", "errand"), "pays twice", by="monitor")
    return town.settings


def test_outside_dev_a_halt_is_lifted_with_a_signature_by_somebody_with_the_role(town: Town) -> None:
    """And the record says whose key it was; a halt that was thrown since stays."""
    house, target = halted(town), Target("mission", "errand")
    token = signed_token(house, target, "fixed in 1.4", by="grace", key=town.key("grace"))
    lifted = rearm(house, target, "", by="", token=token)
    assert [each.reason for each in lifted] == ["pays twice"]
    assert halts(house) == ()
    halt(house, target, "again", by="monitor")
    with pytest.raises(SwitchRefused, match="It stays halted"):
        rearm(house, target, "", by="", token=token)
    assert [each.reason for each in halts(house)] == ["again"]


@pytest.mark.parametrize(
    ("role", "who", "as_key", "told"),
    [
        (["manager"], "grace", "grace", "does not hold the role rearm"),
        (["rearm"], "grace", "mallory", "is nobody's"),
        (["rearm"], "grace", "linus", "The key is linus's"),
    ],
)
def test_a_halt_is_lifted_by_nobody_else(town: Town, role: list[str], who: str, as_key: str, told: str) -> None:
    """It stays halted, and says why."""
    town.people["grace"]["roles"] = role
    town.enrol()
    house, target = halted(town), Target("mission", "errand")
    token = signed_token(house, target, "fixed", by=who, key=town.key(as_key))
    with pytest.raises(SwitchRefused, match=told):
        rearm(house, target, "", by="", token=token)
    with pytest.raises(SwitchRefused, match="name without proof"):
        rearm(house, target, "fixed", by="grace")
    assert len(halts(house)) == 1


async def test_a_go_to_a_payment_lifts_no_halt_and_the_other_way_round(town: Town) -> None:
    """A statement is about one thing."""
    (gate,) = (await town.park(LARGE)).waits
    go = town.token(gate, "grace")
    house, target = halted(town), Target("mission", "errand")
    with pytest.raises(SwitchRefused, match=f"The token was made for {gate}"):
        rearm(house, target, "", by="", token=go)
    lift = signed_token(house, target, "fixed", by="grace", key=town.key("grace"))
    rearm(house, target, "", by="", token=lift)
    with pytest.raises(AnswerRefused, match="The token was made for rearm:"):
        town.say(gate, lift)
    assert payments(town.home) == []


async def test_an_answer_cannot_be_claimed_for_another_gate_with_the_same_words(town: Town) -> None:
    """Two payments of the same sum to the same payee are two actions, and two gates."""
    from tests.gonogo.toy.errands import Errand, Payment

    same = Errand(payments=[Payment(payee="a", cents=6_000), Payment(payee="a", cents=6_000)])
    first, second = (await town.park(same)).waits
    token = town.token(first, "grace")
    with pytest.raises(AnswerRefused, match=f"made for {first}, not for {second}"):
        town.say(second, token)
    town.say(first, token)
    assert (await town.park(None)).waits == (second,)
    assert len(payments(town.home)) == 1


def test_a_reply_does_not_show_its_token() -> None:
    """Not in a log, not in a traceback."""
    reply = Reply.typed("go", "grace", "seen", "cli", token="123456")  # noqa: S106 - a code of nobody
    assert "123456" not in repr(reply)
    assert reply.proof == "totp"
