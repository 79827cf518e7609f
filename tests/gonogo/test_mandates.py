"""Mandates: outside of them nobody does anything, and the evidence says who tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gonogo import mission, step
from gonogo.approvals import Reply
from gonogo.errors import GateDenied, PolicyBroken, PolicyDenied
from tests.gonogo.toy.approvers import always
from tests.gonogo.toy.bank import (
    CALLS,
    letters,
    look_up,
    open_vault,
    pay,
    payments,
    post_letter,
)
from tests.gonogo.toy.errands import run
from tests.gonogo.toy.stories import Case, Told, done, reading

if TYPE_CHECKING:
    from pathlib import Path


class TestMandate:
    """Outside its mandate nobody does anything, and the evidence says who tried."""

    async def test_a_mission_does_not_act_outside_its_scope(self) -> None:
        """The vault is a system of another mission."""
        went = await done(lambda: open_vault(door=1))
        assert (went.landing.status, went.landing.reason_code) == ("no_go", "policy_block")
        assert went.landing.error == "open_vault is refused by default-deny: No rule permits acting to open_vault."
        (refused,) = went.told("tool_call")
        assert (refused["outcome"], refused["tool"], refused["system"]) == ("refused", "open_vault", "vault")
        (decision,) = went.told("policy_decision")
        assert (decision["verdict"], decision["principal"]) == ("deny", "acting")
        assert CALLS == []

    async def test_a_step_that_acts_for_an_agent_has_that_agents_mandate(self) -> None:
        """The mission's scope holds the bank, the reader's mandate holds no payment."""
        went = await done(lambda: pay(payee="ada", amount_cents=1), flying=reading)
        assert went.landing.status == "no_go"
        assert went.told("policy_decision")[0]["principal"] == "reader"
        assert CALLS == []
        assert (await done(lambda: look_up(account="ada"), flying=reading)).outcome == "told"

    async def test_a_mission_that_would_act_for_nobody_registered_does_not_start(self, tmp_path: Path) -> None:
        """A name in the code is no mandate; no run, no evidence."""
        with pytest.raises(PolicyBroken, match="The agent ghost is not registered, so it does not start"):
            await run(Case(), flying=haunting, home=tmp_path)
        assert CALLS == []
        assert not (tmp_path / "journals").exists()

    async def test_more_changes_than_the_budget_allows_are_not_made(self, tmp_path: Path) -> None:
        """Reading is free, the third change is refused, the first two stay."""

        async def story() -> None:
            for cents in (1, 2, 3):
                await look_up(account=str(cents))
                await pay(payee="ada", amount_cents=cents)

        went = await done(story, home=tmp_path)
        assert (went.landing.status, went.landing.reason_code) == ("failed", "budget_exceeded")
        assert payments(tmp_path) == [("ada", 1), ("ada", 2)]
        assert went.told("tool_call", "result")[-1]["outcome"] == "refused"


@step(acting="ghost")
async def haunt() -> int:
    """Act for nobody."""
    return len(await look_up(account="ada"))


@mission(owner="counter", scope=["bank"])
async def haunting(case: Case) -> Told:
    """Act for nobody."""
    del case
    return Told(outcome="told", text=str(await haunt()))


class TestRevision:
    """A reviewer's other arguments."""

    async def test_a_revised_call_is_decided_anew(self, tmp_path: Path) -> None:
        """A letter that no longer shouts needs nobody; only that one is posted."""
        quiet = Reply("revise", "grace", "Do not shout.", "cli", changes={"text": "please"})
        await done(lambda: post_letter(payee="ada", text="NOW!"), answers=always(quiet), home=tmp_path)
        assert letters(tmp_path) == [("ada", "please")]

    async def test_a_step_may_catch_the_no(self, tmp_path: Path) -> None:
        """A denial is an error like another, and the run goes another way."""

        async def story() -> str:
            try:
                return await post_letter(payee="ada", text="NOW!")
            except GateDenied as error:
                return f"not posted: {error}"

        went = await done(story, answers="no_go", home=tmp_path)
        assert went.landing.outcome is not None
        assert went.landing.outcome["text"] == "not posted: post_letter: no-go by rehearsal: rehearsed"
        assert letters(tmp_path) == []

    async def test_a_step_may_catch_a_refusal(self) -> None:
        """The law's no can be planned for, too."""

        async def story() -> str:
            try:
                return await open_vault(door=1)
            except PolicyDenied:
                return "asked the janitor"

        went = await done(story)
        assert went.landing.outcome is not None
        assert went.landing.outcome["text"] == "asked the janitor"
