"""Steps side by side and inside each other, with gates between: nothing is swapped, nothing is done twice."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from gonogo import branch, step
from tests.gonogo.toy.bank import CALLS, letters, look_up, pay, payments, post_letter
from tests.gonogo.toy.stories import text, told

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from pathlib import Path


DONE: list[str] = []


@pytest.fixture(autouse=True)
def _fresh() -> None:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    DONE.clear()


@step
async def failing(text_: str) -> int:
    """Fail."""
    DONE.append("failing")
    raise ValueError(text_)


async def at_once(*steps: Awaitable[Any]) -> list[Any]:
    """Do several steps side by side."""
    return list(await asyncio.gather(*steps))


class TestParallel:
    """Steps side by side."""

    async def test_equal_calls_side_by_side_are_refused_with_the_advice(self, tmp_path: Path) -> None:
        """On a replay they could not be told apart."""

        async def story() -> list[Any]:
            return await at_once(pay_one("ada"), pay_one("ada"))

        went = await told(story, home=tmp_path)
        assert went.landing.error_class == "MissionMisdefined"
        assert 'async with branch("...")' in str(went.landing.error)
        assert len(payments(tmp_path)) <= 1

    async def test_named_branches_tell_equal_calls_apart(self, tmp_path: Path) -> None:
        """Both are made, with two idempotency keys, and each record names its branch."""

        async def one(name: str) -> str:
            async with branch(name):
                return await pay_one("ada")

        async def story() -> list[Any]:
            return list(await asyncio.gather(one("left"), one("right")))

        went = await told(story, home=tmp_path)
        assert payments(tmp_path) == [("ada", 1), ("ada", 1)]
        assert {body["branch"] for body in went.told("step_record", "result")} == {"left", "right"}

    async def test_a_task_group_is_as_good_as_gather(self, tmp_path: Path) -> None:
        """And a failure in it is the failure, not a group of one."""

        async def story() -> None:
            async with asyncio.TaskGroup() as group:
                group.create_task(pay_one("ada"))
                group.create_task(failing("boom"))

        went = await told(story, home=tmp_path)
        assert went.landing.error == "The step failing failed: ValueError: boom"


@step
async def pay_one(payee: str) -> str:
    """Pay one cent."""
    return await pay(payee=payee, amount_cents=1)


@step
async def inner(payee: str, cents: int) -> str:
    """Pay, inside another step."""
    DONE.append("inner")
    return await pay(payee=payee, amount_cents=cents)


@step
async def outer() -> list[str]:
    """Post a letter, pay above the limit in a step of its own, post another."""
    DONE.append("outer")
    first = await post_letter(payee="ada", text="first")
    second = await inner("ada", 6_000)
    return [first, second, await post_letter(payee="ada", text="second")]


@step
async def outer_at_once() -> list[str]:
    """Pay above the limit in one inner step, and post letters in another, at once."""
    return await at_once(inner("ada", 6_000), write_slowly("calm"))


@step
async def write_slowly(words: str) -> str:
    """Look around before posting a letter."""
    for number in range(3):
        await look_up(account=str(number))
    return await post_letter(payee="ada", text=words)


class TestNested:
    """A gate inside a step inside a step."""

    async def test_what_was_done_before_the_gate_is_not_done_again(self, tmp_path: Path) -> None:
        """Both steps are left for the gate and entered again; letters and payment are made once."""
        went = await told(outer, home=tmp_path, answers="go")
        assert text(went) == repr(["posted to ada", "paid ada", "posted to ada"])
        assert DONE == ["outer", "inner", "outer", "inner"]
        assert letters(tmp_path) == [("ada", "first"), ("ada", "second")]
        assert payments(tmp_path) == [("ada", 6_000)]
        assert [body["outcome"] for body in went.told("step_record", "result")] == ["done", "done"]
        assert len(went.told("step_record", "intent")) == 2

    async def test_a_no_ends_both_steps(self, tmp_path: Path) -> None:
        """Each is recorded as failed by the denial; what was done before stays done."""
        went = await told(outer, home=tmp_path, answers="no_go")
        assert went.landing.status == "no_go"
        assert [body["reason_code"] for body in went.told("step_record", "result")] == ["approval_denied"] * 2
        assert letters(tmp_path) == [("ada", "first")]
        assert payments(tmp_path) == []

    async def test_a_sibling_of_the_gated_step_works_on_and_does_nothing_twice(self, tmp_path: Path) -> None:
        """It is neither stopped by the gate nor begun a second time beside itself."""
        went = await told(outer_at_once, home=tmp_path, answers="go")
        assert went.landing.error is None
        assert letters(tmp_path) == [("ada", "calm")]
        assert payments(tmp_path) == [("ada", 6_000)]
        assert len([call for call in CALLS if call.tool == "look_up"]) == 3
        results = [body["key"] for body in went.told("step_record", "result")]
        assert len(results) == len(set(results)) == 3
