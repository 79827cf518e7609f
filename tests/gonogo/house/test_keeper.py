"""The keeper: news wake a sleeper, silence is no-go, a refusal is asked about ever more seldom, and little is read."""

from __future__ import annotations

import shutil
import time
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from gonogo.approvals import Reply, answer_gate, find_request
from gonogo.errors import AnswerRefused, ServerUnreachable
from gonogo.events import deliver
from gonogo.evidence import journal as journals
from gonogo.evidence.journal import FileJournal
from gonogo.evidence.journals import journal_of
from gonogo.evidence.ledger import only
from gonogo.flights import fly
from gonogo.house import keeper as keeping
from gonogo.house.keeper import REFUSALS_MAX, Keeper
from gonogo.house.waking import Refused, last_park
from gonogo.pilots import Parked
from gonogo.plans import Plan
from gonogo.settings import Settings, settings
from tests.gonogo.toy import POLICIES
from tests.gonogo.toy.errands import Errand, errand

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from gonogo.model import Lane
    from gonogo.runs import Run

GO = Reply("go", "ada", "checked", "cli")


class Bed:
    """A lane that lies down as a flow run with a deployment does."""

    lane: Lane = "mission"

    async def begin(self, run: Run) -> None:
        """Do nothing."""

    async def fly_step(self, step: Any, arguments: dict[str, Any], body: Callable[[], Awaitable[Any]]) -> Any:
        """Do the work, here."""
        del step, arguments
        return await body()

    async def rest(self, run: Run) -> None:
        """Lie down at once."""
        run.leaving = Parked()
        await run.park(mode="suspended", flow_run_id="f-1", api="http://nowhere/api", gate=run.waits[0].name)
        raise run.leaving


class Server:
    """What Prefect says, and how often it was asked."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked = 0
        self.says: Exception | None = None
        self.state = "PAUSED"
        self.is_form_lost = False
        monkeypatch.setattr(keeping, "resume", self._resume)
        monkeypatch.setattr(keeping, "flow_run_state", self._state)
        monkeypatch.setattr(keeping, "is_form_lost", self._is_form_lost)
        self.now = time.monotonic()
        monkeypatch.setattr(keeping.time, "monotonic", lambda: self.now)

    def _state(self, _park: dict[str, Any]) -> str:
        return self.state

    def _is_form_lost(self, _park: dict[str, Any]) -> bool:
        return self.is_form_lost

    def _resume(self, _park: dict[str, Any]) -> None:
        self.asked += 1
        if self.says is not None:
            raise self.says


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Server:
    """A Prefect server whose clock a test moves."""
    return Server(monkeypatch)


async def asleep(home: Path, case: Errand | None = None, bed: Bed | None = None, **changes: Any) -> Settings:
    """Return the settings of a home in which run ``r1`` sleeps, at a gate if no case is named."""
    made = {"home": home, "policy_folder": POLICIES, "requester": "tester", "model": None, **changes}
    chosen = settings().model_copy(update=made)
    assert (await fly(errand, case or Errand(crew=4), Plan("r1", bed or Bed(), chosen))).status == "waiting"
    return chosen


def answer(chosen: Settings, reply: Reply = GO) -> None:
    """Put an answer on the run's desk."""
    journal = journal_of(chosen)
    (request,) = only(journal.read_flight("r1"), "approval_request")
    assert find_request(journal, request.data["gate"]).run_id == "r1"
    answer_gate(journal, request.data["gate"], reply, "dev")


async def test_a_sleeper_without_news_is_left_alone(tmp_path: Path, server: Server) -> None:
    """Days at a gate cost nothing."""
    keeper = Keeper(await asleep(tmp_path))
    assert [keeper.look() for _ in range(3)] == [[], [], []]
    assert server.asked == 0


async def test_an_answer_wakes_the_sleeper_once(tmp_path: Path, server: Server) -> None:
    """Also where the ring was lost: the next look finds it."""
    chosen = await asleep(tmp_path)
    keeper = Keeper(chosen)
    keeper.look()
    answer(chosen)
    assert keeper.look() == ["f-1"]
    server.now += 3_600
    assert keeper.look() == []
    assert server.asked == 1


async def test_an_answer_that_came_while_the_run_lay_down_wakes_it(tmp_path: Path, server: Server) -> None:
    """After its last look at the desk, and before it has recorded that it sleeps."""

    class Overtaken(Bed):
        async def rest(self, run: Run) -> None:
            answer_gate(journal_of(run.settings), run.waits[0].name, GO, "dev")
            await super().rest(run)

    chosen = await asleep(tmp_path, bed=Overtaken())
    assert Keeper(chosen).look() == ["f-1"]
    assert server.asked == 1


async def test_an_event_that_came_while_the_run_lay_down_wakes_it(tmp_path: Path, server: Server) -> None:
    """What is waited for need not be a person."""

    class Overtaken(Bed):
        async def rest(self, run: Run) -> None:
            deliver(journal_of(run.settings), run.id, "papers", [({"pages": 3}, None)], "driver")
            await super().rest(run)

    chosen = await asleep(tmp_path, Errand(needs_papers=True), bed=Overtaken())
    assert Keeper(chosen).look() == ["f-1"]
    assert server.asked == 1


async def test_a_run_that_prefect_still_believes_to_fly_is_woken_once_it_sleeps(tmp_path: Path, server: Server) -> None:
    """It has recorded that it sleeps; Prefect learns of it a moment later, and an answer comes in between."""
    chosen = await asleep(tmp_path)
    keeper = Keeper(chosen)
    answer(chosen)
    server.says, server.state = Refused("not paused"), "RUNNING"
    assert keeper.look() == []
    server.says, server.state = None, "PAUSED"
    server.now += 2
    assert keeper.look() == ["f-1"]


async def test_a_run_that_lay_down_and_left_no_form_gets_up_and_lies_down_again(tmp_path: Path, server: Server) -> None:
    """Its process died in between; whoever comes to Prefect's page finds a form then, and is not sent away."""
    chosen = await asleep(tmp_path)
    server.is_form_lost = True
    keeper = Keeper(chosen)
    assert keeper.look() == ["f-1"]
    server.is_form_lost = False
    server.now += 2
    assert keeper.look() == []
    assert Keeper(chosen).look() == []


async def test_a_run_that_is_still_lying_down_is_not_asked_for_its_form(tmp_path: Path, server: Server) -> None:
    """Its process holds the lease until the form is there."""
    chosen = await asleep(tmp_path)
    server.is_form_lost = True
    stream = journal_of(chosen).open_flight("r1")
    keeper = Keeper(chosen)
    assert keeper.look() == []
    stream.close()
    assert keeper.look() == ["f-1"]


async def test_a_sleeper_whose_deadline_has_passed_is_answered_no_go(tmp_path: Path, server: Server) -> None:
    """Silence, while the run sleeps."""
    chosen = await asleep(tmp_path, gate_deadline_seconds=1)
    keeper = Keeper(chosen)
    while not (woken := keeper.look()):
        server.now += 1
    (record,) = journal_of(chosen).read_desk("r1")
    assert (woken, record.data["proof"], record.data["answer"]) == (["f-1"], "clock", "no_go")


async def test_a_refusal_is_asked_about_ever_more_seldom_and_in_the_end_becomes_an_exception(
    tmp_path: Path, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody hammers on a server that has said no, and the owner of the mission is told."""
    chosen = await asleep(tmp_path)
    keeper = Keeper(chosen)
    answer(chosen)
    server.says = Refused("the flow run is stuck")
    moments: list[float] = []
    for _ in range(2_000):
        before = server.asked
        keeper.look()
        moments += [server.now] if server.asked > before else []
        server.now += 1
    pauses = [round(after - before) for before, after in pairwise(moments)]
    assert pauses == [2, 4, 8, 16, 32, 60, 60]
    assert server.asked == REFUSALS_MAX
    (owned,) = only(journal_of(chosen).read_flight("r1"), "exception_record")
    assert (owned.data["owner"], owned.data["reason_code"]) == ("counter", "dependency_open")
    assert "the flow run is stuck (state PAUSED)" in owned.data["what"]
    assert owned.data["what"] in caplog.text
    assert last_park(chosen, "r1") is not None


async def test_something_new_on_the_desk_makes_prefect_be_asked_again(tmp_path: Path, server: Server) -> None:
    """Giving up is not for ever."""
    chosen = await asleep(tmp_path)
    keeper = Keeper(chosen)
    answer(chosen)
    server.says = Refused("no")
    for _ in range(500):
        keeper.look()
        server.now += 1
    server.says = None
    assert keeper.look() == []
    with pytest.raises(AnswerRefused):
        answer(chosen)
    assert keeper.look() == ["f-1"]


async def test_whoever_was_faster_has_woken_it(tmp_path: Path, server: Server) -> None:
    """Prefect refuses a second resume, and the run is on its way."""
    chosen = await asleep(tmp_path)
    answer(chosen)
    server.says, server.state = Refused("not paused"), "SCHEDULED"
    assert Keeper(chosen).look() == ["f-1"]
    assert only(journal_of(chosen).read_flight("r1"), "exception_record") == []


async def test_a_sleeper_that_was_cancelled_in_prefect_is_told_of(tmp_path: Path, server: Server) -> None:
    """The runner writes its end; to ask for it to be woken again would be no use."""
    chosen = await asleep(tmp_path)
    answer(chosen)
    server.says, server.state = Refused("not paused"), "CANCELLED"
    told: list[str] = []
    assert Keeper(chosen, told.append).look() == []
    assert told == ["f-1"]


async def test_a_server_that_is_away_is_no_refusal(tmp_path: Path, server: Server) -> None:
    """It is asked until it is back."""
    chosen = await asleep(tmp_path)
    keeper = Keeper(chosen)
    answer(chosen)
    server.says = ServerUnreachable("gone")
    for _ in range(100):
        assert keeper.look() == []
        server.now += 2
    server.says = None
    assert keeper.look() == ["f-1"]
    assert only(journal_of(chosen).read_flight("r1"), "exception_record") == []


async def test_one_broken_run_does_not_keep_the_others_asleep(
    tmp_path: Path, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody changed a record; whoever else waits is woken, and the log is not filled with it."""
    chosen = await asleep(tmp_path)
    answer(chosen)
    files = FileJournal(chosen.home / "journals")
    files.flight_path("r0").write_bytes(files.flight_path("r1").read_bytes().replace(b"tester", b"tested"))
    keeper = Keeper(chosen)
    assert [keeper.look() for _ in range(3)] == [["f-1"], [], []]
    assert server.asked == 1
    assert caplog.text.count("Run r0 cannot be looked after now") == 1


async def test_what_has_not_changed_is_not_read_again(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A look at thousands of runs looks at their sizes."""
    chosen = await asleep(tmp_path)
    keeper = Keeper(chosen)
    keeper.look()
    read: list[Path] = []
    whole = journals.read_stream

    def counted(path: Path) -> Any:
        read.append(path)
        return whole(path)

    monkeypatch.setattr(journals, "read_stream", counted)
    for _ in range(5):
        keeper.look()
    assert read == []
    answer(chosen)
    read.clear()
    assert keeper.look() == ["f-1"]
    assert [path.parent.name for path in read] == ["desk"]
    assert server.asked == 1


async def test_a_rung_that_comes_while_a_run_sleeps_is_recorded_and_told_to_it_once(
    tmp_path: Path, server: Server
) -> None:
    """The house does it, before the deadline, and then waits for the next one."""
    law = shutil.copytree(POLICIES, tmp_path / "policies")
    rules = law / "toy.cedar"
    crew = '@gate("flight-director")\n'
    text = rules.read_text(encoding="utf-8").replace(crew, f'{crew}@deadline("1h")\n@escalate("1s chief, 30m board")\n')
    rules.write_text(text, encoding="utf-8")
    chosen = await asleep(tmp_path, policy_folder=law)
    keeper = Keeper(chosen)
    while not (woken := keeper.look()):
        server.now += 1
    (rung,) = journal_of(chosen).read_desk("r1")
    assert (woken, rung.artifact, rung.data["role"], rung.data["rung"]) == (["f-1"], "escalation_record", "chief", 1)
    server.now += 10
    assert keeper.look() == []
    assert len(journal_of(chosen).read_desk("r1")) == 1
