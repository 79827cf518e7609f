"""AgentDojo's recorded runs, ruled on by the hearth and told again by AgentDojo's own environments and checkers."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import polars as pl

from benchmarks.dojo_law import CONTENT, Call, rule, words
from benchmarks.environments import HERE, python_of
from gonogo.spellings import spelled

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.dojo_law import Ruled

DATA = Path(__file__).parents[2] / "shared" / "data" / "agentdojo" / "runs.parquet"
WORKERS = 2
VERSIONS = ("v1", "v1.2")
"""The benchmark's first version, and the one whose tasks some later runs name."""
TRUTH_VERSION = "v1.2.2"
"""The version whose authors say what is right: the latest."""

Verdict = tuple[bool, bool]
"""AgentDojo's: whether the user's task was done, and whether the attack succeeded."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a run comes to, in each telling."""

    suite: str
    pipeline: str
    attack: str
    """``none`` in a benign run."""
    labels: Verdict
    """As the recording says."""
    free: Verdict
    """With every call, as recorded: no policy."""
    held: Verdict
    """Without the calls that wait."""
    answered: Verdict
    """Without those waiting calls that the task's author would not make."""
    waits: bool


def read_runs(data: Path, sample: int | None = None, keep: tuple[str, str] = ("", "")) -> list[dict[str, Any]]:
    """Return the runs of user tasks that did not break off, those that share an environment side by side.

    Args:
        data: the recorded runs.
        sample: how many of the attacked runs to draw; all, if not given.
        keep: a pipeline and an attack whose runs are taken in any case, as every benign one is.

    """
    frame = pl.read_parquet(data).filter(
        pl.col("error").is_null() & ~pl.col("user_task").str.starts_with("injection_task")
    )
    if sample is not None:
        is_kept = (pl.col("attack") == "none") | ((pl.col("pipeline") == keep[0]) & (pl.col("attack") == keep[1]))
        rest = frame.filter(~is_kept)
        frame = pl.concat([frame.filter(is_kept), rest.sample(min(sample, rest.height), seed=0)])
    return frame.sort("suite", "injections", "user_task", "path").to_dicts()


def version_of(runs: Sequence[dict[str, Any]], known: set[str]) -> dict[str, str]:
    """Return the benchmark's version by pipeline: the later one where it names a task the first has not."""
    later = {run["pipeline"] for run in runs if run["injection_task"] and _task(run) not in known}
    return {run["pipeline"]: VERSIONS[run["pipeline"] in later] for run in runs}


def _task(run: dict[str, Any]) -> str:
    return f"{run['suite']}/{run['injection_task']}"


def ask(jobs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Put jobs to AgentDojo, in two processes, and return the answers in order."""
    python = python_of("agentdojo")
    size = -(-len(jobs) // WORKERS) or 1
    parts = [jobs[start : start + size] for start in range(0, len(jobs), size)]

    def work(part: list[dict[str, Any]]) -> list[dict[str, Any]]:
        lines = "".join(json.dumps(job) + "\n" for job in part)
        command = [str(python), str(HERE / "peers" / "dojo.py")]
        done = subprocess.run(command, input=lines, capture_output=True, text=True, check=True)
        return [json.loads(line) for line in done.stdout.splitlines()]

    with ThreadPoolExecutor(WORKERS) as pool:
        return [answer for answers in pool.map(work, parts) for answer in answers]


def truths(runs: Sequence[dict[str, Any]]) -> dict[tuple[str, str], list[Call]]:
    """Return the calls that each task's author would make, by suite and task."""
    wanted = sorted({(run["suite"], run["user_task"]) for run in runs})
    answers = ask([
        {"id": place, "version": TRUTH_VERSION, "suite": suite, "user_task": task, "injections": "{}"}
        for place, (suite, task) in enumerate(wanted)
    ])  # fmt: skip
    return {
        key: [Call(call["f"], call["a"]) for call in answer.get("calls", [])]
        for key, answer in zip(wanted, answers, strict=True)
    }


def refused(ruled: Ruled, truth: Sequence[Call]) -> list[int]:
    """Return the waiting calls that a correct person says no to: those the task's author would not make.

    A call is the author's if it is the same tool with the author's targets and amounts, however they
    are written and in whatever order a list is, and nothing that the person is asked about beyond
    them; how a text is worded is not what the person is asked. Each of the author's calls is let through once.
    """
    left = [_essence(call, call.args) for call in truth]
    no: list[int] = []
    for place, origins in sorted(ruled.waits.items()):
        call = ruled.calls[place]
        asked = {origin.argument for origin in origins}
        fits = [mine for mine in left if mine == _essence(call, {name for name, _ in mine[1]} | asked)]
        if fits:
            left.remove(fits[0])
        else:
            no.append(place)
    return no


def _essence(call: Call, names: Iterable[str]) -> tuple[str, frozenset[tuple[str, str]]]:
    """Return a call's tool and its targets and amounts of these names, in one spelling."""
    found: set[tuple[str, str]] = set()
    for name in set(names) - CONTENT:
        value = call.args.get(name)
        values = cast("list[Any]", value) if isinstance(value, list) else [value]
        found |= {(name, _spelling(each)) for each in values if each not in (None, "")}
    return call.tool, frozenset(found)


def _spelling(value: Any) -> str:
    shown = spelled(value if isinstance(value, str | int | float) else json.dumps(value, sort_keys=True))
    return shown.number or shown.plain


def tell(runs: Sequence[dict[str, Any]]) -> tuple[list[Told], Counter[str]]:
    """Rule on every run, tell it again without what waits, and return what it comes to; and why some cannot be told."""
    known = {f"{suite}/injection_task_{n}" for suite, count in (("banking", 9), ("workspace", 6)) for n in range(count)}
    versions = version_of(runs, known)
    for run in runs:
        run["version"] = versions[run["pipeline"]]
    authors = truths(runs)
    jobs: list[dict[str, Any]] = []
    waits: list[bool] = []
    for place, run in enumerate(runs):
        messages = json.loads(run["messages"])
        ruled = rule(run["suite"], messages)
        no = refused(ruled, authors[run["suite"], run["user_task"]])
        names = ("version", "suite", "user_task", "injection_task", "injections")
        jobs.append({
            **{name: run[name] for name in names},
            "id": place,
            "calls": [{"f": call.tool, "a": call.args} for call in ruled.calls],
            "output": "".join(words(last.get("content")) for last in messages[-1:] if last["role"] == "assistant"),
            "tellings": [[], sorted(ruled.waits), no] if ruled.waits else [[]],
        })  # fmt: skip
        waits.append(bool(ruled.waits))
    told: list[Told] = []
    lost: Counter[str] = Counter()
    for run, waited, answer in zip(runs, waits, ask(jobs), strict=True):
        if "error" in answer:
            lost[answer["error"]] += 1
            continue
        free, held, answered = (tuple(verdict) for verdict in (answer["verdicts"] * 3)[:3])
        labels = (bool(run["utility"]), bool(run["security"]) and run["attack"] != "none")
        told.append(Told(run["suite"], run["pipeline"], run["attack"], labels, free, held, answered, waited))
    return told, lost
