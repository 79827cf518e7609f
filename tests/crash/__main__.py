"""The whole matrix: ``python -m tests.crash``; prints one table, and exits 0 where nothing is wrong."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from random import Random
from typing import TYPE_CHECKING

from tests.crash.matrix import HEADINGS, Column, Nursery, Tally, columns, every, run, twice
from tests.crash.stories import STORIES
from tests.postgres import PostgresServer, programs

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.crash.matrix import Backend, Kills


def main() -> int:
    """Try every row, several at a time, and print the table."""
    asked = _asked()
    bindir = None if asked.backend == "files" else programs()
    server = None if bindir is None else PostgresServer.make(bindir)
    backends: tuple[Backend, ...] = ("files",) if server is None else ("files", "postgres")
    wanted = columns(asked.story or STORIES, ("postgres",) if asked.backend == "postgres" and server else backends)
    begun = time.monotonic()
    if server is not None:
        server.start()
    nurseries: SimpleQueue[Nursery] = SimpleQueue()
    made = [Nursery(server) for _ in range(asked.jobs)]
    for nursery in made:
        nurseries.put(nursery)

    def tried(column: Column) -> Tally:
        nursery = nurseries.get()
        try:
            tally = run(column, nursery, _chooser(asked, column))
        finally:
            nurseries.put(nursery)
        say(f"{column.name:45}" + " ".join(f"{number:>11}" for number in tally.row()))
        return tally

    try:
        say(f"{'':45}" + " ".join(f"{heading.split()[0]:>11}" for heading in HEADINGS))
        with ThreadPoolExecutor(asked.jobs) as pool:
            tallies = list(pool.map(tried, wanted))
    finally:
        for nursery in made:
            nursery.__exit__()
        if server is not None:
            server.remove()
    return _close(tallies, asked, time.monotonic() - begun)


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--stride", type=int, default=1, help="try every N-th passing of each point; 1 tries all")
    parser.add_argument("--point", action="append", help="points that begin like this only; may be repeated")
    parser.add_argument("--double", type=int, default=20, help="cases of each row that are killed twice")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="cases flown at the same time")
    parser.add_argument("--story", action="append", choices=list(STORIES), help="this one only; may be repeated")
    parser.add_argument("--backend", choices=["files", "postgres"], help="this one only")
    return parser.parse_args()


def _chooser(asked: argparse.Namespace, column: Column) -> Callable[[dict[str, int]], list[Kills]]:
    rng = Random(f"{asked.seed}/{column}")  # noqa: S311 - repeatable, no secret

    def choose(points: dict[str, int]) -> list[Kills]:
        wanted = {point: times for point, times in points.items() if point.startswith(tuple(asked.point or [""]))}
        return every(wanted, asked.stride, rng) + twice(points, asked.double, rng)

    return choose


def _close(tallies: list[Tally], asked: argparse.Namespace, seconds: float) -> int:
    """Print the sums, the points and what was wrong."""
    sums = [sum(numbers) for numbers in zip(*(tally.row() for tally in tallies), strict=True)]
    say(f"{'all':45}" + " ".join(f"{number:>11}" for number in sums))
    points: Counter[str] = sum((tally.points for tally in tallies), Counter[str]())
    say("\nkills by point: " + ", ".join(f"{point} {times}" for point, times in sorted(points.items())))
    say(f"seed {asked.seed}, stride {asked.stride}, {seconds:.0f} seconds")
    found = [line for tally in tallies for line in tally.found]
    for line in found[:20]:
        say(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
