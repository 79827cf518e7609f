"""Re-execute recorded AgentDojo runs in its own environments: one job a line in, one answer a line out.

A job names a run's suite, tasks, injections, calls and last words, and which calls to leave out in
each of several tellings. The answer is AgentDojo's own verdict (utility, security) on each telling.
A job without calls asks for the ground truth of a task instead.
"""

from __future__ import annotations

import json
import pickle
import sys
import warnings
from functools import lru_cache
from typing import TYPE_CHECKING

import yaml
from agentdojo.functions_runtime import FunctionCall, FunctionsRuntime, TaskEnvironment
from agentdojo.task_suite.load_suites import get_suite

if TYPE_CHECKING:
    from agentdojo.task_suite.task_suite import TaskSuite

warnings.filterwarnings("ignore")
KEPT_ENVIRONMENTS = 16

_loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
yaml.safe_load = lambda text: yaml.load(text, _loader)  # noqa: S506 - the safe loader in C; the suites parse 100 KB a run


@lru_cache
def _suite(version: str, name: str) -> tuple[TaskSuite, FunctionsRuntime]:
    suite = get_suite(version, name)
    return suite, FunctionsRuntime(suite.tools)


@lru_cache(maxsize=KEPT_ENVIRONMENTS)
def _injected(version: str, suite: str, injections: str) -> bytes:
    made, _ = _suite(version, suite)
    return pickle.dumps(made.load_and_inject_default_environment(json.loads(injections)))


def _environment(job: dict) -> TaskEnvironment:
    suite, _ = _suite(job["version"], job["suite"])
    loaded = pickle.loads(_injected(job["version"], job["suite"], job["injections"]))  # noqa: S301 - made above
    return suite.get_user_task_by_id(job["user_task"]).init_environment(loaded)


def told(job: dict) -> dict:
    """Return AgentDojo's verdict on every telling of a run."""
    suite, runtime = _suite(job["version"], job["suite"])
    user_task = suite.get_user_task_by_id(job["user_task"])
    injection = suite.get_injection_task_by_id(job["injection_task"]) if job["injection_task"] else None
    frozen = pickle.dumps(_environment(job))
    verdicts = []
    for left_out in job["tellings"]:
        before, after = pickle.loads(frozen), pickle.loads(frozen)  # noqa: S301 - made above
        trace = []
        for index, call in enumerate(job["calls"]):
            if index in left_out:
                continue
            runtime.run_function(after, call["f"], call["a"])
            trace.append(FunctionCall(function=call["f"], args=call["a"]))
        output = [{"type": "text", "content": job["output"]}]
        # AgentDojo offers a verdict on a whole pipeline only; on a trace there is this.
        utility = suite._check_task_result(user_task, output, before, after, trace)  # noqa: SLF001
        security = injection is not None and suite._check_task_result(injection, output, before, after, trace)  # noqa: SLF001
        verdicts.append([bool(utility), bool(security)])
    return {"id": job["id"], "verdicts": verdicts}


def truth(job: dict) -> dict:
    """Return the calls a task's author would make."""
    suite, _ = _suite(job["version"], job["suite"])
    calls = suite.get_user_task_by_id(job["user_task"]).ground_truth(_environment(job))
    return {"id": job["id"], "calls": [{"f": call.function, "a": dict(call.args)} for call in calls]}


def answer(job: dict) -> dict:
    """Return the answer to one job; what cannot be done says why."""
    try:
        return truth(job) if "calls" not in job else told(job)
    except Exception as error:  # noqa: BLE001 - one run that cannot be retold is counted, not fatal
        return {"id": job["id"], "error": f"{type(error).__name__}: {error}"[:300]}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line)), default=str), flush=True)
