"""What should be: the runs that today's are compared with, either simply earlier ones or a sealed sample.

A sample is counts only: successes by mission, and latencies by mission, step and bin of a logarithmic
scale. DuckDB reduces to it, whatever the number of runs; everything after works on the small frame.
"""

# duckdb types its results in part only.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import orjson

from analytics.errors import BaselineBroken, WarehouseUnwritable
from analytics.marts import open_mart
from analytics.stores import scalar

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl
    from duckdb import DuckDBPyConnection

BINS_PER_OCTAVE = 32
"""Latencies are binned on a scale of 32 bins a doubling: a quantile is right within 2.2 %."""

_ENDED = """
CREATE OR REPLACE TEMP VIEW sampled AS
WITH ended AS (
    SELECT
        run_id,
        mission,
        success,
        ended_at,
        row_number() OVER (PARTITION BY mission ORDER BY ended_at DESC, run_id DESC) AS recency
    FROM runs
    WHERE status IN ('done', 'no_go', 'aborted', 'failed')
)
SELECT run_id, mission, coalesce(success, FALSE) AS success, ended_at, {side} AS side FROM ended
"""

_OUTCOMES = """
SELECT mission, side, count(*) AS n, count(*) FILTER (WHERE success) AS successes
FROM sampled
WHERE side IS NOT NULL
GROUP BY ALL
ORDER BY ALL
"""

_LATENCIES = f"""
WITH by_run AS (
    -- One value a run and step: executions within a run are not independent of each other.
    SELECT sampled.mission, steps.step, sampled.side, avg(steps.latency_us) AS latency_us
    FROM steps
    JOIN sampled USING (run_id)
    WHERE steps.outcome = 'done' AND steps.latency_us IS NOT NULL AND steps.step IS NOT NULL AND side IS NOT NULL
    GROUP BY sampled.run_id, sampled.mission, steps.step, sampled.side
)
SELECT mission, step, side, floor({BINS_PER_OCTAVE} * log2(greatest(latency_us, 1)))::INTEGER AS bin, count(*) AS n
FROM by_run
GROUP BY ALL
ORDER BY ALL
"""  # noqa: S608 - a constant of ours


@dataclass(frozen=True, slots=True)
class Samples:
    """Two samples as counts; ``side`` is ``baseline`` or ``current``."""

    outcomes: pl.DataFrame
    """Columns mission, side, n, successes."""
    latencies: pl.DataFrame
    """Columns mission, step, side, bin, n."""
    baseline: str
    """Where the baseline comes from, in words."""


def baseline_path(home: Path) -> Path:
    """Return where a sealed baseline stands."""
    return home / "baseline.json"


def draw(con: DuckDBPyConnection, home: Path, window_runs: int) -> Samples:
    """Return the latest runs of each mission, and what they are compared with.

    Without a sealed baseline those are all earlier runs. With one, they are what was sealed, and
    only runs that ended after the sealing are current: no run is compared with itself.

    Raises:
        BaselineBroken: the sealed file is not what was sealed.

    """
    import polars as pl

    sealed = _read_sealed(baseline_path(home))
    if sealed is None:
        side = f"CASE WHEN recency <= {window_runs:d} THEN 'current' ELSE 'baseline' END"
        outcomes, latencies = _reduce(con, side)
        return Samples(outcomes, latencies, f"all runs before the latest {window_runs} of each mission")
    through = datetime.fromisoformat(sealed["through"])
    side = (
        f"CASE WHEN recency <= {window_runs:d} AND ended_at > '{through.isoformat()}'::TIMESTAMPTZ THEN 'current' END"
    )
    outcomes, latencies = _reduce(con, side)
    told = [pl.DataFrame(sealed[name], schema=frame.schema) for name, frame in _named(outcomes, latencies)]
    return Samples(
        pl.concat([told[0], outcomes]),
        pl.concat([told[1], latencies]),
        f"the baseline sealed at {sealed['sealed_at'][:19]}Z",
    )


def _named(outcomes: pl.DataFrame, latencies: pl.DataFrame) -> list[tuple[str, pl.DataFrame]]:
    return [("outcomes", outcomes), ("latencies", latencies)]


def _reduce(con: DuckDBPyConnection, side: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Reduce the tables ``con`` sees to counts; ``side`` is SQL of ours that places a run."""
    con.execute(_ENDED.format(side=side))
    return _frame(con, _OUTCOMES), _frame(con, _LATENCIES)


def _frame(con: DuckDBPyConnection, statement: str) -> pl.DataFrame:
    import polars as pl

    return pl.DataFrame(con.sql(statement).to_arrow_table())


def seal_baseline(home: Path) -> Path:
    """Freeze all runs that have ended as the baseline, and return the file it stands in.

    It stays the "should" until it is sealed anew: a reference that followed the present would hide
    slow drift. The file is replaced whole.

    Raises:
        MartMissing: nothing has been published yet.
        WarehouseUnwritable: the file cannot be written.

    """
    with open_mart(home) as con:
        outcomes, latencies = _reduce(con, "'baseline'")
        through = scalar(con, "SELECT max(ended_at) FROM sampled")
    content: dict[str, Any] = {
        "version": 1,
        "bins_per_octave": BINS_PER_OCTAVE,
        "sealed_at": datetime.now(UTC).isoformat(),
        "through": (through or datetime.fromtimestamp(0, UTC)).isoformat(),
        **{name: frame.to_dicts() for name, frame in _named(outcomes, latencies)},
    }
    path = baseline_path(home)
    aside = path.with_name("baseline.json.new")
    try:
        with aside.open("wb") as file:
            file.write(orjson.dumps({"content": content, "sha256": _digest(content)}))
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        aside.unlink(missing_ok=True)
        msg = f"The baseline cannot be written to {path} ({error.strerror}); free the disk or fix the folder."
        raise WarehouseUnwritable(msg) from error
    return path


def _digest(content: dict[str, Any]) -> str:
    return sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


def _read_sealed(path: Path) -> dict[str, Any] | None:
    """Return what was sealed, or ``None`` where nothing was."""
    try:
        sealed = orjson.loads(path.read_bytes())
        content: dict[str, Any] = sealed["content"]
        whole = sealed["sha256"] == _digest(content) and content["bins_per_octave"] == BINS_PER_OCTAVE
    except FileNotFoundError:
        return None
    except (orjson.JSONDecodeError, KeyError, TypeError):
        whole, content = False, {}
    if not whole:
        msg = f"{path} is not what was sealed; restore it from its copy, or seal a new baseline."
        raise BaselineBroken(msg)
    return content
