"""``python -m benchmarks.batch``: does a long batch fly as fast as a short one, in no more memory?

Each size is flown in a process of its own, offline, by the batch lane and with everything that a worked
mission is flown with; cases that need a person leave the batch. Memory is what the process holds at the
tenth of its batch and at its end, as Linux tells it, so that what a case leaves behind shows as growth.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, cast

from prefect.flows import load_flow_from_entrypoint

from gonogo.cases import Flyer
from gonogo.lanes.batch import fly_batch
from gonogo.plans import read_case
from gonogo.settings import settings
from tasks.rehearsals import MISSIONS, demo_events

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gonogo.missions import Mission
    from gonogo.plans import Landing

ROOT = Path(__file__).parents[1]
SEED = 2023
SIZES = (1_000, 10_000)


def memory_mib() -> float:
    """Return the memory this process holds now, in MiB."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize() / 2**20


def coming(name: str, mission: Mission[Any, Any], count: int) -> Iterator[Flyer]:
    """Yield so many cases, of every kind in turn, each made as it is taken."""
    draw = Random(SEED)
    kinds: Sequence[Callable[[Random, str], dict[str, Any]]] = MISSIONS[name].KINDS
    for number, kind in zip(range(count), itertools.cycle(kinds), strict=False):
        case = kind(draw, f"B-{number:06d}")
        yield Flyer(f"batch-{number:06d}", f"case:{number}", read_case(mission, case), tuple(demo_events(name, case)))


def fly(name: str, count: int, in_flight: int, home: Path) -> dict[str, Any]:
    """Fly one batch; returns cases a second, how they landed, and MiB at its tenth and at its end."""
    mission = cast("Mission[Any, Any]", load_flow_from_entrypoint(f"{ROOT / 'flows' / name}.py:{name}"))
    here = settings().model_copy(update={"home": home, "journals": None, "model": None, "cases": in_flight})
    statuses, memory = Counter[str](), list[float]()

    def landed(landing: Landing) -> None:
        statuses[landing.status] += 1
        if statuses.total() in {max(count // 10, 1), count}:
            memory.append(memory_mib())

    begun = time.monotonic()
    asyncio.run(fly_batch(mission, coming(name, mission, count), here, landed))
    return {"rate": count / (time.monotonic() - begun), "statuses": dict(statuses), "mib": memory}


def main() -> int:
    """Fly every size in a process of its own, and print one table with the ratios."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.batch", description=__doc__)
    parser.add_argument("--mission", choices=sorted(MISSIONS), default="lead_qualification")
    parser.add_argument("--cases", type=int, nargs="+", default=SIZES, help="the sizes of the batches")
    parser.add_argument("--in-flight", type=int, default=16, help="cases in flight at once (16)")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    (ROOT / "benchmarks" / "results").mkdir(exist_ok=True)
    if asked.one:
        with tempfile.TemporaryDirectory(dir=ROOT / "benchmarks" / "results") as folder:
            print(json.dumps(fly(asked.mission, asked.cases[0], asked.in_flight, Path(folder))))
        return 0
    print(f"{'cases':>8}{'cases/s':>10}{'of the first':>14}{'MiB at a tenth':>16}{'MiB at the end':>16}  landed")
    first = 0.0
    for count in asked.cases:
        command = [sys.executable, "-m", "benchmarks.batch", "--one", "--mission", asked.mission]
        command += ["--cases", str(count), "--in-flight", str(asked.in_flight)]
        told = subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=ROOT).stdout
        found = json.loads(told.splitlines()[-1])
        first = first or found["rate"]
        early, late = found["mib"][0], found["mib"][-1]
        how = ", ".join(f"{number} {status}" for status, number in sorted(found["statuses"].items()))
        print(
            f"{count:8,}{found['rate']:10.1f}{found['rate'] / first:14.2f}{early:16.0f}{late:16.0f}  {how}", flush=True
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
