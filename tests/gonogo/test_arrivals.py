"""Arrivals: in order within a line, in turns between lines, no more at once than there is room for."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from gonogo.cases import Batch, Flyer, read_batch, replayed
from gonogo.errors import CaseRefused
from gonogo.evidence.journals import journal_of
from gonogo.lanes.arrivals import Line, fly_arrivals
from gonogo.lanes.queues import Queue
from gonogo.settings import settings
from tests.gonogo.toy import POLICIES
from tests.gonogo.toy.bank import WATCHERS, payments
from tests.gonogo.toy.errands import Errand, Payment, errand

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from gonogo.plans import Landing
    from gonogo.settings import Settings

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)


def here(home: Path, cases: int) -> Settings:
    """Return settings with room for so many cases."""
    return settings().model_copy(
        update={"home": home, "policy_folder": POLICIES, "requester": "tester", "model": None, "cases": cases}
    )


def flyer(line: str, number: int, came: datetime | None = LONG_AGO) -> Flyer:
    """Return a case of a line that pays one cent more than its number."""
    case = Errand(payments=[Payment(payee=line, cents=number + 1)])
    return Flyer(f"{line}-{number}", f"{line}:{number}", case, arrived=came)


async def fly(lines: Iterable[Iterable[Flyer]], home: Path, cases: int = 1) -> tuple[list[str], list[Landing]]:
    """Fly lines of errands; returns the ids in the order in which they were taken, and the landings."""
    taken: list[str] = []
    landed: list[Landing] = []
    made = [Line(errand, line) for line in lines]
    await fly_arrivals(made, here(home, cases), landed.append, lambda one: taken.append(one.run_id))
    return taken, landed


async def test_lines_take_turns_and_keep_their_order(tmp_path: Path) -> None:
    """A long line does not hold up a short one; within a line, first come is first served."""
    taken, landed = await fly([[flyer("a", n) for n in range(5)], [flyer("b", n) for n in range(2)]], tmp_path)
    assert taken == ["a-0", "b-0", "a-1", "b-1", "a-2", "a-3", "a-4"]
    assert [each.status for each in landed] == ["done"] * 7


async def test_what_a_case_brings_along_lies_on_its_desk_as_it_begins(tmp_path: Path) -> None:
    """A desk takes nothing for a run that is not on record, so the run's begin is written first."""
    brought = (("papers", {"pages": 3}, None),)
    one = Flyer("a-0", "a:0", Errand(needs_papers=True), events=brought, arrived=LONG_AGO)
    _, (landing,) = await fly([[one]], tmp_path)
    assert (landing.status, landing.error) == ("done", None)
    assert [r.data["door"] for r in journal_of(here(tmp_path, 1)).read_desk("a-0")] == ["driver"]


async def test_nobody_begins_before_they_have_come(tmp_path: Path) -> None:
    """The one who comes later in the first line is overtaken by those of the second who are there."""

    def coming() -> Iterator[Flyer]:
        """Say when the second one comes only when it is looked for, so that it is always still to come."""
        yield flyer("a", 0)
        yield flyer("a", 1, datetime.now(UTC) + timedelta(seconds=0.3))

    taken, _ = await fly([coming(), [flyer("b", n) for n in range(2)]], tmp_path)
    assert taken == ["a-0", "b-0", "b-1", "a-1"]
    first = journal_of(here(tmp_path, 1)).read_flight("a-1")[0]
    assert first.fields["time"] >= first.data["arrived"]


async def test_what_waits_waits_at_its_source(tmp_path: Path) -> None:
    """No more is taken than flies, but for the head of the line: memory does not grow with what waits."""
    offered = 0
    ahead: list[int] = []

    def coming() -> Iterator[Flyer]:
        nonlocal offered
        for number in range(12):
            offered += 1
            yield flyer("a", number)

    def watch(call: Any) -> None:
        ahead.append(offered - call.args["amount_cents"])

    WATCHERS.append(watch)
    _, landed = await fly([coming()], tmp_path, cases=3)
    assert len(landed) == 12
    assert max(ahead) <= 3


async def test_when_it_came_and_how_long_it_waited_is_on_record(tmp_path: Path) -> None:
    """Waiting can be measured by whoever has the evidence."""
    came = datetime.now(UTC) - timedelta(seconds=90)
    await fly([[flyer("a", 0, came)]], tmp_path)
    data = journal_of(here(tmp_path, 1)).read_flight("a-0")[0].data
    assert data["arrived"].startswith(came.strftime("%Y-%m-%dT%H:%M:%S"))
    assert 90_000 <= data["waited_ms"] < 600_000


async def test_the_same_lines_flown_again_go_on_where_they_stopped(tmp_path: Path) -> None:
    """As after a crash: what ended is not done again, the rest is."""
    await fly([[flyer("a", n) for n in range(2)]], tmp_path)
    _, landed = await fly([[flyer("a", n) for n in range(4)], [flyer("b", 0)]], tmp_path, cases=2)
    assert {each.status for each in landed} == {"done"}
    assert sorted(payments(tmp_path)) == [("a", 1), ("a", 2), ("a", 3), ("a", 4), ("b", 1)]


async def test_a_case_that_does_not_say_when_it_came_has_no_place_in_a_line(tmp_path: Path) -> None:
    """Fairness needs a time."""
    with pytest.raises(CaseRefused, match="a:0 does not say when it came in"):
        await fly([[flyer("a", 0, None)]], tmp_path)
    assert not (tmp_path / "journals").exists()


def read(folder: Path, *rows: dict[str, Any]) -> Batch:
    """Return what a file of these rows holds, whose column ``at`` says when each came."""
    path = folder / "errands.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return read_batch(errand, path, None, None, arrived="at")


def row(payee: str, at: object) -> dict[str, Any]:
    """Return an errand of a file."""
    return {"payments": [{"payee": payee, "cents": 1}], "at": at}


def test_a_column_says_when_cases_came_and_they_stand_in_that_order(tmp_path: Path) -> None:
    """With a zone or in UTC; the column is no field of the case, and what is no time is no case."""
    batch = read(
        tmp_path,
        row("c", "2026-01-02T10:00:00+01:00"),
        row("a", "2026-01-02 08:30:00.1234567"),
        row("b", "2026-01-02T08:45:00Z"),
        row("x", "yesterday"),
        row("y", None),
    )
    assert [flyer.ref for flyer in batch.flyers] == ["errands.jsonl:2", "errands.jsonl:3", "errands.jsonl:1"]
    assert batch.flyers[0].arrived == datetime(2026, 1, 2, 8, 30, 0, 123_456, tzinfo=UTC)
    assert [bad.ref for bad in batch.bad] == ["errands.jsonl:4", "errands.jsonl:5"]
    assert batch.bad[0].reason == "its column at says 'yesterday', which is no time like 2026-11-26T08:30:00"


def test_the_same_file_is_the_same_batch_with_and_without_arrivals(tmp_path: Path) -> None:
    """A replay that broke off is continued by the same command, and so is one flown without a replay."""
    first = read(tmp_path, row("a", "2026-01-02"), row("b", "2026-01-01"))
    again = read_batch(errand, tmp_path / "errands.jsonl", None, None, arrived="at")
    assert [flyer.run_id for flyer in first.flyers] == [flyer.run_id for flyer in again.flyers]


def test_a_replay_keeps_the_gaps_so_many_times_shorter(tmp_path: Path) -> None:
    """The first comes when it begins."""
    batch = read(tmp_path, row("a", "2026-01-02T08:00:00"), row("b", "2026-01-02T08:00:10"))
    began = datetime(2026, 5, 5, tzinfo=UTC)
    assert [f.arrived for f in replayed(batch, 10.0, began).flyers] == [began, began + timedelta(seconds=1)]


async def test_a_queue_knows_how_many_wait_and_how_long_they_waited(tmp_path: Path) -> None:
    """Three that came long ago wait behind each other; nobody waits at the end."""
    came = datetime.now(UTC) - timedelta(seconds=90)
    flyers = [flyer("a", number, came) for number in range(3)]
    queue = Queue.of(flyers)
    assert (queue.come(), queue.depth()) == (3, 3)
    await fly_arrivals([Line(errand, flyers)], here(tmp_path, 1), lambda _: None, queue.take)
    assert (queue.begun, queue.deepest, queue.depth()) == (3, 2, 0)
    assert queue.longest_ms >= 90_000
    assert queue.sentence.startswith("3 of 3 cases have come, 3 have begun, 0 wait (at most 2); the last one taken")
