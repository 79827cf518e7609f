"""Real operational series with labelled windows: how far the charts get on data that was not made for them.

Each series is brought to hourly medians; what an hour of the day usually is, and how much an hour resembles
the one before, is learned from the first 15 % (the probation of the Numenta Anomaly Benchmark) and taken
out. A window counts as found if an alarm lies in it; an alarm outside every window is false. After an alarm
the chart begins anew a day later. The same on the same hours in random order, where nothing is to be found.
"""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from statistics import NormalDist, mean, median
from typing import Any, Final

import polars as pl

from analytics.charts import cusum, cusum_limit

SERIES: Final = Path("../shared/data/series")
PROBATION: Final = 0.15
FALSE_ALARM: Final = 0.05
REST_HOURS: Final = 24
SHUFFLES: Final = 20
HOURS_A_DAY: Final = 24

Hour = tuple[datetime, float]


def hours_of(path: Path) -> list[Hour]:
    """Return the hourly medians of a series."""
    frame = pl.read_csv(path, try_parse_dates=True)
    by_hour = frame.group_by(pl.col("timestamp").dt.truncate("1h").alias("hour")).agg(pl.col("value").median())
    return list(by_hour.sort("hour").iter_rows())


def scores_of(hours: list[Hour], probation: int) -> list[float]:
    """Return the normal scores of what is left of each hour after day and neighbour are taken out."""
    known = hours[:probation]
    usual = median(value for _, value in known)
    of_day = {hour: median([value for at, value in known if at.hour == hour] or [usual]) for hour in range(HOURS_A_DAY)}
    rest = [value - of_day[at.hour] for at, value in hours]
    learned = rest[:probation]
    middle = mean(learned)
    spread = sum((each - middle) ** 2 for each in learned)
    near = sum((a - middle) * (b - middle) for a, b in pairwise(learned))
    likeness = near / spread if spread else 0.0
    left = [rest[0] - middle, *(b - middle - likeness * (a - middle) for a, b in pairwise(rest))]
    reference = sorted(left[:probation])
    normal, size = NormalDist(), len(reference) + 1
    # The middle of the ranks that equal values take: where many are equal, any other rank leans to a side.
    ranks = [(bisect_left(reference, each) + bisect_right(reference, each)) / 2 for each in left[probation:]]
    return [normal.inv_cdf((rank + 0.5) / size) for rank in ranks]


def alarms(scores: list[float], reference: int) -> list[int]:
    """Return the place of every alarm; the chart rests after each."""
    limit, begun, found = cusum_limit(len(scores), reference, FALSE_ALARM), 0, list[int]()
    while (alarm := cusum(scores[begun:], limit)) is not None:
        found.append(begun + alarm.at)
        begun += alarm.at + REST_HOURS
    return found


def measure(folder: Path = SERIES) -> list[dict[str, Any]]:
    """Print what was found in each series, and return the figures; nothing where the series are not there."""
    if not folder.exists():
        print(f"The real series are not measured: {folder} is not beside this clone.")
        return []
    labels: dict[str, list[list[str]]] = json.loads((folder / "windows.json").read_text(encoding="utf-8"))
    hits = windows = false = 0
    shuffled = tried = 0
    print("| series | windows found | alarms outside | shuffled: with an alarm |\n|---|---|---|---|")
    for name, spans in labels.items():
        hours = hours_of(folder / name)
        probation = int(PROBATION * len(hours))
        scores = scores_of(hours, probation)
        times = [at for at, _ in hours[probation:]]
        marked = [(datetime.fromisoformat(begin), datetime.fromisoformat(end)) for begin, end in spans]
        at = [times[place] for place in alarms(scores, probation)]
        inside = sum(any(begin <= one <= end + timedelta(hours=1) for one in at) for begin, end in marked)
        outside = sum(not any(begin <= one <= end + timedelta(hours=1) for begin, end in marked) for one in at)
        random, mixed = Random(1), 0
        for _ in range(SHUFFLES):
            order = scores_of(random.sample(_at_any_hour(hours), len(hours)), probation)
            mixed += bool(alarms(order, probation))
        print(f"| {Path(name).stem} | {inside} of {len(marked)} | {outside} | {mixed} of {SHUFFLES} |")
        hits, windows, false = hits + inside, windows + len(marked), false + outside
        shuffled, tried = shuffled + mixed, tried + SHUFFLES
    f1 = 2 * hits / (2 * hits + false + windows - hits) if hits else 0.0
    print(f"\nF1 {f1:.3f} over {windows} windows: {hits} found, {false} alarms outside\n")
    common: dict[str, Any] = {"system": "gonogo", "unit": "share"}
    return [
        {**common, "workload": "drift-real-series", "metric": "f1", "value": f1, "runs": windows},
        {**common, "workload": "drift-real-shuffled", "metric": "share", "value": shuffled / tried, "runs": tried},
    ]


def _at_any_hour(hours: list[Hour]) -> list[Hour]:
    """Return the same values without their hour: in random order no hour means anything."""
    return [(at.replace(hour=0), value) for at, value in hours]
