"""Journals written by the real recorder, for the loader to read."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from gonogo.evidence.canon import payload_bytes, timestamp
from gonogo.evidence.journals import journal_at
from gonogo.evidence.payloads import store_if_large

if TYPE_CHECKING:
    from pathlib import Path

    from gonogo.evidence.journals import Journal
    from gonogo.evidence.records import Artifact, Record


def envelope(run_id: str, mission: str) -> dict[str, Any]:
    """Return the fields every record of a run carries."""
    return {
        "subject": f"run/{run_id}",
        "runid": run_id,
        "tenantid": "default",
        "envname": "dev",
        "missionid": mission,
        "missiondigest": "a" * 64,
        "agentid": mission,
        "agentversion": "1",
        "manifestdigest": "b" * 64,
        "policydigest": "c" * 64,
        "attempt": 1,
    }


@dataclass
class Flight:
    """A run that writes its evidence as a mission would, record by record, each one durable."""

    home: Path
    run_id: str
    mission: str = "claims_triage"
    spent: dict[str, int] = field(default_factory=lambda: {"model_calls": 0, "tool_calls": 0, "cost_micros": 0})

    @property
    def journal(self) -> Journal:
        """The real journal."""
        return journal_at(self.home)

    @property
    def path(self) -> Path:
        """The file of the flight stream."""
        return self.home / "journals" / "flights" / f"{self.run_id}.jsonl"

    def note(self, artifact: Artifact, data: dict[str, Any], payload: Any = None, **fields: Any) -> Record:
        """Append one record to the flight stream."""
        stream = self.journal.open_flight(self.run_id)
        try:
            given = {**envelope(self.run_id, self.mission), **fields}
            body = None if payload is None else payload_bytes(payload)
            if body is not None:
                body, reference = store_if_large(self.journal.payloads, body)
                given |= reference
            told = {"objects": [{"id": self.run_id, "type": "run"}], "phase": "fact", **data}
            record = stream.append(given, artifact, told, payload=body)
            stream.commit_now()
            return record
        finally:
            stream.close()

    def bring(
        self, artifact: Artifact, data: dict[str, Any], payload: Any = None, occurred: datetime | None = None
    ) -> Record:
        """Append one record to the desk."""
        with self.journal.open_desk(self.run_id) as desk:
            told = {"objects": [{"id": self.run_id, "type": "run"}], "phase": "fact", **data}
            record = desk.append(
                envelope(self.run_id, self.mission),
                artifact,
                told,
                payload=None if payload is None else payload_bytes(payload),
                occurred=None if occurred is None else timestamp(occurred),
            )
            desk.commit_now()
            return record

    def begin(self, case: Any = None, **more: Any) -> Flight:
        """Start the run."""
        started = {
            "phase": "intent",
            "mission": self.mission,
            "owner": "operations",
            "lane": "local",
            "requester": "kim",
            "scope": ["claims", "payments"],
            "budget": {"usd_micros": 2_000_000, "actions": 10},
            "model": "offline:scripted",
            "offline": True,
            "case_ref": f"cases.csv line {self.run_id}",
            **more,
        }
        self.note("run_record", started, {"case": self.run_id} if case is None else case)
        return self

    def step(self, step: str, *, latency_us: int = 1_000, outcome: str | None = "done", key: str | None = None) -> str:
        """Do a step, or only begin it (``outcome=None``); return its key."""
        key = key or f"/step:{step}"
        common = {"key": key, "step": step, "branch": ""}
        self.note("step_record", {**common, "phase": "intent", "args_digest": "d" * 64}, {"x": 1}, stepid=key)
        if outcome is not None:
            failed = {} if outcome == "done" else {"reason_code": "tool_failure", "error": "it failed"}
            done = {**common, "phase": "result", "outcome": outcome, "latency_us": latency_us, **failed}
            self.note("step_record", done, {"y": 2}, stepid=key)
        return key

    def model(self, key: str, *, step_key: str, cost_micros: int = 100, currency: str = "USD", **more: Any) -> None:
        """Call a model once."""
        common = {
            "key": key,
            "agent": "assessor",
            "requested_model": "small",
            "provider": "openai",
            "offline": False,
        }
        intent = {**common, "phase": "intent", "request_digest": "e" * 64, "reserved_micros": 5_000}
        self.note("model_call", intent, stepid=step_key)
        result = {
            **common,
            "phase": "result",
            "returned_model": "small-2026",
            "outcome": "done",
            "finish_reason": "stop",
            "input_tokens": 100,
            "output_tokens": 10,
            "cache_read_tokens": 0,
            "cache_write_tokens": 0,
            "cost_micros": cost_micros,
            "currency": currency,
            "price_basis": "list",
            "price_book": "2026-01-01",
            "latency_us": 2_000,
            **more,
        }
        self.note("model_call", result, {"text": "fine"}, stepid=step_key)
        self.spent["model_calls"] += 1
        self.spent["cost_micros"] += cost_micros

    def tool(self, key: str, *, step_key: str, outcome: str = "done") -> None:
        """Call a tool; a refused call has no intent."""
        common = {"key": key, "tool": "pay", "system": "payments", "effect": "write", "principal": "assessor"}
        if outcome != "refused":
            begun: dict[str, Any] = {"action_digest": "1" * 64, "idempotency_key": "2" * 64, "approvals": []}
            self.note("tool_call", {**common, "phase": "intent", **begun}, {"amount": 12}, stepid=step_key)
        failed = {} if outcome == "done" else {"reason_code": "policy_block", "error": "it is not allowed"}
        done = {**common, "phase": "result", "outcome": outcome, "latency_us": 300, **failed}
        self.note("tool_call", done, {"receipt": 1}, stepid=step_key)
        self.spent["tool_calls"] += 1

    def decide(
        self, verdict: str, key: str = "/step:pay/tool:pay/decision", approvals: list[str] | None = None
    ) -> None:
        """Record a policy decision."""
        ruled = {
            "key": key,
            "principal": "assessor",
            "action": "pay",
            "resource": "pay",
            "verdict": verdict,
            "rules": ["payout-limit"],
            "because": ["Large payouts need a person."],
            "roles": ["claims-lead"] if verdict == "gate" else [],
            "approvals": approvals or [],
            "request_digest": "f" * 64,
            "engine": "cedar",
            "latency_us": 90,
        }
        self.note("policy_decision", ruled, {"args": {"amount": 12}})

    def ask(self, gate: str) -> None:
        """Open a gate."""
        asked = {
            "gate": gate,
            "key": f"/step:pay/tool:pay/gate:{gate}",
            "action": "pay",
            "action_digest": "1" * 64,
            "card_digest": "3" * 64,
            "role": "claims-lead",
            "because": ["Large payouts need a person."],
            "rules": ["payout-limit"],
            "options": ["go", "no_go", "revise"],
            "requester": "kim",
            "deadline": timestamp(datetime.now(UTC) + timedelta(days=1)),
        }
        self.note("approval_request", asked, {"card": "# Pay?", "args": {"amount": 12}, "preview": "balance falls"})

    def answer(
        self, gate: str, answer: str, *, by: str = "lee", proof: str = "unproven", accepted: bool = True
    ) -> None:
        """Answer a gate."""
        said = {
            "gate": gate,
            "answer": answer,
            "by": by,
            "role": "claims-lead",
            "proof": proof,
            "door": "deadline" if proof == "clock" else "cli",
            "action_digest": "1" * 64,
            "accepted": accepted,
            **({} if accepted else {"refused_because": "the deadline has passed"}),
        }
        self.bring("approval_record", said, {"reason": "looks right", "changes": {}})

    def event(self, name: str, body: Any, occurred: datetime | None = None) -> Record:
        """Bring an outside event."""
        when = occurred or datetime.now(UTC)
        told = {"event": name, "occurred": timestamp(when), "door": "driver"}
        return self.bring("event_record", told, body, occurred=when)

    def end(
        self,
        outcome: str | None = "paid",
        *,
        status: str = "done",
        success: bool = True,
        escalated: bool = False,
        measures: dict[str, int] | None = None,
        **more: Any,
    ) -> Flight:
        """End the run."""
        totals = {**self.spent, "currency": "USD", "price_basis": "list", "actions": 1}
        ended = {
            "phase": "result",
            "status": status,
            "success": success,
            "escalated": escalated,
            "latency_ms": 1_500,
            "totals": {**totals, "input_tokens": 0, "output_tokens": 0},
            "measures": [
                {"name": name, "value": value, "unit": "bool" if name == "sla_kept" else "seconds"}
                for name, value in (measures or {}).items()
            ],
            "streams": [],
            **({} if outcome is None else {"outcome": outcome}),
            **more,
        }
        self.note("run_record", ended, None if outcome is None else {"outcome": outcome})
        return self


@dataclass
class Fleet:
    """A home, and the runs that are flown in it."""

    home: Path

    def run(self, run_id: str, mission: str = "claims_triage") -> Flight:
        """Return a run that has not begun."""
        return Flight(self.home, run_id, mission)

    def flown(self, run_id: str, mission: str = "claims_triage", **end: Any) -> Flight:
        """Return a small run from beginning to end: one step, one model call, one tool call."""
        flight = self.run(run_id, mission).begin()
        key = flight.step("assess")
        flight.model("/step:assess/model", step_key=key)
        flight.tool("/step:assess/tool", step_key=key)
        return flight.end(**end)

    def ask(self, sql: str, database: str = "mart.duckdb") -> list[tuple[Any, ...]]:
        """Return the rows of a question to a file of the home."""
        con = duckdb.connect()
        try:
            con.execute("SET TimeZone = 'UTC'")
            con.execute(f"ATTACH '{self.home / database}' AS asked (READ_ONLY)")
            con.execute("USE asked")
            return con.execute(sql).fetchall()
        finally:
            con.close()

    def one(self, sql: str, database: str = "mart.duckdb") -> Any:
        """Return the single value of a question."""
        rows = self.ask(sql, database)
        assert len(rows) == 1, rows
        return rows[0][0] if len(rows[0]) == 1 else rows[0]


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    """A fleet in a home of its own."""
    return Fleet(tmp_path / "home")


@pytest.fixture(scope="session")
def fleet_class() -> type[Fleet]:
    """The class itself, for fixtures that outlive one test."""
    return Fleet
