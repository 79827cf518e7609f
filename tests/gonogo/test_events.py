"""Outside events: in order, each once, misfits passed over with an owner, late ones missed for ever."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import BaseModel

from gonogo import Outcome, branch, mission, receive, step
from gonogo.errors import CaseRefused, EventMissed, RunUnknown
from gonogo.events import deliver
from gonogo.evidence.canon import moment
from gonogo.evidence.journals import journal_at
from gonogo.evidence.records import to_line
from tests.gonogo.toy.cutting import cut
from tests.gonogo.toy.errands import Errand, park, run

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("backend")

PAPERS = Errand(needs_papers=True)


class Case(BaseModel):
    """How many events to wait for."""

    count: int = 1


class Page(BaseModel):
    """One event."""

    number: int


class Read(Outcome):
    """What was received."""

    outcome: Literal["read", "missed"]
    successes = frozenset({"read"})
    numbers: tuple[int, ...] = ()


@mission(owner="counter", scope=["bank"])
async def reading(case: Case) -> Read:
    """Receive pages one after the other."""
    return Read(outcome="read", numbers=tuple([(await receive("page", Page)).number for _ in range(case.count)]))


@step
async def read_in_a_step(count: int) -> list[int]:
    """Receive pages inside a step."""
    return [(await receive("page", Page)).number for _ in range(count)]


@mission(owner="counter", scope=["bank"])
async def reading_in_a_step(case: Case) -> Read:
    """Receive pages inside a step."""
    return Read(outcome="read", numbers=tuple(await read_in_a_step(case.count)))


@step
async def give_up() -> str:
    """Do what is done when nothing came."""
    await asyncio.sleep(0)
    return "gave up"


@mission(owner="counter", scope=["bank"])
async def impatient(case: Case) -> Read:
    """Wait for a second at most, and go another way."""
    del case
    try:
        page = await receive("page", Page, within=timedelta(seconds=1))
    except EventMissed:
        await give_up()
        return Read(outcome="missed")
    return Read(outcome="read", numbers=(page.number,))


@mission(owner="counter", scope=["bank"])
async def reading_twice_at_once(case: Case) -> Read:
    """Receive two pages in two branches."""
    del case

    async def one(name: str) -> int:
        async with branch(name):
            return (await receive("page", Page)).number

    return Read(outcome="read", numbers=tuple(await asyncio.gather(one("left"), one("right"))))


def pages(*numbers: Any) -> list[tuple[str, dict[str, Any]]]:
    """Return events."""
    return [("page", {"number": number}) for number in numbers]


@pytest.mark.parametrize("flying", [reading, reading_in_a_step])
async def test_events_are_received_in_order_each_once(flying: Any) -> None:
    """In mission code and inside a step alike."""
    went = await run(Case(count=3), flying=flying, events=pages(1, 2, 3))
    assert went.landing.outcome is not None
    assert went.landing.outcome["numbers"] == [1, 2, 3]
    received = [body for body in went.told("event_receipt") if body["state"] == "received"]
    assert [body["record_id"] for body in received] == [
        record.fields["id"] for record in went.desk if record.artifact == "event_record"
    ]
    assert all(body["waited_ms"] >= 0 for body in received)


async def test_two_branches_receive_two_events() -> None:
    """No event goes to both."""
    went = await run(Case(), flying=reading_twice_at_once, events=pages(1, 2))
    assert went.landing.outcome is not None
    assert sorted(went.landing.outcome["numbers"]) == [1, 2]


async def test_an_event_delivered_before_it_is_waited_for_is_not_lost(tmp_path: Path) -> None:
    """It lies at the desk until the mission gets there."""
    await park(PAPERS, tmp_path)
    journal = journal_at(tmp_path)
    deliver(journal, "r1", "papers", [({"pages": 7}, None)], "cli")
    went = await run(None, home=tmp_path, run_id="r1")
    assert went.landing.outcome is not None
    assert went.landing.outcome["pages"] == 7


async def test_other_events_are_left_alone(tmp_path: Path) -> None:
    """A name is a name."""
    await park(PAPERS, tmp_path)
    deliver(journal_at(tmp_path), "r1", "paper", [({"pages": 7}, None)], "cli")
    landing = await park(PAPERS, tmp_path)
    assert (landing.status, landing.waits) == ("waiting", ("papers",))


@pytest.mark.parametrize("misfit", [{"pages": "many"}, {}, {"pages": None}, {"sheets": 2}])
async def test_a_misfit_is_passed_over_with_an_owner_and_the_wait_goes_on(misfit: dict[str, Any]) -> None:
    """It is recorded once, with the field that does not fit."""
    went = await run(PAPERS, events=[("papers", misfit), ("papers", {"pages": 3})])
    assert went.landing.outcome is not None
    assert went.landing.outcome["pages"] == 3
    (exception,) = went.told("exception_record")
    assert (exception["reason_code"], exception["owner"]) == ("data_mismatch", "counter")
    assert exception["what"].startswith("The event papers does not fit: pages: ")


@given(st.lists(st.one_of(st.integers(0, 99), st.just("misfit")), min_size=1, max_size=6))
@hypothesis_settings(max_examples=20)
def test_whatever_misfits_come_between_the_fitting_are_received_in_order(events: list[Any]) -> None:
    """Every fitting one, none twice, every misfit with an exception of its own."""
    fitting = [event for event in events if event != "misfit"]
    went = asyncio.run(run(Case(count=len(fitting) + 1), flying=reading, events=[*pages(*events), *pages(-1)]))
    assert went.landing.outcome is not None
    assert went.landing.outcome["numbers"] == [*fitting, -1]
    assert len(went.told("exception_record")) == len(events) - len(fitting)


class TestDeadline:
    """Silence of the outside world."""

    async def test_an_event_that_does_not_come_is_missed(self, tmp_path: Path) -> None:
        """The run fails with the sentence and the class of the taxonomy."""
        await park(PAPERS, tmp_path, event_deadline_seconds=1)
        await _until_late(tmp_path)
        landing = await park(PAPERS, tmp_path)
        assert (landing.status, landing.reason_code) == ("failed", "timeout")
        assert str(landing.error).startswith("The event papers did not come before 20")

    async def test_a_restart_does_not_extend_the_deadline(self, tmp_path: Path) -> None:
        """It counts from the first time the run waited."""
        await park(PAPERS, tmp_path, event_deadline_seconds=1_000)
        before = _deadline(tmp_path)
        await park(PAPERS, tmp_path, event_deadline_seconds=9_000)
        assert _deadline(tmp_path) == before

    async def test_a_miss_is_a_miss_for_ever(self, tmp_path: Path) -> None:
        """The mission went another way; an event that comes afterwards does not send it back."""
        await park(Case(), tmp_path, flying=impatient)
        await _until_late(tmp_path)
        first = await park(Case(), tmp_path, flying=impatient)
        assert (first.outcome or {})["outcome"] == "missed"
        cut(tmp_path, len(journal_at(tmp_path).read_flight("r1")) - 1)
        deliver(journal_at(tmp_path), "r1", "page", [({"number": 1}, None)], "cli")
        again = await park(Case(), tmp_path, flying=impatient)
        assert again.outcome == first.outcome


def _deadline(home: Path) -> datetime:
    flight = journal_at(home).read_flight("r1")
    return next(moment(r.data["deadline"]) for r in flight if r.data.get("state") == "awaited")


async def _until_late(home: Path) -> None:
    """Let the recorded deadline pass; it is a second at most."""
    await asyncio.sleep(max(0.0, (_deadline(home) - datetime.now(UTC)).total_seconds()))


class TestDelivery:
    """What is put on the desk, and what is refused."""

    async def test_events_land_in_order_with_when_they_occurred(self, tmp_path: Path) -> None:
        """Many in one write; the time is the world's, the record's is ours."""
        await park(PAPERS, tmp_path)
        then = datetime(2026, 3, 1, 8, tzinfo=UTC)
        journal = journal_at(tmp_path)
        records = deliver(journal, "r1", "papers", [({"pages": 1}, then), ({"pages": 2}, None)], "driver")
        assert [to_line(record) for record in journal.read_desk("r1")] == [to_line(record) for record in records]
        assert records[0].fields["time"] == records[0].data["occurred"] == "2026-03-01T08:00:00.000000Z"
        assert records[0].fields["recordedtime"] > records[0].fields["time"]
        assert [record.data["door"] for record in records] == ["driver", "driver"]

    async def test_an_event_for_nobody_is_refused(self, tmp_path: Path) -> None:
        """There is no such run."""
        with pytest.raises(RunUnknown, match="There is no run r9"):
            deliver(journal_at(tmp_path), "r9", "papers", [({}, None)], "cli")
        assert journal_at(tmp_path).tail.sizes() == {}

    async def test_an_event_for_a_run_that_ended_is_refused(self, tmp_path: Path) -> None:
        """Nobody would ever look at it."""
        await run(Errand(), home=tmp_path, run_id="r1")
        journal = journal_at(tmp_path)
        with pytest.raises(CaseRefused, match="Run r1 ended done; it receives nothing more"):
            deliver(journal, "r1", "papers", [({"pages": 1}, None)], "cli")
        assert journal.read_desk("r1") == []

    @pytest.mark.parametrize("body", [[1, 2], "text", 7, None])
    async def test_a_body_that_is_no_object_is_refused(self, tmp_path: Path, body: Any) -> None:
        """Nothing is put on the desk, not even what came before it in the same delivery."""
        await park(PAPERS, tmp_path)
        journal = journal_at(tmp_path)
        with pytest.raises(CaseRefused, match="The event papers must be a JSON object"):
            deliver(journal, "r1", "papers", [({"pages": 1}, None), (body, None)], "cli")
        assert journal.read_desk("r1") == []

    async def test_a_body_that_is_no_json_is_refused(self, tmp_path: Path) -> None:
        """A lone surrogate, as a shell may hand it over."""
        await park(PAPERS, tmp_path)
        journal = journal_at(tmp_path)
        with pytest.raises(CaseRefused, match="cannot be written as JSON"):
            deliver(journal, "r1", "papers", [({"pages": "\ud800"}, None)], "cli")
        assert journal.read_desk("r1") == []

    async def test_a_large_event_is_received_like_a_small_one(self, tmp_path: Path) -> None:
        """Its body is more than a line of the flight may hold."""
        await park(PAPERS, tmp_path)
        body = {"pages": 1, "scan": "x" * 100_000}
        deliver(journal_at(tmp_path), "r1", "papers", [(body, None)], "cli")
        assert (await park(PAPERS, tmp_path)).status == "done"
