"""``python -m benchmarks.arrivals``: real arrivals, faster than they came, through all missions at once.

The arrivals are the Azure LLM inference trace of 2023, code (Azure Public Dataset, CC BY 4.0): one
line a request with its time; it is not part of this repository. Each request becomes a case of one
of the missions, drawn with a fixed seed, and comes in when the trace says, divided by ``--speed``.

A case that has come and cannot begin waits in its place in the trace: there is nothing else that it
could wait in. When it came in and how long it waited for its turn stands in its evidence; all that
is printed of waiting is read from there. What is printed of fairness is counted as cases are taken.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import itertools
import resource
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, cast

from prefect.flows import load_flow_from_entrypoint

from gonogo.cases import Flyer
from gonogo.evidence.canon import moment
from gonogo.evidence.journals import journal_of
from gonogo.lanes.arrivals import Line, fly_arrivals
from gonogo.plans import read_case
from gonogo.settings import settings
from tasks.rehearsals import MISSIONS, demo_events

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gonogo.missions import Mission
    from gonogo.plans import Landing

ROOT = Path(__file__).parents[1]
DATA = ROOT / ".." / "shared" / "data" / "arrivals" / "AzureLLMInferenceTrace_code.csv"
SEED = 2023
SAMPLE_SECONDS = 10
"""How often the depth of the queue is printed."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request of the trace, as a case of a mission."""

    number: int
    mission: str
    after: float
    """Seconds after the first one, as replayed."""


def read_arrivals(path: Path, speed: float, limit: int | None = None) -> list[Arrival]:
    """Return the trace's arrivals in order, sped up, each with the mission it is for."""
    draw = Random(SEED)
    names = sorted(MISSIONS)
    with path.open(encoding="utf-8", newline="") as file:
        times = [_seconds(row["TIMESTAMP"]) for row in itertools.islice(csv.DictReader(file), limit)]
    first = min(times, default=0.0)
    return [Arrival(n, draw.choice(names), (at - first) / speed) for n, at in enumerate(sorted(times))]


def _seconds(text: str) -> float:
    """Return a time of the trace, which has seven digits after the second, in seconds."""
    return datetime.fromisoformat(text[:26]).replace(tzinfo=UTC).timestamp()


@dataclass(slots=True)
class Watch:
    """Sees cases being taken and landing, and counts what the rule of turns is about."""

    arrivals: Sequence[Arrival]
    first: float = field(default_factory=time.monotonic)
    taken: list[tuple[Arrival, float]] = field(default_factory=list[tuple[Arrival, float]])
    """Every case in the order in which they were taken, and seconds since the first arrival."""
    statuses: Counter[str] = field(default_factory=Counter[str])
    failures: Counter[str] = field(default_factory=Counter[str])
    depths: list[int] = field(default_factory=list[int])
    """Cases that had come and not begun, whenever one was taken."""
    _due: int = 0
    _sampled: float = 0.0

    def begun(self, flyer: Flyer) -> None:
        """Count a case that is taken, and what waits behind it."""
        at = time.monotonic() - self.first
        self.taken.append((self.arrivals[int(flyer.ref.rpartition(":")[2])], at))
        while self._due < len(self.arrivals) and self.arrivals[self._due].after <= at:
            self._due += 1
        self.depths.append(max(0, self._due - len(self.taken)))
        if at - self._sampled >= SAMPLE_SECONDS:
            self._sampled = at
            print(
                f"{at:6.0f} s  come {self._due:6}  begun {len(self.taken):6}  waiting {self.depths[-1]:6}  "
                f"memory {memory_mib():5} MiB",
                flush=True,
            )

    def landed(self, landing: Landing) -> None:
        """Count how a case ended."""
        self.statuses[landing.status] += 1
        if landing.status == "failed":
            self.failures[f"{landing.mission}: {landing.error}"] += 1


def lines(arrivals: Sequence[Arrival], began: datetime) -> list[Line]:
    """Return a line for each mission, whose cases are made as they are looked at."""
    return [Line(mission, _coming(name, mission, arrivals, began)) for name, mission in _missions().items()]


def _missions() -> dict[str, Mission[Any, Any]]:
    return {
        name: cast("Mission[Any, Any]", load_flow_from_entrypoint(f"{ROOT / 'flows' / name}.py:{name}"))
        for name in sorted(MISSIONS)
    }


def _coming(name: str, mission: Mission[Any, Any], arrivals: Sequence[Arrival], began: datetime) -> Iterator[Flyer]:
    kinds = itertools.cycle(MISSIONS[name].KINDS)
    draw = Random(f"{SEED}/{name}")
    for arrival in arrivals:
        if arrival.mission == name:
            case = next(kinds)(draw, f"A-{arrival.number:05d}")
            yield Flyer(
                f"arrival-{arrival.number:05d}",
                f"trace:{arrival.number}",
                read_case(mission, case),
                tuple(demo_events(name, case)),
                began + timedelta(seconds=arrival.after),
            )


def out_of_order(taken: Sequence[tuple[Arrival, float]]) -> int:
    """Return how many cases were taken before one of the same mission that had come earlier; 0 = none."""
    last: dict[str, int] = {}
    count = 0
    for arrival, _ in taken:
        count += arrival.number < last.get(arrival.mission, -1)
        last[arrival.mission] = max(arrival.number, last.get(arrival.mission, -1))
    return count


def most_overtaken(taken: Sequence[tuple[Arrival, float]]) -> int:
    """Return how many cases of one other mission were at most taken while a case stood at the head of its line."""
    places: dict[str, int] = {}
    """Where in the order each mission's case before was taken."""
    most = 0
    for place, (arrival, _) in enumerate(taken):
        since = places.get(arrival.mission, -1) + 1
        others = (other for other, at in taken[since:place] if at >= arrival.after)
        between = Counter(other.mission for other in others if other.mission != arrival.mission)
        most = max(most, *between.values(), 0)
        places[arrival.mission] = place
    return most


def memory_mib() -> int:
    """Return the most memory this process has held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1_024


def waits_on_record(home: Path, arrivals: Sequence[Arrival]) -> dict[str, list[int]]:
    """Return how long each case waited for its turn, in milliseconds by mission, as its evidence says."""
    journal = journal_of(settings().model_copy(update={"home": home, "journals": None}))
    found: dict[str, list[int]] = {}
    for arrival in arrivals:
        flight = journal.read_flight(f"arrival-{arrival.number:05d}")
        if flight:
            assert moment(flight[0].data["arrived"])
            found.setdefault(arrival.mission, []).append(flight[0].data["waited_ms"])
    return found


def percentile(values: Sequence[int], share: float) -> int:
    """Return the value below which a share of all lie; 0 where there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0


def report(watch: Watch, waits: dict[str, list[int]], seconds: float) -> None:
    """Print what became of the arrivals."""
    total = len(watch.arrivals)
    on_record, landed = sum(map(len, waits.values())), watch.statuses.total()
    overtaken = most_overtaken(watch.taken)
    rate, last = total / seconds, watch.arrivals[-1].after
    print(f"\n{total} arrivals in {last:.0f} s, flown in {seconds:.0f} s: {rate:.1f} a second")
    print("landed   " + ", ".join(f"{count} {status}" for status, count in sorted(watch.statuses.items())))
    print(f"lost     {total - on_record} without evidence, {total - landed} not landed")
    print(f"queue    at most {max(watch.depths)}, median {percentile(watch.depths, 0.5)} waiting")
    print(f"memory   at most {memory_mib()} MiB")
    print(f"order    {out_of_order(watch.taken)} out of order within a mission")
    print(f"turns    at most {overtaken} of one other mission while a case was at the head of its line")
    print(f"\n{'waited for its turn, ms':28}{'cases':>8}{'median':>10}{'p99':>10}{'longest':>10}")
    for name, each in sorted(waits.items()):
        print(f"{name:28}{len(each):8}{percentile(each, 0.5):10}{percentile(each, 0.99):10}{max(each):10}")
    for what, count in watch.failures.most_common(5):
        print(f"failed   {count} x {what}", file=sys.stderr)


async def replay(arrivals: Sequence[Arrival], home: Path, cases: int) -> tuple[Watch, dict[str, list[int]], float]:
    """Fly every arrival; returns what was seen, what is on record, and how long it took in seconds."""
    began = datetime.now(UTC)
    watch = Watch(arrivals)
    here = settings().model_copy(update={"home": home, "journals": None, "model": None, "cases": cases})
    await fly_arrivals(lines(arrivals, began), here, watch.landed, watch.begun)
    seconds = time.monotonic() - watch.first
    return watch, waits_on_record(home, arrivals), seconds


def main() -> int:
    """Replay the trace and print what became of it; without the trace, say so."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.arrivals", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="the trace, as CSV with a column TIMESTAMP")
    parser.add_argument("--speed", type=float, default=10.0, help="how many times faster than it came (10)")
    parser.add_argument("--limit", type=int, help="only so many of the first arrivals")
    parser.add_argument("--cases", type=int, default=8, help="cases in flight at once (8)")
    parser.add_argument("--home", type=Path, help="where the evidence is kept; thrown away, if not given")
    asked = parser.parse_args()
    if not asked.data.exists():
        print(f"{asked.data} is not there; name the trace with --data. Nothing was measured.", file=sys.stderr)
        return 0
    arrivals = read_arrivals(asked.data, asked.speed, asked.limit)
    (ROOT / "benchmarks" / "results").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / "benchmarks" / "results") as folder:
        watch, waits, seconds = asyncio.run(replay(arrivals, asked.home or Path(folder), asked.cases))
        report(watch, waits, seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
