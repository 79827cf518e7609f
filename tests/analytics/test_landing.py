"""What is appended to the journals is in the mart after a load, once, whatever the order and the cuts."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.loading import Loader, Taken
from analytics.shape import SHAPES
from analytics.warehouse import land
from gonogo.evidence.tails import FileTail

if TYPE_CHECKING:
    from tests.analytics.conftest import Fleet


class Files(dict[str, bytes]):
    """Journals by name."""

    def __repr__(self) -> str:
        """Stay short in reports."""
        return f"{len(self)} journals"


def contents(home: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Return everything in a warehouse that depends on the evidence alone."""
    with closing(duckdb.connect(home / "warehouse.duckdb", read_only=True)) as con:
        con.execute("SET TimeZone = 'UTC'")
        tables = {name: f"SELECT * FROM {name} ORDER BY ALL" for name in SHAPES}
        tables["evidence"] = "SELECT * EXCLUDE loaded_at FROM evidence ORDER BY stream_id, seq"
        tables["offsets"] = "SELECT journal, byte_offset, lines FROM offsets ORDER BY ALL"
        tables["quarantine"] = "SELECT * EXCLUDE (load_id, quarantined_at) FROM quarantine ORDER BY ALL"
        return {name: con.execute(sql).fetchall() for name, sql in tables.items()}


def test_an_empty_home_publishes_an_empty_mart(fleet: Fleet) -> None:
    """Readers find tables, not an error, before the first run."""
    landed = land(fleet.home)
    assert (landed.new_records, landed.quarantined, landed.dq_failures) == (0, 0, 0)
    assert fleet.one("SELECT count(*) FROM runs") == 0
    assert fleet.one("SELECT records FROM snapshot") == 0


def test_a_run_lands_whole(fleet: Fleet) -> None:
    """Every table gets what the evidence says, with the money counted once."""
    flight = fleet.run("r1").begin()
    flight.note("version_log", {"versions": [{"object": "python", "id": "cpython", "version": "3.11", "digest": ""}]})
    key = flight.step("assess", latency_us=7_000)
    flight.model("/step:assess/model", step_key=key, cost_micros=250)
    flight.tool("/step:assess/tool", step_key=key)
    flight.tool("/step:assess/tool2", step_key=key, outcome="refused")
    flight.decide("deny")
    flight.note("exception_record", {"reason_code": "data_mismatch", "what": "odd", "owner": "operations"})
    flight.end(measures={"sla_kept": 1, "time_to_acknowledge": 40})
    landed = land(fleet.home)
    assert (landed.new_records, landed.runs, landed.quarantined, landed.dq_failures) == (12, 1, 0, 0)
    assert fleet.ask(
        "SELECT status, outcome, success, cost_micros, total_cost_micros, sla_kept, records FROM runs"
    ) == [("done", "paid", True, 250, 250, True, 12)]
    assert fleet.ask("SELECT step, outcome, latency_us, cost_micros, model_calls, tool_calls FROM steps") == [
        ("assess", "done", 7_000, 250, 1, 2)
    ]
    assert fleet.ask("SELECT run_id, step, agent_id, model, cost_micros, currency, price_basis FROM costs") == [
        ("r1", "assess", "assessor", "small-2026", 250, "USD", "list")
    ]
    assert fleet.ask("SELECT outcome, count(*) FROM tool_calls GROUP BY 1 ORDER BY 1") == [("done", 1), ("refused", 1)]
    assert fleet.ask("SELECT verdict, rules, because FROM decisions") == [
        ("deny", ["payout-limit"], ["Large payouts need a person."])
    ]
    assert fleet.ask("SELECT name, value FROM measures ORDER BY 1") == [("sla_kept", 1), ("time_to_acknowledge", 40)]
    assert fleet.ask("SELECT what, owner FROM exceptions") == [("odd", "operations")]
    assert fleet.ask("SELECT object, id, version, digest FROM versions") == [("python", "cpython", "3.11", None)]
    assert fleet.one("SELECT count(*) FROM chain_faults") == 0


def test_landing_again_changes_nothing(fleet: Fleet) -> None:
    """A load without news is no load."""
    fleet.flown("r1")
    land(fleet.home)
    before = contents(fleet.home)
    again = land(fleet.home)
    assert (again.new_records, again.runs) == (0, 0)
    assert contents(fleet.home) == before


def test_lost_offsets_cost_time_and_no_duplicates(fleet: Fleet) -> None:
    """Records are recognised by their place in the stream, not by what was read before."""
    for number in range(3):
        fleet.flown(f"r{number}")
    land(fleet.home)
    before = contents(fleet.home)
    with closing(duckdb.connect(fleet.home / "warehouse.duckdb")) as con:
        con.execute("DELETE FROM offsets")
    again = land(fleet.home)
    assert (again.new_records, again.quarantined) == (0, 0)
    assert contents(fleet.home) == before


def test_a_torn_tail_waits_for_its_end(fleet: Fleet) -> None:
    """A line that is still being written is neither landed nor rejected."""
    flight = fleet.flown("r1")
    whole = flight.path.read_bytes()
    flight.path.write_bytes(whole[:-20])
    first = land(fleet.home)
    assert (first.new_records, first.quarantined) == (7, 0)
    assert fleet.one("SELECT status FROM runs") == "flying"
    flight.path.write_bytes(whole)
    assert land(fleet.home).new_records == 1
    assert fleet.one("SELECT status FROM runs") == "done"


def test_a_run_is_one_row_that_grows(fleet: Fleet) -> None:
    """Later records of a run change its row, they do not add one."""
    flight = fleet.run("r1").begin()
    land(fleet.home)
    assert fleet.ask("SELECT run_id, status, outcome FROM runs") == [("r1", "flying", None)]
    flight.step("assess", outcome=None)
    land(fleet.home)
    assert fleet.ask("SELECT outcome, ended_at FROM steps") == [("open", None)]
    flight.note("run_record", {"event": "resumed", "attempt": 2}, attempt=2)
    flight.step("assess", latency_us=5)
    flight.end()
    land(fleet.home)
    assert fleet.ask("SELECT run_id, status, outcome, attempts FROM runs") == [("r1", "done", "paid", 2)]
    assert fleet.ask("SELECT occurrence, outcome FROM steps ORDER BY 1") == [(1, "open"), (2, "done")]


def test_a_gate_is_answered_in_a_later_load(fleet: Fleet) -> None:
    """The same gate goes from open to answered; the run stops waiting."""
    flight = fleet.run("r1").begin()
    flight.ask("g1")
    land(fleet.home)
    assert fleet.ask("SELECT state, answer, card, arguments ->> 'amount' FROM gates") == [
        ("open", None, "# Pay?", "12")
    ]
    assert fleet.ask("SELECT status, waiting_gates FROM runs") == [("waiting", ["g1"])]
    flight.answer("g1", "go", by="too late", accepted=False)
    flight.answer("g1", "go")
    land(fleet.home)
    assert fleet.ask("SELECT state, answer, answered_by, reason, door FROM gates") == [
        ("answered", "go", "lee", "looks right", "cli")
    ]
    assert fleet.ask("SELECT answered_by, accepted FROM approvals ORDER BY accepted") == [
        ("too late", False),
        ("lee", True),
    ]
    assert fleet.ask("SELECT status, waiting_gates FROM runs") == [("flying", [])]


@pytest.mark.parametrize(
    ("proof", "ended", "state"), [("clock", False, "expired"), (None, True, "closed"), ("unproven", True, "answered")]
)
def test_a_gate_says_who_closed_it(fleet: Fleet, proof: str | None, ended: bool, state: str) -> None:
    """Silence, a person and the end of the run are three different things."""
    flight = fleet.run("r1").begin()
    flight.ask("g1")
    if proof is not None:
        flight.answer("g1", "no_go", proof=proof)
    if ended:
        flight.end(None, status="failed", success=False)
    land(fleet.home)
    assert fleet.one("SELECT state FROM gates") == state


def test_a_run_waits_for_an_event_until_it_comes_or_is_given_up(fleet: Fleet) -> None:
    """Waiting is read from the evidence, not from the clock of the reader."""
    flight = fleet.run("r1").begin()
    far, past = datetime.now(UTC) + timedelta(days=3), datetime.now(UTC) - timedelta(days=3)
    for name, deadline in (("documents", far), ("payment", past)):
        wait = {"key": f"/event:{name}/awaited", "state": "awaited", "event": name, "deadline": deadline.isoformat()}
        flight.note("event_receipt", wait)
    land(fleet.home)
    assert fleet.ask("SELECT status, waiting_events FROM runs") == [("waiting", ["documents"])]
    brought = flight.event("documents", {"file": "a.pdf"})
    got = {"key": "/event:documents", "event": "documents", "record_id": brought.fields["id"], "waited_ms": 12}
    flight.note("event_receipt", got)
    flight.event("documents", {"file": "b.pdf"})
    land(fleet.home)
    assert fleet.one("SELECT status FROM runs") == "flying"
    assert fleet.ask("SELECT ordinal, body ->> 'file', waited_ms, received_at IS NULL FROM events ORDER BY 1") == [
        (1, "a.pdf", 12, False),
        (2, "b.pdf", None, True),
    ]


def test_a_desk_may_land_before_its_flight(fleet: Fleet) -> None:
    """Files come in any order; what belongs together meets in the warehouse."""
    flight = fleet.run("r1").begin()
    flight.ask("g1")
    flight.answer("g1", "go")
    flight.end()
    aside = fleet.home / "aside.jsonl"
    flight.path.rename(aside)
    first = land(fleet.home)
    assert first.dq_failures == 1, "a run without a beginning is counted"
    assert fleet.ask("SELECT run_id, status FROM runs") == [("r1", "flying")]
    aside.rename(flight.path)
    land(fleet.home)
    assert fleet.ask("SELECT run_id, status, gates FROM runs") == [("r1", "done", 1)]


def test_a_large_payload_lands_from_its_file(fleet: Fleet) -> None:
    """What is too large for a line is checked and landed; what is too large for a table stays in its file."""
    fleet.run("r1").begin(case={"text": "x" * 100_000})
    fleet.run("r2").begin(case={"text": "x" * 2_000_000})
    gone = fleet.run("r3").begin(case={"text": "y" * 100_000})
    digest = gone.journal.read_flight("r3")[0].fields["payloaddigest"]
    (fleet.home / "payloads" / digest[:2] / digest).unlink()
    landed = land(fleet.home)
    assert (landed.new_records, landed.quarantined) == (3, 0)
    states = fleet.ask("SELECT run_id, payload_state FROM evidence ORDER BY 1", "warehouse.duckdb")
    assert states == [("r1", "held"), ("r2", "large"), ("r3", "erased")]
    assert fleet.ask("SELECT run_id, length(case_input ->> 'text') FROM runs ORDER BY 1") == [
        ("r1", 100_000),
        ("r2", None),
        ("r3", None),
    ]


def test_hostile_text_lands_as_text(fleet: Fleet) -> None:
    """Quotes, controls, tabs and null characters in a case are data."""
    nasty = "'; DROP TABLE runs; --\n\t\"\\ \u0000 \u2028 \U0001f600"
    flight = fleet.run("r1").begin(case={"text": nasty}, case_ref="it's; --")
    flight.event(nasty.replace("\u0000", ""), {"text": nasty})
    flight.end()
    landed = land(fleet.home)
    assert (landed.new_records, landed.quarantined) == (3, 0)
    assert fleet.ask("SELECT case_ref FROM runs") == [("it's; --",)]
    assert fleet.one("SELECT event FROM events") == nasty.replace("\u0000", "")


def test_what_was_read_ahead_of_a_load_that_failed_is_read_again(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    """A delta is read while the one before it is written; where that fails, neither is taken for landed."""
    for number in range(4):
        fleet.flown(f"r{number}")
    with closing(Loader(fleet.home, 1)) as loader:
        with monkeypatch.context() as patched:
            real, written = Loader._write, list[str]()  # pyright: ignore[reportPrivateUsage] - a crash in the middle of it

            def fail_second(loader: Loader, *given: Any) -> Taken:
                written.append("")
                if len(written) == 2:
                    raise RuntimeError("no more")
                return real(loader, *given)

            patched.setattr(Loader, "_write", fail_second)
            with pytest.raises(RuntimeError, match="no more"):
                loader.load()
        loader.load()
    assert fleet.one("SELECT records FROM snapshot") == 32
    assert fleet.one("SELECT count(*) FROM chain_faults") == 0


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_cutting_of_the_journals_gives_the_same_warehouse(data: st.DataObject, fleet_bytes: Files) -> None:
    """Loads may come between any two bytes, of any file first, in deltas of any size."""
    with TemporaryDirectory() as scratch:
        whole, cut = Path(scratch) / "whole", Path(scratch) / "cut"
        write(whole, fleet_bytes)
        land(whole)
        rounds = data.draw(st.integers(1, 2), label="rounds")
        for _ in range(rounds):
            write(
                cut, {name: raw[: data.draw(st.integers(0, len(raw)))] for name, raw in fleet_bytes.items()}, grow=True
            )
            load_in(cut, data.draw(st.sampled_from([1, 3_000, 1_000_000]), label="delta bytes"))
        write(cut, fleet_bytes)
        load_in(cut, 5_000)
        assert contents(cut) == contents(whole)


def write(home: Path, files: dict[str, bytes], *, grow: bool = False) -> None:
    """Write journals; with ``grow``, never make one shorter."""
    for name, raw in files.items():
        path = home / "journals" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not grow or not path.exists() or path.stat().st_size < len(raw):
            path.write_bytes(raw)


def load_in(home: Path, delta_bytes: int) -> None:
    """Load everything there is, in deltas of about so many bytes."""
    with closing(Loader(home, delta_bytes)) as loader:
        loader.load()


@pytest.fixture(scope="module")
def fleet_bytes(tmp_path_factory: pytest.TempPathFactory, fleet_class: type[Fleet]) -> Files:
    """The journals of a few runs of every kind, one bad line among them."""
    home = tmp_path_factory.mktemp("fleet")
    many = fleet_class(home)
    many.flown("r1", measures={"sla_kept": 1})
    asking = many.run("r2").begin()
    asking.ask("g1")
    asking.answer("g1", "no_go")
    asking.decide("deny")
    asking.end(None, status="no_go", success=False)
    open_run = many.run("r3").begin()
    open_run.step("assess", outcome=None)
    open_run.step("assess")
    open_run.event("documents", {"a": 1})
    spoilt = many.flown("r4")
    lines = spoilt.path.read_bytes().split(b"\n")
    spoilt.path.write_bytes(b"\n".join([*lines[:2], b"not a record", *lines[3:]]))
    folder = home / "journals"
    return Files({name: (folder / name).read_bytes() for name in FileTail(folder).sizes()})
