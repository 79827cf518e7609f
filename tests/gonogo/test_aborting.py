"""Aborting: what has begun is finished and recorded, nothing more is begun, and the run's end says so."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from gonogo.evidence.journal import FileJournal
from gonogo.flights import fly
from gonogo.lanes.local import LocalPilot
from gonogo.orders import Orders, orders_in_force, under
from gonogo.plans import Landing, Plan
from gonogo.settings import Settings, settings
from tests.gonogo.toy import POLICIES
from tests.gonogo.toy.bank import CALLS, WATCHERS, Call, look_up, pay, payments
from tests.gonogo.toy.errands import Errand, Payment, errand, park
from tests.gonogo.toy.stories import STORY, Case, Story, acting

if TYPE_CHECKING:
    from pathlib import Path

    from gonogo.evidence.records import Record
    from gonogo.missions import Mission
    from gonogo.pilots import Wait
    from gonogo.runs import Run

WHY = "Somebody pressed the button."
TWICE = Errand(payments=[Payment(payee="a", cents=1)], letter="Dear Ada")


def plan(home: Path, waits: asyncio.Event | None = None) -> Plan:
    """Return the plan of run ``r1``; the event is set once it waits for something."""
    made: dict[str, Any] = {"home": home, "policy_folder": POLICIES, "requester": "tester", "model": None}
    chosen: Settings = settings().model_copy(update=made)

    def announce(_run: Run, _wait: Wait) -> None:
        if waits is not None:
            waits.set()

    return Plan("r1", LocalPilot(announce=announce), chosen)


class Control:
    """A flight, and the orders it is flown under."""

    def __init__(self) -> None:
        self.orders = Orders()
        self.waits = asyncio.Event()
        self.task: asyncio.Task[Landing] | None = None

    def start(self, mission: Mission[Any, Any], case: Any, home: Path) -> asyncio.Task[Landing]:
        """Take off."""
        with under(self.orders):
            self.task = asyncio.ensure_future(fly(mission, case, plan(home, self.waits)))
        return self.task

    def abort(self, *_: object) -> None:
        """Do what a runner does when a flow run is cancelled."""
        assert self.task is not None
        self.orders.abort = WHY
        self.task.cancel()


def told(home: Path, artifact: str, phase: str | None = None) -> list[Record]:
    """Return what the run's own stream says about one kind of thing."""
    records = FileJournal(home / "journals").read_flight("r1")
    return [r for r in records if r.artifact == artifact and phase in {None, r.data["phase"]}]


async def flown(story: Story, mission: Mission[Any, Any], control: Control, home: Path) -> Landing:
    """Fly a mission that does this."""
    STORY[:] = [story]
    return await control.start(mission, Case(), home)


class TestFlying:
    """A run that is in the air."""

    async def test_the_effect_in_flight_is_finished_and_recorded_and_none_follows(self, tmp_path: Path) -> None:
        """The payment had begun and is made; the letter after it is not written."""
        control = Control()
        WATCHERS.append(control.abort)
        landing = await control.start(errand, TWICE, tmp_path)
        assert (landing.status, landing.reason_code, landing.error_class) == ("aborted", "aborted", "Aborted")
        assert landing.error == WHY
        assert payments(tmp_path) == [("a", 1)]
        assert [r.data["outcome"] for r in told(tmp_path, "tool_call", "result")] == ["done"]
        assert [call.tool for call in CALLS] == ["pay"]

    async def test_the_end_is_the_last_record_and_closes_the_streams(self, tmp_path: Path) -> None:
        """Whoever audits the run sees that nothing comes after it."""
        control = Control()
        WATCHERS.append(control.abort)
        await control.start(errand, TWICE, tmp_path)
        last = FileJournal(tmp_path / "journals").read_flight("r1")[-1]
        assert (last.artifact, last.data["status"], last.data["success"]) == ("run_record", "aborted", False)
        assert last.data["streams"][0]["seq"] == last.seq - 1
        assert FileJournal(tmp_path / "journals").has_ended("r1")

    async def test_a_mission_that_swallows_the_cancellation_begins_nothing_more(self, tmp_path: Path) -> None:
        """It goes on in its own code, and every door of gonogo is shut."""
        control = Control()

        async def stubborn() -> str:
            refused: list[str] = []
            for attempt in (_look, _pay):
                try:
                    await attempt()
                except asyncio.CancelledError:
                    refused.append(attempt.__name__)
            return " ".join(refused)

        WATCHERS.append(control.abort)
        landing = await flown(stubborn, acting, control, tmp_path)
        assert landing.status == "aborted"
        assert [call.tool for call in CALLS] == ["look_up"]
        assert payments(tmp_path) == []

    async def test_a_run_that_waits_at_a_gate_is_stopped_there(self, tmp_path: Path) -> None:
        """And does not lie down instead."""
        control = Control()
        task = control.start(errand, Errand(crew=4), tmp_path)
        await control.waits.wait()
        control.abort()
        assert (await task).status == "aborted"
        assert [r.data.get("event") for r in told(tmp_path, "run_record", "fact")] == []

    async def test_a_task_that_is_cancelled_without_such_an_order_is_no_abort(self, tmp_path: Path) -> None:
        """A process that leaves does not end the run."""
        control = Control()

        def cancel(_: Call) -> None:
            assert control.task is not None
            control.task.cancel()

        WATCHERS.append(cancel)
        with pytest.raises(asyncio.CancelledError):
            await control.start(errand, TWICE, tmp_path)
        assert told(tmp_path, "run_record", "result") == []

    async def test_all_runs_under_the_same_orders_stop(self, tmp_path: Path) -> None:
        """As the cases of one batch do."""
        orders, waits = Orders(), [asyncio.Event(), asyncio.Event()]
        with under(orders):
            plans = [plan(tmp_path / str(number), event) for number, event in enumerate(waits)]
            tasks = [asyncio.ensure_future(fly(errand, Errand(crew=4), each)) for each in plans]
        for event in waits:
            await event.wait()
        orders.abort = WHY
        for task in tasks:
            task.cancel()
        assert {landing.status for landing in await asyncio.gather(*tasks)} == {"aborted"}


class TestAsleep:
    """A run that nobody flies."""

    async def test_a_sleeping_run_is_ended_without_any_of_its_story(self, tmp_path: Path) -> None:
        """Even an answer that lies on its desk opens nothing any more."""
        await park(Errand(crew=4, payments=[Payment(payee="a", cents=1)]), tmp_path)
        with under(Orders(abort=WHY)):
            landing = await fly(errand, None, plan(tmp_path))
        assert (landing.status, landing.error) == ("aborted", WHY)
        assert CALLS == []
        again = await fly(errand, None, plan(tmp_path))
        assert again.status == "aborted"

    async def test_a_run_that_has_ended_stays_as_it_ended(self, tmp_path: Path) -> None:
        """Done is done."""
        await fly(errand, Errand(), plan(tmp_path))
        with under(Orders(abort=WHY)):
            assert (await fly(errand, None, plan(tmp_path))).status == "done"


def test_outside_of_any_orders_every_flight_has_its_own() -> None:
    """To stop one is not to stop another."""
    first, second = orders_in_force(), orders_in_force()
    first.abort = WHY
    assert second.abort is None


async def _look() -> object:
    return await look_up(account="ada")


async def _pay() -> object:
    return await pay(payee="a", amount_cents=1)
