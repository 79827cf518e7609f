"""What should be: the runs that today's are compared with, either simply earlier ones or a sealed sample.

A sample is counts only (``analytics.samples``), so a sealed one is a small file. Beside the counts it holds
what was in force: versions of mission, law, model and agents, against which later runs are held.
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
from analytics.samples import BINS_PER_OCTAVE, counted, forget, place_runs
from analytics.stores import scalar

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl
    from duckdb import DuckDBPyConnection

_VERSIONS = """
-- What was in force when each mission's latest run began, and from which deployments its runs came.
WITH newest AS (
    SELECT max_by(run_id, (ended_at, run_id)) AS run_id, mission FROM sampled GROUP BY mission
)
SELECT newest.mission, object, id, version, digest
FROM newest JOIN versions USING (run_id)
WHERE object <> 'baseline'
UNION ALL
SELECT DISTINCT mission, 'deployment', coalesce(deployment, ''), '', NULL
FROM sampled
ORDER BY ALL
"""


@dataclass(frozen=True, slots=True)
class Samples:
    """Two samples as counts; ``side`` is ``baseline`` or ``current``."""

    outcomes: pl.DataFrame
    """Columns mission, side, n, successes."""
    latencies: pl.DataFrame
    """Columns mission, step, side, bin, n."""
    numbers: pl.DataFrame
    """Columns monitor, mission, subject, unit, side, bin, n."""
    mixes: pl.DataFrame
    """Columns monitor, mission, subject, side, kind, n."""
    shares: pl.DataFrame
    """Columns monitor, mission, subject, side, n, hits."""
    baseline: str
    """Where the baseline comes from, in words."""
    declared: pl.DataFrame | None
    """What was in force at the sealing: mission, object, id, version, digest; ``None`` where nothing is sealed."""


def baseline_path(home: Path) -> Path:
    """Return where a sealed baseline stands."""
    return home / "baseline.json"


@dataclass(frozen=True, slots=True)
class Stretch:
    """Which runs of a mission are looked at, where not simply the latest ones."""

    mission: str
    reference_through: datetime
    """The baseline ends here, where nothing is sealed: what came later may be what went wrong."""
    after: datetime
    """Only runs that ended later are current."""


def draw(con: DuckDBPyConnection, home: Path, window_runs: int, stretch: Stretch | None = None) -> Samples:
    """Return the latest runs of each mission, and what they are compared with.

    Without a sealed baseline those are all earlier runs. With one, they are what was sealed, and
    only runs that ended after the sealing are current: no run is compared with itself. The runs stay
    placed in the temporary view ``sampled`` and table ``current_runs`` of ``con``.

    Raises:
        BaselineBroken: the sealed file is not what was sealed.

    """
    import polars as pl

    mission = None if stretch is None else stretch.mission
    sealed = _read_sealed(baseline_path(home))
    if sealed is None:
        side = f"CASE WHEN recency <= {window_runs:d} THEN 'current' ELSE 'baseline' END"
        if stretch is not None:
            side = (
                f"CASE WHEN recency <= {window_runs:d} AND ended_at > {_time(stretch.after)} THEN 'current' "
                f"WHEN ended_at <= {_time(stretch.reference_through)} THEN 'baseline' END"
            )
        place_runs(con, side, mission, window_runs)
        told = f"all runs before the latest {window_runs} of each mission"
        return Samples(**counted(con), baseline=told, declared=None)
    after = datetime.fromisoformat(sealed["through"])
    after = after if stretch is None else max(after, stretch.after)
    side = f"CASE WHEN recency <= {window_runs:d} AND ended_at > {_time(after)} THEN 'current' END"
    place_runs(con, side, mission, window_runs)
    both = {
        name: pl.concat([_sealed_frame(sealed, name, frame, mission), frame]) for name, frame in counted(con).items()
    }
    return Samples(
        **both,
        baseline=f"the baseline sealed at {sealed['sealed_at'][:19]}Z",
        declared=pl.DataFrame(sealed["versions"], schema=dict.fromkeys(_VERSION_COLUMNS, pl.String), orient="row"),
    )


_VERSION_COLUMNS = ["mission", "object", "id", "version", "digest"]


def _sealed_frame(sealed: dict[str, Any], name: str, like: pl.DataFrame, mission: str | None) -> pl.DataFrame:
    import polars as pl

    known = pl.DataFrame(sealed[name], schema=like.schema)
    return known if mission is None else known.filter(pl.col("mission") == mission)


def _time(moment: datetime) -> str:
    """Return a moment as an SQL literal."""
    return f"'{moment.isoformat()}'::TIMESTAMPTZ"


def seal_baseline(home: Path) -> Path:
    """Freeze all runs that have ended as the baseline, and return the file it stands in.

    It stays the "should" until it is sealed anew: a reference that followed the present would hide
    slow drift. The file is replaced whole.

    Raises:
        MartMissing: nothing has been published yet.
        WarehouseUnwritable: the file cannot be written.

    """
    with open_mart(home) as con:
        return seal_runs(con, home)


def seal_runs(con: DuckDBPyConnection, home: Path) -> Path:
    """Do the same with the runs that ``con`` sees.

    Raises:
        WarehouseUnwritable: the file cannot be written.

    """
    place_runs(con, "'baseline'")
    frames = counted(con)
    versions = con.execute(_VERSIONS).fetchall()
    through = scalar(con, "SELECT max(ended_at) FROM sampled")
    forget(con)
    content: dict[str, Any] = {
        "version": 2,
        "bins_per_octave": BINS_PER_OCTAVE,
        "sealed_at": datetime.now(UTC).isoformat(),
        "through": (through or datetime.fromtimestamp(0, UTC)).isoformat(),
        "versions": versions,
        **{name: frame.to_dicts() for name, frame in frames.items()},
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
        whole = sealed["sha256"] == _digest(content) and (content["bins_per_octave"], content["version"]) == (
            BINS_PER_OCTAVE,
            2,
        )
    except FileNotFoundError:
        return None
    except (orjson.JSONDecodeError, KeyError, TypeError):
        whole, content = False, {}
    if not whole:
        msg = f"{path} is not what was sealed; restore it from its copy, or seal a new baseline."
        raise BaselineBroken(msg)
    return content
