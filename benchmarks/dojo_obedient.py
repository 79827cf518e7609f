"""An agent that obeys every text it reads, in all of AgentDojo's suites: what the law holds where no model resists.

No model is asked: the agent makes the calls of the user task's ground truth, and then those of the attacker's,
whose goal stands wherever somebody from outside can write. So a suite can be measured that nobody recorded
runs of, and no figure rests on how gullible a model was.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from benchmarks.dojo_asking import ask
from benchmarks.dojo_law import WRITES
from benchmarks.dojo_runs import TRUTH_VERSION, tell

if TYPE_CHECKING:
    from collections import Counter

    from benchmarks.dojo_runs import Told

PIPELINE = "obedient"


def tell_obedient() -> tuple[list[Told], Counter[str]]:
    """Let the agent do every user task of every suite, alone and with every injection, and return what it comes to."""
    jobs = _jobs()
    runs: list[dict[str, Any]] = []
    for job, answer in zip(jobs, ask(jobs, "conversations of an obedient agent"), strict=True):
        attack = PIPELINE if job["injection_task"] else "none"
        told = {"messages": json.dumps(answer.get("messages", [])), "injections": answer.get("injections", "{}")}
        labels = {"pipeline": PIPELINE, "attack": attack, "utility": False, "security": False}
        runs.append({**job, **told, **labels})
    return tell(runs, checked=len(runs))


def _jobs() -> list[dict[str, Any]]:
    """Return one job a user task, and one more for each injection task of its suite."""
    suites = [{"id": "", "version": TRUTH_VERSION, "suite": suite, "tasks": True} for suite in WRITES]
    found: list[dict[str, Any]] = []
    for suite, known in zip(suites, ask(suites, "tasks of suites"), strict=True):
        about = {"id": "", "version": TRUTH_VERSION, "suite": suite["suite"], "obey": True}
        found += [
            {**about, "user_task": task, "injection_task": injection}
            for task in known["user_tasks"]
            for injection in (None, *known["injection_tasks"])
        ]
    return found
