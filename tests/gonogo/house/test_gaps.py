"""Gaps: whatever a system, Prefect or the log knows and the evidence does not is named; nothing else is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gonogo.deeds import Deed
from gonogo.errors import ServerUnreachable, SettingsBroken
from gonogo.evidence.journal import FileJournal
from gonogo.house import gaps
from gonogo.house.api import post
from gonogo.house.gaps import Told, deeds_told, gaps_in_deeds, gaps_in_runs, gaps_in_streams, run_of
from gonogo.house.server import free_port, prefect_server
from gonogo.log.sequencer import sequence
from gonogo.settings import Settings, settings

if TYPE_CHECKING:
    from pathlib import Path

BANK = frozenset({"bank"})


@pytest.fixture
def journal(tmp_path: Path) -> FileJournal:
    """Journals of a home of its own."""
    return FileJournal(tmp_path / "journals")


def act(journal: FileJournal, run_id: str, *acts: tuple[str, str], ends: bool = True) -> None:
    """Record changes by idempotency key, each with how it went; an empty word for none."""
    stream = journal.open_flight(run_id)
    try:
        for key, went in acts:
            told = {"key": f"pay/{key}", "tool": "pay", "system": "bank", "effect": "write"}
            stream.append({"runid": run_id}, "tool_call", {**told, "phase": "intent", "idempotency_key": key})
            if went:
                stream.append({"runid": run_id}, "tool_call", {**told, "phase": "result", "outcome": went})
        if ends:
            stream.append({"runid": run_id}, "run_record", {"phase": "result", "status": "done", "streams": []})
        stream.commit_now()
    finally:
        stream.close()


def deed(key: str) -> Deed:
    """Return what the bank tells of a payment."""
    return Deed("bank", "pay", key, "2026-01-01T00:00:00Z")


def kinds(found: list[gaps.Gap]) -> list[str]:
    """Return what kinds of gaps there are."""
    return [gap.kind for gap in found]


def test_what_is_recorded_and_done_is_no_gap(journal: FileJournal) -> None:
    """Also of a run that still flies, whose payment may be under way."""
    act(journal, "r1", ("a", "done"), ("b", "done"))
    act(journal, "r2", ("c", ""), ends=False)
    assert gaps_in_deeds(journal, Told([deed("a"), deed("b")], BANK)) == []
    assert gaps_in_deeds(journal, Told([deed("a"), deed("b"), deed("c")], BANK)) == []


def test_a_change_that_no_record_intended_is_named(journal: FileJournal) -> None:
    """With its system, its tool and its key, so that somebody can look it up."""
    act(journal, "r1", ("a", "done"))
    (gap,) = gaps_in_deeds(journal, Told([deed("a"), deed("stray")], BANK))
    assert gap.kind == "deed_without_evidence"
    assert all(word in gap.what for word in ("pay", "bank", "stray"))


def test_a_change_that_its_system_does_not_know_is_named(journal: FileJournal) -> None:
    """Where the system tells everything; where it does not, silence says nothing."""
    act(journal, "r1", ("a", "done"))
    (gap,) = gaps_in_deeds(journal, Told([], BANK))
    assert gap.kind == "evidence_without_deed"
    assert "run r1 (record 0)" in gap.what
    assert gaps_in_deeds(journal, Told([], frozenset())) == []


def test_a_change_that_failed_needs_no_counterpart(journal: FileJournal) -> None:
    """It says itself that it was not done."""
    act(journal, "r1", ("a", "failed"))
    assert gaps_in_deeds(journal, Told([], BANK)) == []


def test_a_change_whose_run_ended_without_a_word_is_in_doubt(journal: FileJournal) -> None:
    """Whether its system knows it or not."""
    act(journal, "r1", ("a", ""))
    assert kinds(gaps_in_deeds(journal, Told([], BANK))) == ["in_doubt"]
    assert kinds(gaps_in_deeds(journal, Told([deed("a")], BANK))) == ["in_doubt"]


def test_a_stream_whose_journal_was_deleted_is_named_by_the_log(tmp_path: Path, journal: FileJournal) -> None:
    """How many records of it there were."""
    chosen = settings().model_copy(update={"home": tmp_path})
    act(journal, "r1", ("a", "done"))
    act(journal, "r2", ("b", "done"))
    assert gaps_in_streams(chosen, journal) == []
    sequence(chosen, journal)
    assert gaps_in_streams(chosen, journal) == []
    journal.flight_path("r1").unlink()
    (gap,) = gaps_in_streams(chosen, journal)
    assert (gap.kind, gap.what[:33]) == ("stream_gone", "The log holds 3 records of r1/fli")


def prefect(monkeypatch: pytest.MonkeyPatch, flow_runs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Let a server answer with these flow runs, page by page; returns what it was asked for."""
    asked: list[dict[str, Any]] = []

    def answer(url: str, body: dict[str, Any]) -> Any:
        match url.rpartition("/api/")[2]:
            case "deployments/filter":
                return [
                    {"flow_id": "f1", "tags": ["mission", "claims"]},
                    {"flow_id": "f2", "tags": ["mission", "batch"]},
                ]
            case "flows/filter":
                return [{"id": "f1", "name": "claims_triage"}]
            case _:
                asked.append(body)
                return flow_runs[body["offset"] : body["offset"] + body["limit"]]

    monkeypatch.setattr(gaps, "post", answer)
    return asked


def flow_run(number: int, *tags: str) -> dict[str, Any]:
    """Return a flow run as Prefect tells of it."""
    return {"id": f"id-{number}", "name": f"run-{number}", "flow_id": "f1", "state_name": "Completed", "tags": [*tags]}


def test_a_flow_run_of_a_mission_without_evidence_is_named(
    journal: FileJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether its run stands in its tag or follows from its id; batches have no run of their own."""
    tagged, untagged, stray = flow_run(1, "gonogo-run:r1"), flow_run(2), flow_run(3)
    act(journal, "r1")
    act(journal, run_of(untagged, "claims_triage"))
    asked = prefect(monkeypatch, [tagged, untagged, stray])
    (gap,) = gaps_in_runs(journal, "http://prefect/api")
    assert gap.kind == "run_without_evidence"
    assert all(word in gap.what for word in ("run-3", "id-3", run_of(stray, "claims_triage"), "Completed"))
    assert asked[0]["flows"] == {"id": {"any_": ["f1"]}}


def test_every_page_of_flow_runs_is_read(journal: FileJournal, monkeypatch: pytest.MonkeyPatch) -> None:
    """A gap on the last one counts as much."""
    prefect(monkeypatch, [flow_run(number) for number in range(gaps.PAGE * 2 + 1)])
    assert len(gaps_in_runs(journal, "http://prefect/api")) == gaps.PAGE * 2 + 1


def test_a_server_that_does_not_tell_is_no_server_without_gaps(
    journal: FileJournal, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An answer that cannot be read is none."""

    def answer(*_: object) -> list[dict[str, str]]:
        return [{"nothing": "known"}]

    monkeypatch.setattr(gaps, "post", answer)
    with pytest.raises(ServerUnreachable):
        gaps_in_runs(journal, "http://prefect/api")


def test_the_mission_lane_names_runs_as_they_are_looked_for() -> None:
    """One flow run, one run: found under the name that its evidence bears."""
    from prefect.client.schemas.objects import FlowRun

    from gonogo.lanes.prefect import run_id_of

    for tags in ([], ["claims", "gonogo-run:r1"]):
        flown = FlowRun(flow_id="6f2cbb6c-2f0c-4fd5-9c74-1de4e4b4a0e0", tags=tags)  # pyright: ignore[reportArgumentType] - text is read
        told = flown.model_dump(mode="json")
        assert run_of(told, "claims_triage") == run_id_of(flown, "claims_triage")


@pytest.mark.parametrize("module", ["no.such.module", "json"])
def test_rooms_that_list_no_deeds_are_told(module: str) -> None:
    """Nothing is compared with nothing."""
    with pytest.raises(SettingsBroken, match="GONOGO_SYSTEMS"):
        deeds_told(Settings(systems=module))


@pytest.mark.server
@pytest.mark.slow
def test_a_real_server_tells_what_it_has_begun(tmp_path: Path, journal: FileJournal) -> None:
    """Forced into running, without a record: named. Recorded, or never begun: not."""
    with prefect_server(tmp_path / "server", free_port()) as url:
        flow = post(f"{url}/flows/", {"name": "claims_triage"})["id"]
        body = {"name": "claims-triage", "flow_id": flow, "tags": ["mission", "claims"]}
        deployment = post(f"{url}/deployments/", body)["id"]

        def began(run_id: str, *, is_forced: bool) -> None:
            flown = {"tags": [f"gonogo-run:{run_id}"], "state": {"type": "SCHEDULED"}}
            made = post(f"{url}/deployments/{deployment}/create_flow_run", flown)
            if is_forced:
                post(f"{url}/flow_runs/{made['id']}/set_state", {"state": {"type": "RUNNING"}, "force": True})

        began("recorded", is_forced=True)
        began("forced", is_forced=True)
        began("never-begun", is_forced=False)
        act(journal, "recorded")
        (gap,) = gaps_in_runs(journal, url)
        assert "the run forced" in gap.what
