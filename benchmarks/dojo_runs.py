"""AgentDojo's recorded runs, ruled on by the hearth and told again by AgentDojo's own environments and checkers.

A run of which nothing waits is what its recording says it is, whatever the law: its labels are taken as they
are. Every other run is told three times: as recorded, without what waits, and with answers.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import polars as pl

from benchmarks.dojo_asking import ask
from benchmarks.dojo_law import CONTENT, WRITES, Call, Ruled, rule, words

if TYPE_CHECKING:
    from collections.abc import Sequence

DATA = Path(__file__).parents[2] / "shared" / "data" / "agentdojo" / "runs.parquet"
VERSIONS = ("v1", "v1.2")
"""The benchmark's first version, and the one whose tasks some later runs name."""
TRUTH_VERSION = "v1.2.2"
"""The version whose authors say what is right: the latest."""
CHECKED = 400
"""So many runs of which nothing waits are told again all the same, to see whether that comes to their labels."""
INJECTIONS = {"banking": 9, "workspace": 6}
"""How many injection tasks the first version has."""

Run = dict[str, Any]
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
    revised: Verdict | None = None
    """As ``answered``, and with the author's call instead of one that is not the author's; ``None`` where not told."""
    user_task: str = ""
    refused: tuple[Call, ...] = ()
    """The waiting calls that the person does not let through."""
    is_retold: bool = True
    """Whether ``free`` is AgentDojo's verdict on the calls told again, and not the label."""


def read_runs(data: Path, sample: int | None = None, keep: tuple[str, str] = ("", "")) -> list[Run]:
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
    runs = frame.sort("suite", "injections", "user_task", "path").to_dicts()
    known = {f"{suite}/injection_task_{n}" for suite, count in INJECTIONS.items() for n in range(count)}
    versions = version_of(runs, known)
    return [{**run, "version": versions[run["pipeline"]]} for run in runs]


def version_of(runs: Sequence[Run], known: set[str]) -> dict[str, str]:
    """Return the benchmark's version by pipeline: the later one where it names a task the first has not."""
    later = {run["pipeline"] for run in runs if run["injection_task"] and _task(run) not in known}
    return {run["pipeline"]: VERSIONS[run["pipeline"] in later] for run in runs}


def _task(run: Run) -> str:
    return f"{run['suite']}/{run['injection_task']}"


def truths(runs: Sequence[Run]) -> dict[tuple[str, str], list[dict[str, Any]]]:
    """Return the calls that each task's author would make, by suite and task."""
    wanted = sorted({(run["suite"], run["user_task"]) for run in runs})
    answers = ask(
        [
            {"id": "", "version": TRUTH_VERSION, "suite": suite, "user_task": task, "injections": "{}"}
            for suite, task in wanted
        ],
        "ground truths",
    )
    return {key: answer.get("calls", []) for key, answer in zip(wanted, answers, strict=True)}


def rulings(runs: Sequence[Run]) -> list[Ruled]:
    """Return what the hearth says to the calls of every run.

    A call that its tool does not take is sent back to the model; the law is not asked about it, and nobody waits.
    """
    ruled = [rule(run["suite"], json.loads(run["messages"])) for run in runs]
    held = [(each, place, run) for run, each in zip(runs, ruled, strict=True) for place in each.waits]
    calls = {
        (run["version"], run["suite"], json.dumps(_shown(each.calls[place]), sort_keys=True))
        for each, place, run in held
    }
    known = sorted(calls)
    jobs = [{"id": "", "version": v, "suite": suite, "check": [json.loads(call)]} for v, suite, call in known]
    fits = {call: not answer["misfits"] for call, answer in zip(known, ask(jobs, "forms of calls"), strict=True)}
    for each, place, run in held:
        if not fits[run["version"], run["suite"], json.dumps(_shown(each.calls[place]), sort_keys=True)]:
            del each.waits[place]
    return ruled


def _shown(call: Call) -> dict[str, Any]:
    return {"f": call.tool, "a": call.args}


def tell(runs: Sequence[Run], checked: int = CHECKED) -> tuple[list[Told], Counter[str]]:
    """Rule on every run, tell it again where something waits, and return what it comes to; and why some cannot be.

    Args:
        runs: the recorded runs.
        checked: how many of those of which nothing waits to tell again as well.

    """
    authors, ruled = truths(runs), rulings(runs)
    quiet = [place for place, each in enumerate(ruled) if not each.waits]
    retold = {place for place, each in enumerate(ruled) if each.waits}
    retold.update(Random(0).sample(quiet, min(checked, len(quiet))))
    places = sorted(retold)
    answers = dict(zip(places, ask([_job(runs[p], ruled[p], authors) for p in places], "runs told again"), strict=True))
    told: list[Told] = []
    lost: Counter[str] = Counter()
    for place, (run, each) in enumerate(zip(runs, ruled, strict=True)):
        answer = answers.get(place)
        if answer is not None and "error" in answer:
            lost[answer["error"]] += 1
        else:
            told.append(_told(run, each, answer))
    return told, lost


def _told(run: Run, ruled: Ruled, answer: dict[str, Any] | None) -> Told:
    """Return what a run comes to: as AgentDojo answered, or, of one that was not told again, as its labels say."""
    labels = (bool(run["utility"]), bool(run["security"]) and run["attack"] != "none")
    verdicts: list[Verdict] = [tuple(verdict) for verdict in answer["verdicts"]] if answer else [labels] * 4
    free, held, answered, revised = verdicts
    places: list[int] = answer["refused"] if answer else []
    return Told(
        suite=run["suite"],
        pipeline=run["pipeline"],
        attack=run["attack"],
        labels=labels,
        free=free,
        held=held,
        answered=answered,
        waits=bool(ruled.waits),
        revised=revised,
        user_task=run["user_task"],
        refused=tuple(ruled.calls[place] for place in places),
        is_retold=answer is not None,
    )


def _job(run: Run, ruled: Ruled, authors: dict[tuple[str, str], list[dict[str, Any]]]) -> dict[str, Any]:
    """Return what AgentDojo is asked about a run; the person gets the author's changes, and nothing else."""
    messages = json.loads(run["messages"])
    truth = [call for call in authors[run["suite"], run["user_task"]] if call["f"] in WRITES[run["suite"]]]
    names = ("version", "suite", "user_task", "injection_task", "injections")
    return {
        **{name: run[name] for name in names},
        "id": "",
        "calls": [_shown(call) for call in ruled.calls],
        "output": "".join(words(last.get("content")) for last in messages[-1:] if last["role"] == "assistant"),
        "waits": sorted(ruled.waits),
        "truth": truth if ruled.waits else [],
        "texts": sorted(CONTENT),
    }
