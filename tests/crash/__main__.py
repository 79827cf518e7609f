"""The whole matrix: ``python -m tests.crash``; prints one table, and exits 0 where nothing is wrong."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from queue import SimpleQueue
from random import Random
from typing import TYPE_CHECKING, get_args

from tests.crash.lives import UNDER_PREFECT, LaneName
from tests.crash.matrix import HEADINGS, Column, Judge, Nursery, Tally, broadly, columns, every, prefect_beside, twice
from tests.crash.stories import STORIES
from tests.postgres import PostgresServer, programs

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from tests.crash.matrix import Backend, Kills

REPORT_EVERY = 50


def main() -> int:
    """Try every row, several at a time, and print the table."""
    asked = _asked()
    bindir = programs()
    lanes: list[LaneName] = asked.lane or list(get_args(LaneName))
    backends: list[Backend] = [asked.backend] if asked.backend else ["files", "postgres"]
    if bindir is None:
        say("No Postgres server is installed (initdb, postgres): only files are tried.")
        backends = ["files"]
    wanted = columns(asked.story or STORIES, lanes, backends)
    begun = time.monotonic()
    with ExitStack() as tenants:
        postgres = None if bindir is None else tenants.enter_context(_postgres(bindir))
        api_url = tenants.enter_context(prefect_beside(postgres)) if set(lanes) & set(UNDER_PREFECT) else None
        tallies = _try(wanted, asked, [tenants.enter_context(Nursery(postgres, api_url)) for _ in range(asked.jobs)])
    return _close(wanted, tallies, asked, time.monotonic() - begun)


@contextmanager
def _postgres(bindir: Path) -> Generator[PostgresServer]:
    server = PostgresServer.make(bindir)
    try:
        server.start()
        yield server
    finally:
        server.remove()


def _try(wanted: list[Column], asked: argparse.Namespace, made: list[Nursery]) -> list[Tally]:
    """Look at every row, then try the cases of all of them, broadly first, for as long as there is time."""
    nurseries: SimpleQueue[Nursery] = SimpleQueue()
    for nursery in made:
        nurseries.put(nursery)
    judges = [Judge(column) for column in wanted]
    until = time.monotonic() + asked.minutes * 60

    def looked_at(judge: Judge) -> list[tuple[float, Judge, Kills]]:
        rng = Random(f"{asked.seed}/{judge.column.name}")  # noqa: S311 - repeatable, no secret
        try:
            with _one_of(nurseries) as nursery:
                points = judge.look(nursery)
        except AssertionError as error:
            judge.tally.found.append(f"{judge.column.name} was not tried: {str(error)[-700:]}")
            say(judge.tally.found[-1])
            return []
        return [(turn, judge, kills) for turn, kills in broadly(_chosen(points, asked, rng), rng)]

    def tried(case: tuple[float, Judge, Kills]) -> None:
        _, judge, kills = case
        if time.monotonic() < until:
            with _one_of(nurseries) as nursery:
                for line in judge.kill(nursery, kills):
                    say(line)

    with ThreadPoolExecutor(asked.jobs) as pool:
        cases = sorted((case for row in pool.map(looked_at, judges) for case in row), key=lambda case: case[0])
        say(f"{len(judges)} rows, {len(cases)} cases")
        told = 0
        for _ in pool.map(tried, cases):
            now = sum(judge.tally.tried for judge in judges)
            if now >= told + REPORT_EVERY:
                told = now
                say(f"{now} tried")
    return [judge.tally for judge in judges]


@contextmanager
def _one_of(nurseries: SimpleQueue[Nursery]) -> Generator[Nursery]:
    nursery = nurseries.get()
    try:
        yield nursery
    finally:
        nurseries.put(nursery)


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _asked() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--stride", type=int, default=1, help="try every N-th passing of each point; 1 tries all")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no case after so many; all, if none")
    parser.add_argument("--point", action="append", help="points that begin like this only; may be repeated")
    parser.add_argument("--double", type=int, default=20, help="cases of each row that are killed twice")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2, help="cases flown at the same time")
    parser.add_argument("--story", action="append", choices=list(STORIES), help="this one only; may be repeated")
    parser.add_argument("--lane", action="append", choices=get_args(LaneName), help="this one only; may be repeated")
    parser.add_argument("--backend", choices=["files", "postgres"], help="this one only")
    return parser.parse_args()


def _chosen(points: dict[str, int], asked: argparse.Namespace, rng: Random) -> list[Kills]:
    wanted = {point: times for point, times in points.items() if point.startswith(tuple(asked.point or [""]))}
    return every(wanted, asked.stride, rng) + twice(points, asked.double, rng)


def _close(wanted: list[Column], tallies: list[Tally], asked: argparse.Namespace, seconds: float) -> int:
    """Print the table, the points and what was wrong."""
    say(f"{'':45}" + " ".join(f"{heading.split()[0]:>11}" for heading in HEADINGS))
    for column, tally in zip(wanted, tallies, strict=True):
        say(f"{column.name:45}" + " ".join(f"{number:>11}" for number in tally.row()))
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
