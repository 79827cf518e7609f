"""Agents: declared well or not at all; offline by default; replayed without a model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pytest
from pydantic_ai.exceptions import (
    ModelHTTPError,
)

from gonogo import agent
from gonogo.errors import MissionMisdefined
from tests.gonogo.toy.asking import brief, opinion, paying, raising, told
from tests.gonogo.toy.bank import CALLS, look_up, pay
from tests.gonogo.toy.counter import HEARD, Opinion, by_the_brief, clerk
from tests.gonogo.toy.errands import run

if TYPE_CHECKING:
    from pathlib import Path

    from gonogo.agents.offline import Conversation


class TestDeclaration:
    """What is no agent is refused when it is declared."""

    def test_an_output_is_a_type(self) -> None:
        """A function would run around the law."""

        def act(text: str) -> str:
            return text

        with pytest.raises(MissionMisdefined, match="The output of rogue must be a type"):
            agent("rogue", output=cast("Any", act), instructions="", offline=by_the_brief)

    def test_a_tool_is_a_governed_tool(self) -> None:
        """What was not made with @tool is not offered to a model."""
        forged = type(pay)(
            pay.function, "forged", "bank", "read", True, None, pay.arguments, pay.result, False  # noqa: FBT003 - positional as the class takes them
        )  # fmt: skip
        with pytest.raises(MissionMisdefined, match="Every tool of rogue must be made with @tool"):
            agent("rogue", output=str, instructions="", offline=by_the_brief, tools=[forged])

    async def test_an_agent_is_not_asked_outside_a_mission(self) -> None:
        """Nobody would record it."""
        with pytest.raises(MissionMisdefined, match="only work inside a mission"):
            await clerk.ask("hello")

    async def test_an_agent_is_not_asked_in_mission_code(self) -> None:
        """Flows branch and steps act."""
        went = await told(clerk, in_step=False)
        assert "is asked in mission code; ask it inside a @step" in str(went.landing.error)
        assert HEARD == []

    async def test_an_unregistered_agent_does_not_start(self) -> None:
        """The sentence says where to register it; the model heard nothing."""
        ghost = agent("ghost", output=Opinion, instructions="", offline=by_the_brief)
        went = await told(ghost)
        assert (went.landing.status, went.landing.reason_code) == ("failed", "policy_block")
        assert "The agent ghost is not registered" in str(went.landing.error)
        assert HEARD == []
        assert went.told("model_call") == []

    async def test_an_agent_is_not_given_what_its_mandate_lacks(self) -> None:
        """The declaration may not be wider than the registration."""
        greedy = agent("reader", output=Opinion, instructions="", offline=by_the_brief, tools=[look_up, pay])
        went = await told(greedy)
        assert "The agent reader is given pay, which its mandate in policies/agents.yaml lacks." in str(
            went.landing.error
        )
        assert HEARD == []


class TestOffline:
    """The scripted model, which says that it is one."""

    async def test_the_script_reads_results_and_concludes(self) -> None:
        """It is given what a model would be given."""
        went = await run(brief([("look_up", {"account": "ada"})], [("look_up", {"account": "bo"})]))
        assert opinion(went).results == {"look_up": [{"balance_cents": 300}, {"balance_cents": 200}]}
        assert len(HEARD) == 3

    async def test_everything_says_that_the_model_is_offline(self) -> None:
        """Run, calls, and what they cost, which nobody is billed for."""
        went = await run(brief([("look_up", {"account": "ada"})]))
        assert (went.flight[0].data["model"], went.flight[0].data["offline"]) == ("offline:scripted", True)
        for result in went.told("model_call", "result"):
            assert (result["provider"], result["offline"], result["price_basis"]) == ("offline", True, "notional")
        assert went.landing.totals["price_basis"] == "notional"

    async def test_cost_is_exact_to_the_micro(self) -> None:
        """Each call as priced, rounded up; the total is their sum."""
        went = await run(brief([("look_up", {"account": "ada"})]))
        results = went.told("model_call", "result")
        assert [r["cost_micros"] for r in results] == [r["input_tokens"] + 4 * r["output_tokens"] for r in results]
        assert went.landing.totals["cost_micros"] == sum(r["cost_micros"] for r in results) > 0

    async def test_text_may_be_the_answer(self) -> None:
        """For an agent whose output is a text."""
        speaker = agent("reader", output=str, instructions="Speak.", offline=lambda talk: f"heard {talk.prompt[:9]}")
        assert (await told(speaker)).landing.outcome == {"outcome": "said", "text": 'heard {"turns":'}

    async def test_a_script_that_fails_is_a_failed_call(self) -> None:
        """Recorded as such; there is no intent without a result."""

        def broken(talk: Conversation) -> str:
            raise KeyError(talk.prompt[:1])

        went = await told(agent("reader", output=str, instructions="", offline=broken))
        assert (went.landing.status, went.landing.reason_code) == ("failed", "model_refusal")
        assert [body["phase"] for body in went.told("model_call")] == ["intent", "result"]


class TestReplay:
    """What is recorded is not asked again."""

    async def test_recorded_answers_come_back_without_a_model(self, tmp_path: Path) -> None:
        """The step runs again after a crash; the script is not called, no tool is."""
        case = brief([("look_up", {"account": "ada"}), paying("ada", 5)], [paying("bob", 6)])
        first = await run(case, home=tmp_path, run_id="r1")
        last = next(r.seq for r in first.flight if r.artifact == "step_record" and r.data["phase"] == "result")
        path = tmp_path / "journals" / "flights" / "r1.jsonl"
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:last]))
        HEARD.clear()
        CALLS.clear()
        again = await run(None, home=tmp_path, run_id="r1")
        assert (HEARD, CALLS) == ([], [])
        assert opinion(again) == opinion(first)
        assert again.landing.totals == first.landing.totals

    async def test_a_recorded_failure_comes_back_without_a_model(self, tmp_path: Path) -> None:
        """Same class, same sentence."""
        failing = agent("reader", output=str, instructions="", offline=raising(ModelHTTPError(500, "x", None)))
        first = await told(failing, home=tmp_path, run_id="r1")
        last = next(r.seq for r in first.flight if r.artifact == "step_record" and r.data["phase"] == "result")
        path = tmp_path / "journals" / "flights" / "r1.jsonl"
        path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:last]))
        working = agent("reader", output=str, instructions="", offline=lambda _: "fine")
        again = await told(working, home=tmp_path, run_id="r1")
        assert (again.landing.error_class, again.landing.error) == (first.landing.error_class, first.landing.error)
