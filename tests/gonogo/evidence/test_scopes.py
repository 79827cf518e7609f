"""Keys: the same on every replay, whatever the timing; what cannot be told apart is refused."""

from __future__ import annotations

import asyncio
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gonogo.errors import MissionMisdefined
from gonogo.evidence.scopes import Scope, branch, current_scope, entered


async def story(pauses: list[int]) -> set[tuple[str, str]]:
    """Claim keys in three parallel branches that pause as told; return who got which."""
    waits = itertools.cycle(pauses)
    claimed: set[tuple[str, str]] = set()

    async def work(name: str) -> None:
        async with branch(name):
            for turn in range(3):
                for _ in range(next(waits)):
                    await asyncio.sleep(0)
                claimed.add((f"{name}.{turn}", current_scope().claim("step", "pay", "d" * 64)))

    with entered(Scope("")):
        claimed.add(("first", current_scope().claim("step", "pay", "d" * 64)))
        await asyncio.gather(*(work(name) for name in ("a", "b", "c")))
        claimed.add(("last", current_scope().claim("step", "pay", "d" * 64)))
    return claimed


@given(st.lists(st.integers(0, 4), min_size=1, max_size=9))
def test_keys_do_not_depend_on_the_order_in_which_branches_run(pauses: list[int]) -> None:
    """Every operation has the key it had the first time, however the branches were interleaved."""
    assert asyncio.run(story(pauses)) == asyncio.run(story([0]))


async def test_a_key_tells_where_what_with_what_and_which_time() -> None:
    """Parent, branch, kind, name, digest of the input, occurrence."""
    with entered(Scope("")):
        assert current_scope().claim("step", "pay", "abcdef0123456789ffff") == "/step:pay(abcdef0123456789)"
        assert current_scope().claim("step", "pay", "abcdef0123456789ffff") == "/step:pay(abcdef0123456789)#1"
        assert current_scope().claim("step", "pay", "other") == "/step:pay(other)"
        assert current_scope().claim("event", "papers") == "/event:papers"
        async with branch("left"):
            assert current_scope().claim("event", "papers") == "/branch:left/event:papers"
            assert current_scope().branch == "left"
        with entered(Scope("/step:pay")):
            assert current_scope().claim("tool", "wire") == "/step:pay/tool:wire"


@given(st.booleans(), st.integers(0, 3), st.integers(0, 3))
def test_calls_that_cannot_be_told_apart_are_refused_whatever_the_timing(named: bool, one: int, two: int) -> None:
    """Even where one happens to be over before the other begins; the advice is to name the branch."""

    async def call(pause: int, name: str) -> str:
        for _ in range(pause):
            await asyncio.sleep(0)
        if not named:
            return current_scope().claim("step", "pay", "same")
        async with branch(name):
            return current_scope().claim("step", "pay", "same")

    async def both() -> list[str]:
        with entered(Scope("")):
            return list(await asyncio.gather(call(one, "left"), call(two, "right")))

    if named:
        assert asyncio.run(both()) == ["/branch:left/step:pay(same)", "/branch:right/step:pay(same)"]
    else:
        with pytest.raises(MissionMisdefined, match=r"pay is called with the same arguments .* async with branch"):
            asyncio.run(both())


async def test_two_branches_of_one_name_at_once_are_refused() -> None:
    """A name that two siblings share tells nobody apart."""

    async def call() -> None:
        async with branch("twin"):
            await asyncio.sleep(0)

    with entered(Scope("")), pytest.raises(MissionMisdefined, match="twin"):
        await asyncio.gather(call(), call())


async def test_a_branch_may_come_again_later() -> None:
    """One after the other, the occurrence tells them apart."""
    with entered(Scope("")):
        seen: list[str] = []
        for _ in range(2):
            async with branch("again"):
                seen.append(current_scope().path)
    assert seen == ["/branch:again", "/branch:again#1"]


def test_there_is_no_scope_outside_a_mission() -> None:
    """The sentence says what to call instead."""
    with pytest.raises(MissionMisdefined, match=r"only work inside a mission; call the mission, or rehearse\(\) it"):
        current_scope()
