"""Watchers: whoever watches a run sees every operation before it is begun, and what was recorded of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gonogo.errors import BudgetExceeded, ToolFailed
from gonogo.flights import fly
from gonogo.lanes.local import LocalPilot
from gonogo.plans import Plan
from gonogo.settings import settings
from tests.gonogo.toy import POLICIES
from tests.gonogo.toy.bank import CALLS
from tests.gonogo.toy.errands import Brief, Errand, Payment, errand

if TYPE_CHECKING:
    from pathlib import Path

    from gonogo.evidence.records import Record
    from gonogo.operations import Operation
    from gonogo.plans import Landing
    from gonogo.runs import Run


@dataclass
class Notebook:
    """Writes down what it sees, and objects to one name, before or after."""

    objects_before: str = ""
    objects_after: str = ""
    begun: list[tuple[str, str, str]] = field(default_factory=list[tuple[str, str, str]])
    ended: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    async def before(self, run: Run, operation: Operation) -> None:
        """Write down what is about to be done."""
        del run
        self.begun.append((operation.kind, operation.name, operation.principal))
        if operation.name == self.objects_before:
            raise BudgetExceeded("not this one")

    async def after(self, run: Run, operation: Operation, record: Record) -> None:
        """Write down what came of it."""
        del run
        self.ended.append((operation.name, record.data["outcome"]))
        if operation.name == self.objects_after:
            raise ToolFailed("no further")


@dataclass(slots=True)
class Watched(LocalPilot):
    """A local pilot that brings its own watchers along."""

    watchers: tuple[Notebook, ...] = ()

    async def begin(self, run: Run) -> None:
        """Set them on the run."""
        run.watchers = self.watchers


async def flown(case: Errand, home: Path, *watchers: Notebook) -> Landing:
    """Fly the run ``r1`` under watchers."""
    pilot = Watched(watchers=watchers)
    made = settings().model_copy(update={"home": home, "policy_folder": POLICIES, "requester": "tester", "model": None})
    return await fly(errand, case, Plan("r1", pilot, made))


class TestWatchers:
    """Nothing is begun around them."""

    async def test_they_see_model_requests_and_tool_calls_with_who_acts(self, tmp_path: Path) -> None:
        """An agent's request bears the agent's name, a step's own call the mission's."""
        book = Notebook()
        landing = await flown(Errand(brief=Brief(), payments=[Payment(payee="ada", cents=500)]), tmp_path, book)
        assert landing.status == "done"
        assert ("model", "offline:scripted", "clerk") in book.begun
        assert ("tool", "pay", "errand") in book.begun
        assert ("pay", "done") in book.ended
        assert len(book.begun) == len(book.ended)

    async def test_what_one_objects_to_is_recorded_as_refused_and_not_done(self, tmp_path: Path) -> None:
        """The others are told of the refusal as well."""
        first, second = Notebook(), Notebook(objects_before="pay")
        landing = await flown(Errand(payments=[Payment(payee="ada", cents=500)]), tmp_path, first, second)
        assert (landing.status, landing.reason_code) == ("failed", "budget_exceeded")
        assert not CALLS
        assert first.ended == second.ended == [("pay", "refused")]

    async def test_an_objection_after_the_fact_stops_the_run_and_everybody_has_heard(self, tmp_path: Path) -> None:
        """What was done stands as done; the run ends."""
        first, second = Notebook(objects_after="pay"), Notebook()
        landing = await flown(Errand(payments=[Payment(payee="ada", cents=500)]), tmp_path, first, second)
        assert landing.status == "failed"
        assert second.ended == [("pay", "done")]
        assert [call.tool for call in CALLS] == ["pay"]

    async def test_a_replay_is_not_watched(self, tmp_path: Path) -> None:
        """Nothing is begun, so there is nothing to ask."""
        case = Errand(payments=[Payment(payee="ada", cents=500)])
        await flown(case, tmp_path, Notebook())
        book = Notebook()
        await flown(case, tmp_path, book)
        assert not book.begun
