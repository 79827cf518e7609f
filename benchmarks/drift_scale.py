"""The whole drift report over millions of step records, beside pandas and evidently on the same table.

Each system runs in a fresh process that opens the same data and is measured from after its imports to its
answer: wall time. The peak of its memory is all that it held itself, imports included; what making the data took
does not count towards it. gonogo computes everything its report holds (every monitor, exact checks and charts
included); pandas computes only success rates, medians, 95th percentiles and the rank-sum test of each step;
evidently its own drift test of each step's latency. That a run did each step once, and how long it took, gonogo's
loader has written down when the run landed; pandas averages it here.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import duckdb

from analytics.marts import mart_path
from analytics.migrations import migrate, schema_digest
from benchmarks.environments import NotInstalledError, python_of

if TYPE_CHECKING:
    from collections.abc import Callable

MISSIONS: Final = 8
STEPS: Final = 12
CURRENT_RUNS: Final = 100
_SECONDS_MAX: Final = 1_200

_RUNS: Final = """
INSERT INTO runs BY NAME
SELECT
    uuid()::VARCHAR AS run_id,
    'mission_' || (i % $missions) AS mission,
    CASE WHEN luck < 0.95 THEN 'done' ELSE 'failed' END AS status,
    luck < 0.95 AS success,
    CASE WHEN luck < 0.95 THEN 'paid' END AS outcome,
    FALSE AS escalated,
    'USD' AS currency,
    (20000 * exp(0.5 * sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random())))::BIGINT AS cost_micros,
    TIMESTAMPTZ '2026-01-01 00:00:00+00' + to_seconds(i) AS started_at,
    TIMESTAMPTZ '2026-01-01 00:00:30+00' + to_seconds(i) AS ended_at,
    TIMESTAMPTZ '2026-01-01 00:00:30+00' + to_seconds(i) AS last_recorded_at,
    0 AS model_calls, 0 AS tool_calls, 0 AS input_tokens, 0 AS output_tokens, 0 AS records
FROM (SELECT i, random() AS luck FROM range($runs) AS numbers(i))
"""

_STEPS: Final = """
INSERT INTO steps BY NAME
SELECT *, latency_us AS mean_latency_us
FROM (
    SELECT
        run_id,
        mission,
        '/step:step' || s AS key,
        1 AS occurrence,
        'step' || s AS step,
        'done' AS outcome,
        (800000 * exp(0.5 * sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random())))::BIGINT AS latency_us,
        runs.started_at + to_seconds(s) AS started_at,
        runs.started_at + to_seconds(s + 1) AS ended_at,
        0 AS cost_micros, 0 AS model_calls, 0 AS tool_calls
    FROM runs, range($steps) AS numbers(s)
)
"""

_SNAPSHOT: Final = """
INSERT INTO snapshot BY NAME
SELECT now() AS published_at, 0 AS records, 0 AS runs, 0 AS quarantined, '' AS offsets_digest, $schema AS schema_digest
"""

_PEAK: Final = """
def peak():
    # Not ru_maxrss: a program begun by another inherits the most that one ever held, and we made the table.
    try:
        held = dict(line.split(":", 1) for line in open("/proc/self/status") if line.startswith("Vm"))
        return int(held["VmHWM"].split()[0]) / 1024
    except FileNotFoundError:
        import resource
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 / 1024
"""
"""Says what the program itself has held at most, in MB; where there is no ``/proc`` it counts in bytes."""

_GONOGO: Final = """
import json, sys, time
from pathlib import Path
import duckdb, polars, numpy
from analytics.drift import report
begun = time.perf_counter()
found = report(Path(sys.argv[1])).findings
seconds = time.perf_counter() - begun
judged = sum(each.verdict != "not_enough_data" for each in found)
print(json.dumps({"seconds": seconds, "mb": peak(), "judged": judged}))
"""

_PANDAS: Final = """
import json, sys, time
import pandas, scipy.stats
begun = time.perf_counter()
runs = pandas.read_parquet(f"{sys.argv[1]}/runs.parquet")
runs["recency"] = runs.groupby("mission")["ended_at"].rank(ascending=False, method="first")
runs["current"] = runs["recency"] <= int(sys.argv[2])
runs.groupby(["mission", "current"])["success"].mean()
steps = pandas.read_parquet(f"{sys.argv[1]}/steps.parquet").merge(runs[["run_id", "current"]], on="run_id")
latency = steps.groupby(["run_id", "mission", "step", "current"], observed=True)["latency_us"].mean().reset_index()
judged = 0
for _, group in latency.groupby(["mission", "step"]):
    now, before = group[group["current"]]["latency_us"], group[~group["current"]]["latency_us"]
    now.quantile([0.5, 0.95]), before.quantile([0.5, 0.95])
    scipy.stats.mannwhitneyu(now, before)
    judged += 1
seconds = time.perf_counter() - begun
print(json.dumps({"seconds": seconds, "mb": peak(), "judged": judged}))
"""

_EVIDENTLY: Final = """
import json, os, sys, time
os.environ["DO_NOT_TRACK"] = "1"
import pandas
from evidently import Report
from evidently.metrics import ValueDrift
begun = time.perf_counter()
runs = pandas.read_parquet(f"{sys.argv[1]}/runs.parquet")
runs["recency"] = runs.groupby("mission")["ended_at"].rank(ascending=False, method="first")
runs["current"] = runs["recency"] <= int(sys.argv[2])
steps = pandas.read_parquet(f"{sys.argv[1]}/steps.parquet").merge(runs[["run_id", "current"]], on="run_id")
judged = 0
for _, group in steps.groupby(["mission", "step"]):
    now, before = group[group["current"]][["latency_us"]], group[~group["current"]][["latency_us"]]
    Report([ValueDrift(column="latency_us")]).run(now, before)
    judged += 1
seconds = time.perf_counter() - begun
print(json.dumps({"seconds": seconds, "mb": peak(), "judged": judged}))
"""

SYSTEMS: Final[dict[str, tuple[str | None, str]]] = {
    "gonogo": (None, _GONOGO),
    "pandas": (None, _PANDAS),
    "evidently": ("evidently", _EVIDENTLY),
}
"""By name: the environment (``None`` is our own), and the program."""


def make(folder: Path, records: int) -> None:
    """Write the table: a mart for gonogo, and the same rows as Parquet for those who read that."""
    con = duckdb.connect(mart_path(folder))
    con.execute("SET TimeZone = 'UTC'")
    con.execute("SELECT setseed(0.5)")
    migrate(con, "the benchmark")
    con.execute(_RUNS, {"runs": records // STEPS, "missions": MISSIONS})
    con.execute(_STEPS, {"steps": STEPS})
    con.execute(_SNAPSHOT, {"schema": schema_digest()})
    for table, columns in (
        ("runs", "run_id, mission, success, ended_at"),
        ("steps", "run_id, mission, step, latency_us"),
    ):
        path = str(folder / f"{table}.parquet").replace("'", "''")
        con.execute(f"COPY (SELECT {columns} FROM {table}) TO '{path}' (FORMAT parquet)")  # noqa: S608 - names of ours
    con.close()


def measure(records: int, systems: list[str], told: Callable[[str], None] = print) -> list[dict[str, Any]]:
    """Measure each system once on a table of so many step records; print a table, return the figures."""
    figures: list[dict[str, Any]] = []
    told(f"| system | {records:,} step records: seconds | peak memory (MB) | comparisons |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory(dir=Path.cwd()) as folder:
        make(Path(folder), records)
        for system in systems:
            environment, program = SYSTEMS[system]
            try:
                got = _answer(environment, program, folder)
            except NotInstalledError as error:
                told(f"| {system} | not measured: {error} | | |")
                continue
            told(f"| {system} | {got['seconds']:.2f} | {got['mb']:,.0f} | {got['judged']} |")
            common = {"workload": f"drift-report-{records}", "system": system, "runs": 1}
            figures += [
                {**common, "metric": "wall", "value": round(got["seconds"], 3), "unit": "s"},
                {**common, "metric": "peak", "value": round(got["mb"]), "unit": "MB"},
            ]
    return figures


def _answer(environment: str | None, program: str, folder: str) -> dict[str, Any]:
    done = subprocess.run(
        [str(python_of(environment)), "-c", _PEAK + program, folder, str(CURRENT_RUNS)],
        capture_output=True, text=True, check=False, timeout=_SECONDS_MAX,
    )  # fmt: skip
    if done.returncode:
        raise NotInstalledError((done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[-1][:300])
    return json.loads(done.stdout.strip().splitlines()[-1])


if __name__ == "__main__":
    measure(int(sys.argv[1]), sys.argv[2:] or [*SYSTEMS])
