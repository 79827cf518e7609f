"""Gates: go, no-go, revise, silence; closed by default."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import pytest
from pydantic import BaseModel

from gonogo import Outcome, gate, mission
from gonogo.approvals import Reply
from tests.gonogo.toy.approvers import GO, always, paying
from tests.gonogo.toy.bank import calls, payments
from tests.gonogo.toy.errands import Errand, park, run

if TYPE_CHECKING:
    from pathlib import Path

    from gonogo.testing import GateView

pytestmark = pytest.mark.usefixtures("backend")


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
        went = await run(paying(6_000), answers=always(Reply("no_go", "grace", "Wrong payee.", "cli")), home=tmp_path)
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
        went = await run(paying(6_000), answers=always(Reply("revise", "grace", "Ask Ada.", "cli")), home=tmp_path)
        assert (went.landing.status, went.landing.reason_code) == ("no_go", "approval_denied")
        assert went.landing.error == "pay: the reviewer wants it changed: Ask Ada."
        assert payments(tmp_path) == []

    @pytest.mark.parametrize("changes", [{"amount_cents": "much"}, {"payee": None}, {"amount": 1}])
    async def test_changes_the_tool_does_not_take_are_not_done(self, tmp_path: Path, changes: dict[str, Any]) -> None:
        """A reviewer's slip of the pen is a sentence, and nothing is paid."""
        went = await run(
            paying(6_000), home=tmp_path, answers=always(Reply("revise", "grace", "So.", "cli", changes=changes))
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

        def answer(view: GateView) -> Literal["go", "no_go"]:
            return "go" if view.role == "manager" else "no_go"

        went = await run(paying(60_000), answers=answer, home=tmp_path)
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
            assert (await run(Errand(crew=5), answers=answer, home=tmp_path, run_id="r1")).outcome == "settled"
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
