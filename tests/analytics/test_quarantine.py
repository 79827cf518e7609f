"""What is no evidence is kept with its reason, and stops nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pandas as pd
import pytest

from analytics import quality
from analytics.contract import BODIES
from analytics.quality import Expected, validate
from analytics.warehouse import land, replay
from gonogo.evidence.canon import GENESIS, payload_bytes
from gonogo.evidence.records import seal, to_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.analytics.conftest import Fleet


def lines_of(path: Path) -> list[bytes]:
    """Return the lines of a journal, without their newlines."""
    return path.read_bytes()[:-1].split(b"\n")


def rewrite(path: Path, lines: list[bytes]) -> None:
    """Put lines in a journal's place."""
    path.write_bytes(b"\n".join(lines) + b"\n")


def leaf_with(line: bytes, **fields: Any) -> bytes:
    """Return a line with other leaf fields; ``data__x`` changes a field of the body."""
    leaf, tab, rest = line.partition(b"\t")
    told = orjson.loads(leaf)
    for name, value in fields.items():
        place = told["data"] if name.startswith("data__") else told
        place[name.removeprefix("data__")] = value
    return orjson.dumps(told, option=orjson.OPT_SORT_KEYS) + tab + rest


def payload_with(line: bytes, body: bytes) -> bytes:
    """Return a line with another payload beside the same leaf."""
    leaf, _, rest = line.partition(b"\t")
    return b"\t".join((leaf, rest.partition(b"\t")[0], body))


MODEL_RESULT = 4
"""Line index of the model call's result in a flown run."""

SPOILT: dict[str, tuple[Callable[[bytes], bytes], str, str]] = {
    "noise": (lambda _: b"\xff\x00 not json", "not_a_record", "no JSON"),
    "an empty line": (lambda _: b"", "not_a_record", "no JSON"),
    "a list": (lambda _: b"[1,2]", "not_a_record", "no object"),
    "no run": (lambda line: leaf_with(line, runid=None), "not_a_record", "runid is missing"),
    "text for a place": (lambda line: leaf_with(line, streamseq="4"), "wrong_type", "streamseq is text"),
    "a negative place": (lambda line: leaf_with(line, streamseq=-1), "wrong_type", "no place in a stream"),
    "a wild time": (lambda line: leaf_with(line, time="yesterday"), "wrong_type", "not a time"),
    "a time with a comma": (
        lambda line: leaf_with(line, time="2026-01-01T00:00:00,000000Z"),
        "wrong_type",
        "not a time",
    ),
    "a day that never was": (
        lambda line: leaf_with(line, recordedtime="2026-02-30T00:00:00.000000Z"),
        "wrong_type",
        "not a time",
    ),
    "text for money": (lambda line: leaf_with(line, data__cost_micros="12"), "wrong_type", "cost_micros is text"),
    "true for money": (lambda line: leaf_with(line, data__cost_micros=True), "wrong_type", "cost_micros is a flag"),
    "a fraction": (lambda line: leaf_with(line, data__latency_us=1.5), "wrong_type", "latency_us is a fraction"),
    "a huge number": (lambda line: leaf_with(line, data__cost_micros=2**60), "wrong_type", "beyond the integers"),
    "no key": (lambda line: leaf_with(line, data__key=None), "wrong_type", "key is missing"),
    "no such phase": (lambda line: leaf_with(line, data__phase="fact"), "wrong_type", "no phase"),
    "a phase that is no text": (lambda line: leaf_with(line, data__phase=["result"]), "wrong_type", "no phase"),
    "an unknown version": (
        lambda line: leaf_with(line, type="io.gonogo.evidence.model_call.v9"),
        "unknown_type",
        "model_call.v9",
    ),
    "another stream": (lambda line: leaf_with(line, streamid="r9/flight"), "wrong_stream", "stands in"),
    "another run": (lambda line: leaf_with(line, runid="r9"), "wrong_stream", "stands in"),
    "another payload": (lambda line: payload_with(line, b'{"text":"forged"}'), "payload_mismatch", "commits to"),
    "salt that is none": (lambda line: line.replace(b"\t", b"\tzz", 1), "payload_mismatch", "hexadecimal"),
    "an escaping payload": (
        lambda line: leaf_with(line, payloaddigest="../../etc/passwd", dataref="x").partition(b"\t")[0],
        "payload_mismatch",
        "commits to",
    ),
    "negative money": (lambda line: leaf_with(line, data__cost_micros=-1), "check_failed", "not negative"),
    "an unknown outcome": (
        lambda line: leaf_with(line, data__outcome="fine"),
        "check_failed",
        "done, failed, refused, proposed or in doubt",
    ),
    "an unknown price": (lambda line: leaf_with(line, data__price_basis="free"), "check_failed", "listed, declared"),
    "a digest that is none": (lambda line: leaf_with(line, prevdigest="0x12"), "check_failed", "SHA-256"),
    "a time to come": (
        lambda line: leaf_with(line, time="2999-01-01T00:00:00.000000Z"),
        "check_failed",
        "before it happened",
    ),
}


def test_a_review_that_names_no_broken_glass_is_quarantined(fleet: Fleet) -> None:
    """It has no place among the goes that were given alone; the same request without the mark opens a gate."""
    asking = fleet.run("r1").begin()
    asking.ask("g1")
    lines = lines_of(asking.path)
    rewrite(asking.path, [*lines[:-1], leaf_with(lines[-1], data__glass=True)])
    assert land(fleet.home).quarantined == 1
    assert fleet.ask("SELECT reason, detail FROM quarantine") == [
        ("wrong_type", "approval_request fact: glass_gate is missing, and glass is set")
    ]
    rewrite(asking.path, lines)
    assert replay(fleet.home).landed == 1
    assert fleet.ask("SELECT gate FROM gates") == [("g1",)]


@pytest.mark.parametrize("fault", SPOILT)
def test_a_bad_line_is_quarantined_and_the_rest_lands(fleet: Fleet, fault: str) -> None:
    """One line is kept whole with file, line and reason; the seven others become rows."""
    spoil, reason, said = SPOILT[fault]
    flight = fleet.flown("r1")
    lines = lines_of(flight.path)
    bad = spoil(lines[MODEL_RESULT])
    rewrite(flight.path, [*lines[:MODEL_RESULT], bad, *lines[MODEL_RESULT + 1 :]])
    landed = land(fleet.home)
    assert (landed.new_records, landed.quarantined) == (7, 1)
    assert landed.dq_failures >= 1, "the missing link shows"
    row = fleet.ask("SELECT journal, line, reason, detail, raw FROM quarantine", "warehouse.duckdb")[0]
    assert row[:3] == ("flights/r1.jsonl", MODEL_RESULT + 1, reason)
    assert said in row[3]
    assert row[4] == bad.decode("utf-8", "backslashreplace")
    assert fleet.ask("SELECT status, records FROM runs") == [("done", 7)]
    assert fleet.ask("SELECT fault, expected_seq FROM chain_faults") == [("gap", MODEL_RESULT)]
    assert fleet.ask("SELECT outcome, cost_micros FROM model_calls") == [("open", None)]


@pytest.mark.parametrize(("field", "value"), [("cost_micros", 2**60), ("cost_micros", "12"), ("key", None)])
def test_a_record_that_looks_like_a_good_one_is_looked_at_all_the_same(fleet: Fleet, field: str, value: Any) -> None:
    """What is remembered of records is their shape; a value that does not fit is told after a thousand that did."""
    good, flight = fleet.flown("r1"), fleet.flown("r2")
    lines = lines_of(flight.path)
    rewrite(
        flight.path,
        [
            *lines[:MODEL_RESULT],
            leaf_with(lines[MODEL_RESULT], **{f"data__{field}": value}),
            *lines[MODEL_RESULT + 1 :],
        ],
    )
    assert good.path.exists()
    landed = land(fleet.home)
    assert (landed.new_records, landed.quarantined) == (15, 1)
    assert fleet.ask("SELECT run_id, reason FROM quarantine") == [("r2", "wrong_type")]


def test_a_key_that_is_no_text_stops_nothing(fleet: Fleet) -> None:
    """Where no key is promised, whatever stands in its place is no key."""
    flight = fleet.flown("r1")
    lines = lines_of(flight.path)
    rewrite(flight.path, [leaf_with(lines[0], data__key=7), *lines[1:]])
    landed = land(fleet.home)
    assert (landed.new_records, landed.quarantined) == (8, 0)
    assert fleet.one("SELECT key FROM evidence WHERE seq = 0", "warehouse.duckdb") is None


def test_quarantine_is_published_without_what_the_line_says(fleet: Fleet) -> None:
    """Readers see that and why, not the raw text, which may be anything."""
    flight = fleet.flown("r1")
    rewrite(flight.path, [*lines_of(flight.path), b"secret"])
    land(fleet.home)
    assert fleet.ask("SELECT reason, raw FROM quarantine") == [("not_a_record", None)]


def test_a_payload_that_is_no_json_is_quarantined(fleet: Fleet) -> None:
    """The commitment holds, and still nobody could ask it anything."""
    flight = fleet.run("r1").begin()
    first = flight.journal.read_flight("r1")[0]
    told = {name: value for name, value in first.fields.items() if name not in {"payloaddigest", "data"}}
    data = {**first.data, "case_ref": "again"}
    line = to_line(seal(told, "run_record", data, stream=("r1/flight", 0, GENESIS), payload=b"{not json"))
    flight.path.write_bytes(line)
    assert land(fleet.home).quarantined == 1
    assert fleet.one("SELECT reason FROM quarantine") == "payload_not_json"


def test_a_quarantined_line_is_kept_once(fleet: Fleet) -> None:
    """Reading a journal again does not fill the quarantine again."""
    flight = fleet.flown("r1")
    rewrite(flight.path, [*lines_of(flight.path), b"noise"])
    assert land(fleet.home).quarantined == 1
    lines = lines_of(flight.path)
    rewrite(flight.path, lines[:3])
    shrunk = land(fleet.home)
    assert (shrunk.new_records, shrunk.dq_failures) == (0, 1)
    assert "3" not in fleet.one("SELECT expectation FROM dq_results WHERE suite = 'journals'")
    rewrite(flight.path, lines)
    assert land(fleet.home).quarantined == 0
    assert fleet.one("SELECT count(*) FROM quarantine") == 1


def test_a_record_in_anothers_place_is_a_conflict(fleet: Fleet) -> None:
    """History that was landed is not overwritten by another version of it."""
    flight = fleet.flown("r1")
    land(fleet.home)
    lines = lines_of(flight.path)
    forged = leaf_with(lines[-1], data__success=False)
    rewrite(flight.path, [*lines, forged])
    landed = land(fleet.home)
    assert (landed.new_records, landed.quarantined) == (0, 1)
    assert fleet.one("SELECT reason FROM quarantine") == "conflict"
    assert fleet.one("SELECT success FROM runs") is True


def test_the_same_record_twice_is_one_row(fleet: Fleet) -> None:
    """A copied line is no news and no reject; that it was copied is counted."""
    flight = fleet.flown("r1")
    lines = lines_of(flight.path)
    rewrite(flight.path, [lines[0], *lines, lines[2]])
    landed = land(fleet.home)
    assert (landed.new_records, landed.quarantined, landed.dq_failures) == (8, 0, 1)


def test_a_run_that_makes_no_rows_does_not_stop_the_others(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """What slips through every check is set aside with its run; the fleet lands."""
    told = [field for field in BODIES["run_record", "result"] if field[0] != "status"]
    monkeypatch.setitem(BODIES, ("run_record", "result"), told)
    flight = [fleet.flown(f"r{number}") for number in range(3)][-1]
    lines = lines_of(flight.path)
    rewrite(flight.path, [*lines[:-1], leaf_with(lines[-1], data__status=None)])
    landed = land(fleet.home)
    assert (landed.new_records, landed.quarantined) == (16, 8)
    assert fleet.ask("SELECT run_id, status FROM runs ORDER BY 1") == [("r0", "done"), ("r1", "done")]
    assert fleet.ask("SELECT DISTINCT run_id, reason FROM quarantine") == [("r2", "unshapeable")]
    assert land(fleet.home).new_records == 0


def test_a_gap_shows_until_it_is_filled(fleet: Fleet) -> None:
    """What is missing is named; when it comes late, the stream is whole again."""
    flight = fleet.flown("r1")
    lines = lines_of(flight.path)
    rewrite(flight.path, [*lines[:2], *lines[5:]])
    landed = land(fleet.home)
    assert (landed.new_records, landed.dq_failures) == (5, 2), "the stream, and the money that is missing with it"
    assert fleet.ask("SELECT seq, fault, expected_seq FROM chain_faults") == [(5, "gap", 2)]
    rewrite(flight.path, [*lines[:2], *lines[5:], *lines[2:5]])
    assert land(fleet.home).new_records == 3
    assert fleet.one("SELECT count(*) FROM chain_faults") == 0


def test_a_changed_record_breaks_the_chain(fleet: Fleet) -> None:
    """A record that was edited reads well, and the next one gives it away."""
    flight = fleet.flown("r1")
    lines = lines_of(flight.path)
    lines[MODEL_RESULT] = leaf_with(lines[MODEL_RESULT], data__cost_micros=1)
    rewrite(flight.path, lines)
    landed = land(fleet.home)
    assert (landed.new_records, landed.quarantined) == (8, 0)
    assert fleet.ask("SELECT seq, fault FROM chain_faults") == [(MODEL_RESULT + 1, "broken")]
    failed = fleet.ask("SELECT field FROM dq_results WHERE status = 'failed' ORDER BY 1")
    assert failed == [("chain_faults",), ("cost_gap_micros",)], "and the run's own total no longer adds up"


def test_a_promised_field_that_is_missing_is_counted_and_lands(fleet: Fleet) -> None:
    """A record with less than promised still says what it says."""
    flight = fleet.run("r1").begin()
    flight.note("policy_decision", {"key": "/d", "verdict": "allow"})
    landed = land(fleet.home)
    assert (landed.new_records, landed.quarantined, landed.dq_failures) == (2, 0, 1)
    assert fleet.ask("SELECT field, unexpected FROM dq_results WHERE status = 'failed'") == [("missing", 1)]


def test_a_check_that_breaks_is_no_verdict_on_the_data(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is quarantined and nothing passes because a check could not run."""
    fleet.flown("r1")
    broken = Expected("moon phases are known", "moon_phase", "critical", "ToBeInSet", {"value_set": [1]})
    monkeypatch.setattr("analytics.loading.DELTA_SUITE", (*quality.DELTA_SUITE, broken))
    landed = land(fleet.home)
    assert (landed.new_records, landed.quarantined, landed.dq_failures) == (8, 0, 1)
    assert fleet.ask("SELECT expectation, status, unexpected FROM dq_results WHERE status <> 'passed'") == [
        ("moon phases are known", "broke", 0)
    ]


def test_a_checker_that_cannot_start_breaks_every_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even then the answer is broken, not passed and not failed."""

    def refuse() -> None:
        raise ImportError("no such package")

    monkeypatch.setattr(quality, "_bench", refuse)
    report = validate("delta", quality.DELTA_SUITE, pd.DataFrame({"row": [0]}))
    assert {check.status for check in report.checks} == {"broke"}
    assert report.bad_rows == {}
    assert report.failures == len(quality.DELTA_SUITE)


def test_passed_checks_are_forgotten_and_failed_ones_are_not(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """A loader that runs for months does not drown in good news."""
    monkeypatch.setattr("analytics.history._FORGET", "DELETE FROM dq_results WHERE status = 'passed'")
    flight = fleet.run("r1").begin()
    flight.note("policy_decision", {"key": "/d", "verdict": "allow"})
    land(fleet.home)
    assert fleet.ask("SELECT DISTINCT status FROM dq_results") == [("failed",)]


def test_the_loader_reads_what_the_recorder_writes(fleet: Fleet) -> None:
    """A payload of every JSON kind comes back as it went in."""
    case: dict[str, Any] = {"text": "é\t\n", "list": [1, None, True, 1.5], "deep": {"a": {"b": []}}}
    fleet.run("r1").begin(case=case)
    land(fleet.home)
    assert orjson.loads(fleet.one("SELECT case_input FROM runs")) == orjson.loads(payload_bytes(case))


def test_a_recorder_whose_clock_is_ahead_lands_and_is_counted(fleet: Fleet) -> None:
    """Its evidence is as good as any; that its times are not is a warning, and says how many."""
    flight = fleet.flown("r1")
    lines = lines_of(flight.path)
    ahead = "2999-01-01T00:00:00.000000Z"
    rewrite(flight.path, [*lines[:-1], leaf_with(lines[-1], time=ahead, recordedtime=ahead)])
    assert land(fleet.home).quarantined == 0
    checks = fleet.ask("SELECT expectation, severity, unexpected FROM dq_results WHERE status = 'failed'")
    assert ("recorders' clocks are not ahead of ours", "warning", 1) in checks
    assert fleet.one("SELECT records FROM runs") == len(lines)


def test_a_load_with_every_kind_of_fault_loses_no_line(fleet: Fleet) -> None:
    """Duplicate, late, out of order, wrong type, negative, skewed, unknown version: every line read is somewhere."""
    whole: dict[Path, list[bytes]] = {}
    for name in ("duplicate", "late", "swapped", "typed", "negative", "skewed", "newer"):
        flight = fleet.flown(name)
        whole[flight.path] = lines_of(flight.path)
    by_run = {path.stem: path for path in whole}

    def spoil(run_id: str, lines: list[bytes]) -> None:
        rewrite(by_run[run_id], lines)

    def with_line(run_id: str, bad: bytes) -> list[bytes]:
        lines = whole[by_run[run_id]]
        return [*lines[:MODEL_RESULT], bad, *lines[MODEL_RESULT + 1 :]]

    spoil("duplicate", [*whole[by_run["duplicate"]], *whole[by_run["duplicate"]]])
    spoil("late", whole[by_run["late"]][:3])
    swapped = whole[by_run["swapped"]]
    spoil("swapped", [*swapped[:2], swapped[3], swapped[2], *swapped[4:]])
    for run_id, fault in (
        ("typed", "text for money"), ("negative", "negative money"), ("skewed", "a time to come"),
        ("newer", "an unknown version"),
    ):  # fmt: skip
        spoil(run_id, with_line(run_id, SPOILT[fault][0](whole[by_run[run_id]][MODEL_RESULT])))
    read = sum(len(lines_of(path)) for path in whole)
    assert land(fleet.home).quarantined == 4
    kept = "SELECT sum(records + duplicates + quarantined)::BIGINT, sum(duplicates)::BIGINT FROM loads"
    assert fleet.one(kept, "warehouse.duckdb") == (read, len(whole[by_run["duplicate"]]))
    reasons = fleet.ask("SELECT run_id, reason FROM quarantine ORDER BY run_id")
    assert reasons == [
        ("negative", "check_failed"), ("newer", "unknown_type"), ("skewed", "check_failed"), ("typed", "wrong_type"),
    ]  # fmt: skip
    # What comes late is taken in when it comes; what was repaired, when it is read again.
    for path, lines in whole.items():
        rewrite(path, lines)
    land(fleet.home)
    replay(fleet.home)
    records = {len(lines) for lines in whole.values()}
    assert fleet.ask("SELECT DISTINCT records FROM runs") == [(count,) for count in records]
    assert fleet.one("SELECT count(*) FROM chain_faults") == 0
    assert fleet.one("SELECT count(DISTINCT cost_micros) FROM runs") == 1
