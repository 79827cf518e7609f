"""`gonogo run MISSION --each FILE`: one case a row, or one for all rows of the same key."""

from __future__ import annotations

import csv
import json
from collections import Counter
from typing import TYPE_CHECKING, Any, cast

import polars as pl
import pytest

from gonogo import fuseboxes
from gonogo.fuseboxes import fusebox_of
from gonogo.settings import Settings
from tests.e2e.cases import claim

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.e2e.command import Command

Row = dict[str, Any]


def flat(row: Row) -> dict[str, str]:
    """Return a case as a spreadsheet has it: dotted columns, lists as JSON."""
    cells: dict[str, str] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            cells |= {f"{name}.{below}": cell for below, cell in flat(cast("Row", value)).items()}
        else:
            cells[name] = json.dumps(value) if isinstance(value, list) else str(value)
    return cells


def write_csv(path: Path, rows: Iterable[Row]) -> None:
    """Write rows of one shape, and a line that lost half its fields."""
    flattened = [flat(row) for row in rows]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, flattened[0])
        writer.writeheader()
        writer.writerows(flattened)
        file.write("CLM-TORN,POL-TORN\n")


def write_jsonl(path: Path, rows: Iterable[Row]) -> None:
    """Write rows, and a line that was cut off."""
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows) + '{"claim_id": "CLM-T\n', encoding="utf-8")


def write_parquet(path: Path, rows: Iterable[Row]) -> None:
    """Write rows as nested columns."""
    pl.DataFrame(list(rows)).write_parquet(path)


@pytest.mark.parametrize(
    ("kind", "write", "bad_lines"), [("csv", write_csv, 2), ("jsonl", write_jsonl, 2), ("parquet", write_parquet, 1)]
)
def test_good_rows_fly_and_bad_ones_are_reported_with_line_and_reason(
    gonogo: Command, kind: str, write: Any, bad_lines: int
) -> None:
    """Exit 1 because of the bad rows, and the good ones have landed all the same."""
    cases = [
        claim("straightforward", f"{kind}-1"),
        claim("not_covered", f"{kind}-2"),
        claim("straightforward", "MINUS"),
    ]
    cases[2]["claimed_cents"] = -1
    path = gonogo.scratch / f"claims.{kind}"
    write(path, cases)
    done = gonogo("run", "claims_triage", "--each", path, "--json")
    outcomes = Counter(run["outcome"]["outcome"] for run in done.json["runs"])
    bad = done.json["bad_rows"]
    assert done.code == 1
    assert outcomes == {"paid": 1, "declined": 1}
    assert len(bad) == bad_lines
    third = {"csv": 4, "jsonl": 3, "parquet": 3}[kind]
    reasons = {row["ref"]: row["reason"] for row in bad}
    assert "claimed_cents: Input should be greater than 0" in reasons[f"claims.{kind}:{third}"]
    if bad_lines > 1:
        assert reasons[f"claims.{kind}:{third + 1}"]
    assert len(gonogo.payments(f"CLM-{kind}-1")) == 1
    assert gonogo.effects()["claims"] == 2


def test_cases_side_by_side_do_not_disturb_each_other(gonogo: Command) -> None:
    """Two dozen claims, eight at a time, over a ledger that does not exist yet: each is paid once."""
    path = gonogo.scratch / "claims.jsonl"
    cases = [claim("straightforward", f"SIDE-{number}") for number in range(24)]
    path.write_text("".join(f"{json.dumps(case)}\n" for case in cases), encoding="utf-8")
    done = gonogo("run", "claims_triage", "--each", path, "--json")
    assert done.json["statuses"] == {"done": 24}, [run["error"] for run in done.json["runs"]]
    assert done.code == 0
    assert gonogo.effects()["payments"] == 24


def test_a_person_sees_a_table_of_outcomes_and_the_bad_rows(gonogo: Command) -> None:
    """The table goes to standard output, what was not flown to standard error."""
    path = gonogo.scratch / "claims.jsonl"
    write_jsonl(path, [claim("straightforward", "TABLE-1"), claim("straightforward", "TABLE-2")])
    done = gonogo("run", "claims_triage", "--each", path)
    (row,) = [line.split() for line in done.out.splitlines() if "paid" in line]
    assert row[:3] == ["done", "paid", "2"]
    assert "not flown: claims.jsonl:3: it is not JSON" in done.err


def test_cases_that_have_not_ended_are_not_told_as_failed_and_go_on_with_the_same_command(gonogo: Command) -> None:
    """Whoever kept sequencing is dead, so nobody is paid: exit 1, why, and how it goes on; then it does."""
    board = fusebox_of(Settings(home=gonogo.home))
    gonogo.home.mkdir()
    fuseboxes.promise(board, "gonogo/sequencer", 1)
    path = gonogo.scratch / "claims.jsonl"
    cases = [claim("straightforward", "NIGHT-1"), claim("not_covered", "NIGHT-2")]
    path.write_text("".join(f"{json.dumps(case)}\n" for case in cases), encoding="utf-8")
    fly = ("run", "claims_triage", "--each", path)
    told, first = gonogo(*fly), gonogo(*fly, "--json")
    assert (told.code, first.code) == (1, 1)
    assert first.json["statuses"] == {"interrupted": 2}
    assert {run["error_class"] for run in first.json["runs"]} == {"LogBehind"}
    assert "interrupted: 1 of 2: The evidence has not been taken into the log" in told.err
    assert told.err.rstrip().endswith("They have not failed: once that is put right, they go on with the same command.")
    assert "failed" not in told.out
    fuseboxes.withdraw(board, "gonogo/sequencer")
    second = gonogo(*fly, "--json")
    assert (second.code, second.json["statuses"]) == (0, {"done": 2})
    assert [len(gonogo.payments(f"CLM-NIGHT-{number}")) for number in (1, 2)] == [1, 0]


def test_flying_a_file_again_continues_it_and_makes_no_second_run(gonogo: Command) -> None:
    """A case that left at a gate goes on; one that has landed is not flown again; `--again` means it."""
    path = gonogo.scratch / "claims.jsonl"
    cases = [claim("not_covered", "EACH-1"), claim("above_limit", "EACH-2")]
    path.write_text("".join(f"{json.dumps(case)}\n" for case in cases), encoding="utf-8")
    fly = ("run", "claims_triage", "--each", path, "--json")
    first = gonogo(*fly)
    (gate,) = [run["waits"][0] for run in first.json["runs"] if run["status"] == "waiting"]
    gonogo("decide", gate, "go", "--reason", "cover confirmed", "--as", "ada")
    second = gonogo(*fly)
    again = gonogo(*fly, "--again")
    assert first.code == 5
    assert first.json["statuses"] == {"done": 1, "waiting": 1}
    assert second.code == 0
    assert second.json["statuses"] == {"done": 2}
    assert [run["run_id"] for run in second.json["runs"]] == [run["run_id"] for run in first.json["runs"]]
    assert len(gonogo.journal.run_ids()) == 4
    assert not {run["run_id"] for run in again.json["runs"]} & {run["run_id"] for run in first.json["runs"]}
    # The law refuses to pay the same claim a second time; the new run is a new run, not a new payment.
    assert len(gonogo.payments("CLM-EACH-2")) == 1


def test_rows_of_a_case_are_put_in_the_order_of_time(gonogo: Command) -> None:
    """The file tells the end first; the ticket is followed from its beginning all the same."""
    path = gonogo.scratch / "tickets.csv"
    columns = (
        "number,incident_state,active,made_sla,reassignment_count,reopen_count,"
        "opened_at,resolved_at,closed_at,sys_updated_at,sys_mod_count,priority,category,assignment_group"
    )
    told = [
        "INC-A,Closed,false,false,2,1,1/3/2016 08:00,3/3/2016 08:00,4/3/2016 08:00,4/3/2016 08:00,4,2 - High",
        "INC-B,Closed,false,true,0,0,1/3/2016 09:00,1/3/2016 10:00,2/3/2016 09:00,2/3/2016 09:00,1,3 - Moderate",
        "INC-A,Resolved,true,true,2,1,1/3/2016 08:00,3/3/2016 08:00,4/3/2016 08:00,3/3/2016 08:00,3,2 - High",
        "INC-A,New,true,true,0,0,1/3/2016 08:00,3/3/2016 08:00,4/3/2016 08:00,1/3/2016 08:05,0,2 - High",
        "INC-B,New,true,true,0,0,1/3/2016 09:00,1/3/2016 10:00,2/3/2016 09:00,1/3/2016 09:00,0,3 - Moderate",
        "INC-A,Active,true,true,2,0,1/3/2016 08:00,3/3/2016 08:00,4/3/2016 08:00,2/3/2016 08:00,2,2 - High",
    ]
    path.write_text("\n".join([columns, *(f"{row},Category 1,Group 1" for row in told)]) + "\n", encoding="utf-8")
    done = gonogo("run", "incident_response", "--each", path, "--case-by", "number", "--json")
    by_number = {run["outcome"]["number"]: run for run in done.json["runs"]}
    first = gonogo.journal.read_flight(by_number["INC-A"]["run_id"])[0]
    outcome = by_number["INC-A"]["outcome"]
    assert done.code == 0
    assert set(by_number) == {"INC-A", "INC-B"}
    assert first.body_object()["source"]["incident_state"] == "New"
    assert (outcome["updates_followed"], outcome["reassignments"], outcome["reopens"]) == (3, 2, 1)
    assert (outcome["sla_kept"], outcome["handling_seconds"]) == (False, 3 * 86_400)
    assert by_number["INC-B"]["outcome"]["sla_kept"] is True


def test_later_rows_of_a_claim_are_what_the_customer_sends(gonogo: Command) -> None:
    """A row with a case's key, an event and a time arrives as an outside event."""
    path = gonogo.scratch / "claims.jsonl"
    case = claim("one_document_missing", "MAIL")
    mail = {"claim_id": "CLM-MAIL", "event": "documents_received", "occurred_at": "2026-06-01T09:00:00Z"}
    rows = [mail | {"documents": ["repair_estimate"]}, case]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    done = gonogo("run", "claims_triage", "--each", path, "--case-by", "claim_id", "--json")
    assert done.code == 0
    assert [run["outcome"]["outcome"] for run in done.json["runs"]] == ["paid"]


def test_a_row_without_its_key_is_a_bad_row(gonogo: Command) -> None:
    """It belongs to no case, and the others proceed."""
    path = gonogo.scratch / "claims.jsonl"
    rows = [claim("straightforward", "KEY"), {"event": "documents_received", "documents": ["photos"]}]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    done = gonogo("run", "claims_triage", "--each", path, "--case-by", "claim_id", "--json")
    assert done.code == 1
    assert done.json["statuses"] == {"done": 1}
    assert done.json["bad_rows"] == [{"ref": "claims.jsonl:2", "reason": "it has no value in the column claim_id"}]


def test_cases_fly_as_they_came_and_the_queue_is_told(gonogo: Command) -> None:
    """The later row came earlier, so it begins first; how long each waited is on record."""
    path = gonogo.scratch / "claims.jsonl"
    cases = [claim("not_covered", "LATE") | {"at": "2026-01-01T10:00:20Z"}, claim("not_covered", "EARLY")]
    cases[1]["at"] = "2026-01-01T10:00:00Z"
    path.write_text("".join(f"{json.dumps(case)}\n" for case in cases), encoding="utf-8")
    done = gonogo("run", "claims_triage", "--each", path, "--arrived", "at", "--speed", "100", "--json")
    assert done.code == 0, done.err
    assert done.json["statuses"] == {"done": 2}
    assert (done.json["queue"]["come"], done.json["queue"]["begun"]) == (2, 2)
    early, late = (gonogo.journal.read_flight(run["run_id"])[0].data for run in done.json["runs"])
    assert early["case_ref"] == "claims.jsonl:2"
    assert early["arrived"] < late["arrived"]
    assert min(early["waited_ms"], late["waited_ms"]) >= 0


def test_a_speed_without_arrivals_is_refused(gonogo: Command) -> None:
    """Nothing is flown."""
    path = gonogo.scratch / "claims.jsonl"
    path.write_text("{}\n", encoding="utf-8")
    told = gonogo("run", "claims_triage", "--each", path, "--speed", "10").sentence
    assert told == "--speed replays when cases came in; name the column that says so with --arrived."


def test_a_row_with_a_nul_character_is_no_case(gonogo: Command) -> None:
    """No Postgres could store it; the field is named, and nothing of it is on record."""
    path = gonogo.scratch / "claims.jsonl"
    case = claim("straightforward", "NUL")
    path.write_text(json.dumps(case | {"description": "cut \0 here"}) + "\n", encoding="utf-8")
    done = gonogo("run", "claims_triage", "--each", path, "--json")
    (bad,) = done.json["bad_rows"]
    assert "description holds a NUL character, U+0000" in bad["reason"]
    assert done.json["runs"] == []
    assert gonogo.journal.run_ids() == []
