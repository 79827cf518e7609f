"""Missions over a Postgres that fails under them: no effect without its evidence, none twice, and they go on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from gonogo.errors import EvidenceUnreachable, LeaseLost, RunBusy
from gonogo.evidence.journals import journal_at
from gonogo.evidence.postgres import server as servers
from gonogo.evidence.postgres import writer as writers
from gonogo.evidence.postgres.server import Server
from gonogo.evidence.postgres.writer import Writer
from gonogo.settings import process_settings
from tests.gonogo.toy.approvers import paying
from tests.gonogo.toy.bank import AFTERWARDS, CALLS, WATCHERS, Call, payments
from tests.gonogo.toy.errands import Errand, Payment, park, run
from tests.postgres import ask

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.postgres import PostgresServer

ERRAND = paying(1, 2, 3)
PAID = [("a", 1), ("b", 2), ("c", 3)]
HOLDERS = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ExclusiveLock'"


@pytest.fixture(autouse=True)
def _on_postgres(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    monkeypatch.setenv("GONOGO_JOURNALS", postgres_url)
    monkeypatch.setattr(writers, "HEARTBEAT_SECONDS", 3_600)
    monkeypatch.setattr(writers, "LEASE_PATIENCE_SECONDS", 0.1)
    process_settings.cache_clear()


@pytest.fixture
def rival(postgres_url: str) -> Iterator[Writer]:
    """Another process, as far as the database can tell."""
    writer = Writer(Server(postgres_url))
    yield writer
    writer.close()


def when_paying(payee: str, moment: list[Any], act: Any) -> None:
    """Do something at the moment a payment reaches the bank, once."""
    left = [act]

    def watch(call: Call) -> None:
        if call.args.get("payee") == payee and left:
            left.pop()()

    moment.append(watch)


@pytest.mark.parametrize("how", ["fast", "immediate", "kill"])
@pytest.mark.parametrize("moment", [WATCHERS, AFTERWARDS], ids=["before", "after"])
async def test_a_mission_flies_through_a_restart_of_the_server(
    tmp_path: Path, postgres: PostgresServer, how: Any, moment: list[Any]
) -> None:
    """In the middle of a payment, before or after it is booked: nothing is lost, and nothing is paid twice."""

    def restart() -> None:
        postgres.stop(how)
        postgres.start()

    when_paying("b", moment, restart)
    went = await run(ERRAND, home=tmp_path, run_id="r1")
    assert went.outcome == "settled"
    assert sorted(payments(tmp_path)) == PAID
    assert len(CALLS) == len(PAID)
    assert [record.seq for record in went.flight] == list(range(len(went.flight)))
    assert len(went.told("tool_call", "intent")) == len(went.told("tool_call", "result")) == len(PAID)


@pytest.mark.parametrize("moment", [WATCHERS, AFTERWARDS], ids=["before", "after"])
async def test_a_mission_stops_when_the_server_stays_away_and_goes_on_when_it_is_back(
    tmp_path: Path, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch, moment: list[Any]
) -> None:
    """One sentence; no payment begins whose intent is not recorded; afterwards each is made once."""
    case = Errand(payments=[Payment(payee=name, cents=cents) for name, cents in PAID])
    with monkeypatch.context() as patched:
        patched.setattr(servers, "PATIENCE_SECONDS", 0.05)
        when_paying("b", moment, lambda: postgres.stop("immediate"))
        try:
            with pytest.raises(EvidenceUnreachable, match=r"cannot be reached .* continue the run with --resume"):
                await run(case, home=tmp_path, run_id="r1")
        finally:
            postgres.start()
    intents = [
        record.data["idempotency_key"]
        for record in journal_at(tmp_path).read_flight("r1")
        if record.artifact == "tool_call" and record.data["phase"] == "intent"
    ]
    assert {call.key for call in CALLS} <= set(intents)
    assert not journal_at(tmp_path).has_ended("r1"), "a server that was away is not how a run ends"
    went = await run(None, home=tmp_path, run_id="r1")
    assert went.outcome == "settled"
    assert sorted(payments(tmp_path)) == PAID


@pytest.mark.parametrize("moment", [WATCHERS, AFTERWARDS], ids=["before", "after"])
async def test_a_server_that_is_back_before_the_step_ends_is_no_end_of_the_step(
    tmp_path: Path, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch, moment: list[Any]
) -> None:
    """The tool could not read the journals for a moment: that is recorded of nobody, and the payment is made once."""
    monkeypatch.setattr(servers, "PATIENCE_SECONDS", 0.05)

    def be_away() -> None:
        postgres.stop("immediate")
        try:
            journal_at(tmp_path).desk_position("r1")
        finally:
            postgres.start()

    when_paying("b", moment, be_away)
    with pytest.raises(EvidenceUnreachable, match="cannot be reached"):
        await run(paying(1, 2), home=tmp_path, run_id="r1")
    journal = journal_at(tmp_path)
    assert not journal.has_ended("r1")
    assert [r.data for r in journal.read_flight("r1") if r.data.get("outcome") == "failed"] == []
    went = await run(None, home=tmp_path, run_id="r1")
    assert went.outcome == "settled"
    assert sorted(payments(tmp_path)) == PAID[:2]


async def test_a_second_executor_stops_before_any_effect(tmp_path: Path, rival: Writer) -> None:
    """Another machine flies the run: nothing is called, asked or recorded here."""
    rival.take("r1/flight")
    with pytest.raises(RunBusy, match="Run r1 is being flown by another process"):
        await run(ERRAND, home=tmp_path, run_id="r1")
    assert CALLS == []
    assert journal_at(tmp_path).read_flight("r1") == []


async def test_an_executor_that_was_replaced_stops_before_its_next_effect(
    tmp_path: Path, rival: Writer, postgres_url: str
) -> None:
    """Cut off in the middle of the first payment, replaced, and back: it makes no other, and ends nothing."""

    def replace() -> None:
        ask(postgres_url, HOLDERS)
        while True:
            try:
                rival.take("r1/flight")
            except RunBusy:
                continue
            return

    when_paying("a", AFTERWARDS, replace)
    turns = [[{"tool": "pay", "args": {"payee": name, "amount_cents": cents}}] for name, cents in PAID]
    case = Errand.model_validate({"brief": {"turns": turns}, "payments": []})
    with pytest.raises(LeaseLost, match="taken over by another process"):
        await run(case, home=tmp_path, run_id="r1")
    assert payments(tmp_path) == PAID[:1]
    flight = journal_at(tmp_path).read_flight("r1")
    assert [r.data["phase"] for r in flight if r.artifact == "tool_call"] == ["intent"]
    assert not journal_at(tmp_path).has_ended("r1")
    rival.close()
    went = await run(None, home=tmp_path, run_id="r1")
    assert went.landing.status == "done"
    assert payments(tmp_path) == PAID


async def test_a_run_that_waits_at_a_gate_survives_a_restart(tmp_path: Path, postgres: PostgresServer) -> None:
    """Answered before the server died, read after it is back."""
    from gonogo.approvals import Reply, answer_gate

    landing = await park(paying(6_000), tmp_path)
    answer_gate(journal_at(tmp_path), landing.waits[0], Reply("go", "grace", "Seen.", "cli"), "dev")
    postgres.stop("kill")
    postgres.start()
    assert (await park(paying(6_000), tmp_path)).status == "done"
    assert payments(tmp_path) == [("a", 6_000)]
