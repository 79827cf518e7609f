"""Delegation: ruled on, recorded, replayed; the specialist is told its brief, and rings never reach a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import BaseModel

from gonogo import Noun, agent, assignment
from gonogo.agents.delegation import Coordinated
from gonogo.errors import MissionMisdefined, ModelFailed, PolicyBroken
from gonogo.evidence.canon import payload_bytes, sha256_hex
from gonogo.policy.registry import read_registry
from gonogo.rosters import roster
from tests.gonogo.toy import relay as toy
from tests.gonogo.toy.bank import payments
from tests.gonogo.toy.errands import run
from tests.gonogo.toy.relay import ASKED, Order, Passed, Relay

if TYPE_CHECKING:
    from pathlib import Path

    from gonogo.testing import Rehearsal


SECRET = "the-commander-is-on-holiday"  # noqa: S105 - a secret of the test's


@pytest.fixture(autouse=True)
def _nobody_asked() -> None:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    ASKED.clear()


async def fly(home: Path, order: object, *, flying: Any = toy.relay, rules: str = "", **how: Any) -> Rehearsal:
    """Fly the relay under the law that ships."""
    cards = {name: how.pop(name) for name in toy.NAMES if name in how}
    law = toy.policies(home, rules=rules, **cards)
    return await run(order, flying=flying, home=home, overrides={"policy_folder": law}, **how)


def through(*hops: str, **how: Any) -> Order:
    """Return an order that goes through these hands, after Ada's."""
    return Order(relay=Relay(hops=hops, cents=how.pop("cents", 0), fails=how.pop("fails", False)), **how)


def asked() -> list[str]:
    """Return whose model was asked, in order."""
    return [name for name, _ in ASKED]


def refusals(flown: Rehearsal) -> list[dict[str, Any]]:
    """Return the hand-overs that were refused."""
    return [each for each in flown.told("delegation") if each.get("outcome") == "refused"]


async def test_a_hand_over_is_ruled_on_and_recorded_with_its_brief_and_its_result(tmp_path: Path) -> None:
    """Who, to whom, what, the brief's digest, and what came back word for word."""
    flown = await fly(tmp_path, through("bob"))
    intent, result = flown.told("delegation")
    assert (intent["delegator"], intent["specialist"], intent["work"]) == ("ada", "bob", "to_bob")
    assert (intent["chain"], intent["depth"], intent["number"]) == (["ada"], 1, 1)
    records = [record for record in flown.flight if record.artifact == "delegation"]
    assert records[0].body() == Relay().model_dump(mode="json")
    assert intent["brief_digest"] == sha256_hex(payload_bytes(records[0].body()))
    assert result["outcome"] == "done"
    assert records[1].body()["by"] == "bob"
    (ruling,) = [each for each in flown.told("policy_decision") if each["action"] == "delegate"]
    assert (ruling["verdict"], ruling["rules"]) == ("allow", ["agent-delegates-within-its-mandate"])
    assert (ruling["principal"], ruling["resource"]) == ("ada", "bob")
    assert records[0].fields["agentid"] == "ada"
    assert flown.landing.outcome is not None
    assert flown.landing.outcome["last"]["by"] == "bob"


async def test_a_specialist_is_told_its_brief_and_nothing_else(tmp_path: Path) -> None:
    """A secret of the coordinator's order reaches no other model and no brief."""
    flown = await fly(tmp_path, through("bob", "cyd", secret=SECRET))
    assert flown.outcome == "arrived"
    assert {name for name, prompt in ASKED if SECRET in prompt} == {"ada"}
    assert [Relay.model_validate_json(prompt) for name, prompt in ASKED if name == "cyd"] == [Relay()]
    about = [record for record in flown.flight if record.artifact == "delegation" or record.fields["agentid"] != "ada"]
    told = [str(record.body()) for record in about if record.artifact not in {"run_record", "step_record"}]
    assert about
    assert not [text for text in told if SECRET in text]


async def test_what_a_brief_does_not_declare_does_not_cross(tmp_path: Path) -> None:
    """A coordinator that tries to pass its secret on is told so; nothing was handed over with it."""
    flown = await fly(tmp_path, through("bob", secret=SECRET, leaks=True))
    assert flown.outcome == "arrived"
    assert asked() == ["ada", "ada", "bob", "ada"]
    assert not [prompt for name, prompt in ASKED if name == "bob" and SECRET in prompt]
    assert [each["outcome"] for each in flown.told("delegation", "result")] == ["done"]


@pytest.mark.parametrize(
    "hops",
    [("ada",), ("bob", "ada"), ("bob", "bob"), ("bob", "cyd", "ada"), ("bob", "cyd", "dan", "bob")],
    ids=lambda hops: "-".join(("ada", *hops)),
)
async def test_work_that_goes_round_in_a_ring_is_refused_before_a_model_hears_of_it(
    tmp_path: Path, hops: tuple[str, ...]
) -> None:
    """To oneself, back and forth, or the long way round: a policy block with a sentence, and everybody goes on."""
    flown = await fly(tmp_path, through(*hops))
    (refused,) = refusals(flown)
    assert (refused["reason_code"], refused["error_class"]) == ("policy_block", "PolicyDenied")
    assert "no-delegation-in-a-ring" in refused["error"]
    assert "handed round in a ring" in refused["error"]
    line = ["ada", *hops[:-1]]
    assert refused["chain"] == line
    # Each is asked for its answer, those that handed on a second time after what came back; nobody else is.
    assert asked() == [*line, *reversed(line)]
    assert flown.outcome == "arrived"


async def test_whoever_keeps_handing_work_back_is_halted(tmp_path: Path) -> None:
    """The first time it is flagged, the second time the run stops; nobody hears of the work either time."""
    flown = await fly(tmp_path, through("ada", wide=3), ada={"fan_out": 9})
    assert (flown.landing.status, flown.landing.reason_code) == ("aborted", "aborted")
    found = [(each["monitor"], each["action"], each["observed"]) for each in flown.told("finding_record")]
    assert found == [("circular_delegation@1", "flag", 1), ("circular_delegation@1", "halt", 2)]
    assert "ada -> ada" in flown.told("finding_record")[0]["what"]
    assert asked() == ["ada"]


async def test_depth_is_what_everybody_in_the_chain_allows(tmp_path: Path) -> None:
    """A specialist with a wide mandate of its own goes no deeper than the agent it works for may."""
    flown = await fly(tmp_path, through("bob", "cyd"), ada={"depth": 1})
    (refused,) = refusals(flown)
    assert "no-delegation-too-deep" in refused["error"]
    assert (refused["delegator"], refused["specialist"], refused["reason_code"]) == ("bob", "cyd", "policy_block")
    assert "cyd" not in asked()


async def test_fan_out_is_bounded_in_one_turn(tmp_path: Path) -> None:
    """Three pieces in one answer and a mandate for two: the third is refused, the others are done side by side."""
    flown = await fly(tmp_path, through("bob", wide=3), ada={"fan_out": 2})
    (refused,) = refusals(flown)
    assert (refused["number"], refused["reason_code"]) == (3, "policy_block")
    assert "no-delegation-too-wide" in refused["error"]
    done = [each["number"] for each in flown.told("delegation", "result") if each["outcome"] == "done"]
    assert sorted(done) == [1, 2]
    assert payments(tmp_path) == [("bob", 1)]


async def test_nobody_hands_work_to_whom_their_mandate_does_not_name(tmp_path: Path) -> None:
    """Default deny."""
    flown = await fly(tmp_path, through("bob"), ada={"to": "cyd"})
    (refused,) = refusals(flown)
    assert "default-deny" in refused["error"]
    assert asked() == ["ada", "ada"]


async def test_an_observer_has_nothing_done_through_another(tmp_path: Path) -> None:
    """A tier is not got round by delegating."""
    flown = await fly(tmp_path, through("bob", cents=5), ada={"tier": "observe"})
    assert "nobody-delegates-past-its-tier" in refusals(flown)[0]["error"]
    assert payments(tmp_path) == []


@pytest.mark.parametrize(("cents", "cut"), [*((7, cut) for cut in range(1, 14)), *((0, cut) for cut in range(12, 20))])
async def test_a_run_that_is_cut_anywhere_comes_to_the_same_without_asking_again(
    tmp_path: Path, cents: int, cut: int
) -> None:
    """What a specialist was asked once is looked up; so is the hand-over around it."""
    order = through("bob", "cyd", cents=cents)
    first = await fly(tmp_path, order, run_id="r1")
    whole, path = asked(), tmp_path / "journals" / "flights" / "r1.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    kept = lines[:-cut]
    path.write_bytes(b"".join(kept))
    ASKED.clear()
    again = await fly(tmp_path, order, run_id="r1")
    assert again.landing.outcome == first.landing.outcome
    answered = sum(b"model_call" in line and b'"phase":"result"' in line for line in kept)
    assert len(asked()) == len(whole) - answered
    assert payments(tmp_path) == ([("cyd", 7)] if cents else [])
    results = [each["key"] for each in again.told("delegation", "result")]
    assert len(results) == len(set(results)) == 2


async def test_a_gate_that_a_specialist_meets_is_opened_by_the_mission(tmp_path: Path) -> None:
    """Two hands down: the run waits, a person says go, and the money moves once."""
    flown = await fly(tmp_path, through("bob", "cyd", cents=9_000), answers="go", run_id="r1")
    assert flown.outcome == "arrived"
    assert payments(tmp_path) == [("cyd", 9_000)]
    assert asked() == ["ada", "bob", "cyd", "cyd", "bob", "ada"]
    denied = await fly(tmp_path, through("bob", "cyd", cents=9_000), answers="no_go", run_id="r2")
    assert denied.landing.status == "no_go"
    assert {each["outcome"] for each in denied.told("delegation", "result")} == {"failed"}
    assert payments(tmp_path) == [("cyd", 9_000)]


GATED = """
@id("work-for-bob")
@because("Bob is given work only when the manager says so.")
@gate("manager")
forbid (principal, action == Action::"delegate", resource == Agent::"bob")
unless { context.call.approvals.contains("manager") };
"""


async def test_a_person_can_be_asked_before_work_is_handed_over(tmp_path: Path) -> None:
    """The law may gate a hand-over as it gates a tool; silence is no-go, and Bob is never asked."""
    flown = await fly(tmp_path, through("bob"), rules=GATED, answers="go", run_id="r1")
    assert flown.outcome == "arrived"
    (gate,) = flown.told("approval_request")
    assert (gate["action"], gate["role"], gate["options"]) == ("delegate", "manager", ["go", "no_go"])
    assert flown.told("delegation", "intent")[0]["approvals"]
    ASKED.clear()
    silent = await fly(tmp_path, through("bob"), run_id="r2")
    assert silent.landing.status == "no_go"
    assert "bob" not in asked()


async def test_a_specialist_that_fails_fails_the_hand_over_and_the_run(tmp_path: Path) -> None:
    """In its own class of the taxonomy, and on record."""
    flown = await fly(tmp_path, through("bob", fails=True))
    assert (flown.landing.status, flown.landing.reason_code) == ("failed", "model_refusal")
    (result,) = flown.told("delegation", "result")
    assert (result["outcome"], result["reason_code"]) == ("failed", "model_refusal")


async def test_a_step_hands_work_over_on_the_mandate_it_acts_under(tmp_path: Path) -> None:
    """The same law and the same evidence, without a coordinator's model."""
    flown = await fly(tmp_path, Relay(cents=3), flying=toy.handed)
    assert flown.outcome == "arrived"
    assert asked() == ["bob", "bob"]
    assert flown.told("delegation", "intent")[0]["delegator"] == "ada"
    ringed = await fly(tmp_path, Relay(hops=("ada",)), flying=toy.handed)
    assert "no-delegation-in-a-ring" in refusals(ringed)[0]["error"]
    assert refusals(ringed)[0]["chain"] == ["ada", "bob"]


async def test_a_step_that_acts_for_nobody_hands_nothing_over(tmp_path: Path) -> None:
    """One sentence with the way out."""
    flown = await fly(tmp_path, Relay(), flying=toy.stray)
    assert flown.landing.error_class == "MissionMisdefined"
    assert "@step(acting=...)" in str(flown.landing.error)


def test_whoever_takes_part_is_on_the_roster() -> None:
    """An unregistered specialist stops the mission before it starts, not in its middle."""
    assert set(toy.NAMES) <= set(roster(toy.relay.story))


def test_a_mandate_names_only_agents_that_are_registered(tmp_path: Path) -> None:
    """A typing error is found at the start."""
    folder = toy.policies(tmp_path, ada={"to": "bob, eve"})
    with pytest.raises(PolicyBroken, match=r"ada\.delegates\.to names eve"):
        read_registry(folder)


class Loose(BaseModel):
    """A brief that takes anything."""

    what: str


def test_a_brief_that_lets_anything_through_is_refused_where_it_is_declared() -> None:
    """What may cross is declared."""
    with pytest.raises(MissionMisdefined, match=r"make Loose a gonogo\.Noun"):
        assignment("loose", to=toy.AGENTS["bob"], brief=Loose, why="")


def test_two_things_a_model_is_offered_are_not_called_alike() -> None:
    """It could mean either."""

    class Pay(Noun):
        """A brief."""

    work = assignment("pay", to=toy.AGENTS["bob"], brief=Pay, why="")
    with pytest.raises(MissionMisdefined, match="called alike"):
        agent("ada", output=Passed, instructions="", tools=[toy.pay], assignments=[work], offline=lambda _: "")


def test_work_that_was_not_handed_over_is_missed() -> None:
    """A coordinator that concludes without it has not coordinated."""
    with pytest.raises(ModelFailed, match="hand to_bob to bob"):
        Coordinated(output=Passed(by="ada")).of(toy.TO_BOB)
