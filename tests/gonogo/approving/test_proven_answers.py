"""Answers with proof: who may give them, together with whom, and that they are looked at again before the effect."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from gonogo import codes
from gonogo.board import open_gates
from gonogo.errors import AnswerRefused
from gonogo.evidence.journals import journal_of
from gonogo.evidence.ledger import only
from tests.gonogo.toy.approvers import paying
from tests.gonogo.toy.bank import payments
from tests.gonogo.toy.people import SINCE, Town

if TYPE_CHECKING:
    from pathlib import Path

    from tests.gonogo.toy.errands import Errand

pytestmark = pytest.mark.usefixtures("backend")

LARGE = paying(6_000)
PAID = [("a", 6_000)]


@pytest.fixture(name="town")
def _town(tmp_path: Path) -> Town:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    return Town(tmp_path)


async def waiting(town: Town, case: Errand = LARGE) -> str:
    """Fly until the one gate, and return it."""
    (gate,) = (await town.park(case)).waits
    return gate


async def test_a_signed_go_opens_a_gate_of_production_and_is_recorded_with_its_proof(town: Town) -> None:
    """Whose key, which statement, why in one word, until when; and the token, to be looked at again."""
    gate = await waiting(town)
    token = town.token(gate, "grace")
    record = town.say(gate, token)
    assert (record.data["proof"], record.data["by"], record.data["reason_code"]) == ("signature", "grace", "POLICY_MET")
    assert record.data["key_fingerprint"].startswith("SHA256:")
    assert len(record.data["statement_digest"]) == 64
    assert record.fields["authtype"] == "user"
    assert record.body() == {"reason": "seen", "changes": {}, "token": token}
    assert (await town.park(None)).status == "done"
    assert payments(town.home) == PAID


@pytest.mark.parametrize("kind", ["ecdsa", "rsa"])
async def test_every_kind_of_key_signs(town: Town, kind: str) -> None:
    """Not only the one that everybody has."""
    from tests.gonogo.toy.people import public

    town.people["grace"]["keys"] = [{"key": public(town.key("grace", kind)), "since": SINCE}]
    town.enrol()
    gate = await waiting(town)
    town.say(gate, town.token(gate, "grace", key=town.key("grace", kind)))
    assert (await town.park(None)).status == "done"


async def test_a_signed_no_go_and_a_signed_revise_say_what_they_say(town: Town) -> None:
    """The changes are part of what was signed."""
    gate = await waiting(town)
    town.say(gate, town.token(gate, "grace", "revise", changes={"amount_cents": 4_000}), "revise")
    landing = await town.park(None)
    assert (landing.status, payments(town.home)) == ("done", [("a", 4_000)])


async def test_a_revise_is_another_action_with_another_gate(town: Town) -> None:
    """What was signed for the first is nothing at the second."""
    gate = await waiting(town)
    go = town.token(gate, "ada")
    town.say(gate, town.token(gate, "grace", "revise", changes={"amount_cents": 5_500}), "revise")
    (other,) = (await town.park(None)).waits
    assert other != gate
    with pytest.raises(AnswerRefused, match=f"The token was made for {gate}, not for {other}"):
        town.say(other, go)
    town.say(other, town.token(other, "ada"))
    assert (await town.park(None)).status == "done"
    assert payments(town.home) == [("a", 5_500)]


async def test_a_code_is_enough_for_medium_risk_and_not_for_high(tmp_path: Path) -> None:
    """Outside dev a gate whose rule names no risk is of high risk."""
    town = Town(tmp_path, "test")
    seed = town.give_app("grace")
    code = codes.code_at(seed, int(time.time()) // 30)
    gate = await waiting(town)
    with pytest.raises(AnswerRefused, match="proof-as-strong-as-the-risk"):
        town.say(gate, code, by="grace", reason="seen")
    town.rule('@gate("manager")\n@deadline', '@gate("manager")\n@risk("medium")\n@deadline')
    (gate,) = (await town.park(None)).waits
    assert open_gates(journal_of(town.settings))[0].risk == "medium"
    record = town.say(gate, code, by="grace", reason="seen")
    assert record.data["proof"] == "totp"
    assert code not in str(record.data) + str(record.body())
    assert (await town.park(None)).status == "done"
    assert payments(town.home) == PAID


async def test_in_dev_a_typed_name_counts_for_low_risk_only(tmp_path: Path) -> None:
    """A rule that names a higher risk wants proof there, too."""
    town = Town(tmp_path, "dev")
    town.rule('@gate("manager")\n@deadline', '@gate("manager")\n@risk("medium")\n@deadline')
    gate = await waiting(town)
    with pytest.raises(AnswerRefused, match=r"gate \w+ is of medium risk; answer with a key or a code"):
        town.say(gate, "", by="grace", reason="seen")
    town.say(gate, town.token(gate, "grace"))
    assert (await town.park(None)).status == "done"


QUORUM = ('@gate("manager")\n@deadline', '@gate("manager")\n@quorum("2")\n@deadline')


async def test_two_people_must_say_go_where_the_rule_wants_two(town: Town) -> None:
    """One of them, twice or by another name, is one; the second one opens the gate."""
    town.people["grace"]["logins"] = ["grace@corp"]
    town.enrol()
    town.rule(*QUORUM)
    gate = await waiting(town)
    first = town.say(gate, town.token(gate, "grace"))
    assert first.data["partial"] is True
    (row,) = open_gates(journal_of(town.settings))
    assert (row.quorum, row.said) == (2, ("grace",))
    with pytest.raises(AnswerRefused, match="one-person-one-go"):
        town.say(gate, town.token(gate, "grace"))
    assert (await town.park(None)).waits == (gate,)
    assert payments(town.home) == []
    second = town.say(gate, town.token(gate, "linus"))
    assert (second.data["people"], second.data["with"]) == (["grace", "linus"], [first.fields["id"]])
    assert (await town.park(None)).status == "done"
    calls = only(journal_of(town.settings).read_flight("r1"), "tool_call")
    (intent,) = [record for record in calls if record.data["phase"] == "intent"]
    assert intent.data["approvals"] == [first.fields["id"], second.fields["id"]]
    assert payments(town.home) == PAID


async def test_one_no_go_settles_a_quorum(town: Town) -> None:
    """A veto needs nobody else."""
    town.rule(*QUORUM)
    gate = await waiting(town)
    town.say(gate, town.token(gate, "grace"))
    town.say(gate, town.token(gate, "linus", "no_go"), "no_go")
    assert (await town.park(None)).status == "no_go"
    assert payments(town.home) == []


async def test_a_quorum_of_typed_names_takes_different_names(tmp_path: Path) -> None:
    """In dev, where a name is worth what it is worth."""
    town = Town(tmp_path, "dev")
    town.rule(*QUORUM)
    gate = await waiting(town)
    assert town.say(gate, "", by="grace", reason="seen").data["partial"] is True
    with pytest.raises(AnswerRefused, match="it takes 2 different people"):
        town.say(gate, "", by="grace", reason="seen")
    town.say(gate, "", by="linus", reason="seen")
    assert (await town.park(None)).status == "done"


async def test_two_roles_are_two_people_asked_in_the_order_of_the_law(town: Town) -> None:
    """The director first, where the rules say so; the manager is somebody else, though she has both roles."""
    town.rule('@gate("director")\n', '@gate("director")\n@order("1")\n')
    town.rule('@gate("manager")\n@deadline', '@gate("manager")\n@order("2")\n@deadline')
    (first,) = (await town.park(paying(60_000))).waits
    assert open_gates(journal_of(town.settings))[0].role == "director"
    town.say(first, town.token(first, "grace"))
    (second,) = (await town.park(None)).waits
    assert open_gates(journal_of(town.settings))[0].role == "manager"
    with pytest.raises(AnswerRefused, match="one-person-one-go"):
        town.say(second, town.token(second, "grace"))
    town.say(second, town.token(second, "ada"))
    assert (await town.park(None)).status == "done"


def lend(town: Town, **more: Any) -> None:
    """Let eve stand in for ada, as a manager."""
    from tests.gonogo.toy.people import public

    now = datetime.now(UTC)
    town.people["eve"] = {"roles": [], "keys": [{"key": public(town.key("eve")), "since": SINCE}]}
    given = {"of": "ada", "to": "eve", "roles": ["manager"]}
    times = {"since": (now - timedelta(days=1)).isoformat(), "until": (now + timedelta(days=1)).isoformat()}
    town.delegations = [{**given, **times, **more}]
    town.enrol()


async def test_who_stands_in_for_somebody_answers_within_the_limits(town: Town) -> None:
    """And is recorded as who they are."""
    lend(town, actions=["pay"], limits={"amount_cents": 6_000})
    gate = await waiting(town)
    assert town.say(gate, town.token(gate, "eve")).data["by"] == "eve"
    assert (await town.park(None)).status == "done"


async def fell_through(town: Town, told: str, case: Errand | None = None) -> None:
    """Expect that a go was recorded and opened nothing, because of this."""
    landing = await town.park(case)
    assert landing.status in {"no_go", "failed"}
    assert told in (landing.error or "")
    assert payments(town.home) == []


@pytest.mark.parametrize("what", ["key", "person", "delegation", "role"])
async def test_what_was_revoked_after_the_go_and_before_the_effect_opens_nothing(town: Town, what: str) -> None:
    """The answer stands on the desk; when the run wakes, nobody vouches for it any more."""
    lend(town)
    who = "eve" if what == "delegation" else "grace"
    gate = await waiting(town)
    town.say(gate, town.token(gate, who))
    now = datetime.now(UTC).isoformat()
    match what:
        case "key":
            town.people["grace"]["keys"][0] |= {"revoked": now, "because": "lost"}
        case "person":
            town.people["grace"]["revoked"] = now
        case "delegation":
            town.delegations[0]["revoked"] = now
        case _:
            town.people["grace"]["roles"] = ["clerk"]
    town.enrol()
    await fell_through(town, f"The go of {who} at gate {gate} counts no more")


async def test_a_go_that_ran_out_before_it_was_used_opens_nothing(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """An hour for high risk; a run that wakes later asks in vain."""
    from gonogo import clocks

    gate = await waiting(town)
    town.say(gate, town.token(gate, "grace"))

    class Later(datetime):
        """A clock that is two hours ahead."""

        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(tz) + timedelta(hours=2)

    monkeypatch.setattr(clocks, "datetime", Later)
    await fell_through(town, "It ran out at")


async def test_a_go_is_looked_at_again_right_before_the_effect(town: Town) -> None:
    """It held when the run woke; while the call waited for its turn, the key was revoked."""
    from gonogo import acts

    gate = await waiting(town)
    town.say(gate, town.token(gate, "grace"))
    admitted = acts._admitted  # pyright: ignore[reportPrivateUsage] - what waits between the clearance and the effect

    async def and_meanwhile(*given: Any) -> bool:
        town.people["grace"]["keys"][0] |= {"revoked": datetime.now(UTC).isoformat(), "because": "lost"}
        town.enrol()
        return await admitted(*given)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(acts, "_admitted", and_meanwhile)
        await fell_through(town, "counts no more")
    refused = [r.data for r in journal_of(town.settings).read_flight("r1") if r.artifact == "tool_call"][-1]
    assert (refused["phase"], refused["outcome"]) == ("result", "refused")


async def test_arguments_that_changed_after_the_go_are_not_sent(town: Town) -> None:
    """Whatever changed them in between, the digest is that of what is about to leave."""
    from gonogo import acts

    gate = await waiting(town)
    town.say(gate, town.token(gate, "grace"))
    admitted = acts._admitted  # pyright: ignore[reportPrivateUsage] - what waits between the clearance and the effect

    async def and_meanwhile(run: Any, call: Any, breaker: Any) -> bool:
        call.operation.arguments["amount_cents"] = 60_000
        return await admitted(run, call, breaker)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(acts, "_admitted", and_meanwhile)
        await fell_through(town, "pay is about to do something else than what was said go to")


class Killed(BaseException):
    """The process dies here; nothing that catches failures catches it."""


async def test_after_a_crash_what_began_under_a_good_go_is_finished_though_the_go_ran_out(town: Town) -> None:
    """It is judged as of when it began: the payment may have been made, and is made once, under its key."""
    from gonogo import acts

    gate = await waiting(town)
    town.say(gate, town.token(gate, "grace"))

    async def dies(run: Any, *_given: Any) -> bool:
        await run.ledger.stream.commit()
        raise Killed

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(acts, "_admitted", dies)
        with pytest.raises(Killed):
            await town.park(None)
    assert payments(town.home) == []
    town.people["grace"]["keys"][0] |= {"revoked": datetime.now(UTC).isoformat(), "because": "left"}
    town.enrol()
    assert (await town.park(None)).status == "done"
    assert payments(town.home) == PAID


async def test_a_go_that_another_operation_was_begun_under_does_not_count_again(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever put the same approval into the evidence of another call, it is spent there."""
    from gonogo.evidence.ledger import Ledger

    gate = await waiting(town)
    town.say(gate, town.token(gate, "grace"))
    known = Ledger.uses_of

    def and_elsewhere(ledger: Ledger, approval: str) -> list[str]:
        return [*known(ledger, approval), "/step:other/tool:pay"]

    monkeypatch.setattr(Ledger, "uses_of", and_elsewhere)
    await fell_through(town, f"The go at gate {gate} was used for /step:other/tool:pay; it counts once")
