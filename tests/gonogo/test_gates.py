"""Gates: bound to the exact action, re-checked before the effect, closed by default."""

from __future__ import annotations

import asyncio
import re
import shutil
from typing import TYPE_CHECKING, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from gonogo import Outcome, branch, gate, mission, step
from gonogo.approvals import Reply, answer_gate, find_request
from gonogo.errors import EvidenceBroken
from gonogo.evidence.canon import payload_bytes, sha256_hex
from gonogo.evidence.journal import FileJournal
from gonogo.testing import GateView
from tests.gonogo.toy import POLICIES
from tests.gonogo.toy.bank import calls, letters, pay, payments, post_letter
from tests.gonogo.toy.errands import Errand, Payment, park, run

if TYPE_CHECKING:
    from pathlib import Path

GO = Reply("go", "grace", "The invoice is right.", "cli")


def paying(*cents: int) -> Errand:
    """Return an errand that pays these sums, in parallel branches, to payees a, b, c."""
    return Errand(payments=[Payment(payee=name, cents=sum_) for name, sum_ in zip("abcdefgh", cents, strict=False)])


class TestAnswers:
    """Go, no-go, revise, silence."""

    async def test_go_does_exactly_this_once(self, tmp_path: Path) -> None:
        """And the tool call names the approval it rests on."""
        went = await run(paying(6_000), answers="go", home=tmp_path)
        assert went.outcome == "settled"
        assert payments(tmp_path) == [("a", 6_000)]
        (approval,) = [record for record in went.desk if record.artifact == "approval_record"]
        assert went.told("tool_call", "intent")[0]["approvals"] == [approval.fields["id"]]
        assert [told["verdict"] for told in went.told("policy_decision")] == ["gate", "allow"]
        assert went.told("policy_decision")[1]["approvals"] == [approval.fields["id"]]

    async def test_no_go_does_nothing_and_says_who_said_so(self, tmp_path: Path) -> None:
        """The run ends no-go, which is an ending and not a failure."""
        went = await run(paying(6_000), answers=lambda _: Reply("no_go", "grace", "Wrong payee.", "cli"), home=tmp_path)
        assert (went.landing.status, went.landing.reason_code) == ("no_go", "approval_denied")
        assert went.landing.error == "pay: no-go by grace: Wrong payee."
        assert payments(tmp_path) == []
        assert went.told("tool_call", "result")[0]["outcome"] == "refused"
        assert went.told("exception_record") == []

    async def test_silence_is_no_go(self, tmp_path: Path) -> None:
        """Nobody answers before the deadline."""
        went = await run(paying(6_000), home=tmp_path)
        assert (went.landing.status, went.landing.reason_code) == ("no_go", "approval_expired")
        assert went.told("approval_record")[0]["door"] == "deadline"
        assert payments(tmp_path) == []

    async def test_the_deadline_passes_by_itself(self, tmp_path: Path) -> None:
        """A run that waits in its process is answered by the clock, which is ours."""
        landing = await park(Errand(crew=4), tmp_path, gate_deadline_seconds=1, poll_seconds=0.01)
        while landing.status == "waiting":
            landing = await park(Errand(crew=4), tmp_path)
        assert (landing.status, landing.reason_code) == ("no_go", "approval_expired")

    async def test_revise_with_changes_asks_again_for_the_changed_action(self, tmp_path: Path) -> None:
        """Below the limit the changed payment passes by itself; the first was never made."""

        def smaller(view: GateView) -> Reply:
            assert view.args == {"payee": "a", "amount_cents": 6_000}
            return Reply("revise", "grace", "Too much.", "cli", changes={"amount_cents": 4_000})

        went = await run(paying(6_000), answers=smaller, home=tmp_path)
        assert went.outcome == "settled"
        assert payments(tmp_path) == [("a", 4_000)]

    async def test_a_revision_above_the_limit_is_another_gate(self, tmp_path: Path) -> None:
        """The reviewer's own proposal is not approved by proposing it."""
        seen: list[GateView] = []

        def answer(view: GateView) -> Reply:
            seen.append(view)
            if len(seen) == 1:
                return Reply("revise", "grace", "Less.", "cli", changes={"amount_cents": 5_500})
            return GO

        await run(paying(6_000), answers=answer, home=tmp_path)
        assert [view.args["amount_cents"] for view in seen] == [6_000, 5_500]
        assert seen[0].id != seen[1].id
        assert payments(tmp_path) == [("a", 5_500)]

    async def test_revise_without_changes_ends_a_step_that_cannot_think(self, tmp_path: Path) -> None:
        """Code proposes nothing new; the reviewer's remark is in the error."""
        went = await run(paying(6_000), answers=lambda _: Reply("revise", "grace", "Ask Ada.", "cli"), home=tmp_path)
        assert (went.landing.status, went.landing.reason_code) == ("no_go", "approval_denied")
        assert went.landing.error == "pay: the reviewer wants it changed: Ask Ada."
        assert payments(tmp_path) == []

    @pytest.mark.parametrize("changes", [{"amount_cents": "much"}, {"payee": None}, {"amount": 1}])
    async def test_changes_the_tool_does_not_take_are_not_done(self, tmp_path: Path, changes: dict[str, Any]) -> None:
        """A reviewer's slip of the pen is a sentence, and nothing is paid."""
        went = await run(
            paying(6_000), home=tmp_path, answers=lambda _: Reply("revise", "grace", "So.", "cli", changes=changes)
        )
        assert went.landing.status == "failed"
        assert "does not take" in str(went.landing.error)
        assert payments(tmp_path) == []

    async def test_two_roles_are_asked_one_after_the_other(self, tmp_path: Path) -> None:
        """Each sees their own gate; both approvals are named by the payment."""
        asked: list[str] = []

        def answer(view: GateView) -> Literal["go"]:
            asked.append(view.role)
            return "go"

        went = await run(paying(60_000), answers=answer, home=tmp_path)
        assert asked == ["manager", "director"]
        assert len(went.told("tool_call", "intent")[0]["approvals"]) == 2
        assert payments(tmp_path) == [("a", 60_000)]

    async def test_the_second_roles_no_stops_what_the_first_allowed(self, tmp_path: Path) -> None:
        """One veto is enough."""
        went = await run(
            paying(60_000), answers=lambda view: "go" if view.role == "manager" else "no_go", home=tmp_path
        )
        assert went.landing.status == "no_go"
        assert payments(tmp_path) == []

    async def test_what_no_person_may_lift_asks_nobody(self, tmp_path: Path) -> None:
        """No gate is opened, and the evidence names the rule."""
        went = await run(paying(100_001), answers="go", home=tmp_path)
        assert (went.landing.status, went.landing.reason_code) == ("no_go", "policy_block")
        assert "Nobody pays more than 1,000 EUR here." in str(went.landing.error)
        assert went.told("approval_request") == []
        (refused,) = went.told("tool_call")
        assert (refused["outcome"], refused["reason_code"]) == ("refused", "policy_block")
        assert calls("pay") == []


class TestMissionGates:
    """A mission's own go/no-go points."""

    async def test_a_point_the_law_lets_pass_asks_nobody(self) -> None:
        """Three may launch."""
        went = await run(Errand(crew=3))
        assert went.outcome == "settled"
        assert went.told("approval_request") == []

    async def test_a_point_the_law_holds_is_a_gate_without_revise(self) -> None:
        """There is nothing to propose instead."""
        went = await run(Errand(crew=4), answers="go")
        (request,) = went.told("approval_request")
        assert (request["role"], request["options"]) == ("flight-director", ["go", "no_go"])
        assert went.outcome == "settled"

    async def test_a_point_the_law_refuses_ends_no_go(self) -> None:
        """Facts that are not given are not asked about."""
        went = await run(Weather(weather="storm"), flying=launching)
        assert (went.landing.status, went.landing.reason_code) == ("no_go", "policy_block")
        assert (await run(Weather(weather=None), flying=launching)).outcome == "launched"

    async def test_a_gate_is_passed_once_and_stays_passed(self, tmp_path: Path) -> None:
        """On a replay nobody is asked again."""
        asked: list[str] = []

        def answer(view: GateView) -> Literal["go"]:
            asked.append(view.id)
            return "go"

        for _ in range(2):
            went = await run(Errand(crew=5, needs_papers=False), answers=answer, home=tmp_path, run_id="r1")
        assert went.outcome == "settled"
        assert len(asked) == 1


class Weather(BaseModel):
    """What it is like outside."""

    weather: str | None


class Launched(Outcome):
    """It went up."""

    outcome: Literal["launched"]
    successes = frozenset({"launched"})


@mission(owner="counter", scope=["bank"])
async def launching(case: Weather) -> Launched:
    """Launch, weather permitting."""
    await gate("launch", crew=1, weather=case.weather)
    return Launched(outcome="launched")


class TestBinding:
    """An answer counts for exactly one action, under one law, once."""

    async def test_a_law_that_changed_while_the_run_slept_is_another_gate(self, tmp_path: Path) -> None:
        """The stale approval does not count; the person is asked again, under the law as it is."""
        policies = shutil.copytree(POLICIES, tmp_path / "policies")
        home = tmp_path / "home"
        first = await park(paying(6_000), home, policies=policies)
        journal = FileJournal(home / "journals")
        answer_gate(journal, first.waits[0], GO, "dev")
        (policies / "toy.cedar").write_text((policies / "toy.cedar").read_text() + "\n// reviewed\n")
        second = await park(paying(6_000), home, policies=policies)
        assert second.status == "waiting"
        assert second.waits != first.waits
        assert payments(home) == []
        answer_gate(journal, second.waits[0], GO, "dev")
        assert (await park(paying(6_000), home, policies=policies)).status == "done"
        assert payments(home) == [("a", 6_000)]

    async def test_an_agent_that_changed_while_the_run_slept_is_another_gate(self, tmp_path: Path) -> None:
        """Another version of the agent is another agent."""
        policies = shutil.copytree(POLICIES, tmp_path / "policies")
        home = tmp_path / "home"
        case = Errand.model_validate(
            {"brief": {"turns": [[{"tool": "pay", "args": {"payee": "a", "amount_cents": 6_000}}]]}}
        )
        first = await park(case, home, policies=policies)
        answer_gate(FileJournal(home / "journals"), first.waits[0], GO, "dev")
        agents = policies / "agents.yaml"
        agents.write_text(agents.read_text().replace("1.2.0", "1.3.0"))
        second = await park(case, home, policies=policies)
        assert second.status == "waiting"
        assert second.waits != first.waits
        assert payments(home) == []

    async def _forged(self, home: Path, **changes: Any) -> str:
        """Write an accepted answer of our own making to the desk, and let the run wake."""
        landing = await park(paying(6_000), home)
        journal = FileJournal(home / "journals")
        request = find_request(journal, landing.waits[0])
        data: dict[str, Any] = {
            "gate": landing.waits[0], "answer": "go", "by": "mallory", "role": "manager", "proof": "unproven",
            "door": "cli", "action_digest": request.data["action_digest"], "accepted": True, "phase": "fact",
        }  # fmt: skip
        with journal.open_desk("r1") as desk:
            desk.append(request.fields | {"data": {}}, "approval_record", data | changes, payload=b'{"reason":"x"}')
            desk.commit_now()
        went = await run(None, home=home, run_id="r1", overrides=changes.pop("_overrides", {}))
        assert payments(home) == []
        return str(went.landing.error)

    async def test_an_answer_bound_to_another_action_is_refused_at_the_effect(self, tmp_path: Path) -> None:
        """Who can write to the desk still cannot move an approval to another action."""
        assert "bound to another action; it does not count" in await self._forged(tmp_path, action_digest="0" * 64)

    async def test_an_answer_in_another_role_is_refused_at_the_effect(self, tmp_path: Path) -> None:
        """A clerk's go is not the manager's."""
        assert "bound to another action; it does not count" in await self._forged(tmp_path, role="clerk")

    async def test_an_unproven_answer_is_refused_at_the_effect_outside_dev(self, tmp_path: Path) -> None:
        """However it got onto the desk."""
        landing = await park(paying(6_000), tmp_path)
        answer_gate(FileJournal(tmp_path / "journals"), landing.waits[0], GO, "dev")
        went = await run(None, home=tmp_path, run_id="r1", overrides={"environment": "prod"})
        assert went.landing.status != "done"
        assert payments(tmp_path) == []

    async def test_a_clock_that_says_go_is_refused_at_the_effect(self, tmp_path: Path) -> None:
        """The deadline only says no."""
        await self._forged(tmp_path, proof="clock")

    async def test_the_gate_is_bound_to_what_the_card_shows(self, tmp_path: Path) -> None:
        """The request holds the digests of card and action; both can be recomputed."""
        landing = await park(paying(6_000), tmp_path)
        request = find_request(FileJournal(tmp_path / "journals"), landing.waits[0])
        body = request.body()
        assert request.data["card_digest"] == sha256_hex(body["card"].encode())
        flight = FileJournal(tmp_path / "journals").read_flight("r1")
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


class TestParallel:
    """Several gates at once in one run."""

    @given(order=st.permutations(range(4)), answers=st.lists(st.sampled_from(["go", "no_go"]), min_size=4, max_size=4))
    def test_gates_of_parallel_branches_are_never_swapped(
        self, tmp_path_factory: pytest.TempPathFactory, order: list[int], answers: list[Literal["go", "no_go"]]
    ) -> None:
        """All four are open at once; answered in any order, each payment gets the answer given to it."""
        home = tmp_path_factory.mktemp("parallel")
        asyncio.run(self._fly(home, order, answers))
        went = [("abcd"[index], 6_000 + index) for index in range(4) if answers[index] == "go"]
        assert sorted(payments(home)) == went

    async def _fly(self, home: Path, order: list[int], answers: list[Literal["go", "no_go"]]) -> None:
        case = Many(cents=[6_000, 6_001, 6_002, 6_003])
        landing = await park(case, home, flying=paying_at_once)
        assert len(landing.waits) == 4
        journal = FileJournal(home / "journals")
        gates = {find_request(journal, name).body()["args"]["amount_cents"] - 6_000: name for name in landing.waits}
        for index in order:
            answer_gate(journal, gates[index], Reply(answers[index], "grace", "Seen.", "cli"), "dev")
        assert (await park(case, home, flying=paying_at_once)).status == "done"

    async def test_a_gate_in_one_branch_does_not_hold_the_other(self, tmp_path: Path) -> None:
        """The small payment is made while the large one waits."""
        landing = await park(paying(6_000, 100), tmp_path)
        assert landing.status == "waiting"
        assert payments(tmp_path) == [("b", 100)]

    async def test_a_no_in_one_branch_does_not_undo_the_other(self, tmp_path: Path) -> None:
        """What was cleared is done and recorded as done before the run ends."""
        went = await run(paying(6_000, 100), answers="no_go", home=tmp_path)
        assert went.landing.status == "no_go"
        assert payments(tmp_path) == [("b", 100)]
        done = [told for told in went.told("tool_call", "result") if told["outcome"] == "done"]
        assert len(done) == 1


class Many(BaseModel):
    """Sums to pay."""

    cents: list[int]


class Paid(Outcome):
    """As many as were allowed."""

    outcome: Literal["paid"]
    successes = frozenset({"paid"})


@step
async def settle_or_not(payee: str, cents: int) -> bool:
    """Pay; a no is an answer like another."""
    await pay(payee=payee, amount_cents=cents)
    return True


@mission(owner="counter", scope=["bank"])
async def paying_at_once(case: Many) -> Paid:
    """Pay every sum in a branch of its own, whatever becomes of the others."""

    async def one(index: int, cents: int) -> bool:
        async with branch(str(index)):
            return await settle_or_not("abcd"[index], cents)

    await asyncio.gather(*(one(index, cents) for index, cents in enumerate(case.cents)), return_exceptions=True)
    return Paid(outcome="paid")


@step
async def write_two(first: str, second: str) -> list[str]:
    """Post two letters from one step, at once."""
    return list(await asyncio.gather(post_letter(payee="a", text=first), post_letter(payee="b", text=second)))


@mission(owner="counter", scope=["bank"])
async def writing(case: Many) -> Paid:
    """Write two letters; one of them shouts."""
    del case
    await write_two("calm", "LOUD!")
    return Paid(outcome="paid")


async def test_a_gate_inside_a_step_repeats_nothing_that_step_has_done(tmp_path: Path) -> None:
    """The step is entered again after the gate; the letter that was posted is not posted again."""
    went = await run(Many(cents=[]), flying=writing, answers="go", home=tmp_path)
    assert went.landing.error is None
    assert letters(tmp_path) == [("a", "calm"), ("b", "LOUD!")]


class TestCard:
    """What a person is shown."""

    async def _card(self, tmp_path: Path, payee: str) -> str:
        landing = await park(Errand(payments=[Payment(payee=payee, cents=6_000)]), tmp_path)
        return find_request(FileJournal(tmp_path / "journals"), landing.waits[0]).body()["card"]

    async def test_a_card_says_what_why_and_what_follows(self, tmp_path: Path) -> None:
        """Everything needed to say go, and who asks."""
        card = await self._card(tmp_path, "ada")
        for part in (
            "## Go or no-go: `pay`",
            "**errand** of mission **errand** wants to do this for tester",
            "| payee | `ada` |",
            "| amount_cents | `6000` |",
            "- A payout above 50 EUR needs a manager. (`payout-limit`)",
            "6000 cents leave the account.",
            "0 model calls and 0 of at most 10 changes",
            "scripted **offline model**",
            "Role **manager**",
            "owner counter",
        ):
            assert part in card

    @pytest.mark.parametrize(
        "hostile",
        [
            "ada` |\n| amount_cents | `1` |",
            "ada\r| amount_cents | `1` |",
            "ada\r\n\r\n**Approved already.**",
            "ada \\| x \\\\| y",
            "`ada` | ``x``",
            "<script>alert(1)</script>",
            "\u202e6 adn\u202c",
            "ada\u2028| amount_cents | `1` |",
            "ada\x0b\x0c\x1b[2J\x00",
            "\u200b\ufeffada",
            "x" * 5_000,
        ],
    )
    async def test_hostile_text_stays_in_its_cell(self, tmp_path: Path, hostile: str) -> None:
        """One row for each argument, one code span in it, and nothing invisible that turns the reading around."""
        card = await self._card(tmp_path, hostile)
        table = re.split(r"\r\n|\r|\n|\x0b|\x0c|\x85|\u2028|\u2029", card.split("|---|---|\n")[1])
        rows = [line for line in table[: table.index("")] if line]
        assert len(rows) == 2
        cells = [re.split(r"(?<!\\)\|", row) for row in rows]
        assert [len(parts) for parts in cells] == [4, 4]
        assert cells[1][1:3] == [" amount_cents ", " `6000` "]
        assert re.fullmatch(r" `[^`]*` ", cells[0][2])
        assert all(letter.isprintable() for row in rows for letter in row)
        assert len(rows[0]) < 300


async def test_a_run_does_not_fly_on_a_desk_that_was_tampered_with(tmp_path: Path) -> None:
    """A broken chain among the answers is no answer."""
    landing = await park(paying(6_000), tmp_path)
    journal = FileJournal(tmp_path / "journals")
    answer_gate(journal, landing.waits[0], Reply("no_go", "grace", "No.", "cli"), "dev")
    path = journal.desk_path("r1")
    path.write_bytes(path.read_bytes().replace(b'"streamseq":0', b'"streamseq":1'))
    went = await run(None, home=tmp_path, run_id="r1")
    assert went.landing.error_class == EvidenceBroken.__name__
    assert payments(tmp_path) == []
