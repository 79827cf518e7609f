"""Two runs that change one record: nothing is written over unseen, and the loser says so or takes it up again."""

from __future__ import annotations

import asyncio
import multiprocessing
import sqlite3
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import pytest

from flows.claims_triage import claims_triage
from flows.incident_response import incident_response
from gonogo import Noun, Outcome, mission, step
from gonogo.errors import Conflict
from gonogo.flights import fly
from gonogo.lanes.local import LocalPilot
from gonogo.plans import Plan, read_case
from gonogo.settings import settings
from gonogo.testing import rehearse
from policies.incidents import ON_CALL, Identifier
from tasks import rehearsal_claims, rehearsal_incidents
from tasks.incidents_tools import hand_over, open_ticket
from tasks.rehearsals import Random

if TYPE_CHECKING:
    from pathlib import Path

    from gonogo.missions import Mission

RUNS = 6
"""Runs on one record at once."""

INTAKES = {"open_ticket", "register_claim"}
"""Writes with which a run takes a record up as it stands."""


class Sweep(Noun):
    """A ticket that another mission hands to people."""

    number: Identifier
    is_persistent: bool = False
    """Whether it takes the ticket up again where somebody else was there before."""


class Swept(Outcome):
    """How the sweep ended."""

    outcome: Literal["handed_over", "handed_over_again"]
    successes = frozenset({"handed_over", "handed_over_again"})


@step
async def give(number: str) -> str:
    """Hand the ticket over."""
    return (await hand_over(number=number, team=ON_CALL, reason="swept up at the end of the shift")).reference


@step
async def take_up(number: str) -> str:
    """Take the ticket up again, as it stands."""
    taken = await open_ticket(
        number=number, title="t", description="", category="c", impact=2, urgency=2, handled_by="house", observations=[]
    )
    return taken.reference


@mission(owner="shift-lead", scope=["ticketing"])
async def sweep(case: Sweep) -> Swept:
    """Hand a ticket over; look again where another mission changed it meanwhile, if the case says so."""
    try:
        await give(case.number)
    except Conflict:
        if not case.is_persistent:
            raise
        await take_up(case.number)
        await give(case.number)
        return Swept(outcome="handed_over_again")
    return Swept(outcome="handed_over")


def writes(home: Path, system: str = "ticketing") -> list[tuple[str, int, str, str]]:
    """Return every write of every record: record, revision, run, tool."""
    with closing(sqlite3.connect(home / "systems" / f"{system}.db")) as db:
        found = "select record, revision, run_id, tool from record_writes order by record, revision"
        return db.execute(found).fetchall()


async def until_it_waits(home: Path, run_id: str, case: Any, flying: Mission[Any, Any] = incident_response) -> str:
    """Fly a run until it waits for a person, and leave."""
    here = settings().model_copy(update={"home": home, "model": None, "journals": None})
    landing = await fly(flying, read_case(flying, case), Plan(run_id, LocalPilot(patience="leave"), here))
    return landing.status


async def test_a_run_that_another_mission_overtook_at_a_gate_changes_nothing_more(tmp_path: Path) -> None:
    """The go that came too late is not enough: the run ends as an owned exception that names both runs."""
    case = rehearsal_incidents.bad_release(Random("conflict"), "1")
    assert await until_it_waits(tmp_path, "slow", case) == "waiting"
    swift = await rehearse(sweep, {"number": case["number"]}, home=tmp_path, run_id="swift")
    # The ticket was changed before this sweep began, so it knows what it changes.
    assert swift.outcome == "handed_over"
    flown = await rehearse(incident_response, case, answers="go", home=tmp_path, run_id="slow")
    assert (flown.landing.status, flown.landing.reason_code) == ("failed", "data_mismatch")
    assert flown.landing.error_class == "Conflict"
    said = str(flown.landing.error)
    assert "rollback_release by run slow was not done: run swift changed number=INC-1 by hand_over" in said
    (exception,) = flown.told("exception_record")
    assert (exception["reason_code"], exception["owner"]) == ("data_mismatch", "service-operations")
    assert [(run, tool) for _, _, run, tool in writes(tmp_path)] == [
        ("slow", "open_ticket"),
        ("slow", "acknowledge_ticket"),
        ("swift", "hand_over"),
    ]
    with closing(sqlite3.connect(tmp_path / "systems" / "ticketing.db")) as db:
        assert db.execute("select count(*) from actions").fetchone() == (0,)
        assert db.execute("select team from tickets").fetchall() == [(ON_CALL,)]


async def test_a_claim_that_two_runs_work_on_is_paid_by_the_later_one_alone(tmp_path: Path) -> None:
    """The second run takes the claim up while the first waits for its manager; a late go pays nothing twice."""
    case = rehearsal_claims.above_limit(Random("conflict"), "1")
    assert await until_it_waits(tmp_path, "first", case, claims_triage) == "waiting"
    second = await rehearse(claims_triage, case, answers="go", home=tmp_path, run_id="second")
    assert second.outcome == "paid"
    first = await rehearse(claims_triage, case, answers="go", home=tmp_path, run_id="first")
    assert (first.landing.status, first.landing.error_class) == ("failed", "Conflict")
    with closing(sqlite3.connect(tmp_path / "systems" / "ledger.db")) as db:
        assert db.execute("select count(*) from payments").fetchone() == (1,)


@pytest.mark.parametrize("is_persistent", [False, True])
async def test_the_loser_ends_owned_or_takes_the_record_up_again_as_it_stands(
    tmp_path: Path, *, is_persistent: bool
) -> None:
    """By rule of its mission; either way nothing was written over unseen."""
    case = rehearsal_incidents.stale_cache(Random("conflict"), "1")
    number = case["number"]
    arrived, begun = asyncio.Event(), asyncio.Event()

    class LatePilot(LocalPilot):
        """Holds the sweep's first step back until the incident mission is through."""

        async def fly_step(self, step: Any, arguments: Any, body: Any) -> Any:
            del step, arguments
            arrived.set()
            await begun.wait()
            return await body()

    here = settings().model_copy(update={"home": tmp_path, "model": None, "journals": None})
    wanted = Sweep(number=number, is_persistent=is_persistent)
    loser = asyncio.create_task(fly(sweep, wanted, Plan("loser", LatePilot(), here)))
    await arrived.wait()
    assert (await rehearse(incident_response, case, home=tmp_path, run_id="winner")).outcome == "resolved"
    begun.set()
    landing = await loser
    if is_persistent:
        assert landing.outcome == {"outcome": "handed_over_again"}
        assert [run for _, _, run, _ in writes(tmp_path)][-2:] == ["loser", "loser"]
    else:
        assert (landing.status, landing.reason_code) == ("failed", "data_mismatch")
        assert {run for _, _, run, _ in writes(tmp_path)} == {"winner"}


def never_over_anothers_head(home: Path) -> None:
    """Assert that whoever changed a record had written it last, or took it up with that very write."""
    rows = writes(home)
    assert [revision for _, revision, _, _ in rows] == list(range(1, len(rows) + 1))
    for (_, _, before, _), (_, _, run, tool) in pairwise(rows):
        assert run == before or tool in INTAKES, rows


async def test_many_runs_at_once_on_one_record_never_write_over_each_other(tmp_path: Path) -> None:
    """Side by side in one process: each ends resolved or with a conflict, and whoever took it up last ends well."""
    case = rehearsal_incidents.two_services(Random("conflict"), "1")
    flights = [rehearse(incident_response, case, home=tmp_path, run_id=f"run-{number}") for number in range(RUNS)]
    landed = [each.landing for each in await asyncio.gather(*flights)]
    assert {landing.error_class for landing in landed} <= {None, "Conflict"}
    never_over_anothers_head(tmp_path)
    last = writes(tmp_path)[-1][2]
    assert [landing.status for landing in landed if landing.run_id == last] == ["done"]
    lost = [landing for landing in landed if landing.status == "failed"]
    assert lost
    assert {landing.reason_code for landing in lost} == {"data_mismatch"}


def _fly_in_another_process(home: Path, number: int) -> str | None:
    case = rehearsal_incidents.two_services(Random("conflict"), "1")
    flown = asyncio.run(rehearse(incident_response, case, home=home, run_id=f"run-{number}"))
    return flown.landing.error_class


@pytest.mark.slow
def test_processes_that_race_for_one_record_never_write_over_each_other(tmp_path: Path) -> None:
    """The check and the write are one transaction of the system of record.

    Who takes a ticket up anew enters its symptoms anew; the law then refuses the other's closing it.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context) as pool:
        ended = list(pool.map(_fly_in_another_process, [tmp_path] * RUNS, range(RUNS)))
    assert set(ended) <= {None, "Conflict", "PolicyDenied"}
    assert None in ended
    never_over_anothers_head(tmp_path)
