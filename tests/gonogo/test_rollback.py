"""Rollbacks: what can be undone is undone once, newest first; what cannot has an owner; nothing is guessed."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from gonogo.errors import CaseRefused, EvidenceBroken, RunBusy, RunUnknown
from gonogo.evidence.journals import journal_at
from gonogo.evidence.ledger import only
from gonogo.settings import settings
from tests.gonogo.toy.approvers import paying
from tests.gonogo.toy.bank import CALLS, calls, label, payments, post_letter, refunds, wire
from tests.gonogo.toy.cutting import cut
from tests.gonogo.toy.doubting import begun, going_on, saying
from tests.gonogo.toy.errands import Errand, Payment, park, run
from tests.gonogo.toy.people import approved
from tests.gonogo.toy.stories import done
from tests.gonogo.toy.undoing import REASON, came_to, undoing

if TYPE_CHECKING:
    from gonogo.evidence.records import Record

ROOT = Path(__file__).parents[2]


def recorded(home: Path, artifact: str, run_id: str = "r1-rollback") -> list[Record]:
    """Return what a rollback recorded about one kind of thing."""
    return only(journal_at(home).read_flight(run_id), artifact)  # pyright: ignore[reportArgumentType] - named by tests


@pytest.mark.usefixtures("backend")
async def test_everything_is_undone_newest_first_and_recorded_as_a_run_of_its_own(tmp_path: Path) -> None:
    """Its own stream, linked to the run; the run itself gets no record after its end."""
    await run(paying(1, 2, 3), home=tmp_path, run_id="r1")
    before = journal_at(tmp_path).flight_position("r1")
    landing = await undoing(tmp_path)
    assert (landing.run_id, landing.status, landing.mission) == ("r1-rollback", "done", "errand_rollback")
    assert (came_to(landing).outcome, came_to(landing).undone, came_to(landing).left) == ("undone", 3, ())
    # Paid side by side, they are on record in the order in which each was done.
    paid = [r for r in only(journal_at(tmp_path).read_flight("r1"), "tool_call") if r.data["phase"] == "result"]
    cents = {"a": 1, "b": 2, "c": 3}
    payees = [str(r.body()).removeprefix("paid ") for r in paid]
    assert refunds(tmp_path) == [(name, cents[name], REASON) for name in reversed(payees)]
    assert recorded(tmp_path, "run_record")[0].data["rolls_back"] == "r1"
    assert journal_at(tmp_path).flight_position("r1") == before
    assert [r.data["verdict"] for r in recorded(tmp_path, "policy_decision")] == ["allow"] * 3


async def test_a_second_rollback_undoes_nothing_and_tells_what_the_first_came_to(tmp_path: Path) -> None:
    """Twice is once."""
    await run(paying(1), home=tmp_path, run_id="r1")
    first = await undoing(tmp_path)
    CALLS.clear()
    assert (await undoing(tmp_path, reason="again")).outcome == first.outcome
    assert CALLS == []


async def test_what_cannot_be_undone_is_an_exception_of_the_owner_and_the_rest_is_undone(tmp_path: Path) -> None:
    """A letter stays read; a wire, whose tool declares nothing, stays, too; labels come off."""

    async def story() -> str:
        await label(account="a", labels={"vip"})
        await post_letter(payee="ada", text="Dear Ada")
        return "fine"

    async def wired() -> str:
        return (await wire(payee="ada", cents=3)).reference

    await done(story, home=tmp_path, run_id="r1")
    undone = came_to(await undoing(tmp_path))
    assert (undone.outcome, undone.undone, [left.tool for left in undone.left]) == ("partly_undone", 1, ["post_letter"])
    assert (undone.left[0].owner, undone.left[0].why) == ("counter", "A letter that was posted is read.")
    (exception,) = recorded(tmp_path, "exception_record")
    assert exception.data["owner"] == "counter"
    assert "of run r1 was not undone" in exception.data["what"]
    assert calls("unlabel")[0].args == {"account": "a", "labels": ["vip"]}
    await done(wired, home=tmp_path, run_id="r2")
    (left,) = came_to(await undoing(tmp_path, run_id="r2")).left
    assert left.why == "The tool wire does not declare how it is undone."


async def test_a_run_that_did_nothing_has_nothing_to_undo(tmp_path: Path) -> None:
    """Reads are no effects, and neither is what was refused."""
    await run(Errand(payments=[Payment(payee="ada", cents=200_000)]), home=tmp_path, run_id="r1")
    assert came_to(await undoing(tmp_path)).outcome == "nothing_to_undo"
    assert recorded(tmp_path, "tool_call") == []


async def test_a_flying_run_is_not_rolled_back(tmp_path: Path) -> None:
    """Abort first; nothing is recorded of a rollback."""
    await park(Errand(payments=[Payment(payee="ada", cents=6_000)]), tmp_path)
    with pytest.raises(RunBusy, match="Abort it first"):
        await undoing(tmp_path)
    assert journal_at(tmp_path).read_flight("r1-rollback") == []


@pytest.mark.parametrize(
    ("run_id", "reason", "error", "told"),
    [
        ("nobody", REASON, RunUnknown, "No run called nobody"),
        ("../r1", REASON, RunUnknown, "No run called"),
        ("r1", "  ", CaseRefused, "needs a reason"),
        ("r1-rollback", REASON, CaseRefused, "is a rollback"),
    ],
)
async def test_what_makes_no_sense_is_refused(
    tmp_path: Path, run_id: str, reason: str, error: type[Exception], told: str
) -> None:
    """An unknown run, no reason, the rollback of a rollback."""
    await run(paying(1), home=tmp_path, run_id="r1")
    await undoing(tmp_path)
    with pytest.raises(error, match=told):
        await undoing(tmp_path, run_id=run_id, reason=reason)


async def test_a_run_that_only_bears_the_name_of_a_rollback_is_none(tmp_path: Path) -> None:
    """Somebody else's run is not continued as ours."""
    await run(paying(1), home=tmp_path, run_id="r1")
    await run(paying(2), home=tmp_path, run_id="r1-rollback")
    with pytest.raises(CaseRefused, match="is no rollback of r1"):
        await undoing(tmp_path)


async def test_the_law_rules_on_every_undo(tmp_path: Path) -> None:
    """What it refuses stands, and the rest is undone."""
    payments_ = [Payment(payee="tax office", cents=5), Payment(payee="ada", cents=6)]
    await run(Errand(payments=payments_), home=tmp_path, run_id="r1")
    undone = came_to(await undoing(tmp_path))
    assert refunds(tmp_path) == [("ada", 6, REASON)]
    assert "no-refunds-from-the-tax-office" in undone.left[0].why
    assert recorded(tmp_path, "exception_record")[0].data["reason_code"] == "policy_block"


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize(("answer", "came", "count"), [("go", "undone", 2), ("no_go", "partly_undone", 1)])
async def test_a_gate_holds_a_rollback_too(tmp_path: Path, answer: Any, came: str, count: int) -> None:
    """A manager says whether a large sum is fetched back; the rest does not depend on it."""
    await run(paying(3_000, 1), home=tmp_path, run_id="r1")
    undone = came_to(await undoing(tmp_path, answer))
    assert (undone.outcome, len(refunds(tmp_path))) == (came, count)


async def test_silence_at_a_gate_of_a_rollback_is_no_go(tmp_path: Path) -> None:
    """Nothing is undone because nobody answered."""
    await run(paying(3_000), home=tmp_path, run_id="r1")
    assert came_to(await undoing(tmp_path)).outcome == "partly_undone"
    assert recorded(tmp_path, "exception_record")[0].data["reason_code"] == "approval_expired"


async def test_outside_dev_an_unproven_name_opens_no_gate_of_a_rollback(tmp_path: Path) -> None:
    """The run's own environment counts, whatever shell the rollback is asked from."""
    law = approved(tmp_path, home=tmp_path).policy_folder
    await run(paying(3_000), home=tmp_path, run_id="r1", overrides={"environment": "prod", "policy_folder": law})
    assert payments(tmp_path) == [("a", 3_000)]
    landing = await undoing(tmp_path, run_id="r1", policy_folder=law)
    assert came_to(landing).outcome == "partly_undone"
    assert recorded(tmp_path, "run_record")[0].fields["envname"] == "prod"


async def test_an_effect_in_doubt_is_not_guessed(tmp_path: Path) -> None:
    """Nobody knows whether it happened, so nothing is undone of it."""
    await begun(tmp_path, "after")
    await going_on(tmp_path, answers=saying("no_go"))
    (left,) = came_to(await undoing(tmp_path)).left
    assert "nobody knows whether it happened" in left.why


async def test_the_budget_of_the_run_holds_for_its_rollback(tmp_path: Path) -> None:
    """A rollback makes no more changes than the run might, and asks no model."""
    await run(paying(1, 2), home=tmp_path, run_id="r1")
    await undoing(tmp_path)
    assert recorded(tmp_path, "run_record")[0].data["budget"] == {"usd_micros": 0, "actions": 10}


async def test_broken_evidence_is_not_undone(tmp_path: Path) -> None:
    """Whoever changed the record does not decide what is paid back."""
    await run(paying(1), home=tmp_path, run_id="r1")
    path = tmp_path / "journals" / "flights" / "r1.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"amount_cents":1', b'"amount_cents":9'))
    with pytest.raises(EvidenceBroken):
        await undoing(tmp_path)
    assert calls("refund") == []


async def test_hostile_text_in_a_call_stays_a_value(tmp_path: Path) -> None:
    """What looks like a source of an argument, markup or a command is passed on as it stands."""
    payee = "rollback.reason|`rm -rf`\u202e{result}"
    await run(Errand(payments=[Payment(payee=payee, cents=1)]), home=tmp_path, run_id="r1")
    await undoing(tmp_path, reason="args.amount_cents")
    assert refunds(tmp_path) == [(payee, 1, "args.amount_cents")]


@pytest.mark.usefixtures("backend")
async def test_a_rollback_cut_off_at_any_record_goes_on_and_undoes_nothing_twice(tmp_path: Path) -> None:
    """A crash after each of its records: the end is the same, and each refund is booked once."""
    await run(paying(1, 2_500), home=tmp_path, run_id="r1")
    whole = await undoing(tmp_path, "go")
    for records in range(len(journal_at(tmp_path).read_flight("r1-rollback")) - 1, -1, -1):
        cut(tmp_path, records, run_id="r1-rollback")
        landing = await undoing(tmp_path, "go")
        assert landing.outcome == whole.outcome
        assert sorted(refunds(tmp_path)) == [("a", 1, REASON), ("b", 2_500, REASON)]


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_killed_rollback_goes_on_where_it_was(tmp_path: Path, moment: str) -> None:
    """Killed when the second refund has reached the bank, before or after it was booked."""
    command = [sys.executable, "-m", "tests.gonogo.toy.undoing", str(tmp_path), moment]
    assert subprocess.run(command, cwd=ROOT, timeout=600, check=False).returncode == -signal.SIGKILL
    assert (("b", 2, REASON) in refunds(tmp_path)) is (moment == "after")
    journals = settings().journals
    assert came_to(asyncio.run(undoing(tmp_path, journals=journals))).undone == 3
    assert sorted(refunds(tmp_path)) == [("a", 1, REASON), ("b", 2, REASON), ("c", 3, REASON)]
