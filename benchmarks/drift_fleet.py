"""Missions whose drift is known: drawn run by run, with a change of one family put in at a known place."""

# pyarrow ships no types.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import exp
from random import Random
from typing import TYPE_CHECKING, Any, Final, Literal

import orjson
import pyarrow as pa

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Family = Literal[
    "none",
    "outcome",
    "cost",
    "latency",
    "outcome_mix",
    "tool_mix",
    "verdict_mix",
    "input",
    "input_mix",
    "confidence",
    "approval_rate",
    "dwell",
    "config",
    "path",
    "data",
]

CHANGES: Final[dict[Family, str]] = {
    "none": "nothing changes",
    "outcome": "success 95 % to 80 %",
    "cost": "log cost + 1 sd (1.65 times)",
    "latency": "log latency of one step + 1 sd (1.65 times)",
    "outcome_mix": "a kind of outcome 10 % to 30 %",
    "tool_mix": "a second tool in 10 % to 30 % of runs",
    "verdict_mix": "gates in 10 % to 30 % of runs",
    "input": "an input field + 1 sd",
    "input_mix": "a kind of input 10 % to 30 %",
    "confidence": "confidence - 1 sd",
    "approval_rate": "go at 95 % to 80 % of gates",
    "dwell": "log dwell - 1 sd (people answer 2.7 times faster)",
    "config": "an agent in another version",
    "path": "5 % of runs leave the declared path",
    "data": "5 % of runs take an answer after the deadline",
}

EXACT: Final[frozenset[Family]] = frozenset({"config", "path", "data"})

PATHS: Final = "paths:\n{missions}"
_PATH: Final = '  {mission}:\n    - {{kind: precedence, event: "step:step0", then: "step:step1"}}\n'

STEPS: Final = 3
BROKEN_SHARE: Final = 0.05
BEGIN: Final = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Flown:
    """A mission, and what happens to it when."""

    name: str
    family: Family
    change_at: int
    """The number of its first run that is different, from 0; beyond its last run where nothing changes."""
    order: tuple[int, ...] | None = None
    """The order its runs are flown in, where they are shuffled."""


@dataclass(slots=True)
class Rows:
    """Rows of the warehouse's tables, to be inserted together."""

    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict[str, list[dict[str, Any]]])

    def add(self, table: str, **row: Any) -> None:
        """Take a row."""
        self.tables.setdefault(table, []).append(row)

    def insert(self, con: DuckDBPyConnection) -> None:
        """Insert everything and forget it."""
        for table, rows in self.tables.items():
            con.register("drawn", pa.Table.from_pylist(rows))
            con.execute(f"INSERT INTO {table} BY NAME SELECT * FROM drawn")  # noqa: S608 - names of ours
            con.unregister("drawn")
        self.tables.clear()


def paths_text(missions: list[Flown]) -> str:
    """Return ``paths.yaml`` for these missions."""
    return PATHS.format(missions="".join(_PATH.format(mission=each.name) for each in missions))


def fly(rows: Rows, flown: Flown, place: int, seed: int) -> None:
    """Draw the run that a mission flies at a place in time."""
    number = place if flown.order is None else flown.order[place]
    random = Random(f"{seed} {flown.name} {number}")
    changed: Family = flown.family if number >= flown.change_at else "none"
    run_id, ended = f"{flown.name}-{place}", BEGIN + timedelta(minutes=place)
    common = {"run_id": run_id, "mission": flown.name}
    success = random.random() < (0.80 if changed == "outcome" else 0.95)
    _run(rows, common, random, changed, ended, success=success)
    _steps(rows, common, random, changed, ended)
    _oversight(rows, common, random, changed, ended)


def _share(random: Random, *, changed: bool) -> bool:
    return random.random() < (0.30 if changed else 0.10)


def _run(
    rows: Rows, common: dict[str, Any], random: Random, changed: Family, ended: datetime, *, success: bool
) -> None:
    case = {
        "amount": round(1_000 + 300 * (random.gauss(0, 1) + (changed == "input")), 2),
        "channel": "phone" if _share(random, changed=changed == "input_mix") else "web",
        "reference": f"{random.random():.12f}",
    }
    cost = int(20_000 * exp(0.5 * (random.gauss(0, 1) + (changed == "cost"))))
    zeros = dict.fromkeys(("model_calls", "tool_calls", "input_tokens", "output_tokens", "records"), 0)
    rows.add(
        "runs", **common, **zeros, status="done" if success else "failed", success=success, escalated=False,
        outcome=None if not success else "referred" if _share(random, changed=changed == "outcome_mix") else "paid",
        owner="operations", case_input=orjson.dumps(case).decode(), started_at=ended - timedelta(seconds=30),
        ended_at=ended, last_recorded_at=ended, cost_micros=cost, total_cost_micros=cost, currency="USD",
        budget_usd_micros=2_000_000,
    )  # fmt: skip
    pct = min(100, max(0, round(80 + 8 * (random.gauss(0, 1) - (changed == "confidence")))))
    rows.add("measures", **common, name="confidence_pct", value=pct, unit="percent", measured_at=ended)
    version = "1.1.0" if changed == "config" else "1.0.0"
    for kind, name, number in (("policy", "policies", "aaaa"), ("agent", "assessor", version)):
        rows.add("versions", **common, object=kind, id=name, version=number, digest=None, logged_at=ended)


def _steps(rows: Rows, common: dict[str, Any], random: Random, changed: Family, ended: datetime) -> None:
    turned = changed == "path" and random.random() < BROKEN_SHARE
    zeros = dict.fromkeys(("cost_micros", "model_calls", "tool_calls"), 0)
    for step in range(STEPS):
        slower = changed == "latency" and step == 0
        at = ended - timedelta(seconds=20 - (1 - step if turned and step < 2 else step))  # noqa: PLR2004 - the first two trade places
        latency = int(800_000 * exp(0.5 * (random.gauss(0, 1) + slower)))
        rows.add(
            "steps", **common, **zeros, key=f"/step:step{step}", occurrence=1, step=f"step{step}", outcome="done",
            latency_us=latency, mean_latency_us=latency, started_at=at, ended_at=at,
        )  # fmt: skip
    tools = ["read_case", "ask_again"] if _share(random, changed=changed == "tool_mix") else ["read_case"]
    for tool in tools:
        key = f"/step:step0/tool:{tool}"
        rows.add(
            "tool_calls", **common, key=key, occurrence=1, tool=tool, effect="read", outcome="done", started_at=ended
        )
        verdict = "gate" if tool == "read_case" and _share(random, changed=changed == "verdict_mix") else "allow"
        rows.add("decisions", **common, key=f"{key}/decision:0", verdict=verdict, decided_at=ended)


def _oversight(rows: Rows, common: dict[str, Any], random: Random, changed: Family, ended: datetime) -> None:
    go = random.random() < (0.80 if changed == "approval_rate" else 0.95)
    waited_ms = int(600_000 * exp(random.gauss(0, 1) - (changed == "dwell")))
    opened = ended - timedelta(milliseconds=waited_ms)
    late = changed == "data" and random.random() < BROKEN_SHARE
    rows.add(
        "gates", **common, gate=f"gate-{common['run_id']}", role="manager", requester="kim", answered_by="ada",
        state="answered", answer="go" if go else "no_go", proof="unproven", opened_at=opened, answered_at=ended,
        waited_ms=waited_ms, deadline=ended + (timedelta(minutes=-1) if late else timedelta(days=1)),
    )  # fmt: skip
