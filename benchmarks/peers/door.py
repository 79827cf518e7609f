"""The dashboard's door: a process of its own that answers gates through the dashboard's verb, as its button does.

``python -m benchmarks.peers.door`` reads a gate and its run from each line of standard input, and says
what came of the answer. What Streamlit and a browser need to draw a page is not in it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Generator


class Door:
    """That process, as whoever stands before it sees it."""

    def __init__(self, orders: IO[str], answers: IO[str]) -> None:
        self._orders, self._answers = orders, answers

    def press(self, gate: str, run_id: str) -> dict[str, Any]:
        """Say go at a gate; returns what the dashboard says to that."""
        self._orders.write(json.dumps([gate, run_id]) + "\n")
        self._orders.flush()
        return json.loads(self._answers.readline())


@contextmanager
def door() -> Generator[Door]:
    """Run the process for the block, with this one's environment; it is ready when the block begins."""
    command = [sys.executable, "-m", "benchmarks.peers.door"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("the process has no pipes")
    try:
        if process.stdout.readline().strip() != "ready":
            raise RuntimeError("the dashboard's process did not start")
        yield Door(process.stdin, process.stdout)
    finally:
        process.stdin.close()
        process.wait(30)
        process.stdout.close()


def main() -> None:
    """Be the process."""
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    from dashboards.desk import answer
    from gonogo.approvals import Reply
    from gonogo.settings import settings

    chosen = settings()
    print("ready", file=answers)
    for line in sys.stdin:
        gate, run_id = json.loads(line)
        said = answer(chosen, gate, run_id, Reply("go", "benchmark", "measured", "dashboard"))
        print(json.dumps({"accepted": said.accepted, "sentence": said.sentence}), file=answers)


if __name__ == "__main__":
    main()
