"""Halting what flies: cut off or let finish, recorded once, ended aborted, and nothing begun after it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from gonogo import runs
from gonogo.approvals import Reply, answer_gate
from gonogo.cases import Flyer
from gonogo.errors import AnswerRefused
from gonogo.evidence.journals import journal_of
from gonogo.flights import fly
from gonogo.house.halting import StandDown
from gonogo.lanes.batch import fly_batch
from gonogo.lanes.local import LocalPilot
from gonogo.plans import Landing, Plan
from gonogo.settings import Settings, settings, using
from gonogo.switches import Target, halt, halts, rearm
from tests.gonogo.toy import POLICIES
from tests.gonogo.toy.bank import CALLS, WATCHERS, payments
from tests.gonogo.toy.counter import Brief
from tests.gonogo.toy.errands import Errand, Payment, errand, park
from tests.gonogo.toy.stone import SAFE_STATE, WORK, Quarry, Work, carve, carve_slowly, carved, read_slowly, runaway
from tests.gonogo.toy.stories import STORY, Case, acting, reading

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from gonogo.evidence.records import Record
    from gonogo.missions import Mission

ONE = Errand(payments=[Payment(payee="a", cents=1)], letter="Dear Ada")
ALL = Target("all")


@pytest.fixture(name="home", autouse=True)
def _home(tmp_path: Path) -> Settings:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    WORK[:] = [Work()]
    made: dict[str, Any] = {"home": tmp_path, "policy_folder": POLICIES, "requester": "tester", "model": None}
    return settings().model_copy(update=made)


def start(home: Settings, mission: Mission[Any, Any], case: Any, run_id: str = "r1") -> asyncio.Task[Landing]:
    """Take off."""
    return asyncio.ensure_future(fly(mission, case, Plan(run_id, LocalPilot(), home)))


def act(home: Settings, story: Callable[[], Awaitable[Any]], mission: Mission[Any, Any] = acting) -> Any:
    """Take off with a mission that does this in a step."""
    STORY[:] = [story]
    return start(home, mission, Case())


def throw(home: Settings, target: Target = ALL) -> Any:
    """Halt something, as another process would: nothing is told to anybody here."""
    return halt(home, target, "It runs away.", by="ada")


def told(home: Settings, artifact: str, run_id: str = "r1") -> list[Record]:
    """Return what a run recorded about one kind of thing."""
    return [r for r in journal_of(home).read_flight(run_id) if r.artifact == artifact]


def results(home: Settings, artifact: str = "tool_call") -> list[tuple[str, str | None]]:
    """Return how the run's calls ended."""
    found = [r.data for r in told(home, artifact) if r.data["phase"] == "result"]
    return [(data["outcome"], data.get("error_class")) for data in found]


class TestTargets:
    """What a halt stops, and what it leaves alone."""

    @pytest.mark.parametrize(
        "target", [Target("run", "r1"), Target("mission", "runaway"), ALL], ids=["run", "mission", "all"]
    )
    async def test_a_runaway_is_stopped_and_its_end_says_by_whom(self, home: Settings, target: Target) -> None:
        """Nothing is carved after it has landed, and every stroke is on record once."""
        flight = start(home, runaway, Quarry())
        await _until(lambda: len(carved(home.home)) > 3)
        thrown = throw(home, target)
        landing = await flight
        assert (landing.status, landing.reason_code, landing.error) == ("aborted", "aborted", thrown.sentence)
        strokes = [text for text, _ in carved(home.home)]
        assert len(strokes) == len(set(strokes)) == results(home).count(("done", None))
        last = told(home, "run_record")[-1].data
        (owned,) = (record.data for record in told(home, "exception_record"))
        assert last["halt"] == owned["halt"] == thrown.id
        assert (owned["halted_by"], owned["target"], owned["owner"]) == ("ada", str(target), "counter")
        assert owned["what"] == f"{thrown.sentence} Safe state: {SAFE_STATE}"

    @pytest.mark.parametrize("target", [Target("run", "r2"), Target("mission", "errand"), Target("agent", "clerk")])
    async def test_others_fly_on(self, home: Settings, target: Target) -> None:
        """Halting one thing is not halting another."""
        throw(home, target)
        STORY[:] = [lambda: read_slowly(text="x")]
        WORK[-1].may_end.set()
        assert (await start(home, acting, Case())).status == "done"

    async def test_an_agent_is_halted_with_every_run_that_employs_it(self, home: Settings) -> None:
        """Also where it does not act at the moment."""
        work = WORK[-1]

        async def idle() -> None:
            work.begun.set()
            await work.may_end.wait()

        flight = act(home, idle, reading)
        await work.begun.wait()
        throw(home, Target("agent", "reader"))
        assert (await flight).status == "aborted"

    async def test_a_halted_target_begins_nothing_and_leaves_nothing_behind(self, home: Settings) -> None:
        """No evidence, since nothing was begun; and the landing says how to go on."""
        throw(home, Target("mission", "errand"))
        landing = await start(home, errand, ONE)
        assert (landing.status, landing.evidence) == ("aborted", 0)
        assert "gonogo rearm --mission errand" in str(landing.error)
        assert journal_of(home).run_ids() == []
        assert CALLS == []

    async def test_once_it_is_rearmed_it_flies(self, home: Settings) -> None:
        """What was ended stays ended; what begins is new."""
        throw(home)
        await start(home, errand, ONE)
        rearm(home, ALL, "fixed", by="bob")
        assert (await start(home, errand, ONE)).status == "done"


class TestInFlight:
    """What is under way when the switch is thrown."""

    async def test_a_read_is_cut_off_at_once_and_recorded(self, home: Settings) -> None:
        """It would have gone on for ever."""
        flight = act(home, lambda: read_slowly(text="x"))
        await WORK[-1].begun.wait()
        throw(home)
        assert (await flight).status == "aborted"
        assert WORK[-1].cut_off == ["read_slowly"]
        assert results(home) == [("failed", "CutOff")]

    async def test_a_change_is_let_finish_and_recorded_once(self, home: Settings) -> None:
        """And the one after it is not begun."""
        heard = asyncio.Event()

        async def two() -> str:
            try:
                await carve_slowly(text="first")
            except asyncio.CancelledError:
                heard.set()
            return await carve(text="second")

        flight = act(home, two)
        await WORK[-1].begun.wait()
        throw(home)
        await heard.wait()
        assert not flight.done()
        WORK[-1].may_end.set()
        assert (await flight).status == "aborted"
        assert [text for text, _ in carved(home.home)] == ["first"]
        assert results(home) == [("done", None)]

    async def test_a_change_that_does_not_end_is_cut_off_and_in_doubt_with_an_owner(
        self, home: Settings, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It may have happened; somebody has to look, and is told where."""
        monkeypatch.setattr(runs, "HALT_WRITE_SECONDS", 0.0)
        flight = act(home, lambda: carve_slowly(text="x"))
        await WORK[-1].begun.wait()
        throw(home)
        assert (await flight).status == "aborted"
        assert results(home) == [("in_doubt", "CutOff")]
        doubt, _ = (record.data for record in told(home, "exception_record"))
        assert "whether it happened is not known. Look at the stone." in doubt["what"]
        assert (doubt["reason_code"], doubt["owner"]) == ("aborted", "counter")

    async def test_a_mission_that_swallows_the_abort_begins_nothing_and_is_told_again(self, home: Settings) -> None:
        """Until it leaves."""
        refused: list[str] = []

        async def stubborn() -> str:
            for attempt in (read_slowly, carve):
                try:
                    await attempt(text="x")
                except BaseException as error:  # noqa: BLE001 - what a stubborn author writes
                    refused.append(type(error).__name__)
            await asyncio.Event().wait()
            return "never"

        flight = act(home, stubborn)
        await WORK[-1].begun.wait()
        throw(home)
        assert (await flight).status == "aborted"
        assert refused == ["CancelledError", "CancelledError"]
        assert carved(home.home) == []

    async def test_a_run_that_waits_at_a_gate_in_this_process_ends(self, home: Settings) -> None:
        """Its gate is void: nobody can say go any more, and the refusal says why."""
        flight = start(home, errand, Errand(crew=4))
        await _until(lambda: bool(told(home, "approval_request")))
        thrown = throw(home)
        assert (await flight).status == "aborted"
        (request,) = told(home, "approval_request")
        with pytest.raises(AnswerRefused) as refused:
            _answer(home, request.data["gate"])
        assert thrown.reason in str(refused.value)

    async def test_a_payment_that_throws_the_switch_is_the_last_thing_that_happens(self, home: Settings) -> None:
        """It had begun; the letter after it is not posted."""
        WATCHERS.append(lambda _call: throw(home))
        landing = await start(home, errand, ONE)
        assert landing.status == "aborted"
        assert payments(home.home) == [("a", 1)]
        assert [call.tool for call in CALLS] == ["pay"]

    async def test_the_budget_of_a_stopped_agent_is_settled(self, home: Settings) -> None:
        """What was reserved for a call that is recorded is reserved no more."""
        flight = start(home, errand, Errand(brief=Brief(), crew=4))
        await _until(lambda: bool(told(home, "approval_request")))
        throw(home)
        landing = await flight
        (result,) = (r.data for r in told(home, "model_call") if r.data["phase"] == "result")
        assert landing.totals["cost_micros"] == result["cost_micros"]


class TestBatch:
    """Many cases in one process."""

    async def test_all_in_flight_stop_and_none_begins(self, home: Settings) -> None:
        """Every case lands aborted; those that had begun have an end on record."""
        landings: list[Landing] = []
        flyers = [Flyer(f"case-{number}", "", Quarry(name=str(number))) for number in range(60)]
        chosen = home.model_copy(update={"cases": 20})
        batch = asyncio.ensure_future(fly_batch(runaway, flyers, chosen, landings.append))
        await _until(lambda: len({text.partition(" ")[0] for text, _ in carved(home.home)}) == 20)
        throw(home, Target("mission", "runaway"))
        await batch
        assert {landing.status for landing in landings} == {"aborted"}
        assert len(landings) == 60
        assert len(journal_of(home).run_ids()) == 20
        assert journal_of(home).live_run_ids() == []

    async def test_halting_one_case_leaves_the_others_flying(self, home: Settings) -> None:
        """Orders are for all of a batch; a halt is for whom it names."""
        landings: list[Landing] = []
        flyers = [Flyer(f"case-{number}", "", Quarry(name=str(number))) for number in range(3)]
        batch = asyncio.ensure_future(fly_batch(runaway, flyers, home, landings.append))
        await _until(lambda: len({text.partition(" ")[0] for text, _ in carved(home.home)}) == 3)
        throw(home, Target("run", "case-1"))
        await _until(lambda: bool(landings))
        assert [landing.run_id for landing in landings] == ["case-1"]
        throw(home)
        await batch


class TestAsleep:
    """Runs that nobody flies."""

    async def test_a_sleeping_run_is_ended_and_its_gate_is_void(self, home: Settings) -> None:
        """By whoever threw the switch; none of its story is told."""
        await park(Errand(crew=4, payments=ONE.payments), home.home)
        (request,) = told(home, "approval_request")
        thrown = throw(home)
        # Also before anybody has ended the run.
        with pytest.raises(AnswerRefused, match="void") as refused:
            _answer(home, request.data["gate"])
        assert thrown.reason in str(refused.value)
        down = StandDown(home)
        assert down.look(halts(home)) == []
        assert down.ended == ["r1"]
        last = told(home, "run_record")[-1]
        assert (last.data["status"], last.data["halt"], last.data["reason_code"]) == ("aborted", thrown.id, "aborted")
        assert last.data["streams"][0]["seq"] == last.seq - 1
        assert CALLS == []

    async def test_a_sleeping_run_that_is_continued_ends_instead(self, home: Settings) -> None:
        """Where nobody has ended it before."""
        await park(Errand(crew=4), home.home)
        throw(home)
        assert (await start(home, errand, None)).status == "aborted"
        assert (await start(home, errand, None)).status == "aborted"
        assert len([r for r in told(home, "run_record") if r.data["phase"] == "result"]) == 1

    async def test_runs_of_another_mission_sleep_on(self, home: Settings) -> None:
        """They are not touched."""
        await park(Errand(crew=4), home.home)
        throw(home, Target("mission", "runaway"))
        down = StandDown(home)
        assert down.look(halts(home)) == []
        assert down.ended == []
        assert journal_of(home).live_run_ids() == ["r1"]

    async def test_a_run_that_somebody_flies_is_waited_for(self, home: Settings) -> None:
        """It holds its lease until its end is on record."""
        flight = start(home, errand, Errand(crew=4))
        await _until(lambda: bool(told(home, "approval_request")))
        thrown = throw(home)
        down = StandDown(home)
        assert down.look(halts(home)) == ["r1"]
        assert await asyncio.to_thread(down.wait, (thrown,), 60.0) == []
        assert (await flight).status == "aborted"
        assert down.ended == []

    async def test_an_agents_employers_are_found_by_their_evidence(self, home: Settings) -> None:
        """Also where their mission cannot be loaded any more."""
        await park(Errand(brief=Brief(), crew=4), home.home)
        throw(home, Target("agent", "clerk"))
        down = StandDown(home)
        down.look(halts(home))
        assert down.ended == ["r1"]

    async def test_what_a_crash_left_in_doubt_is_named_in_the_end(self, home: Settings) -> None:
        """A payment that was begun and has no result is not forgotten because the run was aborted."""
        await start(home, errand, ONE)
        path = home.home / "journals" / "flights" / "r1.jsonl"
        lines = path.read_bytes().splitlines(keepends=True)
        begun = next(i for i, line in enumerate(lines) if b'"tool_call' in line.replace(b"evidence.", b'"'))
        path.write_bytes(b"".join(lines[: begun + 1]))
        throw(home)
        StandDown(home).look(halts(home))
        doubt, _ = (record.data for record in told(home, "exception_record"))
        assert doubt["what"].startswith("pay began at")


def _answer(home: Settings, gate: str) -> None:
    """Answer a gate, from a process that stands in this home."""
    with using(home):
        answer_gate(journal_of(home), gate, Reply("go", "bob", "yes", "cli"), "dev")


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - a file on disk rings no bell here
            await asyncio.sleep(0.005)
