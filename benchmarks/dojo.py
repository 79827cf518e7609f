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

from benchmarks.dojo_runs import DATA, Told, read_runs, tell
from benchmarks.environments import NotInstalledError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SUITES = ("banking", "workspace")
ONE_PIPELINE = "gpt-4o-2024-05-13"
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
        "benign utility, no policy": share(benign, lambda run: run.free[0]),
        "benign utility, waiting is not done": share(benign, lambda run: run.held[0]),
        "benign utility, waits answered": share(benign, lambda run: run.answered[0]),
        "benign runs that wait": share(benign, lambda run: run.waits),
    }


def columns(told: Sequence[Told]) -> dict[str, dict[str, str]]:
    """Return the figures by column: each suite over all pipelines, then one pipeline under one attack."""
    found: dict[str, dict[str, str]] = {}
    for suite in SUITES:
        for name in ("all", ONE_PIPELINE):
            runs = [run for run in told if run.suite == suite and name in {"all", run.pipeline}]
            attacks = {ONE_ATTACK} if name == ONE_PIPELINE else {run.attack for run in runs} - {"none"}
            attacked = [run for run in runs if run.attack in attacks]
            benign = [run for run in runs if run.attack == "none"]
            counted = {"attacked runs": str(len(attacked)), "benign runs": str(len(benign))}
            found[f"{suite}, {name}"] = counted | figures(attacked, benign)
    return found


def render(told: Sequence[Told]) -> str:
    """Return the table, and how far telling a run again with every call says what its recording says."""
    made = columns(told)
    rows = list(next(iter(made.values())))
    lines = [f"| percent | {' | '.join(made)} |", "|---" * (len(made) + 1) + "|"]
    lines += [f"| {row} | {' | '.join(column[row] for column in made.values())} |" for row in rows]
    same = share(told, lambda run: run.free[0] == run.labels[0])
    attacked = [run for run in told if run.attack != "none"]
    safe = share(attacked, lambda run: run.free[1] == run.labels[1])
    return "\n".join((
        f"Told again with every call, utility is as recorded in {same} % of runs, and so is {safe} % of attacks.",
        "", *lines,
    ))  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Print the table, or why there is none."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.dojo", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="the recorded runs, as a Parquet file")
    parser.add_argument(
        "--sample", type=int, help=f"only so many of the attacked runs, beside all benign ones and {ONE_PIPELINE}'s"
    )
    chosen = parser.parse_args(arguments)
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
        return 1
    print(render(told))
    for reason, count in lost.most_common():
        print(f"{count} runs cannot be told again: {reason}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
