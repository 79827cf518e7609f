"""A clock that is set back: no deadline comes back with it, nothing that waited is lost, and the evidence holds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from gonogo import clocks
from gonogo.approvals import answer_gate
from gonogo.clocks import MARK, keep_time, trusted_now
from gonogo.errors import AnswerRefused, ClockBehind, EvidenceUnwritable
from gonogo.evidence.canon import moment, timestamp
from gonogo.evidence.journals import journal_at
from gonogo.evidence.ledger import only
from gonogo.settings import settings, using
from tests.gonogo.toy.approvers import GO, paying
from tests.gonogo.toy.bank import payments
from tests.gonogo.toy.errands import Errand, park

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

HOUR = timedelta(hours=1)
AGENT = Errand.model_validate(
    {"brief": {"turns": [[{"tool": "pay", "args": {"payee": "a", "amount_cents": 6_000}}]]}},
)


@pytest.fixture(name="home", autouse=True)
def _home(tmp_path: Path) -> Generator[Path]:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    with using(settings().model_copy(update={"home": tmp_path})):
        yield tmp_path


class Set(datetime):
    """A clock that stands where a test has set it."""

    by = timedelta(0)

    @classmethod
    def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
        """Return the time, as a clock that was set would."""
        del tz
        return datetime.now(UTC) + cls.by


@pytest.fixture(name="turn")
def _turn(monkeypatch: pytest.MonkeyPatch) -> type[Set]:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    """Let a test set the clock that gates are held against."""
    monkeypatch.setattr(Set, "by", timedelta(0))
    monkeypatch.setattr(clocks, "datetime", Set)
    return Set


async def test_no_answer_is_taken_while_the_clock_stands_before_what_is_on_record(home: Path, turn: type[Set]) -> None:
    """The refusal is evidence, the gate still waits, and the same answer counts once the clock is right."""
    (gate,) = (await park(paying(6_000), home)).waits
    journal = journal_at(home)
    turn.by = -HOUR
    with pytest.raises(AnswerRefused, match=r"stands 3[56]\d\d s before .* Set the clock right"):
        answer_gate(journal, gate, GO, "dev")
    assert [each.data["accepted"] for each in only(journal.read_desk("r1"), "approval_record")] == [False]
    turn.by = timedelta(0)
    assert answer_gate(journal, gate, GO, "dev").data["accepted"]


@pytest.mark.parametrize("case", [paying(6_000), AGENT], ids=["a step pays", "an agent pays"])
async def test_nothing_that_was_said_go_to_is_done_on_a_clock_that_was_set_back(
    home: Path, turn: type[Set], case: Errand
) -> None:
    """The run stops before the payment, is still alive, and pays once when the clock is right again."""
    landing = await park(case, home)
    answer_gate(journal_at(home), landing.waits[0], GO, "dev")
    turn.by = -HOUR
    with pytest.raises(EvidenceUnwritable, match="Set the clock right"):
        await park(case, home)
    assert payments(home) == []
    assert "r1" in journal_at(home).live_run_ids()
    turn.by = timedelta(0)
    assert (await park(case, home)).status == "done"
    assert len(payments(home)) == 1


async def test_what_needs_no_person_goes_on(home: Path, turn: type[Set]) -> None:
    """And its records keep their order, by number."""
    keep_time(home, datetime.now(UTC) + HOUR)
    turn.by = -HOUR
    assert (await park(paying(1_000), home)).status == "done"
    told = journal_at(home).read_flight("r1")
    assert [each.seq for each in told] == list(range(len(told)))


def test_the_mark_of_a_home_outlives_the_process_and_only_moves_on(home: Path) -> None:
    """A clock set back does not take it back; one that cannot be read protects less, and stops nothing."""
    ahead = datetime.now(UTC) + HOUR
    keep_time(home, ahead)
    keep_time(home, ahead - HOUR)
    assert (home / MARK).read_text() == timestamp(ahead)
    with pytest.raises(ClockBehind, match=f"before {home / MARK}.* remove {home / MARK}"):
        trusted_now(home, [])
    (home / MARK).write_text("yesterday")
    now = trusted_now(home, [])
    assert moment((home / MARK).read_text()) == now
    assert [path.name for path in home.iterdir()] == [MARK]


@pytest.mark.parametrize(("seconds", "is_trusted"), [(0.0, True), (1.9, True), (5.0, False)])
def test_machines_that_are_kept_in_time_may_differ_by_two_seconds(home: Path, seconds: float, is_trusted: bool) -> None:
    """More than that is no drift of a clock."""
    keep_time(home, datetime.now(UTC) + timedelta(seconds=seconds))
    try:
        trusted_now(home, [])
    except ClockBehind:
        assert not is_trusted
    else:
        assert is_trusted
