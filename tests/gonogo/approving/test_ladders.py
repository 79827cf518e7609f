"""Escalation ladders: nobody answers, others may, each rung is evidence, and the end of all is no-go."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from gonogo.approvals import find_request
from gonogo.board import open_gates
from gonogo.errors import AnswerRefused
from gonogo.evidence.canon import moment
from gonogo.evidence.journals import journal_of
from gonogo.evidence.ledger import only
from gonogo.flights import fly
from gonogo.gates import climb_sleeping
from gonogo.ladders import climb, next_rung, reached
from gonogo.lanes.local import LocalPilot
from gonogo.plans import Plan
from tests.gonogo.toy.approvers import paying
from tests.gonogo.toy.bank import payments
from tests.gonogo.toy.errands import errand
from tests.gonogo.toy.people import SINCE, Town, public

if TYPE_CHECKING:
    from pathlib import Path

    from gonogo.evidence.records import Record

pytestmark = pytest.mark.usefixtures("backend")

LARGE = paying(6_000)
DEADLINE = '@gate("manager")\n@deadline("1h")\nforbid (principal, action == Action::"pay"'


@pytest.fixture(name="town")
def _town(tmp_path: Path) -> Town:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    town = Town(tmp_path)
    town.people["dora"] = {"roles": ["head"], "keys": [{"key": public(town.key("dora")), "since": SINCE}]}
    town.enrol()
    return town


def climbing(town: Town, ladder: str, deadline: str = "1h") -> None:
    """Give the rule about large payouts a ladder."""
    new = DEADLINE.replace('@deadline("1h")', f'@deadline("{deadline}")\n@escalate("{ladder}")')
    town.rule(DEADLINE, new)


async def waiting(town: Town) -> str:
    """Fly until the gate, and return it."""
    (gate,) = (await town.park(LARGE)).waits
    return gate


def request_of(town: Town, gate: str) -> Record:
    """Return what the gate asks."""
    return find_request(journal_of(town.settings), gate)


async def come(town: Town, gate: str) -> None:
    """Return once the first rung has come."""
    due = moment(request_of(town, gate).data["rungs"][0]["at"])
    await asyncio.sleep(max(0.0, (due - datetime.now(UTC)).total_seconds()))


def rungs(town: Town) -> list[dict[str, Any]]:
    """Return the rungs on record."""
    return [record.data for record in only(town.desk(), "escalation_record")]


async def test_before_its_rung_a_role_of_the_ladder_is_a_role_like_any_other(town: Town) -> None:
    """Refused, on record, and nothing is escalated."""
    climbing(town, "30m head")
    gate = await waiting(town)
    with pytest.raises(AnswerRefused, match="dora does not hold the role manager"):
        town.say(gate, town.token(gate, "dora"))
    assert (rungs(town), payments(town.home)) == ([], [])
    assert open_gates(journal_of(town.settings))[0].escalated == ()


async def test_once_its_rung_has_come_a_role_of_the_ladder_may_answer_too(town: Town) -> None:
    """The rung is on record before the answer is, and the answer says how it came about."""
    climbing(town, "1s head")
    gate = await waiting(town)
    await come(town, gate)
    assert open_gates(journal_of(town.settings))[0].escalated == ("head",)
    record = town.say(gate, town.token(gate, "dora"))
    assert (record.data["holds"], record.data["role"]) == ("escalated", "manager")
    assert [each.artifact for each in town.desk()] == ["escalation_record", "approval_record"]
    (rung,) = rungs(town)
    assert (rung["role"], rung["rung"], rung["of"], rung["gate"]) == ("head", 1, 1, gate)
    assert (await town.park(None)).status == "done"
    assert payments(town.home) == [("a", 6_000)]


async def test_who_was_asked_first_may_still_answer_when_others_may_too(town: Town) -> None:
    """A ladder adds people; it takes nobody away."""
    climbing(town, "1s head")
    gate = await waiting(town)
    await come(town, gate)
    assert "holds" not in town.say(gate, town.token(gate, "grace")).data


async def test_the_end_of_the_ladder_is_no_go(town: Town) -> None:
    """The run that waits records the rung itself, then the deadline says no."""
    climbing(town, "1s head", deadline="2s")
    made = town.settings.model_copy(update={"poll_seconds": 0.05})
    landing = await fly(errand, LARGE, Plan("r1", LocalPilot(), made))
    assert (landing.status, payments(town.home)) == ("no_go", [])
    desk = [(each.artifact, each.data.get("proof")) for each in town.desk()]
    assert desk == [("escalation_record", None), ("approval_record", "clock")]


async def test_a_sleeping_run_climbs_by_whoever_looks_and_each_rung_is_told_once(town: Town) -> None:
    """However often, and by however many, it is looked at; what comes next is known."""
    climbing(town, "1s head, 30m board")
    gate = await waiting(town)
    journal = journal_of(town.settings)
    assert climb_sleeping(journal, "r1", [gate]) == moment(request_of(town, gate).data["rungs"][0]["at"])
    await come(town, gate)
    later = moment(request_of(town, gate).data["rungs"][1]["at"])
    found = await asyncio.gather(*(asyncio.to_thread(climb_sleeping, journal, "r1", [gate]) for _ in range(5)))
    assert set(found) == {later}
    assert [rung["role"] for rung in rungs(town)] == ["head"]


async def test_the_times_are_those_of_when_the_gate_opened_whatever_became_of_the_process(town: Town) -> None:
    """A restart neither extends nor shortens them."""
    climbing(town, "30m head, 45m board")
    gate = await waiting(town)
    before = request_of(town, gate).data["rungs"]
    await town.park(None)
    request = request_of(town, gate)
    assert request.data["rungs"] == before
    opened = moment(request.fields["time"])
    assert reached(request, opened + timedelta(minutes=29)) == ()
    assert reached(request, opened + timedelta(minutes=31)) == ("head",)
    assert reached(request, opened + timedelta(minutes=46)) == ("head", "board")


async def test_a_gate_that_was_answered_climbs_no_more(town: Town) -> None:
    """Also where the clock looks much later."""
    climbing(town, "30m head")
    gate = await waiting(town)
    town.say(gate, town.token(gate, "grace"))
    request, journal = request_of(town, gate), journal_of(town.settings)
    with journal.open_desk("r1") as desk:
        assert climb(desk, request, {}, datetime.now(UTC) + timedelta(days=1)) == []
    assert next_rung([request], town.desk()) is None
