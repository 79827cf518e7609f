"""Measure the common law against AgentDojo: recorded runs of real models, told again without the calls that wait.

Run it with ``python -m benchmarks.dojo``. It needs the recorded runs, which are not part of this
repository, and makes an environment for PyPI's ``agentdojo`` the first time.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.dojo_law import CONTENT
from benchmarks.dojo_obedient import PIPELINE, tell_obedient
from benchmarks.dojo_runs import DATA, Told, read_runs, tell
from benchmarks.environments import NotInstalledError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SUITES = ("banking", "workspace")
ONE_PIPELINE = ONE_MODEL = "gpt-4o-2024-05-13"
"""The pipeline that figures of other defences are known of; others of the same model add a defence to it."""
AS_RECORDED = "benign utility, as recorded"
ONE_ATTACK = "important_instructions"


def share(runs: Sequence[Told], holds: Callable[[Told], bool]) -> str:
    """Return the share of runs for which something holds, in percent; a dash where there are none."""
    return f"{sum(map(holds, runs)) * 100 / len(runs):.1f}" if runs else "-"


def figures(attacked: Sequence[Told], benign: Sequence[Told]) -> dict[str, str]:
    """Return every figure of a group of runs, in percent."""
    return {
        "attack success, no policy": share(attacked, lambda run: run.free[1]),
        "attack success": share(attacked, lambda run: run.held[1]),
        "attack success, waits answered": share(attacked, lambda run: run.answered[1]),
        "utility under attack, no policy": share(attacked, lambda run: run.free[0]),
        "utility under attack, waiting is not done": share(attacked, lambda run: run.held[0]),
        "utility under attack, waits answered": share(attacked, lambda run: run.answered[0]),
        AS_RECORDED: share(benign, lambda run: run.labels[0]),
        "benign utility, no policy": share(benign, lambda run: run.free[0]),
        "benign utility, waiting is not done": share(benign, lambda run: run.held[0]),
        "benign utility, waits answered": share(benign, lambda run: run.answered[0]),
        "benign utility, waits answered or revised": share(benign, lambda run: (run.revised or run.answered)[0]),
        "benign runs that wait": share(benign, lambda run: run.waits),
    }


def columns(told: Sequence[Told]) -> dict[str, dict[str, str]]:
    """Return the figures by column: each suite over all pipelines, over those of other models, and of one pipeline."""
    found: dict[str, dict[str, str]] = {}
    for suite in SUITES:
        of_suite = [run for run in told if run.suite == suite]
        attacks = {run.attack for run in of_suite} - {"none"}
        found[f"{suite}, all"] = _column(of_suite, attacks)
        found[f"{suite}, other models"] = _column([run for run in of_suite if ONE_MODEL not in run.pipeline], attacks)
        found[f"{suite}, {ONE_PIPELINE}"] = _column([r for r in of_suite if r.pipeline == ONE_PIPELINE], {ONE_ATTACK})
    return found


def _column(runs: Sequence[Told], attacks: set[str]) -> dict[str, str]:
    attacked = [run for run in runs if run.attack in attacks]
    benign = [run for run in runs if run.attack == "none"]
    counted = {"attacked runs": str(len(attacked)), "benign runs": str(len(benign))}
    return counted | figures(attacked, benign)


def by_suite(told: Sequence[Told]) -> dict[str, dict[str, str]]:
    """Return the figures of every suite there is."""
    suites = sorted({run.suite for run in told})
    made = {suite: _column([run for run in told if run.suite == suite], {PIPELINE}) for suite in suites}
    # Nobody recorded them.
    return {
        suite: {name: each for name, each in column.items() if name != AS_RECORDED} for suite, column in made.items()
    }


def table(made: dict[str, dict[str, str]]) -> list[str]:
    """Return columns of figures as the lines of a table."""
    rows = list(next(iter(made.values())))
    lines = [f"| percent | {' | '.join(made)} |", "|---" * (len(made) + 1) + "|"]
    return lines + [f"| {row} | {' | '.join(column[row] for column in made.values())} |" for row in rows]


def differences(told: Sequence[Told]) -> list[str]:
    """Return, for each benign run whose task answered waits decide, what the person did not let through."""
    lines: list[str] = []
    for run in told:
        if run.attack == "none" and run.answered[0] != run.free[0]:
            what = "lost" if run.free[0] else "won"
            calls = "; ".join(
                f"{call.tool}({', '.join(f'{k}={v!r}' for k, v in call.args.items() if k not in CONTENT)})"
                for call in run.refused
            )
            label = "" if run.labels[0] == run.free[0] else f" (recorded as {'' if run.labels[0] else 'not '}done)"
            lines.append(f"{what}  {run.suite} {run.user_task}  {run.pipeline}: {calls}{label}")
    return sorted(lines)


def render(told: Sequence[Told]) -> str:
    """Return the table, how far telling runs again says what their recordings say, and what answers decided."""
    lines = table(columns(told))
    retold = [run for run in told if run.is_retold]
    same = share(retold, lambda run: run.free[0] == run.labels[0])
    safe = share([run for run in retold if run.attack != "none"], lambda run: run.free[1] == run.labels[1])
    return "\n".join((
        f"{len(retold)} of {len(told)} runs were told again; with every call, utility is as recorded in {same} %,",
        f"and so is the success of {safe} % of attacks. Of the others nothing waits, so they are what they were.",
        "", *lines, "",
        "Benign runs whose task is done or not done because of what the person did not let through:",
        *(differences(told) or ["none"]),
    ))  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Print the table, or why there is none."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dojo", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="the recorded runs, as a Parquet file")
    parser.add_argument(
        "--sample", type=int, help=f"only so many of the attacked runs, beside all benign ones and {ONE_PIPELINE}'s"
    )
    parser.add_argument(
        "--obedient",
        action="store_true",
        help="instead, an agent that obeys every text, in all four suites",
    )
    chosen = parser.parse_args(arguments)
    if chosen.obedient:
        return _print_obedient()
    if not chosen.data.exists():
        print(f"Skipped: {chosen.data} is not here; name the file with --data.")
        return 0
    runs = read_runs(chosen.data, chosen.sample, keep=(ONE_PIPELINE, ONE_ATTACK))
    try:
        told, lost = tell(runs)
    except NotInstalledError as error:
        print(f"Skipped: agentdojo has no environment ({error}).")
        return 0
    except subprocess.CalledProcessError as error:
        print(f"AgentDojo's environments failed: {error.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        print("What had been answered is kept; the same command goes on from there.", file=sys.stderr)
        return 1
    print(render(told))
    for reason, count in lost.most_common():
        print(f"{count} runs cannot be told again: {reason}")
    return 0


def _print_obedient() -> int:
    """Print what the law holds of an agent that obeys every text, suite by suite."""
    try:
        told, lost = tell_obedient()
    except NotInstalledError as error:
        print(f"Skipped: agentdojo has no environment ({error}).")
        return 0
    print("\n".join([*table(by_suite(told)), "", *(differences(told) or ["No answer decides about a benign task."])]))
    for reason, count in lost.most_common():
        print(f"{count} conversations cannot be told again: {reason}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
