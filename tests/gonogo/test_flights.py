"""Flights: flown to an ending, every ending recorded, nothing of a run left behind."""

from __future__ import annotations

import gc
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Literal, cast

import pytest
from pydantic import BaseModel

from gonogo import Measure, Outcome, mission
from gonogo.errors import GateDenied
from gonogo.evidence.journals import journal_at
from gonogo.runs import Run
from tests.gonogo.toy.bank import payments
from tests.gonogo.toy.errands import Errand, Payment, Report, errand, park, run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("backend")


@pytest.fixture(name="uncollected")
def _uncollected() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    """Let nobody look for garbage for the duration of a test."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("uncollected")
async def test_what_a_run_held_goes_as_it_lands(tmp_path: Path) -> None:
    """A batch of thousands, whose collector looks seldom, holds no records of cases that have landed."""
    await run(Errand(payments=[Payment(payee="a", cents=1)], letter="Dear Ada"), home=tmp_path, run_id="r1")
    # Other tests may have kept runs of theirs.
    assert [held for held in gc.get_objects() if type(held) is Run and held.settings.home == tmp_path] == []


class Case(BaseModel):
    """What the mission is to do."""

    what: str = ""


class Over(Outcome):
    """It is over."""

    outcome: Literal["well", "handed_over"]
    successes = frozenset({"well"})
    escalations = frozenset({"handed_over"})
    pages: Annotated[int | None, Measure("pages")] = None


class TestEvidence:
    """First and last record of a run."""

    async def test_a_run_begins_with_everything_it_is_flown_under(self, tmp_path: Path) -> None:
        """Who asked, for what, with which model, within which limits; and the versions in force."""
        went = await run(Errand(), home=tmp_path, run_id="r1")
        first, versions = went.flight[:2]
        assert first.data == {
            "objects": [{"id": "r1", "type": "run"}],
            "phase": "intent",
            "mission": "errand",
            "owner": "counter",
            "lane": "rehearsal",
            "requester": "tester",
            "scope": ["bank"],
            "budget": {"usd_micros": 1_000_000, "actions": 10},
            "model": "offline:scripted",
            "offline": True,
            "case_ref": "",
        }
        told = {(row["object"], row["id"]): row for row in versions.data["versions"]}
        assert told["mission", "errand"]["digest"] == errand.charter.digest
        assert told["policy", "policies"]["digest"] == first.fields["policydigest"]
        assert told["agent", "clerk"]["version"] == "1.2.0"
        assert ("model", "offline:scripted") in told
        assert {"gonogo", "prefect", "pydantic-ai"} <= {row["id"] for row in versions.data["versions"]}

    async def test_a_run_ends_with_how_it_ended_and_where_its_stream_stands(self, tmp_path: Path) -> None:
        """So that a missing tail can be seen."""
        went = await run(Errand(needs_papers=True), events=[("papers", {"pages": 3})], home=tmp_path, run_id="r1")
        *_, before, last = went.flight
        assert (last.data["status"], last.data["outcome"], last.data["success"], last.data["escalated"]) == (
            "done", "settled", True, False,
        )  # fmt: skip
        assert last.data["streams"] == [{"streamid": "r1/flight", "seq": before.seq, "digest": before.digest}]
        assert {"name": "pages", "value": 3, "unit": "pages"} in last.data["measures"]
        assert last.body() == {"outcome": "settled", "payments": 0, "pages": 3}
        assert went.landing.evidence == len(went.flight)

    @pytest.mark.parametrize(("what", "kept"), [("well", 1), ("error", 0)])
    async def test_a_service_level_is_measured(self, what: str, kept: int) -> None:
        """From start to outcome; a run without an outcome has not kept it."""
        last = (await run(Case(what=what), flying=timely)).told("run_record", "result")[0]
        assert {"name": "sla_kept", "value": kept, "unit": "flag"} in last["measures"]

    async def test_a_run_that_ended_is_not_flown_again(self, tmp_path: Path) -> None:
        """Its ending is returned; not one record is added."""
        first = await run(Errand(payments=[Payment(payee="a", cents=1)]), home=tmp_path, run_id="r1")
        again = await run(Errand(payments=[Payment(payee="b", cents=1)]), home=tmp_path, run_id="r1")
        assert again.landing == first.landing
        assert len(again.flight) == len(first.flight)
        assert payments(tmp_path) == [("a", 1)]

    async def test_an_attempt_is_counted(self, tmp_path: Path) -> None:
        """Each waking is a record, and every record says in which attempt it was made."""
        for _ in range(3):
            await park(Errand(needs_papers=True), tmp_path)
        flight = journal_at(tmp_path).read_flight("r1")
        resumed = [record.data["attempt"] for record in flight if record.data.get("event") == "resumed"]
        assert resumed == [2, 3]
        assert [record.fields["attempt"] for record in flight] == sorted(r.fields["attempt"] for r in flight)
        assert flight[-1].fields["attempt"] == 3


@mission(owner="counter", scope=["bank"], sla=timedelta(hours=1))
async def timely(case: Case) -> Over:
    """End within the hour, or fail."""
    if case.what == "error":
        raise LookupError(case.what)
    return Over(outcome="well")


@mission(owner="counter", scope=["bank"])
async def ending(case: Case) -> Over:
    """End as the case says."""
    match case.what:
        case "handed_over":
            return Over(outcome="handed_over")
        case "error":
            raise LookupError("no\nsuch   thing")
        case "silent":
            raise LookupError
        case "nothing":
            return cast("Over", None)
        case "other":
            return cast("Over", Report(outcome="settled"))
        case "group":
            raise ExceptionGroup("several", [LookupError("one"), ValueError("two")])
        case _:
            return Over(outcome="well")


class TestEndings:
    """Every way to end is recorded as what it is."""

    @pytest.mark.parametrize(
        ("what", "status", "success", "escalated", "error"),
        [
            ("", "done", True, False, None),
            ("handed_over", "done", False, True, None),
            ("error", "failed", False, False, "The mission failed: LookupError: no such thing"),
            ("nothing", "failed", False, False, "ending returned NoneType, not its declared outcome."),
            ("other", "failed", False, False, "ending returned Report, not its declared outcome."),
            ("group", "failed", False, False, "The mission failed: LookupError: one"),
        ],
    )
    async def test_a_run_ends_as_its_story_does(
        self, what: str, status: str, error: str | None, *, success: bool, escalated: bool
    ) -> None:
        """With success and escalation from the outcome's own words."""
        went = await run(Case(what=what), flying=ending)
        assert (went.landing.status, went.landing.success, went.landing.error) == (status, success, error)
        last = went.told("run_record", "result")[0]
        assert last["escalated"] is escalated
        owned = [body["owner"] for body in went.told("exception_record")]
        assert owned == (["counter"] if status == "failed" else [])

    async def test_an_error_without_words_is_told_by_its_name(self) -> None:
        """Nothing is left blank."""
        assert "LookupError" in str((await run(Case(what="silent"), flying=ending)).landing.error)

    async def test_a_landing_raises_what_the_mission_raised(self) -> None:
        """For callers that want an exception."""
        landing = (await run(Errand(crew=4), answers="no_go")).landing
        with pytest.raises(GateDenied, match="no-go by rehearsal"):
            landing.raise_if_not_done()
        (await run(Errand())).landing.raise_if_not_done()
