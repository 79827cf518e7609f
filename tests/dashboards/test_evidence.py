"""The page of evidence: runs are found, told as stories, proven against the log, and taken along."""

# The lambdas of the search look into rows, which are typed by nobody.
# pyright: reportUnknownLambdaType=false, reportUnknownMemberType=false, reportUnknownArgumentType=false

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import orjson
import pytest

from analytics.warehouse import land
from dashboards.archive import Sought, as_told, find_runs, records_of
from dashboards.mart import current_mart
from dashboards.proving import Proofs, proof_file, prove
from dashboards.stories import story
from gonogo.approvals import Reply, answer_gate
from gonogo.evidence.journal import FileJournal
from gonogo.evidence.records import TYPE_PREFIX, Record
from gonogo.log.sequencer import log_folder, sequence
from gonogo.log.verifier import verify_bundle
from gonogo.settings import settings
from tests.dashboards.fleets import fleet, publish
from tests.dashboards.flights import GATE, RUN, waiting_run
from tests.dashboards.views import draw, objections, text

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

PAGE = "pages/evidence.py"


def _answered(home: Path, reason: str = "Photos and invoice agree.") -> FileJournal:
    """Record a run that waited and was answered, and land it."""
    waiting_run(home)
    journal = FileJournal(home / "journals")
    answer_gate(journal, GATE, Reply("go", "Dana Ortiz", reason, "dashboard"), "dev", RUN)
    land(home)
    return journal


def test_a_run_is_read_as_a_story(home: Path) -> None:
    """Who asked for what, whom it waited for and why, and who said what."""
    _answered(home)
    said = text(draw(PAGE, run=RUN))
    for words in ("night-shift asked for claims triage", "for case CLM-20417", "may touch claims, payments",
                  "Waits for claims-manager: issue_payment", "A payout above 5,000 EUR needs a claims manager.",
                  "Dana Ortiz says go", "Photos and invoice agree. unproven, by dashboard"):  # fmt: skip
        assert words in said
    assert "in 4 lines; times in UTC" in said
    assert re.search(rf"{datetime.now(UTC):%d %b %Y} \d\d:\d\d:\d\d\.\d{{3}}", said)
    assert re.search(r"until \d{4}-\d\d-\d\d \d\d:\d\d UTC", said)
    assert said.index("asked for claims triage") < said.index("Waits for claims-manager") < said.index("says go")


def test_every_record_can_be_read_raw_and_taken_along(home: Path) -> None:
    """The story leaves nothing out that the record holds."""
    journal = _answered(home)
    records = records_of(journal, RUN)
    said = text(draw(PAGE, run=RUN))
    for record in records:
        assert record.digest in said
    told = orjson.loads(orjson.dumps([as_told(record) for record in records]))
    assert [one["digest"] for one in told] == [record.digest for record in records]
    assert told[0]["payload"] == {"claim_id": "CLM-20417"}


def test_a_record_outside_of_the_log_is_not_called_proven(home: Path) -> None:
    """Without a log there is no proof; the page says so and shows the story all the same."""
    _answered(home)
    said = text(draw(PAGE, run=RUN))
    assert "4 no proof" in said
    assert "gonogo sequence" in said


def test_records_in_the_log_are_proven_by_the_verifier_and_later_ones_wait(home: Path) -> None:
    """Inclusion is shown against the newest checkpoint; what came after it is told apart."""
    waiting_run(home)
    journal = FileJournal(home / "journals")
    sequence(settings(), journal)
    answer_gate(journal, GATE, Reply("go", "Dana Ortiz", "Photos agree.", "dashboard"), "dev", RUN)
    land(home)
    proofs = prove(settings(), RUN)
    standings = [proofs.of(record.digest)[0] for record in records_of(journal, RUN)]
    assert standings == ["signed", "signed", "signed", "waits"]
    said = text(draw(PAGE, run=RUN))
    assert "3 proven, not anchored" in said
    assert "1 not in the log yet" in said
    assert "Not shown: that this is the log of old." in said
    kept = proof_file(settings(), RUN).decode()
    assert verify_bundle(kept, (log_folder(settings()) / "key.pub").read_text(encoding="utf-8")).findings == []


def test_an_anchored_record_is_told_from_one_that_only_this_house_vouches_for() -> None:
    """The boundary is the size of the checkpoint that others keep."""
    proofs = Proofs({"a": 4, "b": 5}, size=6, anchored=5)
    assert (proofs.of("a"), proofs.of("b"), proofs.of("c")) == (("anchored", 4), ("signed", 5), ("waits", None))


def test_a_log_that_was_rewritten_proves_nothing(home: Path) -> None:
    """A checkpoint whose tiles lead elsewhere is a broken log, and no record of it is shown as proven."""
    _answered(home)
    sequence(settings(), FileJournal(home / "journals"))
    note = log_folder(settings()) / "checkpoint"
    lines = note.read_text(encoding="utf-8").split("\n")
    lines[2] = "A" * 43 + "="
    note.write_text("\n".join(lines), encoding="utf-8")
    proofs = prove(settings(), RUN)
    assert {proofs.of(record.digest)[0] for record in records_of(FileJournal(home / "journals"), RUN)} == {"unproven"}
    assert "no proof" in text(draw(PAGE, run=RUN))


def test_a_run_whose_journal_is_elsewhere_is_told_by_its_sums(home: Path) -> None:
    """The mart knows it, this machine does not: that is said, not shown as an empty story."""
    publish(home, fleet())
    run = current_mart(home).rows("SELECT run_id FROM runs LIMIT 1")[0]["run_id"]
    assert "The record of this run is not on this machine" in text(draw(PAGE, run=run))
    assert "There is no such run here" in text(draw(PAGE, run="nobody-1234"))


@pytest.mark.parametrize(
    ("sought", "found"),
    [
        (Sought(words="claims-triage-a"), lambda run: run["run_id"].startswith("claims-triage-a")),
        (Sought(words="clm-200"), lambda run: (run["case_ref"] or "").startswith("CLM-200")),
        (Sought(mission="incident_response"), lambda run: run["mission"] == "incident_response"),
        (Sought(owner="claims-operations"), lambda run: run["owner"] == "claims-operations"),
        (Sought(words="%"), lambda run: "%" in run["run_id"]),
        (Sought(words="  "), lambda run: bool(run["run_id"])),
    ],
)  # fmt: skip
def test_runs_are_found_by_what_is_known_of_them(home: Path, sought: Sought, found: Any) -> None:
    """A part of an id or case, a mission, an owner; a wildcard is a character like any other."""
    publish(home, fleet())
    mart = current_mart(home)
    rows, total = find_runs(mart, sought)
    everything = mart.rows("SELECT run_id, case_ref, mission, owner FROM runs")
    assert total == sum(bool(found(run)) for run in everything)
    assert all(found(run) for run in rows)


def test_runs_are_found_by_day(home: Path) -> None:
    """A day is one in UTC where nobody says where they are, from midnight to midnight."""
    publish(home, fleet(now=datetime(2026, 3, 14, 12, tzinfo=UTC)))
    mart = current_mart(home)
    rows, total = find_runs(mart, Sought(day=datetime(2026, 3, 10, tzinfo=UTC).date()))
    assert total > 0
    assert {run["started_at"].date().isoformat() for run in rows} == {"2026-03-10"}


def test_a_day_is_one_where_the_viewer_is(home: Path) -> None:
    """Started at 23:30 in Berlin is that day there, as the list says it; a day of 25 hours has all of them."""
    publish(home, fleet(now=datetime(2026, 10, 30, 12, tzinfo=UTC)))
    mart, berlin = current_mart(home), ZoneInfo("Europe/Berlin")
    sunday = date(2026, 10, 25)
    _, total = find_runs(mart, Sought(day=sunday, where=berlin))
    begin, end = datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 10, 25, 23, tzinfo=UTC)
    exact = mart.row("SELECT count(*) AS runs FROM runs WHERE started_at >= $b AND started_at < $e", b=begin, e=end)
    assert total == exact["runs"] > 0
    assert total != find_runs(mart, Sought(day=sunday))[1]


def test_a_long_list_of_runs_says_how_much_it_leaves_out(home: Path) -> None:
    """Fifty of two hundred and forty are called that."""
    publish(home, fleet())
    assert "the newest 50 of 240" in text(draw(PAGE))


def test_what_a_journal_quotes_from_outside_stays_text(home: Path) -> None:
    """Reasons and cases with markup are shown, not obeyed, in the story and in the raw record."""
    _answered(home, reason="<img src=x onerror=alert(1)></pre><script>alert(1)</script>")
    app = draw(PAGE, run=RUN)
    assert objections(app) == []
    assert "<img src=x onerror=alert(1)>" in text(app)


def _record(artifact: str, **data: Any) -> Record:
    fields = {"type": f"{TYPE_PREFIX}{artifact}.v1", "data": data, "stepkey": data.pop("stepkey", None)}
    return Record(orjson.dumps(data), fields)


def test_an_operation_is_told_once_by_its_result_with_cost_and_latency() -> None:
    """Intent and result are one line; an intent alone is told as that."""
    call = {"key": "/model:1", "agent": "claims_assessor", "requested_model": "m", "stepkey": "/step:a"}
    (told,) = story(
        [_record("model_call", phase="intent", **call),
         _record("model_call", phase="result", outcome="done", returned_model="m-1", cost_micros=1_250_000,
                 currency="USD", latency_us=2_400_000, input_tokens=1_200, output_tokens=80, **call)]
    )  # fmt: skip
    assert told.title == "claims_assessor asked m-1: done"
    assert told.beside == "1.25 USD  ·  2.4 s"
    assert "1,200 tokens read" in told.told
    assert told.is_inside
    (lost,) = story([_record("tool_call", phase="intent", key="/t", principal="p", tool="pay_claim", effect="write")])
    assert (lost.ink, lost.title) == ("grey", "p used pay_claim: begun, without a result on record")


@pytest.mark.parametrize(
    ("artifact", "data", "title"),
    [
        ("policy_decision", {"verdict": "deny", "action": "pay", "principal": "p", "rules": ["r"], "because": ["B."]},
         "Policy refuses pay by p"),
        ("policy_decision", {"verdict": "perhaps", "action": "pay", "principal": "p"},
         "Policy says nothing known of pay by p"),
        ("exception_record", {"what": "The ledger is down.", "owner": "o"}, "Exception: The ledger is down."),
        ("route_record", {"route": "claim_route", "choice": "fast_track"}, "Went the way fast track"),
        ("run_record", {"phase": "result", "status": "failed", "error": "E"}, "Ended failed"),
        ("run_record", {"phase": "fact", "event": "resumed", "attempt": 2}, "Resumed"),
        ("approval_record", {"by": "b", "answer": "go", "accepted": False, "refused_because": "late"},
         "b says go: does not count"),
        ("never_heard_of", {"colour": "blue"}, "Never heard of"),
        ("run_record", {}, "Went on"),
    ],
)  # fmt: skip
def test_every_kind_of_record_has_a_sentence(artifact: str, data: dict[str, Any], title: str) -> None:
    """Also one that this version has never heard of, and one with next to nothing in it."""
    (told,) = story([_record(artifact, **data)])
    assert told.title == title


def test_a_record_of_an_unknown_verdict_never_looks_good() -> None:
    """Blue is for what is known to be well."""
    (told,) = story([_record("policy_decision", verdict="perhaps", action="pay", principal="p")])
    assert told.ink == "grey"


def test_the_list_of_runs_is_filled_by_a_mart_alone(home: Path) -> None:
    """Without journals the search works."""

    def fill(con: DuckDBPyConnection) -> None:
        fleet(runs=3, live=0)(con)
        con.execute("UPDATE runs SET started_at = $then", {"then": datetime.now(UTC) - timedelta(days=400)})

    publish(home, fill)
    assert "3 runs" in text(draw(PAGE))
