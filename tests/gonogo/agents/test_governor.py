"""The governor: whatever an agent wants goes through law, budget, gates and evidence."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

import pytest
from pydantic_ai.exceptions import (
    ModelHTTPError,
    ModelRequestRejectedError,
    ModelTimeoutError,
    UnexpectedModelBehavior,
)

from gonogo import Budget, agent, branch, mission, step
from gonogo.agents.offline import Use
from gonogo.approvals import Reply, answer_gate, find_request
from gonogo.evidence.journal import FileJournal
from tests.gonogo.toy.approvers import always
from tests.gonogo.toy.asking import Case, Said, brief, opinion, paying, raising, told
from tests.gonogo.toy.bank import CALLS, WATCHERS, calls, letters, look_up, payments
from tests.gonogo.toy.counter import HEARD, Brief, Opinion, clerk, reader
from tests.gonogo.toy.doubting import dying, happened, saying
from tests.gonogo.toy.errands import park, run

if TYPE_CHECKING:
    from pathlib import Path

    from gonogo.agents.agent import Agent
    from gonogo.testing import GateView


class TestFailures:
    """A model that fails in its own ways."""

    @pytest.mark.parametrize(
        ("error", "reason_code", "error_class"),
        [
            (ModelHTTPError(500, "gpt-4o", "down"), "dependency_open", "ModelUnavailable"),
            (ModelHTTPError(400, "gpt-4o", {"error": "bad"}), "model_refusal", "ModelFailed"),
            (ModelRequestRejectedError("gpt-4o", "no"), "model_refusal", "ModelFailed"),
            (UnexpectedModelBehavior("garbage", "<html>\n"), "model_refusal", "ModelFailed"),
            (ModelTimeoutError("gpt-4o", "late"), "timeout", "StepTimedOut"),
            (TimeoutError("late"), "timeout", "StepTimedOut"),
            (ConnectionResetError("reset"), "dependency_open", "ModelUnavailable"),
            (ValueError("not JSON"), "model_refusal", "ModelFailed"),
        ],
    )
    async def test_a_failure_is_recorded_with_its_class(
        self, error: Exception, reason_code: str, error_class: str
    ) -> None:
        """One sentence, in the closed taxonomy; what may pass flies again, the rest is owned."""
        went = await told(agent("reader", output=str, instructions="", offline=raising(error)))
        assert (went.landing.status, went.landing.reason_code, went.landing.error_class) == (
            "failed" if reason_code == "model_refusal" else "waiting", reason_code, error_class,
        )  # fmt: skip
        assert "\n" not in str(went.landing.error)
        result = went.told("model_call", "result")[-1]
        assert (result["outcome"], result["reason_code"]) == ("failed", reason_code)

    async def test_an_endless_agent_is_stopped(self) -> None:
        """It is not asked for ever."""
        endless = agent(
            "reader",
            output=str,
            instructions="",
            tools=[look_up],
            offline=lambda talk: [Use("look_up", {"account": "a" * (1 + len(talk.results.get("look_up", [])))})],
        )
        went = await told(endless)
        assert went.landing.status == "failed"
        assert len(calls("look_up")) < 100


class TestBudget:
    """Money is set aside before the call."""

    async def test_a_call_that_could_cost_too_much_is_not_made(self) -> None:
        """The model heard nothing; the evidence has the refusal, with the budget, its cap, what is used and asked."""
        went = await run(Case(), flying=poor)
        assert (went.landing.status, went.landing.reason_code) == ("failed", "budget_exceeded")
        assert "A call of reader could cost" in str(went.landing.error)
        assert HEARD == []
        (refused,) = went.told("model_call")
        assert (refused["outcome"], refused["cost_micros"]) == ("refused", 0)
        assert refused["budget"].pop("asked") > 1
        assert refused["budget"] == {"whose": "run", "name": "", "unit": "usd_micros", "cap": 1, "used": 0}

    async def test_an_agent_may_not_change_more_than_the_run_may(self, tmp_path: Path) -> None:
        """The eleventh change of ten is not made, and ends the run."""
        went = await run(brief([paying(f"p{number}", 1) for number in range(11)]), home=tmp_path)
        assert went.landing.reason_code == "budget_exceeded"
        assert len(payments(tmp_path)) == 10


@step
async def ask_reader() -> str:
    """Ask the reader."""
    return (await reader.ask(Brief())).conclusion


@mission(owner="counter", scope=["bank"], budget=Budget(usd="0.000001"))
async def poor(case: Case) -> Said:
    """Ask with a millionth of a dollar."""
    del case
    return Said(outcome="said", text=await ask_reader())


class TestTools:
    """What the agent wants, and what the law lets it have."""

    async def test_what_the_law_refuses_the_model_is_told(self, tmp_path: Path) -> None:
        """It may think of something else; nothing was done."""
        went = await run(brief([paying("ada", 200_000)], [paying("ada", 5)]), home=tmp_path)
        assert payments(tmp_path) == [("ada", 5)]
        assert "Nobody pays more than 1,000 EUR here." in opinion(went).refused["pay"][0]
        assert [body["outcome"] for body in went.told("tool_call", "result")] == ["refused", "done"]

    async def test_a_tool_of_no_mandate_is_not_called(self) -> None:
        """A model that invents a tool, or names one it was not given, reaches nothing."""
        for name, args in (("open_vault", {"door": 1}), ("format_disk", {})):
            went = await run(brief([(name, args)]))
            assert CALLS == []
            assert went.told("tool_call", "intent") == []

    async def test_wrong_arguments_are_told_to_the_model(self, tmp_path: Path) -> None:
        """Which field, and why; the call is not decided, not recorded, not made."""
        case = brief([("pay", {"payee": "ada", "amount_cents": "plenty"})])
        went = await run(case, home=tmp_path)
        assert payments(tmp_path) == []
        assert went.told("policy_decision") == []
        assert "pay does not take these arguments: amount_cents" in str([talk.feedback for talk in HEARD])

    async def test_a_tool_that_fails_is_told_to_the_model(self) -> None:
        """It is recorded as failed, and the agent goes on."""

        def full(_: object) -> None:
            raise OSError("the books are closed")

        WATCHERS.append(full)
        went = await run(brief([("look_up", {"account": "ada"})]))
        assert went.outcome == "settled"
        assert "look_up failed: the books are closed" in opinion(went).refused["look_up"][0]

    async def test_an_agent_acts_under_its_own_name_and_version(self) -> None:
        """Decision, call and envelope name it as registered."""
        went = await run(brief([paying("ada", 5)]))
        assert went.told("policy_decision")[0]["principal"] == "clerk"
        assert went.told("tool_call", "result")[0]["principal"] == "clerk"
        call = next(record for record in went.flight if record.artifact == "model_call")
        assert (call.fields["agentid"], call.fields["agentversion"]) == ("clerk", "1.2.0")

    async def test_every_record_about_an_agents_act_bears_its_name(self) -> None:
        """Decision, request, intent and result; the mission's own name stands where no agent acts."""
        went = await run(brief([paying("ada", 6_000)]), answers="go")
        acts = [r for r in went.flight if r.artifact in {"policy_decision", "approval_request", "tool_call"}]
        assert len(acts) == 5
        card = acts[0].fields["manifestdigest"]
        named = {tuple(r.fields[n] for n in ("agentid", "agentversion", "manifestdigest")) for r in acts}
        assert named == {("clerk", "1.2.0", card)}
        assert card != went.flight[0].fields["manifestdigest"]
        (answer,) = [r for r in went.desk if r.artifact == "approval_record"]
        assert answer.fields["agentid"] == "clerk"


class TestGates:
    """An agent's gated calls."""

    async def test_a_no_ends_the_run(self, tmp_path: Path) -> None:
        """The person said no to the action, not to its wording."""
        went = await run(brief([paying("ada", 6_000)]), answers="no_go", home=tmp_path)
        assert (went.landing.status, went.landing.reason_code) == ("no_go", "approval_denied")
        assert payments(tmp_path) == []

    async def test_a_revision_is_told_to_the_model_which_tries_again(self, tmp_path: Path) -> None:
        """With the reviewer's remark and figures."""
        less = Reply("revise", "grace", "Too much.", "cli", changes={"amount_cents": 100})
        went = await run(brief([paying("ada", 6_000)], [paying("ada", 100)]), answers=always(less), home=tmp_path)
        assert payments(tmp_path) == [("ada", 100)]
        remark = opinion(went).refused["pay"][0]
        assert "A reviewer asks you to revise this action: Too much." in remark
        assert "{'amount_cents': 100}" in remark

    async def test_parallel_gated_calls_are_each_answered_for_themselves(self, tmp_path: Path) -> None:
        """Two of three wait for a person; each is done once, as answered."""
        asked: list[tuple[str, int]] = []

        def answer(view: GateView) -> Literal["go"]:
            asked.append((view.args["payee"], view.args["amount_cents"]))
            return "go"

        case = brief([paying("ada", 6_000), paying("bob", 5), paying("cleo", 7_000)])
        went = await run(case, answers=answer, home=tmp_path)
        assert went.outcome == "settled"
        assert sorted(payments(tmp_path)) == [("ada", 6_000), ("bob", 5), ("cleo", 7_000)]
        assert sorted(asked) == [("ada", 6_000), ("cleo", 7_000)]
        assert len(calls("pay")) == 3
        assert len(HEARD) == 2

    async def test_a_call_beside_a_gated_one_is_not_begun_twice(self, tmp_path: Path) -> None:
        """A letter cannot be repeated, and is not in doubt because its neighbour waits."""
        case = brief([("post_letter", {"payee": "ada", "text": "calm"}), paying("ada", 6_000)])
        went = await run(case, answers="go", home=tmp_path)
        assert went.landing.error is None
        assert letters(tmp_path) == [("ada", "calm")]

    async def test_a_gated_call_survives_the_process(self, tmp_path: Path) -> None:
        """The run leaves at the gate; the next process asks no model again and does what was approved."""
        case = brief([paying("ada", 6_000)])
        landing = await park(case, tmp_path)
        (gate_id,) = landing.waits
        journal = FileJournal(tmp_path / "journals")
        assert "**clerk** of mission **errand** wants to do this" in find_request(journal, gate_id).body()["card"]
        answer_gate(journal, gate_id, Reply("go", "grace", "Right.", "cli"), "dev")
        heard = len(HEARD)
        assert (await park(case, tmp_path)).status == "done"
        assert len(HEARD) == heard + 1
        assert payments(tmp_path) == [("ada", 6_000)]


class TestDoubt:
    """An agent's call of which only the beginning is known."""

    CASE = brief([("post_letter", {"payee": "ada", "text": "calm"}), paying("ada", 5)])

    async def _in_doubt(self, home: Path) -> None:
        with dying("after"):
            await run(self.CASE, home=home, run_id="r1")
        CALLS.clear()
        HEARD.clear()

    async def test_the_missions_owner_is_asked_and_no_model_again(self, tmp_path: Path) -> None:
        """What the model had said is recorded; the letter waits, and its neighbour, which may be repeated, is done."""
        await self._in_doubt(tmp_path)
        landing = await park(self.CASE, tmp_path)
        assert (landing.status, HEARD, calls("post_letter")) == ("waiting", [], [])
        request = find_request(FileJournal(tmp_path / "journals"), landing.waits[0])
        assert (request.data["role"], request.fields["agentid"]) == ("counter", "clerk")
        assert "**clerk** of mission **errand** began this" in request.body()["card"]

    async def test_what_a_person_saw_is_what_the_model_is_told(self, tmp_path: Path) -> None:
        """It goes on as if the tool itself had answered; the letter is not posted again."""
        await self._in_doubt(tmp_path)
        went = await run(None, home=tmp_path, run_id="r1", answers=saying(happened(result="posted, says the book")))
        assert opinion(went).results["post_letter"] == ["posted, says the book"]
        assert letters(tmp_path) == [("ada", "calm")]
        assert payments(tmp_path) == [("ada", 5)]

    async def test_go_posts_it_once_more(self, tmp_path: Path) -> None:
        """As the owner said."""
        await self._in_doubt(tmp_path)
        went = await run(None, home=tmp_path, run_id="r1", answers=saying("go"))
        assert went.outcome == "settled"
        assert len(calls("post_letter")) == 1
        assert payments(tmp_path) == [("ada", 5)]

    async def test_a_no_ends_the_run(self, tmp_path: Path) -> None:
        """The model is not told to try another wording of a letter that may be on its way."""
        await self._in_doubt(tmp_path)
        went = await run(None, home=tmp_path, run_id="r1", answers=saying("no_go"))
        assert (went.landing.status, went.landing.error_class) == ("no_go", "InDoubt")
        assert calls("post_letter") == []


@step
async def ask_two() -> list[str]:
    """Ask two agents at once."""

    async def one(name: str, who: Agent[Opinion]) -> str:
        async with branch(name):
            return (await who.ask(Brief(conclusion=name))).conclusion

    return list(await asyncio.gather(one("left", clerk), one("right", clerk)))


@mission(owner="counter", scope=["bank"])
async def asking_two(case: Case) -> Said:
    """Ask two agents at once."""
    del case
    return Said(outcome="said", text=",".join(await ask_two()))


async def test_two_agents_answer_side_by_side() -> None:
    """Neither gets the other's answer."""
    went = await run(Case(), flying=asking_two)
    assert went.landing.outcome == {"outcome": "said", "text": "left,right"}
