"""The matrix: mission, lane and backend; every point is a case, killed there, flown on, and compared."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from itertools import islice, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self
from urllib.parse import parse_qs, urlsplit

import psycopg

from gonogo.house import server as house_server
from gonogo.house.server import QUIET, free_port, prefect_server
from tests.crash.lives import UNDER_PREFECT, LaneName, Order
from tests.crash.stories import STORIES
from tests.postgres import ask

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable
    from random import Random

    from tests.postgres import PostgresServer

ROOT = Path(__file__).parents[2]
START_SECONDS_MAX = 600.0
IDLE_SERVICES = ("EVENT_PERSISTER", "EVENT_LOGGER", "FOREMAN", "LATE_RUNS", "SCHEDULER", "TRIGGERS")
"""What a Prefect server does beside what the matrix needs of it."""
Backend = Literal["files", "postgres"]
Kills = tuple[tuple[str, int], ...]
HEADINGS = ("tried", "hit", "different", "effects differ", "done again", "unannounced", "in doubt", "unowned")


@dataclass(slots=True)
class Tally:
    """What came of the cases of one row of the table."""

    tried: int = 0
    hit: int = 0
    """Cases in which every planned kill happened."""
    different: int = 0
    """Cases whose evidence, at its end, is not that of the undisturbed run."""
    effects: int = 0
    """Cases whose systems of record hold anything else: an effect twice, or one missing."""
    again: int = 0
    """Operations with a recorded result that were executed once more."""
    unannounced: int = 0
    """Effects and model calls that were begun although no durable intent told of them."""
    doubts: int = 0
    unowned: int = 0
    """Doubts without a gate or without an exception that somebody owns."""
    points: Counter[str] = field(default_factory=Counter[str])
    found: list[str] = field(default_factory=list[str])
    """What was wrong, in words."""

    def row(self) -> tuple[int, ...]:
        """Return the numbers in the order of the headings."""
        return (
            self.tried,
            self.hit,
            self.different,
            self.effects,
            self.again,
            self.unannounced,
            self.doubts,
            self.unowned,
        )


@dataclass(frozen=True, slots=True)
class Column:
    """One row of the table: what is flown, how, and on what."""

    story: str
    lane: LaneName
    backend: Backend
    case: int | None = None
    """The number of the one case that is flown; every case of the story, side by side, if none."""

    @property
    def name(self) -> str:
        """As the table calls it."""
        return " | ".join(
            (self.story if self.case is None else f"{self.story} {self.case + 1}", self.lane, self.backend)
        )


class Nursery:
    """The process that forks, as its user sees it: orders go in, ends come out."""

    def __init__(self, postgres: PostgresServer | None, api_url: str | None = None) -> None:
        """Start the process.

        Args:
            postgres: holds the journals of the cases that keep them there.
            api_url: of the Prefect server that the mission lane is flown under.

        """
        self._postgres = postgres
        self._folder = Path(tempfile.mkdtemp(prefix="gonogo-crash-"))
        self._errors = (self._folder / "errors").open("w+")
        self._count = 0
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.crash.nursery"], cwd=ROOT, text=True, env=_environment(self._folder, api_url),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
        )  # fmt: skip

    def __enter__(self) -> Self:
        """Begin; the process gets warm meanwhile."""
        return self

    def __exit__(self, *_raised: object) -> None:
        """End the process, and delete what its cases left."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait(600)
        for stream in (self._process.stdout, self._errors):
            if stream is not None:
                stream.close()
        shutil.rmtree(self._folder, ignore_errors=True)

    def fly(self, column: Column, kills: Kills = ()) -> tuple[list[int], dict[str, Any]]:
        """Let a case be flown in a home of its own; returns how its processes ended, and what the last one told."""
        self._count += 1
        home = self._folder / str(self._count)
        url = None
        if column.backend == "postgres":
            assert self._postgres is not None
            url = self._postgres.house()
        try:
            order = Order(column.story, column.lane, str(home), url, column.case, kills)
            ends = self._ask(order)
            if ends[-1] != 0:
                failed = home / "failed"
                told = failed.read_text() if failed.exists() else self._said()
                raise AssertionError(f"{column.name} after {kills} ended as {ends}: {told}")
            return ends, json.loads((home / "told.json").read_text())
        finally:
            shutil.rmtree(home, ignore_errors=True)
            if url is not None:
                self._drop(url)

    def _ask(self, order: Order) -> list[int]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(asdict(order)) + "\n")
            self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, self._said()
        return json.loads(line)

    def _said(self) -> str:
        self._errors.seek(0)
        return self._errors.read()[-4_000:]

    def _drop(self, url: str) -> None:
        assert self._postgres is not None
        schema = parse_qs(urlsplit(url).query)["options"][0].partition("=")[2]
        ask(self._postgres.url(), f"DROP SCHEMA {schema} CASCADE")


@contextmanager
def prefect_beside(postgres: PostgresServer | None) -> Generator[str]:
    """Run one Prefect server for the block: on the Postgres of the tests, or on SQLite where there is none."""
    # A busy machine takes minutes to make the tables of an empty server, and has no time for what nobody asks.
    house_server.START_SECONDS_MAX = START_SECONDS_MAX
    chosen = {f"PREFECT_SERVER_SERVICES_{name}_ENABLED": "false" for name in IDLE_SERVICES}
    chosen |= {"PREFECT_API_DATABASE_TIMEOUT": "60", "PREFECT_API_DATABASE_CONNECTION_TIMEOUT": "60"}
    if postgres is not None:
        with suppress(psycopg.errors.DuplicateDatabase):
            ask(postgres.url(), "CREATE DATABASE prefect")
        # What Prefect knows is not what is tested.
        ask(postgres.url(), "ALTER DATABASE prefect SET synchronous_commit = off")
        chosen["PREFECT_API_DATABASE_CONNECTION_URL"] = f"postgresql+asyncpg://gonogo@127.0.0.1:{postgres.port}/prefect"
    os.environ |= chosen
    try:
        with (
            tempfile.TemporaryDirectory(prefix="gonogo-prefect-") as home,
            prefect_server(Path(home), free_port()) as url,
        ):
            yield url
    finally:
        for name in chosen:
            os.environ.pop(name, None)


def _environment(folder: Path, api_url: str | None) -> dict[str, str]:
    """Return the environment of a nursery: what a developer has set for Prefect or gonogo stays out."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "GONOGO_"))}
    quiet = {
        **QUIET,
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_LOGGING_TO_API_ENABLED": "false",
        "PREFECT_CLIENT_MAX_RETRIES": "7",
    }
    return kept | quiet | ({} if api_url is None else {"PREFECT_API_URL": api_url})


@dataclass(slots=True)
class Judge:
    """Compares disturbed flights with undisturbed ones."""

    column: Column
    tally: Tally = field(default_factory=Tally)
    undisturbed: dict[str, Any] = field(default_factory=dict[str, Any])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def look(self, nursery: Nursery, *, is_checked: bool = True) -> dict[str, int]:
        """Fly without a kill, and return how often which point is passed.

        Args:
            nursery: where it is flown.
            is_checked: whether to fly a second time, so that the measure is known to be one.

        """
        _, first = nursery.fly(self.column)
        _, second = nursery.fly(self.column) if is_checked else ([], first)
        for what in ("projection", "effects", "state"):
            assert first[what] == second[what], (
                f"{self.column.name}: two undisturbed runs differ in {_difference([*first[what]], [*second[what]])}"
            )
        assert first["order_holds"]
        assert first["again"] == first["twice"] == []
        self.undisturbed = first
        return first["points"]

    def kill(self, nursery: Nursery, kills: Kills) -> list[str]:
        """Try one case, count what came of it, and return what was wrong."""
        where = f"{self.column.name} killed at {kills}"
        try:
            ends, told = nursery.fly(self.column, kills)
        except AssertionError as error:
            found = [f"{where}: it does not come to its end: {str(error)[-700:]}"]
            with self._lock:
                self.tally.tried += 1
                self.tally.different += 1
                self.tally.found += found
            return found
        with self._lock:
            known = len(self.tally.found)
            self._count(kills, ends, told, where)
            return self.tally.found[known:]

    def _count(self, kills: Kills, ends: list[int], told: dict[str, Any], where: str) -> None:
        tally = self.tally
        tally.tried += 1
        is_hit = all(end == -signal.SIGKILL for end in ends[:-1])
        tally.hit += is_hit
        tally.points.update(point for point, _ in kills if is_hit)
        given_up = self._is_given_up(told)
        difference = "" if given_up else _difference(self.undisturbed["projection"], told["projection"])
        if difference or not told["order_holds"]:
            tally.different += 1
            tally.found.append(f"{where}: evidence differs: {difference or 'in its order'}")
        difference = _difference(self.undisturbed["effects"], told["effects"], may_lack='"letters"' if given_up else "")
        if difference:
            tally.effects += 1
            tally.found.append(f"{where}: effects differ: {difference}")
        if told["state"] != self.undisturbed["state"] and not given_up:
            tally.different += 1
            tally.found.append(f"{where}: Prefect calls the end {told['state']}, not {self.undisturbed['state']}")
        if told["again"] or told["twice"]:
            tally.again += len(told["again"]) + len(told["twice"])
            tally.found.append(f"{where}: executed again: {told['again']} {told['twice']}")
        if told["unannounced"]:
            tally.unannounced += len(told["unannounced"])
            tally.found.append(f"{where}: executed without a durable intent: {told['unannounced']}")
        tally.doubts += told["doubts"]
        if told["unowned"]:
            tally.unowned += told["unowned"]
            tally.found.append(f"{where}: {told['unowned']} in doubt without an owned exception and a gate")

    def _is_given_up(self, told: dict[str, Any]) -> bool:
        """Whether an effect in doubt was left, so that its run ended no-go instead."""
        left = [end for end in told["ends"] if end not in self.undisturbed["ends"]]
        return bool(told["doubts"] and left) and all(end[1] in {"InDoubt", "DoubtExpired"} for end in left)


def _difference(wanted: list[str], found: list[str], may_lack: str = "") -> str:
    """Return what one has and the other has not; empty where they are equal."""
    lacking, surplus = Counter(wanted) - Counter(found), Counter(found) - Counter(wanted)
    if may_lack:
        lacking = Counter({line: times for line, times in lacking.items() if may_lack not in line})
    pairs = zip_longest(sorted(lacking.elements()), sorted(surplus.elements()), fillvalue="")
    return "\n".join(
        f"{sign} ...{line[_fork(pair) :][:300]}"
        for pair in islice(pairs, 3)
        for sign, line in zip("-+", pair, strict=True)
        if line
    )


def _fork(lines: tuple[str, str]) -> int:
    """Return where to begin to read two lines that are alike for long."""
    alike = next((at for at, (one, other) in enumerate(zip(*lines, strict=False)) if one != other), 0)
    return max(0, alike - 200)


def every(points: dict[str, int], stride: int, rng: Random) -> list[Kills]:
    """Return every stride-th passing of every point, the first at random; no point is left out."""
    chosen: list[Kills] = []
    for point in sorted(points):
        first = rng.randrange(stride) if stride < points[point] else rng.randrange(points[point])
        chosen += [((point, number + 1),) for number in range(first, points[point], stride)]
    return chosen


def twice(points: dict[str, int], count: int, rng: Random) -> list[Kills]:
    """Return cases in which the process that goes on is killed as well, early on its way."""
    names = sorted(points)
    made: list[Kills] = []
    for _ in range(count):
        first, second = rng.choice(names), rng.choice(names)
        made.append(((first, rng.randint(1, points[first])), (second, rng.randint(1, max(1, points[second] // 4)))))
    return made


def columns(stories: Iterable[str], lanes: Iterable[LaneName], backends: Iterable[Backend]) -> list[Column]:
    """Return every row of the table; a batch flies the cases of a story together, every other lane each alone."""
    made: list[Column] = []
    for story in stories:
        numbers = range(len(STORIES[story].cases))
        # A Prefect server on Postgres does not take a case with a zero character in it.
        taken = [number for number in numbers if "\\u0000" not in json.dumps(STORIES[story].cases[number].body)]
        for backend in backends:
            for lane in lanes:
                alone = taken if lane in UNDER_PREFECT else numbers
                made += [Column(story, lane, backend, number) for number in ([None] if lane == "batch" else alone)]
    return made


def broadly(chosen: list[Kills], rng: Random) -> list[tuple[float, Kills]]:
    """Return cases with their turns: every boundary of a step and each other point once, before anything twice."""
    seen: Counter[str] = Counter()
    turns: list[tuple[float, Kills]] = []
    for kills in rng.sample(chosen, len(chosen)):
        point = kills[0][0] if len(kills) == 1 else "twice"
        turn = 0 if point.startswith(("step, ", "task run, ")) else seen[point]
        seen[point] += 1
        turns.append((turn + rng.random(), kills))
    return turns
