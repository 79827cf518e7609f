"""Marts at random: seeded rows of every table, of declared and undeclared missions, with every word they may hold."""

# duckdb types its results in part only.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import duckdb

from analytics.loading import Loader
from analytics.stores import insert_rows

if TYPE_CHECKING:
    from pathlib import Path

MISSIONS = ("claims_triage", "incident_response", "content_review", "claims_triage_rollback", "stray")
BEGUN = datetime(2026, 3, 1, tzinfo=UTC)
TABLES = (
    "runs", "steps", "model_calls", "tool_calls", "decisions", "gates", "reviews", "attempts", "monitor_findings",
    "halts", "halted_runs", "drills", "versions", "chain_faults", "measures", "drift_findings", "findings",
    "business_hours", "snapshot",
)  # fmt: skip

COMPUTED = {"halted_runs", "findings", "business_hours", "snapshot"}
"""Those of them that are computed, not drawn."""


class Chance:
    """Draws the rows of a mart."""

    def __init__(self, seed: int, runs: int, *, is_foreign: bool) -> None:
        self.random = random.Random(seed)  # noqa: S311 - rows for a test
        self.beside = random.Random(f"beside {seed}")  # noqa: S311 - drawn apart, so that the rest stays as it was
        self.rows: dict[str, list[dict[str, Any]]] = {table: [] for table in TABLES if table not in COMPUTED}
        for number in range(runs):
            self._run(f"r{number:04}", is_foreign=is_foreign)
        self._board()
        self._docket()

    def maybe(self, chance: float, value: Any) -> Any:
        """Return a value as often as chance has it, else nothing."""
        return value if self.random.random() < chance else None

    def one(self, *values: Any) -> Any:
        """Return one of several."""
        return self.random.choice(values)

    def moment(self, after: datetime = BEGUN, minutes: float = 40_000) -> datetime:
        """Return a moment after another."""
        return after + timedelta(microseconds=self.random.randrange(int(minutes * 60_000_000)))

    def _run(self, run_id: str, *, is_foreign: bool) -> None:
        draw = self.random
        mission = draw.choice(MISSIONS)
        status = self.one("done", "done", "done", "done", "no_go", "aborted", "failed", "flying", "waiting")
        ended = status not in {"flying", "waiting"}
        started = self.moment()
        success = status == "done" and draw.random() < 0.7 if ended else None
        halt = self.one("h1", "h2") if status == "aborted" and draw.random() < 0.8 else None
        earlier = [run["run_id"] for run in self.rows["runs"] if run["mission"] == "claims_triage" and run["ended_at"]]
        common = {"run_id": run_id, "mission": mission}
        calls = [self._model(common, place) for place in range(draw.randrange(4))]
        cost = sum(call["cost_micros"] or 0 for call in calls)
        gates = [self._gate(common, place, started, status) for place in range(self.one(0, 0, 0, 1, 2))]
        records = draw.randrange(3, 40)
        self.rows["runs"].append(
            common
            | {
                "status": status,
                "outcome": self.one("paid", "declined") if status == "done" else None,
                "success": success,
                "escalated": draw.random() < 0.2 if ended and not success else (False if ended else None),
                "reason_code": {"no_go": self.one("approval_denied", "approval_expired"), "failed": "tool_failure"}.get(
                    status
                ),
                "halt": halt,
                "case_ref": self.maybe(0.6, f"case {draw.randrange(60)}"),
                "started_at": started,
                "ended_at": self.moment(started, 3_000) if ended else None,
                "last_recorded_at": self.moment(started, 3_000),
                "latency_ms": draw.randrange(1, 10**7) if ended else None,
                "sla_kept": self.maybe(0.5, draw.random() < 0.9) if ended else None,
                "gates": len(gates),
                "interventions": sum(gate["state"] == "answered" and gate["answer"] != "go" for gate in gates),
                "budget_usd_micros": self.maybe(0.8, 2_000_000),
                "budget_amount_cents": self.maybe(0.7, draw.randrange(10**6)),
                "cost_micros": cost,
                "currency": None if not calls else self.one("USD", "EUR") if is_foreign else "USD",
                "price_basis": None if not calls else self.one("list", "notional"),
                "total_cost_micros": self.one(cost, cost, cost, None, cost + 1) if ended else None,
                "rolls_back": draw.choice(earlier) if earlier and mission == "claims_triage_rollback" else None,
                "model_calls": len(calls),
                "tool_calls": 0,
                "requeues": 0,
                "input_tokens": 0,
                "output_tokens": 0,
                "records": records,
                "incomplete_records": self.one(0, 0, 0, 1, None),
                "sla_seconds": self.beside.choice([None, 3_600, 36_000]),
            }
        )
        self._work(common, started)

    def _model(self, common: dict[str, Any], place: int) -> dict[str, Any]:
        row = common | {
            "key": f"/m{place}", "occurrence": 1, "outcome": "done",
            "input_tokens": self.maybe(0.9, self.random.randrange(5_000)),
            "output_tokens": self.maybe(0.9, self.random.randrange(900)),
            "cache_read_tokens": self.maybe(0.5, self.random.randrange(900)),
            "cost_micros": self.maybe(0.95, self.random.randrange(50_000)),
        }  # fmt: skip
        self.rows["model_calls"].append(row)
        return row

    def _gate(self, common: dict[str, Any], place: int, started: datetime, status: str) -> dict[str, Any]:
        state = "open" if status == "waiting" else self.one("answered", "answered", "expired", "closed", "void")
        waited = self.random.randrange(-5, 4_000_000)
        row = common | {
            "gate": f"{common['run_id']}-{place}", "role": self.one("lead", "manager"), "state": state,
            "opened_at": self.moment(started, 100), "proposal": False,
            "answer": {"answered": self.one("go", "go", "no_go", "revise"), "expired": "no_go"}.get(state),
            "waited_ms": waited if state in {"answered", "expired"} else None,
            **self._asked(place),
        }  # fmt: skip
        self.rows["gates"].append(row)
        return row

    def _asked(self, place: int) -> dict[str, Any]:
        """Return what a gate was about: an operation that may have been carried out, with an amount or without."""
        draw = self.beside
        amount = draw.choice(['{"amount_cents": %d}' % draw.randrange(10**6), '{"amount_cents": "many"}', "{}", None])  # noqa: UP031
        return {
            "key": f"/t{place}{draw.choice(['', '/executed'])}/gate:g", "action": draw.choice(["pay", "send"]),
            "rules": draw.choice([["limit"], ["limit", "again"], ["again", "limit"], None]),
            "arguments": amount, "doubt": "tool_call 1" if draw.random() < 0.1 else None,
        }  # fmt: skip

    def _work(self, common: dict[str, Any], started: datetime) -> None:
        draw = self.random
        for place in range(draw.randrange(4)):
            outcome = self.one("done", "done", "failed", "open")
            self.rows["steps"].append(
                common
                | {
                    "key": f"/s{place}", "occurrence": self.one(1, 1, 2), "step": self.one("read", "assess", "pay"),
                    "outcome": outcome, "latency_us": draw.randrange(10**6) if outcome == "done" else None,
                    "reason_code": self.one("timeout", "tool_failure", None) if outcome == "failed" else None,
                    "cost_micros": 0, "model_calls": 0, "tool_calls": 0,
                }
            )  # fmt: skip
        for place in range(draw.randrange(3)):
            begun = self.moment(started, 60)
            self.rows["tool_calls"].append(
                common
                | {
                    "key": f"/t{place}", "occurrence": 1, "effect": self.one("read", "write", "irreversible"),
                    "outcome": self.one("done", "done", "failed", "refused", "in_doubt", "open"),
                    "tool": self.beside.choice(["pay", "read", "send"]), "source": self.maybe(0.05, "person"),
                    "started_at": begun, "ended_at": self.moment(begun, 1),
                }
            )  # fmt: skip
        for place in range(draw.randrange(4)):
            self.rows["decisions"].append(
                common
                | {
                    "key": f"/t{place}/decision:{draw.randrange(99)}",
                    "verdict": self.one("allow", "allow", "deny", "gate"),
                    "rules": self.one([], ["default-deny"], ["payout-limit"], ["x", "nobody-leaves-the-scope"], None),
                    "approvals": self.one([], [], ["a1"]), "decided_at": self.moment(started, 60),
                }
            )  # fmt: skip
        self._beside(common, started)

    def _beside(self, common: dict[str, Any], started: datetime) -> None:
        draw, run_id = self.random, common["run_id"]
        if draw.random() < 0.3:
            state, asked = self.one("right", "right", "wrong", "open"), self.moment(started, 60)
            self.rows["reviews"].append(
                common
                | {"gate": f"{run_id}-r", "state": state, "asked_at": asked,
                   "answered_at": None if state == "open" else self.moment(asked, 30)}
            )  # fmt: skip
        if draw.random() < 0.2:
            self.rows["attempts"].append(
                common
                | {"id": run_id, "key": "/a", "next": self.one("retry", "fallback", "doubt"), "failed_at": started}
            )
        if draw.random() < 0.15:
            self.rows["monitor_findings"].append(
                common
                | {
                    "id": run_id,
                    "monitor": self.one("loop@1", "no_progress@1", "cost@1"),
                    "action": "flag",
                    "found_at": started,
                }
            )
        if draw.random() < 0.9:
            self.rows["versions"].append(common | {"object": "policy", "id": "law", "logged_at": started})
        if draw.random() < 0.05:
            fault = {
                "stream_id": f"{run_id}/flight",
                "seq": 2,
                "fault": "gap",
                "expected_seq": 1,
                "journal": "j",
                "line": 2,
            }
            self.rows["chain_faults"].append({"run_id": run_id} | fault)
        for name in ("sla_kept", "handling"):
            if draw.random() < 0.4:
                self.rows["measures"].append(
                    common | {"name": name, "value": draw.randrange(500), "unit": "seconds", "measured_at": started}
                )

    def _docket(self) -> None:
        """Draw drift findings: closed in time or late, and open ones, due or not."""
        draw = self.beside
        for number in range(24):
            opened = BEGUN + timedelta(minutes=draw.randrange(40_000))
            due = opened + timedelta(hours=48)
            closed = draw.choice([None, opened + timedelta(hours=draw.randrange(1, 96))])
            self.rows["drift_findings"].append(
                {"finding": f"f{number}", "run_id": "docket", "mission": draw.choice(MISSIONS[:3]), "monitor": "cost",
                 "state": "open" if closed is None else "closed", "opened_at": opened, "closed_at": closed,
                 "due_at": draw.choice([due, due, due, None])}
            )  # fmt: skip

    def _board(self) -> None:
        for halt, signal in (("h1", None), ("h2", "loop")):
            thrown = {"run_id": "switchboard", "halt": halt, "target_kind": "all", "target": "", "signal": signal}
            self.rows["halts"].append(thrown | {"halted_at": self.moment()})
        for drill in ("d1", "d2"):
            for lane in ("batch", "processes"):
                self.rows["drills"].append(
                    {"id": f"{drill}{lane}", "run_id": drill, "drill": "abort", "signal": "loop", "lane": lane,
                     "p99_us": self.random.randrange(10**6), "passed": True,
                     "ended_at": BEGUN + timedelta(days=int(drill[1]))}
                )  # fmt: skip


def publish_at_random(home: Path, seed: int, runs: int, *, is_foreign: bool = False) -> None:
    """Fill the warehouse of a home with rows at random, and publish its mart."""
    publish_rows(home, Chance(seed, runs, is_foreign=is_foreign).rows)


def publish_rows(home: Path, rows: dict[str, list[dict[str, Any]]]) -> None:
    """Fill the warehouse of a home with rows, by table, and publish its mart."""
    home.mkdir(parents=True, exist_ok=True)
    Loader(home).close()
    con = duckdb.connect(str(home / "warehouse.duckdb"))
    try:
        con.execute("SET TimeZone = 'UTC'")
        for table, given in rows.items():
            insert_rows(con, table, given)
    finally:
        con.close()
    loader = Loader(home)
    try:
        loader.publish()
    finally:
        loader.close()


def exported(con: Any) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of the tables that the numbers stand on, as anybody may export them."""
    found: dict[str, list[dict[str, Any]]] = {}
    for table in TABLES:
        cursor = con.execute(f"SELECT * FROM {table}")
        names = [column[0] for column in cursor.description]
        found[table] = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    return found
