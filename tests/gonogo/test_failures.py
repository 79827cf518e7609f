"""Calls that fail: what may be repeated is, what may not is asked about, and every run has one path."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gonogo import mission, step
from gonogo.attempts import Failure, retry_wait_us
from gonogo.cases import Flyer
from gonogo.dependencies import Dependency
from gonogo.errors import DependencyFailed, MissionMisdefined, ToolFailed
from gonogo.lanes.batch import fly_batch
from gonogo.settings import settings
from tests.gonogo.toy.cutting import cut
from tests.gonogo.toy.flaky import (
    DONE,
    SCRIPT,
    Got,
    Wanted,
    haul,
    haul_once,
    haul_quickly,
    haul_strictly,
    hauled,
    policies,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gonogo.plans import Landing

OUT = DependencyFailed("the depot is out")


@pytest.fixture(autouse=True)
def _empty_depot() -> Iterator[None]:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    SCRIPT.clear()
    DONE.clear()
    yield
    SCRIPT.clear()


class TestRepeating:
    """What may be done a second time."""

    @pytest.mark.parametrize("wanted", ["fetch", "book"])
    async def test_a_call_that_may_be_repeated_is(self, tmp_path: Path, wanted: str) -> None:
        """Each failed attempt is on record with its reason and the wait after it; the result counts them."""
        SCRIPT[:] = [OUT, ConnectionResetError("cut")]
        went = await hauled(tmp_path, wanted)
        assert (went.landing.status, went.landing.path) == ("done", "outcome")
        first, second = went.told("attempt_record")
        assert (first["number"], first["next"], first["reason_code"], first["dependency"]) == (
            1,
            "retry",
            "tool_failure",
            "depot",
        )
        assert (second["number"], second["error"]) == (2, f"{wanted} failed: cut")
        assert first["wait_us"] > 0
        (result,) = went.told("tool_call", "result")
        assert (result["outcome"], result["attempts"]) == ("done", 3)
        assert len(went.told("tool_call", "intent")) == 1

    async def test_it_is_repeated_under_the_same_key(self, tmp_path: Path) -> None:
        """So that the system can tell that it is the same change."""
        SCRIPT[:] = ["hang"]
        await hauled(tmp_path, "book", terms="backoff_ms: 1, timeout_seconds: 1")
        keys = {key for _, key in DONE}
        assert len(DONE) == 2
        assert len(keys) == 1
        assert keys != {""}

    async def test_a_refusal_is_an_answer_and_is_not_asked_again(self, tmp_path: Path) -> None:
        """The system was reached and said no."""
        SCRIPT[:] = [ToolFailed("no such crate"), "fine"]
        went = await hauled(tmp_path)
        assert (went.landing.status, went.landing.path, went.landing.reason_code) == (
            "failed",
            "escalate",
            "tool_failure",
        )
        assert SCRIPT == ["fine"]
        assert went.told("attempt_record") == []

    async def test_it_is_repeated_so_often_and_no_more(self, tmp_path: Path) -> None:
        """Two times where nothing is declared."""
        SCRIPT[:] = [OUT, OUT, OUT, "fine"]
        went = await hauled(tmp_path)
        assert went.landing.error == "the depot is out"
        assert SCRIPT == ["fine"]
        (owned,) = went.told("exception_record")
        assert (owned["owner"], owned["role"], owned["path"]) == ("stores", "stores", "escalate")

    async def test_a_step_may_say_how_often(self, tmp_path: Path) -> None:
        """And where its failure leads."""
        SCRIPT[:] = [OUT, "fine"]
        went = await hauled(tmp_path, flying=haul_once)
        assert (went.landing.status, went.landing.path) == ("failed", "terminate")
        assert SCRIPT == ["fine"]

    async def test_a_replay_neither_asks_nor_waits(self, tmp_path: Path) -> None:
        """What was recorded is read."""
        SCRIPT[:] = [OUT]
        first = await hauled(tmp_path)
        assert (await hauled(tmp_path)).landing == first.landing
        assert len(DONE) == 1

    @pytest.mark.parametrize("number", [1, 2, 3])
    def test_a_wait_is_the_same_for_the_same_attempt_and_doubles(self, number: int) -> None:
        """Between half of it and all of it; who asks us to wait longer than we do is not waited for."""
        facts = Dependency(retries=3, backoff_ms=100, backoff_max_ms=250)
        failure = Failure(OUT, is_outage=True)
        wait = retry_wait_us("key", number, facts, failure)
        assert wait == retry_wait_us("key", number, facts, failure)
        most = min(100_000 * 2 ** (number - 1), 250_000)
        assert wait is not None
        assert most // 2 <= wait <= most
        assert retry_wait_us("another", number, facts, failure) != wait
        assert retry_wait_us("key", number, facts, Failure(OUT, is_outage=True, hint_us=240_000)) is not None
        assert retry_wait_us("key", number, facts, Failure(OUT, is_outage=True, hint_us=250_001)) is None
        assert retry_wait_us("key", 4, facts, failure) is None


class TestDoubts:
    """What may not be done a second time."""

    @pytest.mark.parametrize("how", ["hang", "cut"])
    async def test_an_effect_whose_outcome_is_unknown_is_asked_about(self, tmp_path: Path, how: str) -> None:
        """It may have happened: a person says, and it is never simply repeated."""
        SCRIPT[:] = ["hang"] if how == "hang" else [ConnectionResetError("cut")]
        asked: list[str] = []

        def say(gate: Any) -> str:
            asked.append(gate.about)
            return "no_go"

        went = await hauled(tmp_path, "ship", terms="timeout_seconds: 1", answers=say)
        assert asked == ["doubt"]
        assert (went.landing.status, went.landing.error_class) == ("no_go", "InDoubt")
        assert len(DONE) == (how == "hang")
        (attempt,) = went.told("attempt_record")
        assert attempt["next"] == "doubt"

    async def test_an_effect_that_was_never_reached_has_simply_failed(self, tmp_path: Path) -> None:
        """Nobody listened, so nothing happened, and nobody has to be asked."""
        SCRIPT[:] = [ConnectionRefusedError("nobody listens")]
        went = await hauled(tmp_path, "ship")
        assert (went.landing.status, went.landing.error_class) == ("failed", "DependencyFailed")


class TestTimeouts:
    """What takes too long."""

    async def test_a_tool_that_hangs_is_given_up(self, tmp_path: Path) -> None:
        """After its time, and again after its repetitions; the run flies again later."""
        SCRIPT[:] = ["hang", "hang"]
        went = await hauled(tmp_path, terms="timeout_seconds: 1, retries: 1, backoff_ms: 1")
        assert (went.landing.status, went.landing.path) == ("waiting", "requeue")
        (result,) = went.told("tool_call", "result")
        assert (result["outcome"], result["reason_code"]) == ("failed", "timeout")
        assert "fetch did not answer within 1 s" in result["error"]

    async def test_a_step_past_its_time_fails_once_what_is_in_flight_is_recorded(self, tmp_path: Path) -> None:
        """The effect was under way; it finishes, is on record, and the step is late all the same."""
        SCRIPT[:] = ["hang"]
        went = await hauled(tmp_path, "book", flying=haul_quickly, terms="timeout_seconds: 1, retries: 0")
        assert (went.landing.status, went.landing.path, went.landing.reason_code) == ("failed", "escalate", "timeout")
        kinds = [(r.artifact, r.data["phase"]) for r in went.flight if r.artifact in {"tool_call", "step_record"}]
        assert kinds.index(("tool_call", "result")) < kinds.index(("step_record", "result"))

    @pytest.mark.parametrize("terms", [{"timeout_seconds": 0}, {"retries": -1}])
    def test_terms_that_are_none_are_refused(self, terms: dict[str, Any]) -> None:
        """Where the step is defined."""
        with pytest.raises(MissionMisdefined, match="leave out what has no limit"):
            step(**terms)


class TestPaths:
    """Where a run goes that failed."""

    async def test_a_run_that_flies_again_does_only_what_failed(self, tmp_path: Path) -> None:
        """Under the same key, and without another intent; then it is done."""
        SCRIPT[:] = [OUT, OUT, OUT]
        first = await hauled(tmp_path, "book", flying=haul_strictly)
        assert (first.landing.status, first.landing.path) == ("waiting", "requeue")
        (fact,) = [r.data for r in first.flight if r.data.get("event") == "requeued"]
        assert (fact["round"], fact["reason_code"], fact["again_at"]) == (1, "tool_failure", first.landing.again_at)
        again = await hauled(tmp_path, "book", flying=haul_strictly)
        assert (again.landing.status, again.landing.path) == ("done", "outcome")
        assert len(DONE) == 1
        assert len(again.told("tool_call", "intent")) == 1
        assert [r["outcome"] for r in again.told("tool_call", "result")] == ["failed", "done"]
        assert again.landing.totals["actions"] == 1

    async def test_it_flies_again_so_often_then_a_person_is_asked(self, tmp_path: Path) -> None:
        """Bounded, with one path on the last record."""
        SCRIPT[:] = [OUT] * 40
        statuses = [(await hauled(tmp_path, flying=haul_strictly)).landing for _ in range(4)]
        assert [landing.status for landing in statuses] == ["waiting", "waiting", "waiting", "failed"]
        assert statuses[-1].path == "escalate"
        assert (await hauled(tmp_path, flying=haul_strictly)).landing == statuses[-1]

    async def test_a_batch_flies_such_cases_again_when_all_others_have(self, tmp_path: Path) -> None:
        """Each is told of once, with how it ended."""
        SCRIPT[:] = [OUT, OUT, OUT]
        chosen = settings().model_copy(
            update={
                "home": tmp_path, "policy_folder": policies(tmp_path, "backoff_ms: 1"),
                "requester": "tester", "requeue_seconds": 1, "cases": 1,
            }
        )  # fmt: skip
        told: list[Landing] = []
        flyers = [Flyer(f"r{number}", "here", Wanted()) for number in range(3)]
        await fly_batch(haul_strictly, flyers, chosen, told.append)
        assert [landing.run_id for landing in told] == ["r1", "r2", "r0"]
        assert {landing.status for landing in told} == {"done"}

    def test_a_mission_cannot_declare_a_path_for_a_failure_nobody_knows(self) -> None:
        """The taxonomy is closed."""
        with pytest.raises(MissionMisdefined, match="weather is no class of failure"):
            mission(owner="stores", scope=["depot"], on_failure={"weather": "requeue"})  # pyright: ignore[reportArgumentType] - the point


class TestLies:
    """A tool that says done."""

    async def test_what_the_system_does_not_hold_is_an_exception_somebody_owns(self, tmp_path: Path) -> None:
        """The result does not count, and nobody does it again unseen."""
        SCRIPT[:] = ["lie"]
        went = await hauled(tmp_path, "book")
        assert (went.landing.status, went.landing.reason_code, went.landing.path) == (
            "failed",
            "data_mismatch",
            "escalate",
        )
        (owned,) = went.told("exception_record")
        assert (owned["reason_code"], owned["owner"]) == ("data_mismatch", "stores")
        assert "depot does not hold it" in owned["what"]
        assert len(DONE) == 1


class TestLargeResults:
    """A tool that returns a megabyte."""

    async def test_the_mission_and_the_evidence_have_all_of_it_and_a_replay_reads_it_back(self, tmp_path: Path) -> None:
        """Beside the journal, not in it; nothing is fetched again."""
        SCRIPT[:] = ["x" * (1 << 20)]
        first = await hauled(tmp_path)
        assert (first.landing.status, len((first.landing.outcome or {})["what"])) == ("done", 1 << 20)
        (record,) = [r for r in first.flight if r.artifact == "tool_call" and r.data["phase"] == "result"]
        assert "dataref" in record.fields
        assert (tmp_path / "journals" / "flights" / "r1.jsonl").stat().st_size < 1 << 17
        cut(tmp_path, first.flight[-1].seq)
        again = await hauled(tmp_path)
        assert again.landing.outcome == first.landing.outcome
        assert len(DONE) == 1


class TestBreakers:
    """A dependency that keeps failing."""

    async def test_it_is_left_alone_and_says_until_when(self, tmp_path: Path) -> None:
        """The next call is not made; the run flies again after the pause."""
        terms = "backoff_ms: 1, retries: 1, breaker_failures: 2, cool_down_seconds: 60"
        SCRIPT[:] = [OUT, OUT]
        await hauled(tmp_path, terms=terms)
        went = await _another(tmp_path, terms)
        assert (went.status, went.path, went.reason_code) == ("waiting", "requeue", "dependency_open")
        assert "depot is left alone after 2 failures in a row; it is tried again at" in str(went.error)
        assert DONE == []

    async def test_one_that_answers_again_is_asked_as_ever(self, tmp_path: Path) -> None:
        """After the pause one call tries it, and its answer opens it for all."""
        terms = "backoff_ms: 1, retries: 0, breaker_failures: 1, cool_down_seconds: 1"
        SCRIPT[:] = [OUT]
        first = await hauled(tmp_path, flying=haul_strictly, terms=terms)
        assert first.landing.again_at is not None
        from gonogo.lanes.local import rest_until

        await rest_until(first.landing.again_at)
        assert (await hauled(tmp_path, flying=haul_strictly, terms=terms)).landing.status == "done"


async def _another(home: Path, terms: str) -> Landing:
    told: list[Landing] = []
    chosen = settings().model_copy(update={"home": home, "policy_folder": policies(home, terms), "requester": "tester"})
    from gonogo.flights import fly
    from gonogo.lanes.local import LocalPilot
    from gonogo.plans import Plan

    told.append(await fly(haul, Wanted(), Plan("r2", LocalPilot(patience="leave"), chosen)))
    return told[0]


assert Got
