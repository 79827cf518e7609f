"""Leaving: when a run ends, or sleeps, or is cancelled, nothing of it lives on in the process."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Literal

import pytest
from pydantic import BaseModel

from gonogo import Measure, Outcome, branch, mission, receive, step
from gonogo.errors import RunBusy
from gonogo.evidence.commits import Committer
from gonogo.evidence.journals import journal_at
from tests.gonogo.toy.bank import CALLS, WATCHERS, Call, look_up, payments
from tests.gonogo.toy.errands import Errand, Papers, Payment, park, run

if TYPE_CHECKING:
    from pathlib import Path

    from gonogo.evidence.commits import Durable

pytestmark = pytest.mark.usefixtures("backend")


class Case(BaseModel):
    """What the mission is to do."""

    what: str = ""


class Over(Outcome):
    """It is over."""

    outcome: Literal["well", "handed_over"]
    successes = frozenset({"well"})
    escalations = frozenset({"handed_over"})
    pages: Annotated[int | None, Measure("pages")] = None


@mission(owner="counter", scope=["bank"])
async def waiting_twice(case: Case) -> Over:
    """Wait for two events at once."""
    del case

    async def one(name: str) -> int:
        async with branch(name):
            return (await receive(name, Papers)).pages

    pages = await asyncio.gather(one("left"), one("right"))
    return Over(outcome="well", pages=sum(pages))


NEVER = asyncio.Event()


@step
async def stand_still() -> str:
    """Wait for what never comes."""
    await NEVER.wait()
    return "moved"


@step
async def stumble() -> str:
    """Fail."""
    raise LookupError("stumbled")


@mission(owner="counter", scope=["bank"])
async def leaving_one_behind(case: Case) -> Over:
    """Fail in one branch while another has not ended."""
    del case
    await asyncio.gather(stand_still(), stumble())
    return Over(outcome="well")


LATE = asyncio.Event()


@step
async def look() -> int:
    """Look at an account."""
    return len(await look_up(account="ada"))


@mission(owner="counter", scope=["bank"])
async def leaving_one_late(case: Case) -> Over:
    """Fail in one branch while another has not begun its work."""
    del case

    async def late() -> None:
        await LATE.wait()
        await look()

    await asyncio.gather(late(), stumble())
    return Over(outcome="well")


class TestLeaving:
    """When a run ends, or leaves its process, nothing of it lives on there."""

    async def test_a_run_that_waits_twice_at_once_leaves_once(self, tmp_path: Path) -> None:
        """One record says it sleeps, on both; nothing is written after it."""
        landing = await park(Case(), tmp_path, flying=waiting_twice)
        assert set(landing.waits) == {"left", "right"}
        await _turns(20)
        flight = journal_at(tmp_path).read_flight("r1")
        assert [r.data["events"] for r in flight if r.data.get("event") == "waiting"] == [["left", "right"]]
        assert asyncio.all_tasks() == {asyncio.current_task()}

    async def test_no_branch_leaves_before_the_record_of_it_is_durable(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """One branch begins to record that the run sleeps; the other finds that and waits for the slow disk as well."""
        commit = Committer.commit

        async def late(committer: Committer, stream: Durable) -> None:
            await _turns(50)
            await commit(committer, stream)

        monkeypatch.setattr(Committer, "commit", late)
        await park(Case(), tmp_path, flying=waiting_twice)
        flight = journal_at(tmp_path).read_flight("r1")
        assert [r.data["events"] for r in flight if r.data.get("event") == "waiting"] == [["left", "right"]]

    async def test_a_run_that_failed_leaves_no_branch_behind(self, tmp_path: Path) -> None:
        """A branch that lived on could act after the run's last record."""
        went = await run(Case(), flying=leaving_one_behind, home=tmp_path)
        assert went.landing.status == "failed"
        await _turns(20)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    async def test_a_branch_that_is_late_begins_nothing_after_the_end(self, tmp_path: Path) -> None:
        """It had not come to its first step when the run failed; not even a look is had."""
        LATE.clear()
        went = await run(Case(), flying=leaving_one_late, home=tmp_path)
        assert went.landing.status == "failed"
        LATE.set()
        await _turns(20)
        assert CALLS == []
        assert asyncio.all_tasks() == {asyncio.current_task()}

    async def test_a_cancelled_run_finishes_its_effect_and_gives_the_lease_back(self, tmp_path: Path) -> None:
        """What has begun is recorded as done; whoever flies it next does not do it again."""
        flying = asyncio.create_task(run(Errand(payments=[Payment(payee="a", cents=1)]), home=tmp_path, run_id="r1"))

        def cancel(_: Call) -> None:
            flying.cancel()

        WATCHERS.append(cancel)
        with pytest.raises(asyncio.CancelledError):
            await flying
        WATCHERS.clear()
        journal = journal_at(tmp_path)
        told = [r.data.get("outcome") for r in journal.read_flight("r1") if r.artifact == "tool_call"]
        assert told == [None, "done"]
        went = await run(None, home=tmp_path, run_id="r1")
        assert went.landing.status == "done"
        assert len(CALLS) == 1
        assert payments(tmp_path) == [("a", 1)]

    async def test_a_run_is_flown_by_one_pilot(self, tmp_path: Path) -> None:
        """The second is refused before it does anything."""
        begun, released = asyncio.Event(), asyncio.Event()
        HOLD[:] = [begun, released]
        first = asyncio.create_task(run(Case(), flying=holding, home=tmp_path, run_id="r1"))
        await begun.wait()
        with pytest.raises(RunBusy):
            await run(None, flying=holding, home=tmp_path, run_id="r1")
        released.set()
        assert (await first).landing.status == "done"


HOLD: list[asyncio.Event] = []


@step
async def hold() -> str:
    """Say that it has begun, and wait to be released."""
    begun, released = HOLD
    begun.set()
    await released.wait()
    return "released"


@mission(owner="counter", scope=["bank"])
async def holding(case: Case) -> Over:
    """Hold the lease for a while."""
    del case
    await hold()
    return Over(outcome="well")


async def _turns(count: int) -> None:
    """Let everything that could still run, run."""
    for _ in range(count):
        await asyncio.sleep(0)
