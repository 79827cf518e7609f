"""How often drift is called where there is none, and where there is some: ``python -m analytics.trials``.

Missions are drawn by a seeded generator, compared by the very code that watches real ones, and
counted. The figures in ``docs/guides/drift.md`` are this program's output.
"""

# duckdb and pyarrow are typed in part only.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import log
from pathlib import Path
from random import Random
from typing import Any

from analytics.drift import Finding, compute
from analytics.migrations import migrate

SEED = 20_260_101
MISSIONS = 400
"""Missions a scenario, each judged as one report."""
BASELINE_RUNS = 300
CURRENT_RUNS = 100
STEPS = 3
SUCCESS_SHARE = 0.95
MEDIAN_US = 800_000
SPREAD = 0.5
"""Standard deviation of log latency: the p95 is 2.3 times the median."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What happens to every mission when its current window begins."""

    name: str
    success_share: float = SUCCESS_SHARE
    latency_factor: float = 1.0
    """On the median of the first step; the other steps stay."""
    slow_share: float = 0.0
    """Share of the first step's executions that take four times as long."""


SCENARIOS = (
    Scenario("no drift"),
    Scenario("success 95 % to 90 %", success_share=0.90),
    Scenario("success 95 % to 85 %", success_share=0.85),
    Scenario("success 95 % to 75 %", success_share=0.75),
    Scenario("a step 1.2 times slower", latency_factor=1.2),
    Scenario("a step 1.5 times slower", latency_factor=1.5),
    Scenario("a step 4 times slower, in 10 % of runs", slow_share=0.10),
)


@dataclass(slots=True)
class Tally:
    """How many missions were called drifting, by whom."""

    scenario: str
    missions: int
    by_monitor: dict[str, int] = field(default_factory=dict[str, int])
    any_monitor: int = 0

    @property
    def share(self) -> float:
        """Share of missions with at least one drift, in percent."""
        return 100 * self.any_monitor / self.missions


def try_scenario(scenario: Scenario, missions: int = MISSIONS, seed: int = SEED) -> Tally:
    """Draw the missions of a scenario, watch them, and count what is called drift."""
    import duckdb
    import pyarrow as pa

    con = duckdb.connect()
    try:
        con.execute("SET TimeZone = 'UTC'")
        migrate(con, "the trial")
        runs, steps = _draw(scenario, missions, Random(seed))  # noqa: S311 - a simulation, not a secret
        for table, rows in (("runs", runs), ("steps", steps)):
            con.register("drawn", pa.table(rows))
            con.execute(f"INSERT INTO {table} BY NAME SELECT * FROM drawn")  # noqa: S608 - two names of ours
            con.unregister("drawn")
        # A folder that does not exist holds no sealed baseline.
        findings = compute(con, Path("/nonexistent")).findings
    finally:
        con.close()
    return _count(scenario, missions, findings)


def _draw(scenario: Scenario, missions: int, random: Random) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the columns of ``runs`` and ``steps`` for all missions of a scenario."""
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    runs: dict[str, Any] = {name: [] for name in ("run_id", "mission", "success", "ended_at")}
    steps: dict[str, Any] = {name: [] for name in ("run_id", "mission", "step", "latency_us")}
    for mission in range(missions):
        for number in range(BASELINE_RUNS + CURRENT_RUNS):
            now = number >= BASELINE_RUNS
            run_id, named = f"m{mission}-{number}", f"m{mission:04d}"
            runs["run_id"].append(run_id)
            runs["mission"].append(named)
            runs["success"].append(random.random() < (scenario.success_share if now else SUCCESS_SHARE))
            runs["ended_at"].append(begin + timedelta(minutes=number))
            for step in range(STEPS):
                latency = random.lognormvariate(log(MEDIAN_US), SPREAD)
                if now and step == 0:
                    latency *= scenario.latency_factor * (4 if random.random() < scenario.slow_share else 1)
                steps["run_id"].append(run_id)
                steps["mission"].append(named)
                steps["step"].append(f"step{step}")
                steps["latency_us"].append(int(latency))
    return _filled(runs), _filled(steps)


def _filled(columns: dict[str, Any]) -> dict[str, Any]:
    """Add what the tables insist on and drift does not look at."""
    size = len(columns["run_id"])
    if "success" in columns:
        zeros = ("cost_micros", "model_calls", "tool_calls", "input_tokens", "output_tokens", "records")
        columns |= {"status": ["done"] * size, "last_recorded_at": columns["ended_at"]}
    else:
        zeros = ("cost_micros", "model_calls", "tool_calls")
        once = {"key": columns["step"], "occurrence": [1] * size, "outcome": ["done"] * size}
        columns |= once | {"mean_latency_us": columns["latency_us"]}
    return columns | {name: [0] * size for name in zeros}


def _count(scenario: Scenario, missions: int, findings: list[Finding]) -> Tally:
    tally = Tally(scenario.name, missions)
    drifting: set[str] = set()
    for finding in findings:
        if finding.verdict == "drift":
            drifting.add(finding.mission)
            tally.by_monitor[finding.monitor] = tally.by_monitor.get(finding.monitor, 0) + 1
    tally.any_monitor = len(drifting)
    return tally


def main() -> None:
    """Print one line a scenario."""
    write = sys.stdout.write
    write(f"{MISSIONS} missions a scenario, {BASELINE_RUNS} runs before and {CURRENT_RUNS} now, {STEPS} steps, ")
    write(f"seed {SEED}\n\n| scenario | missions called drifting |\n|---|---|\n")
    for scenario in SCENARIOS:
        write(f"| {scenario.name} | {try_scenario(scenario).share:.1f} % |\n")


if __name__ == "__main__":
    main()
