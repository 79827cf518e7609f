"""Commands that look: runs, evidence, landing, numbers and drift, over one home with two claims."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from gonogo import docket
from gonogo.docket import Found
from gonogo.settings import Settings
from tests.e2e.cases import claim
from tests.e2e.command import Command

if TYPE_CHECKING:
    from collections.abc import Generator


@pytest.fixture(scope="module", name="flown")
def _flown(tmp_path_factory: pytest.TempPathFactory) -> Generator[Command]:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    """A home where one claim was paid and another waits at its gate."""
    folder = tmp_path_factory.mktemp("looking")
    scratch = folder / "scratch"
    scratch.mkdir()
    gonogo = Command(folder / "home", scratch)
    path = scratch / "claims.jsonl"
    cases = [claim("straightforward", "ENDED"), claim("above_limit", "OPEN")]
    path.write_text("".join(f"{json.dumps(case)}\n" for case in cases), encoding="utf-8")
    assert gonogo("run", "claims_triage", "--each", path).code == 5
    yield gonogo
    gonogo.clean_up()


def test_runs_shows_what_flies_and_with_all_what_has_ended(flown: Command) -> None:
    """An ended run is counted, and listed when asked for."""
    flying, every = flown("runs").out, flown("runs", "--all").out
    views = {view["status"]: view for view in flown("runs", "--json").json}
    assert set(views) == {"waiting", "done"}
    assert views["waiting"]["run_id"] in flying
    assert views["done"]["run_id"] not in flying
    assert views["done"]["run_id"] in every


def test_the_record_of_a_run_can_be_read(flown: Command) -> None:
    """Each record in a line, and as JSON all of it; part of an id will do, and the offline model is named."""
    run_id = flown.journal.run_ids()[0]
    shown = flown("evidence", run_id.rpartition("-")[2])
    whole = flown("evidence", run_id, "--json").json
    assert shown.code == 0
    assert "both chains hold" in shown.out
    assert "offline:scripted" in shown.out
    assert len(whole) == len(flown.journal.read_flight(run_id))
    assert {"streamid", "digest", "payload", "data"} <= whole[0].keys()


def test_landing_numbers_and_drift_are_clean_json(flown: Command) -> None:
    """Standard output is one document each; landing again finds nothing new; too few runs are never green."""
    first, again = flown("land", "--json"), flown("land", "--json")
    numbers, drift = flown("kpis", "--json"), flown("drift", "--json")
    assert [done.code for done in (first, again, numbers, drift)] == [0, 0, 0, 0]
    assert first.json["new_records"] == sum(len(flown.journal.read_flight(run)) for run in flown.journal.run_ids())
    assert again.json["new_records"] == 0
    assert any(kpi["value"] == 2 for kpi in numbers.json if kpi["mission"] in {"claims_triage", "all", None})
    assert drift.json["findings"]
    assert {finding["verdict"] for finding in drift.json["findings"]} == {"not_enough_data"}


def test_drift_says_what_cannot_be_judged_and_tells_the_months(flown: Command) -> None:
    """One ended claim is neither good nor bad news, whichever way it is asked."""
    assert flown("land").code == 0
    told, months = flown("drift"), flown("drift", "--by", "month", "--json")
    assert "not enough data" in told.out
    assert "Not enough data. Compared with all runs before the latest 100" in told.out
    assert [(month["mission"], month["cases"], month["verdict"]) for month in months.json] == [
        ("claims_triage", 1, "not_enough_data")
    ]
    assert months.json[0]["month"] in flown("drift", "--by", "month").out


def test_a_baseline_is_sealed_by_command_and_named_from_then_on(flown: Command) -> None:
    """What is in force is sealed with it; the report says what it compares with."""
    assert flown("land").code == 0
    sealed = flown("drift", "--seal")
    assert (sealed.code, "Sealed:" in sealed.out) == (0, True)
    assert "the baseline sealed at" in flown("drift", "--json").json["baseline"]


def test_where_nothing_drifted_nobody_owns_a_finding(flown: Command) -> None:
    """An empty docket is an empty list, and says who fills it."""
    assert flown("findings", "--json").json == []
    assert "watch-drift" in flown("findings").out


def test_a_finding_is_listed_with_owner_and_due_time_until_it_is_closed(flown: Command) -> None:
    """Closed ones only when asked for."""
    chosen = Settings(home=flown.home)
    found = Found(
        monitor="latency_p50", mission="claims_triage", subject="pay", severity="medium", owner="claims-operations",
        deputy="", route="ticket", due_at=datetime(2026, 1, 3, 12, tzinfo=UTC), sentence="pay is [slower].",
        reference_through=None, after=datetime(2026, 1, 1, tzinfo=UTC), needs_runs=1,
    )  # fmt: skip
    (entry,) = docket.open_findings(chosen, [found])
    (told,) = flown("findings", "--json").json
    assert (told["id"], told["state"], told["is_overdue"], told["mission"]) == (entry.id, "open", True, "claims_triage")
    assert "overdue" in flown("findings").out
    docket.note_routed(chosen, entry, "ticket")
    docket.note_closed(chosen, entry, 1, "it holds")
    assert flown("findings", "--json").json == []
    assert flown("findings", "--closed", "--json").json[0]["closed_because"] == "it holds"
