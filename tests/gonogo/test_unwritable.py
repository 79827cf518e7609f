"""A recorder that cannot be relied on for a moment: it ends no step, no call, no hand-over and no run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gonogo.errors import ClockBehind, EvidenceUnwritable
from gonogo.evidence.journals import journal_at
from tests.gonogo.toy import relay
from tests.gonogo.toy.approvers import paying
from tests.gonogo.toy.bank import WATCHERS, Call, payments
from tests.gonogo.toy.errands import Errand, errand, run
from tests.gonogo.toy.relay import Order, Relay
from tests.gonogo.toy.unlucky import grouped, undaunted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

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
