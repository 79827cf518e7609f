"""Change points: are they found, how late, and how often is one found where there is none.

Missions of every family of drift are drawn with a change at a known place, sealed on their first runs, and
watched as in operation: a look every few runs, by the very code that watches real ones. A mission counts as
found if the first drift that is called comes after the change; a call before it, or in a mission without a
change, is false.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from statistics import median
from typing import Any, Final

import duckdb

from analytics.baselines import seal_runs
from analytics.drift import compute
from analytics.migrations import migrate
from benchmarks.drift_fleet import CHANGES, EXACT, Family, Flown, Rows, fly, paths_text
from gonogo.settings import settings, using

BASELINE_RUNS: Final = 300
WATCHED_RUNS: Final = 300
LOOK_EVERY: Final = 25
SEED: Final = 20_260_101
_FIRST, _LAST = 50, 150
"""A change comes so many runs after the sealing, so that a look before it and several after it are there."""


@dataclass(slots=True)
class Seen:
    """What was called of a mission first."""

    at: int
    """Runs that had been watched when it was called."""
    monitors: list[str] = field(default_factory=list[str])


@dataclass(frozen=True, slots=True)
class Score:
    """How one set of missions was judged."""

    missions: int
    changed: int
    found: int
    early: int
    """Changed missions of which drift was called before the change."""
    false: int
    """Missions without a change of which drift was called at any look."""
    delays: list[int]
    called_by: Counter[str]

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall over missions."""
        wrong = 2 * self.found + self.early + self.false + (self.changed - self.found)
        return 2 * self.found / wrong if wrong else 0.0

    @property
    def false_share(self) -> float:
        """Share of the missions without a change that raised a false alarm."""
        steady = self.missions - self.changed
        return self.false / steady if steady else 0.0


def draw(per_family: int, steady: int, seed: int = SEED) -> list[Flown]:
    """Return missions of every family, missions without a change, and shuffled ones, which have none either."""
    random = Random(seed)
    end = BASELINE_RUNS + WATCHED_RUNS
    flown = [Flown(f"none_{number:03d}", "none", end) for number in range(steady)]
    families: list[Family] = [family for family in CHANGES if family != "none"]
    for family in families:
        for number in range(per_family):
            at = BASELINE_RUNS + random.randrange(_FIRST, _LAST)
            flown.append(Flown(f"{family}_{number:03d}", family, at))
    for number in range(steady):
        family: Family = random.choice([each for each in families if each not in EXACT])
        order = list(range(end))
        random.shuffle(order)
        at = BASELINE_RUNS + random.randrange(_FIRST, _LAST)
        flown.append(Flown(f"shuffled_{number:03d}", family, at, tuple(order)))
    return flown


def watch(flown: list[Flown], seed: int = SEED) -> dict[str, Seen]:
    """Seal the missions on their first runs, watch the others as they come, and return what was called first."""
    seen: dict[str, Seen] = {}
    con = duckdb.connect()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "paths.yaml").write_text(paths_text(flown), encoding="utf-8")
        con.execute("SET TimeZone = 'UTC'")
        migrate(con, "the benchmark")
        with using(settings().model_copy(update={"policy_folder": home})):
            _take(con, flown, 0, BASELINE_RUNS, seed)
            seal_runs(con, home)
            for watched in range(0, WATCHED_RUNS, LOOK_EVERY):
                _take(con, flown, BASELINE_RUNS + watched, LOOK_EVERY, seed)
                for finding in compute(con, home).findings:
                    if finding.verdict == "drift":
                        first = seen.setdefault(finding.mission, Seen(watched + LOOK_EVERY))
                        if first.at == watched + LOOK_EVERY:
                            first.monitors.append(finding.monitor)
    con.close()
    return seen


def _take(con: duckdb.DuckDBPyConnection, flown: list[Flown], first: int, count: int, seed: int) -> None:
    rows = Rows()
    for each in flown:
        for place in range(first, first + count):
            fly(rows, each, place, seed)
    rows.insert(con)


def score(flown: list[Flown], seen: dict[str, Seen]) -> Score:
    """Compare what was called with what was put in."""
    found = early = false = changed = 0
    delays: list[int] = []
    called: Counter[str] = Counter()
    for each in flown:
        is_changed = each.order is None and each.family != "none"
        changed += is_changed
        first = seen.get(each.name)
        if first is None:
            continue
        called.update(set(first.monitors))
        delay = BASELINE_RUNS + first.at - each.change_at
        if not is_changed:
            false += 1
        elif delay > 0:
            found += 1
            delays.append(delay)
        else:
            early += 1
    return Score(len(flown), changed, found, early, false, delays, called)


def measure(per_family: int, steady: int, seed: int = SEED) -> list[dict[str, Any]]:
    """Print the table of families, and return the figures."""
    flown = draw(per_family, steady, seed)
    seen = watch(flown, seed)
    print(f"| family | change | found of {per_family} | before the change | median delay (runs) | called first by |")
    print("|---|---|---|---|---|---|")
    for family, change in CHANGES.items():
        mine = [each for each in flown if each.family == family and each.order is None]
        if family != "none" and mine:
            one = score(mine, seen)
            by = ", ".join(name for name, _ in one.called_by.most_common(3))
            late = f"{median(one.delays):.0f}" if one.delays else "-"
            print(f"| {family} | {change} | {one.found} | {one.early} | {late} | {by} |")
    both = score(flown, seen)
    figures: list[dict[str, Any]] = [_figure("change-points", "f1", both.f1, "share", both.missions)]
    figures.append(_figure("change-points", "delay", median(both.delays or [0]), "runs", len(both.delays)))
    for kind in ("none", "shuffled"):
        mine = [each for each in flown if each.name.startswith(f"{kind}_")]
        one = score(mine, seen)
        print(f"\n{kind}: {one.false} of {len(mine)} called drifting ({dict(one.called_by)})")
        figures.append(_figure(f"false-alarms-{kind}", "share", one.false_share, "share", len(mine)))
    print(f"\nF1 {both.f1:.3f} over {both.missions} missions, {both.changed} of them changed\n")
    return figures


def _figure(workload: str, metric: str, value: float, unit: str, runs: int) -> dict[str, Any]:
    return {
        "workload": f"drift-{workload}",
        "system": "gonogo",
        "metric": metric,
        "value": value,
        "unit": unit,
        "runs": runs,
    }
