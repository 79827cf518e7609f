"""The loader reads journals in Postgres as it reads files: the same rows, once, whatever happens meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from analytics.loading import Loader
from analytics.warehouse import land
from gonogo.errors import EvidenceUnreachable
from gonogo.evidence.postgres import server as servers
from gonogo.settings import process_settings
from tests.postgres import ask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.analytics.conftest import Fleet
    from tests.postgres import PostgresServer

EVIDENCE = "SELECT run_id, journal, line, artifact, phase, payload_state, data FROM evidence ORDER BY 1, 2, 3"


@pytest.fixture(autouse=True)
def _on_postgres(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    process_settings.cache_clear()
    monkeypatch.setenv("GONOGO_JOURNALS", postgres_url)
    yield
    process_settings.cache_clear()


def fly(fleet: Fleet) -> None:
    """Fly a few runs of every kind."""
    fleet.flown("r1")
    waiting = fleet.run("r2").begin({"large": "x" * 70_000})
    waiting.ask("g2")
    waiting.answer("g2", "go")
    waiting.event("papers", {"pages": 2})
    fleet.flown("r3", status="failed", success=False, outcome=None, reason_code="internal")


def test_the_same_flights_make_the_same_warehouse(
    fleet: Fleet, fleet_class: type[Fleet], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing downstream can tell what keeps the journals."""
    fly(fleet)
    assert land(fleet.home).new_records > 0
    monkeypatch.delenv("GONOGO_JOURNALS")
    process_settings.cache_clear()
    beside = fleet_class(tmp_path / "files")
    fly(beside)
    land(beside.home)
    for each in (fleet, beside):
        assert each.one("SELECT count(*) FROM quarantine", "warehouse.duckdb") == 0
    ours, theirs = (each.ask(EVIDENCE, "warehouse.duckdb") for each in (fleet, beside))
    assert [row[:6] for row in ours] == [row[:6] for row in theirs]
    assert fleet.ask("SELECT run_id, status FROM runs ORDER BY 1") == beside.ask(
        "SELECT run_id, status FROM runs ORDER BY 1"
    )


def test_what_is_landed_is_not_landed_again(fleet: Fleet) -> None:
    """The loader reads on from its mark; only what is new is taken."""
    fly(fleet)
    first = land(fleet.home)
    assert land(fleet.home).new_records == 0
    fleet.flown("r4")
    more = land(fleet.home)
    assert (more.runs, first.quarantined, more.quarantined) == (1, 0, 0)
    assert fleet.one("SELECT records FROM snapshot") == first.new_records + more.new_records


def test_a_load_in_small_pieces_takes_everything(fleet: Fleet) -> None:
    """Memory stays bounded, however much there is."""
    fly(fleet)
    fleet.home.mkdir(parents=True)
    loader = Loader(fleet.home, 500)
    taken, _ = loader.load()
    loader.close()
    assert taken.records == ask_count()
    assert taken.quarantined == 0


def ask_count() -> int:
    """Return how many lines stand in the database."""
    url: Any = process_settings().journals
    return ask(url, "SELECT count(*) FROM gonogo_lines")[0][0]


def test_an_erased_payload_lands_as_erased(fleet: Fleet, postgres_url: str) -> None:
    """Beside its line or apart from it; what follows is read all the same, and only once."""
    fly(fleet)
    erased = "UPDATE gonogo_lines SET salt = NULL, payload = NULL WHERE stream = 'r1/flight' AND seq = 0"
    ask(postgres_url, erased)
    ask(postgres_url, "DELETE FROM gonogo_payloads")
    land(fleet.home)
    states = "SELECT run_id FROM evidence WHERE payload_state = 'erased' ORDER BY 1"
    assert fleet.ask(states, "warehouse.duckdb") == [("r1",), ("r2",)]
    assert land(fleet.home).new_records == 0
    assert fleet.one("SELECT count(*) FROM dq_results WHERE suite = 'journals'", "warehouse.duckdb") == 0


def test_a_forged_line_ends_in_quarantine(fleet: Fleet, postgres_url: str) -> None:
    """With its reason; the lines around it land."""
    fly(fleet)
    ask(postgres_url, "ALTER TABLE gonogo_lines DISABLE TRIGGER USER")
    ask(postgres_url, "UPDATE gonogo_lines SET payload = '{}' WHERE stream = 'r1/flight' AND seq = 0")
    assert land(fleet.home).quarantined == 1
    assert fleet.one("SELECT reason FROM quarantine", "warehouse.duckdb") == "payload_mismatch"


def test_a_load_while_the_server_is_away_is_one_sentence_and_the_next_one_takes_all(
    fleet: Fleet, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is half landed."""
    fly(fleet)
    postgres.stop("immediate")
    try:
        with monkeypatch.context() as patched:
            patched.setattr(servers, "PATIENCE_SECONDS", 0.05)
            with pytest.raises(EvidenceUnreachable, match="cannot be reached"):
                land(fleet.home)
    finally:
        postgres.start()
    assert land(fleet.home).new_records == ask_count()
