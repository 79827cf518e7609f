"""A recorder that cannot be relied on for a moment: it ends no step, no call, no hand-over and no run."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from gonogo.cases import Flyer
from gonogo.errors import ClockBehind, EvidenceUnwritable
from gonogo.evidence.journals import journal_at
from gonogo.lanes.arrivals import Line, fly_arrivals
from gonogo.lanes.batch import fly_batch
from gonogo.lanes.chunks import unended
from gonogo.settings import settings
from tests.gonogo.toy import POLICIES, relay
from tests.gonogo.toy.approvers import paying
from tests.gonogo.toy.bank import WATCHERS, Call, payments
from tests.gonogo.toy.errands import Errand, errand, run
from tests.gonogo.toy.relay import Order, Relay
from tests.gonogo.toy.unlucky import grouped, undaunted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from gonogo.plans import Landing

pytestmark = pytest.mark.usefixtures("backend")

PAYS = {"tool": "pay", "args": {"payee": "a", "amount_cents": 1}}


FLIGHTS = {
    "a step pays": (errand, paying(1)),
    "an agent pays": (errand, Errand.model_validate({"brief": {"turns": [[PAYS]]}})),
    "a task group pays": (grouped, paying(1)),
    "a mission catches what goes wrong": (undaunted, paying(1)),
    "a specialist pays, sent by code": (relay.handed, Relay(cents=1)),
    "a specialist pays, sent by an agent": (relay.relay, Order(relay=Relay(hops=("bob",), cents=1))),
}


def failing_once(error: Exception) -> Callable[[Call], None]:
    """Return a watcher that raises with the first call that reaches the bank."""
    left = [error]

    def watch(_: Call) -> None:
        if left:
            raise left.pop()

    return watch


@pytest.mark.parametrize("name", FLIGHTS)
@pytest.mark.parametrize("kind", [EvidenceUnwritable, ClockBehind])
async def test_the_run_stops_without_an_end_and_goes_on_later(
    tmp_path: Path, kind: type[EvidenceUnwritable], name: str
) -> None:
    """Nothing is recorded as failed, whoever met it; continued, the run comes to its outcome and pays once."""
    flying, case = FLIGHTS[name]
    how: dict[str, Any] = {"flying": flying, "home": tmp_path, "run_id": "r1"}
    if flying in {relay.handed, relay.relay}:
        how["overrides"] = {"policy_folder": relay.policies(tmp_path)}
    WATCHERS.append(failing_once(kind("The recorder is away.")))
    with pytest.raises(kind, match=r"The recorder is away\."):
        await run(case, **how)
    journal = journal_at(tmp_path)
    assert not journal.has_ended("r1")
    ends = [r for r in journal.read_flight("r1") if r.data.get("outcome") in {"failed", "refused", "in_doubt"}]
    assert ends == []
    assert payments(tmp_path) == []
    went = await run(None, **how)
    assert went.landing.status == "done"
    assert len(payments(tmp_path)) == 1


async def test_nothing_is_begun_after_it(tmp_path: Path) -> None:
    """Branches beside the one that met it finish what is under way, and begin nothing more."""
    WATCHERS.append(failing_once(EvidenceUnwritable("The recorder is away.")))
    with pytest.raises(EvidenceUnwritable):
        await run(paying(1, 2).model_copy(update={"letter": "paid"}), home=tmp_path, run_id="r1")
    ended = [r.data for r in journal_at(tmp_path).read_flight("r1") if r.artifact == "tool_call"]
    assert all(each["tool"] == "pay" for each in ended)
    went = await run(None, home=tmp_path, run_id="r1")
    assert went.outcome == "settled"
    assert sorted(payments(tmp_path)) == [("a", 1), ("b", 2)]


async def each(home: Path, lane: str) -> dict[str, Landing]:
    """Fly three errands in a batch, at once or as they come, and return how they landed."""
    chosen = settings().model_copy(
        update={"home": home, "policy_folder": POLICIES, "requester": "tester", "model": None, "cases": 1}
    )
    landed: list[Landing] = []
    flyers = [Flyer(f"r{n}", f"here:{n}", paying(n + 1), arrived=datetime(2026, 1, 1, tzinfo=UTC)) for n in range(3)]
    if lane == "batch":
        await fly_batch(errand, flyers, chosen, landed.append)
    else:
        await fly_arrivals([Line(errand, flyers)], chosen, landed.append)
    return {landing.run_id: landing for landing in landed}


@pytest.mark.parametrize("lane", ["batch", "arrivals"])
@pytest.mark.parametrize("kind", [EvidenceUnwritable, ClockBehind])
async def test_a_case_of_a_batch_is_told_as_interrupted_and_goes_on_with_the_batch(
    tmp_path: Path, kind: type[EvidenceUnwritable], lane: str
) -> None:
    """It has not failed: nothing is recorded about it, the others land, and the same cases flown again are all paid."""
    WATCHERS.append(failing_once(kind("The recorder is away.")))
    first = await each(tmp_path, lane)
    assert {name: landing.status for name, landing in first.items()} == {
        "r0": "interrupted", "r1": "done", "r2": "done",
    }  # fmt: skip
    assert (first["r0"].error_class, first["r0"].error) == (kind.__name__, "The recorder is away.")
    assert not journal_at(tmp_path).has_ended("r0")
    second = await each(tmp_path, lane)
    assert {landing.status for landing in second.values()} == {"done"}
    assert sorted(payments(tmp_path)) == [("a", 1), ("a", 2), ("a", 3)]


def test_the_flow_run_of_a_batch_is_not_completed_while_cases_have_not_ended() -> None:
    """Whoever looks at Prefect sees that it has to be flown again; cases that failed have ended."""
    state = unended(Counter(done=197, failed=1, interrupted=2))
    assert state is not None
    assert (state.is_failed(), state.name) == (True, "Interrupted")
    assert "2 of 200 cases have not ended" in (state.message or "")
    assert "fly the same file again" in (state.message or "")
    assert unended(Counter(done=198, failed=2)) is None
