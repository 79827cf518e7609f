"""How often the monitors cry wolf: every mission's rehearsal cases and real incidents, flown with monitors on.

    python benchmarks/false_alarms.py --cases 60 --incidents 200

Flies each mission twice: without any history, and then again with the habits that the first pass
left, so that comparisons with the baseline are on. Prints what was found, by monitor.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from analytics import habits, warehouse
from gonogo.house.loading import find_mission
from gonogo.settings import settings
from gonogo.testing import Rehearsal, rehearse
from tasks.adapters import ADAPTERS
from tasks.rehearsals import MISSIONS, demo_cases, demo_events

INCIDENTS = Path("../shared/data/incidents/incident_events.parquet")


async def fly_rehearsals(mission: str, home: Path, cases: int, seed: int) -> list[Rehearsal]:
    """Fly the made-up cases of a mission; people say go."""
    flown: list[Rehearsal] = []
    for case in demo_cases(mission, cases, seed):
        events = [(name, body) for name, body, _ in demo_events(mission, case)]
        flown.append(await rehearse(find_mission(settings(), mission), case, answers="go", events=events, home=home))
    return flown


async def fly_incidents(home: Path, count: int) -> list[Rehearsal]:
    """Fly the histories of that many real tickets."""
    import polars as pl

    adapter = ADAPTERS["incident_response"]
    frame = pl.scan_parquet(INCIDENTS)
    numbers = frame.select(pl.col("number").unique(maintain_order=True)).head(count).collect()["number"].to_list()
    rows: dict[str, list[dict[str, Any]]] = {number: [] for number in numbers}
    for row in frame.filter(pl.col("number").is_in(numbers)).collect().iter_rows(named=True):
        rows[row["number"]].append(row)
    flown: list[Rehearsal] = []
    for number in numbers:
        ordered = sorted(rows[number], key=adapter.sort_key)
        events = [adapter.event(row)[:2] for row in ordered[1:]]
        mission = find_mission(settings(), "incident_response")
        flown.append(await rehearse(mission, adapter.case(ordered[0]), events=events, home=home))
    return flown


def told(what: str, flown: list[Rehearsal]) -> int:
    """Print what the monitors found, and return how many halts there were."""
    found = [data for flight in flown for data in flight.told("finding_record")]
    counts = Counter((data["action"], data["monitor"], data["subject"]) for data in found)
    statuses = Counter(flight.landing.status for flight in flown)
    operations = sum(len(flight.told("tool_call", "result") + flight.told("model_call", "result")) for flight in flown)
    halts = sum(data["action"] == "halt" for data in found)
    print(f"{what}: {len(flown)} runs, {operations} operations, {dict(statuses)}: {halts} halts, {len(found)} findings")
    for (action, monitor, subject), count in counts.most_common():
        example = next(data["what"] for data in found if data["monitor"] == monitor and data["subject"] == subject)
        print(f"    {count:4} {action} {monitor} {subject}: {example}")
    return halts


def main() -> None:
    """Fly, and count."""
    parser = argparse.ArgumentParser(description="Count what the monitors find in flights that are as they should be.")
    parser.add_argument("--cases", type=int, default=60, help="cases of each mission, in each pass")
    parser.add_argument("--incidents", type=int, default=200, help="real tickets; 0 for none")
    asked = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="gonogo-false-alarms-"))
    halts = 0
    for seed, title in ((11, "without history"), (12, "with history")):
        for mission in MISSIONS:
            halts += told(f"{mission}, {title}", asyncio.run(fly_rehearsals(mission, home, asked.cases, seed)))
        warehouse.land(home)
        print(f"habits: {habits.habits_path(home)}")
    if asked.incidents and INCIDENTS.exists():
        halts += told("real incidents, with history", asyncio.run(fly_incidents(home, asked.incidents)))
    print(f"halts in all: {halts}")


if __name__ == "__main__":
    main()
