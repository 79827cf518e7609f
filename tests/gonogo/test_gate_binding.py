"""Gates and forgers: an answer counts for exactly one action, under one law, and is checked at the effect."""

from __future__ import annotations

import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from gonogo import mission
from gonogo.approvals import Reply, answer_gate, find_request, inherited
from gonogo.board import open_gates
from gonogo.errors import AnswerRefused, Diverged, EvidenceBroken, PolicyDenied
from gonogo.evidence.canon import payload_bytes, sha256_hex
from gonogo.evidence.journals import journal_at
from tests.gonogo.toy import POLICIES
from tests.gonogo.toy.approvers import GO, paying
from tests.gonogo.toy.bank import payments
from tests.gonogo.toy.cutting import misplace
from tests.gonogo.toy.errands import Errand, Report, park, run, settle, write
from tests.gonogo.toy.people import approved

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("backend")


async def test_a_law_that_changed_while_the_run_slept_is_another_gate(tmp_path: Path) -> None:
    """The stale approval does not count; the person is asked again, under the law as it is."""
    policies = shutil.copytree(POLICIES, tmp_path / "policies")
    home = tmp_path / "home"
    first = await park(paying(6_000), home, policies=policies)
    journal = journal_at(home)
    answer_gate(journal, first.waits[0], GO, "dev")
    (policies / "toy.cedar").write_text((policies / "toy.cedar").read_text() + "\n// reviewed\n")
    second = await park(paying(6_000), home, policies=policies)
    assert second.status == "waiting"
    assert second.waits != first.waits
    assert payments(home) == []
    answer_gate(journal, second.waits[0], GO, "dev")
    assert (await park(paying(6_000), home, policies=policies)).status == "done"
    assert payments(home) == [("a", 6_000)]


async def test_an_answer_to_a_replaced_gate_is_refused_and_the_one_that_counts_is_named(tmp_path: Path) -> None:
    """The refusal is evidence; only the gate that counts is on the board, and the clock needs no telling."""
    policies, home = shutil.copytree(POLICIES, tmp_path / "policies"), tmp_path / "home"
    (old,) = (await park(paying(6_000), home, policies=policies)).waits
    law = (policies / "toy.cedar").read_text()
    (policies / "toy.cedar").write_text(law + "\n// reviewed\n")
    (new,) = (await park(paying(6_000), home, policies=policies)).waits
    journal = journal_at(home)
    assert [row.gate for row in open_gates(journal)] == [new]
    told = f"Law, agent or action changed after gate {old} had asked: gate {new} has replaced it. Answer that one."
    with pytest.raises(AnswerRefused, match=told):
        answer_gate(journal, old, GO, "dev")
    (refused,) = journal.read_desk("r1")
    assert (refused.data["accepted"], refused.data["refused_because"]) == (False, told)
    # The law is changed back: the first gate holds again, until its own deadline.
    (policies / "toy.cedar").write_text(law)
    assert (await park(paying(6_000), home, policies=policies)).waits == (old,)
    assert [row.gate for row in open_gates(journal)] == [old]
    with pytest.raises(AnswerRefused, match=f"gate {old} has replaced it"):
        answer_gate(journal, new, GO, "dev")
    deadlines = {r.data["deadline"] for r in journal.read_flight("r1") if r.data.get("gate") == old}
    assert len(deadlines) == 1
    answer_gate(journal, old, GO, "dev")
    assert (await park(paying(6_000), home, policies=policies)).status == "done"
    assert payments(home) == [("a", 6_000)]


@pytest.mark.parametrize(
    ("change", "verdict", "paid"), [("> 5000", "allows", [("a", 6_000)]), ("permit", "forbids", [])]
)
async def test_an_answer_to_a_gate_that_the_law_needs_no_more_is_refused(
    tmp_path: Path, change: str, verdict: str, paid: list[tuple[str, int]]
) -> None:
    """The law has made up its mind without anybody; one other gate keeps the run waiting."""
    policies, home = shutil.copytree(POLICIES, tmp_path / "policies"), tmp_path / "home"
    case = paying(6_000).model_copy(update={"letter": "HELP!"})
    landing = await park(case, home, flying=whatever, policies=policies)
    law = policies / "toy.cedar"
    never = '@id("no-pay") @because("Closed.") forbid (principal, action == Action::"pay", resource);'
    text = law.read_text()
    law.write_text(
        text.replace("amount_cents > 5000 }", "amount_cents > 7000 }") if change == "> 5000" else text + never
    )
    waiting = await park(case, home, flying=whatever, policies=policies)
    assert (waiting.status, payments(home)) == ("waiting", paid)
    journal = journal_at(home)
    with pytest.raises(
        AnswerRefused, match=f"the law now {verdict} it without anybody's go. Nothing is left to answer"
    ):
        answer_gate(journal, landing.waits[0], GO, "dev")
    assert [row.gate for row in open_gates(journal)] == list(waiting.waits)


@mission(owner="counter", scope=["bank"])
async def whatever(case: Errand) -> Report:
    """Pay if the law lets it, and write a letter."""
    with suppress(PolicyDenied):
        await settle(case.payments[0])
    await write("ada", case.letter)
    return Report(outcome="settled")


async def test_an_agent_that_changed_while_the_run_slept_is_another_gate(tmp_path: Path) -> None:
    """Another version of the agent is another agent."""
    policies = shutil.copytree(POLICIES, tmp_path / "policies")
    home = tmp_path / "home"
    case = Errand.model_validate(
        {"brief": {"turns": [[{"tool": "pay", "args": {"payee": "a", "amount_cents": 6_000}}]]}}
    )
    first = await park(case, home, policies=policies)
    answer_gate(journal_at(home), first.waits[0], GO, "dev")
    agents = policies / "agents.yaml"
    agents.write_text(agents.read_text().replace("1.2.0", "1.3.0"))
    second = await park(case, home, policies=policies)
    assert second.status == "waiting"
    assert second.waits != first.waits
    assert payments(home) == []


async def _forged(home: Path, law: Path = POLICIES, *, environment: str = "dev", **changes: Any) -> str:
    """Write an accepted answer of our own making to the desk, and let the run wake."""
    landing = await park(paying(6_000), home, policies=law, environment=environment)
    journal = journal_at(home)
    request = find_request(journal, landing.waits[0])
    data: dict[str, Any] = {
        "gate": landing.waits[0], "answer": "go", "by": "mallory", "role": "manager", "proof": "unproven",
        "door": "cli", "action_digest": request.data["action_digest"], "accepted": True, "phase": "fact",
    }  # fmt: skip
    with journal.open_desk("r1") as desk:
        desk.append(inherited(request), "approval_record", data | changes, payload=b'{"reason":"x"}')
        desk.commit_now()
    went = await run(None, home=home, run_id="r1", overrides={"environment": environment, "policy_folder": law})
    assert payments(home) == []
    return str(went.landing.error)


async def test_an_answer_bound_to_another_action_is_refused_at_the_effect(tmp_path: Path) -> None:
    """Who can write to the desk still cannot move an approval to another action."""
    assert "bound to another action; it does not count" in await _forged(tmp_path, action_digest="0" * 64)


async def test_an_answer_in_another_role_is_refused_at_the_effect(tmp_path: Path) -> None:
    """A clerk's go is not the manager's."""
    assert "bound to another action; it does not count" in await _forged(tmp_path, role="clerk")


async def test_an_unproven_answer_given_in_dev_does_not_count_in_prod(tmp_path: Path) -> None:
    """The run belongs where it began; nothing is done with its answers elsewhere."""
    landing = await park(paying(6_000), tmp_path)
    answer_gate(journal_at(tmp_path), landing.waits[0], GO, "dev")
    prod = {"environment": "prod", "policy_folder": approved(tmp_path, home=tmp_path).policy_folder}
    with pytest.raises(Diverged, match="Run r1 belongs to the environment dev, and this is prod; nothing was done"):
        await run(None, home=tmp_path, run_id="r1", overrides=prod)
    assert payments(tmp_path) == []


async def test_an_unproven_answer_is_refused_at_the_effect_outside_dev(tmp_path: Path) -> None:
    """However it got onto the desk of a run in production."""
    law = approved(tmp_path, home=tmp_path).policy_folder
    landing = await park(paying(6_000), tmp_path, policies=law, environment="prod")
    request = find_request(journal_at(tmp_path), landing.waits[0])
    assert request.fields["envname"] == "prod"
    assert "no proof that counts here" in await _forged(tmp_path, law, environment="prod")


async def test_a_clock_that_says_go_is_refused_at_the_effect(tmp_path: Path) -> None:
    """The deadline only says no."""
    assert "no proof that counts here" in await _forged(tmp_path, proof="clock")


async def test_the_gate_is_bound_to_what_the_card_shows(tmp_path: Path) -> None:
    """The request holds the digests of card and action; both can be recomputed."""
    landing = await park(paying(6_000), tmp_path)
    request = find_request(journal_at(tmp_path), landing.waits[0])
    body = request.body()
    assert request.data["card_digest"] == sha256_hex(body["card"].encode())
    flight = journal_at(tmp_path).read_flight("r1")
    bound = {
        "action": "pay",
        "agent_version": flight[0].fields["missiondigest"],
        "args": {"payee": "a", "amount_cents": 6_000},
        "policy": flight[0].fields["policydigest"],
        "principal": ["Mission", "errand"],
        "resource": ["Tool", "pay"],
        "run": "r1",
    }
    assert request.data["action_digest"] == sha256_hex(payload_bytes(bound))


async def test_a_run_does_not_fly_on_a_desk_that_was_tampered_with(tmp_path: Path) -> None:
    """A broken chain among the answers is no answer."""
    landing = await park(paying(6_000), tmp_path)
    journal = journal_at(tmp_path)
    answer_gate(journal, landing.waits[0], Reply("no_go", "grace", "No.", "cli"), "dev")
    misplace(tmp_path)
    landing = await park(paying(6_000), tmp_path)
    assert landing.error_class == EvidenceBroken.__name__
    assert payments(tmp_path) == []
