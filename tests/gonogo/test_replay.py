"""Replay: whatever a crash leaves of a run's evidence, the run goes on from there, and nothing happens twice."""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from gonogo.errors import EvidenceBroken
from gonogo.evidence.journal import FileJournal
from tests.gonogo.toy.bank import CALLS, letters, payments, undo_payments
from tests.gonogo.toy.counter import HEARD
from tests.gonogo.toy.cutting import cut
from tests.gonogo.toy.errands import Errand, park, run

if TYPE_CHECKING:
    from gonogo.evidence.records import Record
    from gonogo.testing import Rehearsal

EVERYTHING = Errand.model_validate(
    {
        "brief": {
            "turns": [
                [
                    {"tool": "look_up", "args": {"account": "ada"}},
                    {"tool": "pay", "args": {"payee": "ada", "amount_cents": 6_000}},
                    {"tool": "pay", "args": {"payee": "bob", "amount_cents": 7_000}},
                ],
                [{"tool": "pay", "args": {"payee": "cleo", "amount_cents": 10}}],
            ]
        },
        "needs_papers": True,
        "crew": 4,
        "payments": [
            {"payee": "dora", "cents": 60_000},
            {"payee": "emil", "cents": 5},
            {"payee": "emil", "cents": 5},
        ],
    }
)
PAID = sorted([("ada", 6_000), ("bob", 7_000), ("cleo", 10), ("dora", 60_000), ("emil", 5), ("emil", 5)])


@dataclass(frozen=True)
class Flight:
    """A run that was flown to its end, and what it did on the way."""

    went: Rehearsal
    requests: int


@cache
def flown() -> Flight:
    """Fly everything once: an agent, gates, an event, a route, parallel branches."""
    home = Path(mkdtemp(prefix="gonogo-replay-"))
    went = go_on(home, journals=None)
    assert went.outcome == "settled"
    assert sorted(payments(home)) == PAID
    flight = Flight(went, len(HEARD))
    CALLS.clear()
    HEARD.clear()
    return flight


def begun(records: list[Record]) -> set[str]:
    """Return the idempotency keys of the effects whose intent is recorded; no other can have happened."""
    return {r.data["idempotency_key"] for r in records if r.artifact == "tool_call" and r.data["phase"] == "intent"}


def ended(records: list[Record]) -> set[str]:
    """Return the idempotency keys of the effects whose result is recorded, too."""
    done = keyed(records, "tool_call", results=True)
    intents = [r.data for r in records if r.artifact == "tool_call" and r.data["phase"] == "intent"]
    return {data["idempotency_key"] for data in intents if data["key"] in done}


def crashed(home: Path, records: int, torn: bytes = b"", *, last_effect: bool) -> Path:
    """Return a home as a crash leaves it, the last effect that had begun made already or not yet."""
    shutil.copytree(flown().went.home, home, dirs_exist_ok=True)
    kept = cut(home, records, torn)
    undo_payments(home, but=begun(kept) if last_effect else ended(kept))
    return home


def keyed(records: list[Record], artifact: str, *, results: bool) -> set[str]:
    """Return the keys of the recorded intents, or results, of one kind of thing."""
    found = [r.data for r in records if r.artifact == artifact and "key" in r.data]
    return {data["key"] for data in found if (data["phase"] != "intent") is results}


def go_on(home: Path, **overrides: Any) -> Rehearsal:
    """Continue the run; answers and events that are on the desk stay there, others are given again."""
    CALLS.clear()
    HEARD.clear()
    events = [("papers", {"pages": 2})]
    return asyncio.run(run(EVERYTHING, home=home, run_id="r1", answers="go", events=events, overrides=overrides))


def boundaries() -> range:
    """Return every number of records a crash may have left."""
    return range(len(flown().went.flight) + 1)


@pytest.mark.parametrize("last_effect", [True, False])
def test_a_run_goes_on_from_any_record(tmp_path: Path, subtests: pytest.Subtests, *, last_effect: bool) -> None:
    """Cut after any record: same outcome, every payment once, nothing recorded done again."""
    for records in boundaries():
        kept = flown().went.flight[:records]
        if not last_effect and begun(kept) == ended(kept):
            continue  # no effect was in flight, so there are no two ways it may have gone
        with subtests.test(records=records):
            home = crashed(tmp_path / str(records), records, last_effect=last_effect)
            went = go_on(home)
            assert went.landing.outcome == flown().went.landing.outcome
            assert sorted(payments(home)) == PAID
            _nothing_recorded_was_repeated(kept)
            _each_operation_has_one_result(went.flight)


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_a_run_goes_on_from_the_middle_of_a_record(tmp_path: Path, share: float, subtests: pytest.Subtests) -> None:
    """The torn record was never acknowledged; it is as if it had not been begun."""
    for records in boundaries()[:-1:5]:
        with subtests.test(records=records):
            line = flown().went.flight[records].leaf
            home = crashed(tmp_path / str(records), records, line[: int(len(line) * share)], last_effect=True)
            assert go_on(home).landing.outcome == flown().went.landing.outcome
            assert sorted(payments(home)) == PAID
            _nothing_recorded_was_repeated(flown().went.flight[:records])


def _nothing_recorded_was_repeated(kept: list[Record]) -> None:
    """Check what the process did against what had been recorded before it went on."""
    again = [call.key for call in CALLS if call.key]
    assert ended(kept).isdisjoint(again), "a recorded effect was made again"
    assert max(Counter(again).values(), default=1) == 1, "an effect was made twice in one attempt"
    answered = keyed(kept, "model_call", results=True)
    assert len(HEARD) == flown().requests - len(answered), "a recorded model call was made again"


def _each_operation_has_one_result(flight: list[Record]) -> None:
    results = [r.data["key"] for r in flight if "key" in r.data and r.data["phase"] != "intent"]
    assert [key for key, count in Counter(results).items() if count > 1] == []
    ends = [r for r in flight if r.artifact == "run_record" and r.data["phase"] == "result"]
    assert ends == flight[-1:]


@given(cuts=st.lists(st.tuples(st.integers(0, 50), st.booleans()), min_size=2, max_size=4))
@hypothesis_settings(max_examples=6)
def test_a_run_that_crashes_again_and_again_still_does_everything_once(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[tuple[int, bool]]
) -> None:
    """Each time somewhere else, with what the last attempt left behind."""
    home = tmp_path_factory.mktemp("again")
    for records, last_effect in cuts:
        go_on(home)
        kept = cut(home, records)
        undo_payments(home, but=begun(kept) if last_effect else ended(kept))
    went = go_on(home)
    assert went.landing.outcome == flown().went.landing.outcome
    assert sorted(payments(home)) == PAID
    _each_operation_has_one_result(went.flight)


@pytest.mark.usefixtures("backend")
def test_a_run_goes_on_wherever_its_evidence_stands(tmp_path: Path) -> None:
    """Cut shorter and shorter, in files and in Postgres alike: whatever was committed is not done again."""
    for records in reversed(range(0, len(go_on(tmp_path).flight), 6)):
        kept = cut(tmp_path, records)
        undo_payments(tmp_path, but=begun(kept) if records % 4 else ended(kept))
        went = go_on(tmp_path)
        assert went.landing.outcome == flown().went.landing.outcome
        assert sorted(payments(tmp_path)) == PAID
        _nothing_recorded_was_repeated(kept)
        _each_operation_has_one_result(went.flight)


def test_the_versions_in_force_are_recorded_whatever_was_lost(tmp_path: Path) -> None:
    """A crash right after the first record does not hide which model and law acted."""
    assert len(go_on(crashed(tmp_path, 1, last_effect=True)).told("version_log")) == 1


def test_totals_after_a_crash_are_those_of_a_run_without_one(tmp_path: Path) -> None:
    """The meter is rebuilt from evidence."""
    whole = flown().went
    assert go_on(crashed(tmp_path, len(whole.flight) - 1, last_effect=True)).landing.totals == whole.landing.totals


async def test_a_letter_is_posted_once_whatever_a_crash_leaves(tmp_path: Path, subtests: pytest.Subtests) -> None:
    """Cut after any record; where its end was lost nobody guesses, and where it was not durable, nothing was posted."""
    case = Errand(letter="Dear Ada", payments=[])
    whole = await run(case, home=tmp_path / "whole", run_id="r1")
    intent, result = (r.seq for r in whole.flight if r.artifact == "tool_call")
    for records in range(len(whole.flight) + 1):
        with subtests.test(records=records):
            home = shutil.copytree(whole.home, tmp_path / str(records))
            cut(home, records)
            if records <= intent:
                (home / "bank.sqlite").unlink()
            again = await run(case, home=home, run_id="r1")
            assert len(letters(home)) == 1
            assert again.landing.status == ("no_go" if intent < records <= result else "done")


@pytest.mark.parametrize("crashes", [1, 2, 3])
def test_a_model_call_that_a_crash_lost_is_asked_again_and_counts_as_paid(tmp_path: Path, crashes: int) -> None:
    """It may have been billed: each lost one counts with what was reserved, in every later attempt alike."""
    asked = [r for r in flown().went.flight if r.artifact == "model_call" and r.data["phase"] == "intent"]
    home = crashed(tmp_path, asked[1].seq + 1, last_effect=True)
    for _ in range(crashes - 1):
        _cut_at_the_last_model_call(home)
    went = go_on(home)
    assert len(HEARD) == flown().requests - 1, "the one whose answer is recorded is not asked again"
    totals, whole = dict(went.landing.totals), dict(flown().went.landing.totals)
    assert totals.pop("cost_micros") == whole.pop("cost_micros") + crashes * asked[1].data["reserved_micros"]
    assert totals == whole
    cut(home, len(went.flight) - 1)
    assert go_on(home).landing.totals == went.landing.totals
    assert HEARD == []


def _cut_at_the_last_model_call(home: Path) -> None:
    """Go on, and lose everything after the first model call that is begun on the way."""
    known = len(FileJournal(home / "journals").read_flight("r1"))
    begun_again = next(
        r.seq for r in go_on(home).flight[known:] if r.artifact == "model_call" and r.data["phase"] == "intent"
    )
    kept = cut(home, begun_again + 1)
    undo_payments(home, but=begun(kept))


def test_an_erased_payload_ends_the_run_instead_of_repeating_it(tmp_path: Path) -> None:
    """What was done cannot be read any more; doing it again would be worse."""
    home = crashed(tmp_path, len(flown().went.flight) - 1, last_effect=True)
    path = home / "journals" / "flights" / "r1.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    first = next(r.seq for r in flown().went.flight if r.artifact == "step_record" and r.data["phase"] == "result")
    lines[first] = lines[first].split(b"\t")[0] + b"\n"
    path.write_bytes(b"".join(lines))
    went = go_on(home)
    assert went.landing.error_class == EvidenceBroken.__name__
    assert "is gone (erased or lost); the run cannot continue past it" in str(went.landing.error)
    assert CALLS == []


async def test_a_waiting_run_survives_any_number_of_restarts(tmp_path: Path) -> None:
    """Each attempt waits at the same gate; none opens another, none decides again."""
    landings = [await park(Errand(crew=4), tmp_path) for _ in range(4)]
    assert len({landing.waits for landing in landings}) == 1
    flight: list[Any] = FileJournal(tmp_path / "journals").read_flight("r1")
    assert sum(record.artifact == "approval_request" for record in flight) == 1
    assert sum(record.artifact == "policy_decision" for record in flight) == 1
