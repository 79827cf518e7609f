"""Several gates at once in one run: never lost, never swapped."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Literal

from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import BaseModel

from gonogo import Outcome, branch, mission, step
from gonogo.approvals import Reply, answer_gate, find_request
from gonogo.errors import GateDenied
from gonogo.evidence.journal import FileJournal
from tests.gonogo.toy.approvers import GO, paying
from tests.gonogo.toy.bank import letters, pay, payments, post_letter
from tests.gonogo.toy.errands import park, run

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from gonogo.testing import GateView


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

    async def one(index: int, cents: int) -> None:
        async with branch(str(index)):
            with suppress(GateDenied):
                await settle_or_not("abcd"[index], cents)

    await asyncio.gather(*(one(index, cents) for index, cents in enumerate(case.cents)))
    return Paid(outcome="paid")


@mission(owner="counter", scope=["bank"])
async def swallowing(case: Many) -> Paid:
    """Pay every sum at once, and take whatever comes of it for a result."""
    await asyncio.gather(
        *(settle_or_not("abcd"[i], cents) for i, cents in enumerate(case.cents)), return_exceptions=True
    )
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


@given(order=st.permutations(range(4)), answers=st.lists(st.sampled_from(["go", "no_go"]), min_size=4, max_size=4))
@hypothesis_settings(max_examples=15)
def test_gates_of_parallel_branches_are_never_swapped(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], answers: list[Literal["go", "no_go"]]
) -> None:
    """All four are open at once; answered in any order, each payment gets the answer given to it."""
    home = tmp_path_factory.mktemp("parallel")
    asyncio.run(_fly(home, order, answers))
    went = [("abcd"[index], 6_000 + index) for index in range(4) if answers[index] == "go"]
    assert sorted(payments(home)) == went


async def _fly(home: Path, order: list[int], answers: list[Literal["go", "no_go"]]) -> None:
    case = Many(cents=[6_000, 6_001, 6_002, 6_003])
    landing = await park(case, home, flying=paying_at_once)
    assert len(landing.waits) == 4
    journal = FileJournal(home / "journals")
    gates = {find_request(journal, name).body()["args"]["amount_cents"] - 6_000: name for name in landing.waits}
    for index in order:
        answer_gate(journal, gates[index], Reply(answers[index], "grace", "Seen.", "cli"), "dev")
    assert (await park(case, home, flying=paying_at_once)).status == "done"


@given(st.permutations([6_000, 7_000, 8_000, 9_000]), st.sets(st.sampled_from([6_000, 7_000, 8_000, 9_000])))
@hypothesis_settings(max_examples=15)
def test_an_approver_who_looks_at_each_card_is_obeyed_card_by_card(cents: list[int], allowed: set[int]) -> None:
    """In whatever order the branches come to their gates."""

    def answer(view: GateView) -> Literal["go", "no_go"]:
        return "go" if view.args["amount_cents"] in allowed else "no_go"

    went = asyncio.run(run(Many(cents=cents), flying=paying_at_once, answers=answer))
    assert went.landing.status == "done"
    assert sorted(amount for _, amount in payments(went.home)) == sorted(allowed)


async def test_a_mission_that_swallows_what_its_branches_raise_still_waits(tmp_path: Path) -> None:
    """``return_exceptions=True`` catches the signal to leave, too; the run is not done for that."""
    landing = await park(Many(cents=[6_000, 6_001]), tmp_path, flying=swallowing)
    assert landing.status == "waiting"
    assert len(landing.waits) == 2
    journal = FileJournal(tmp_path / "journals")
    for name in landing.waits:
        answer_gate(journal, name, GO, "dev")
    assert (await park(Many(cents=[6_000, 6_001]), tmp_path, flying=swallowing)).status == "done"
    assert sorted(payments(tmp_path)) == [("a", 6_000), ("b", 6_001)]


async def test_a_gate_in_one_branch_does_not_hold_the_other(tmp_path: Path) -> None:
    """The small payment is made while the large one waits."""
    landing = await park(paying(6_000, 100), tmp_path)
    assert landing.status == "waiting"
    assert payments(tmp_path) == [("b", 100)]


async def test_a_no_in_one_branch_does_not_undo_the_other(tmp_path: Path) -> None:
    """What was cleared is done and recorded as done before the run ends."""
    went = await run(paying(6_000, 100), answers="no_go", home=tmp_path)
    assert went.landing.status == "no_go"
    assert payments(tmp_path) == [("b", 100)]
    done = [told for told in went.told("tool_call", "result") if told["outcome"] == "done"]
    assert len(done) == 1


@step
async def write_to(name: str) -> str:
    """Post one letter from one branch."""
    return await post_letter(payee=name, text="calm")


@mission(owner="counter", scope=["bank"])
async def writing_at_once(case: Many) -> Paid:
    """Write to everybody, in branches."""

    async def one(name: str) -> None:
        async with branch(name):
            with suppress(GateDenied):
                await write_to(name)

    await asyncio.gather(*(one(name) for name in "abcd"[: len(case.cents)]))
    return Paid(outcome="paid")


@given(order=st.permutations(range(3)), answers=st.lists(st.sampled_from(["go", "no_go", "revise"]), min_size=3))
@hypothesis_settings(max_examples=12)
def test_doubts_of_parallel_branches_are_never_swapped(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], answers: list[Literal["go", "no_go", "revise"]]
) -> None:
    """Three letters are in doubt at once; each gets the answer given to it, in whatever order they come."""
    home = tmp_path_factory.mktemp("doubts")
    asyncio.run(_doubt(home, order, answers))


async def _doubt(home: Path, order: list[int], answers: list[Literal["go", "no_go", "revise"]]) -> None:
    case = Many(cents=[1, 1, 1])
    await run(case, flying=writing_at_once, home=home, run_id="r1")
    path = FileJournal(home / "journals").flight_path("r1")
    ends = ("tool_call", "step_record", "run_record")
    flight = FileJournal(home / "journals").read_flight("r1")
    first_end = next(r.seq for r in flight if r.artifact in ends and r.data["phase"] == "result")
    assert [r.artifact for r in flight[:first_end]].count("tool_call") == 3
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:first_end]))
    (home / "bank.sqlite").unlink()
    landing = await park(case, home, flying=writing_at_once)
    journal = FileJournal(home / "journals")
    requests = {find_request(journal, gate).body()["args"]["payee"]: gate for gate in landing.waits}
    assert set(requests) == set("abc")
    for index in order:
        changes = {"result": "seen"} if answers[index] == "revise" else {}
        answer_gate(journal, requests["abc"[index]], Reply(answers[index], "x", "y", "cli", changes=changes), "dev")
    assert (await park(case, home, flying=writing_at_once)).status == "done"
    assert sorted(letters(home)) == [(name, "calm") for name, said in zip("abc", answers, strict=False) if said == "go"]
    outcomes = [
        r.data["outcome"] for r in journal.read_flight("r1") if r.artifact == "tool_call" and "outcome" in r.data
    ]
    assert sorted(outcomes) == sorted("in_doubt" if said == "no_go" else "done" for said in answers[:3])
