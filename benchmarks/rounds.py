"""Rounds: every system in turn, again and again, each time in a fresh process with a fresh folder."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.environments import NotInstalledError, envs, python_of
from benchmarks.peers.postgres import binaries

if TYPE_CHECKING:
    from benchmarks.systems import Part

ROOT = Path(__file__).parents[1]
SLOW_SECONDS = 20.0
"""A workload that took a system longer than this is not asked of it again."""

PART_SECONDS_MAX = 300.0
"""A process that has not finished by then is stopped; what it has reported counts."""

LEAVING_SECONDS_MAX = 30.0
"""How long a process may take to leave once it has reported, or has been told to."""

ROUNDS_SECONDS_MAX = 570.0
"""A round that would probably end later than this is not begun; the first one always is."""

KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "PYENV_ROOT", "LD_LIBRARY_PATH", "SSL_CERT_FILE")
"""What a measured process inherits: nobody's settings for one of the systems."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What could not be measured, and why."""

    system: str
    workload: str
    reason: str


@dataclass(slots=True)
class Measured:
    """Everything that the rounds have brought so far."""

    values: dict[tuple[str, str, str, str], list[float]] = field(
        default_factory=dict[tuple[str, str, str, str], list[float]]
    )
    """Single values by workload, metric, unit and system."""
    failures: list[Failure] = field(default_factory=list[Failure])
    about: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    """What each process says of itself: guarantee, set-up, concurrency, versions."""
    notes: dict[tuple[str, str], str] = field(default_factory=dict[tuple[str, str], str])
    """What a reader has to know beside a figure, by workload and system."""
    slow: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    """System and workload that are not asked for again."""

    def take(self, part: Part, told: dict[str, Any]) -> None:
        """Take one line of a process's report."""
        if "about" in told:
            self.about[part.folder] = {"system": part.system, **told["about"]}
            return
        workload = told["workload"]
        if "error" in told:
            self.fail(part.system, workload, told["error"])
        for sample in told.get("samples", []):
            key = (workload, sample["metric"], sample["unit"], sample["system"] or part.system)
            self.values.setdefault(key, []).extend(sample["values"])
            if sample["note"]:
                self.notes[workload, part.system] = sample["note"]
        if told["seconds"] > SLOW_SECONDS:
            self.slow.add((part.system, workload))

    def fail(self, system: str, workload: str, reason: str) -> None:
        """Note a failure, once."""
        failure = Failure(system, workload, " ".join(reason.split())[:300])
        if failure not in self.failures:
            self.failures.append(failure)


def measure(parts: list[Part], workloads: list[str], rounds: int, *, quick: bool) -> Measured:
    """Run all rounds; no failure of one system stops another.

    Args:
        parts: the processes to start; every round begins with another one.
        workloads: what to ask for.
        rounds: how often.
        quick: tiny sizes.

    """
    measured = Measured()
    ready = [part for part in parts if _is_ready(part, workloads, measured)]
    begun = time.monotonic()
    for number in range(rounds):
        started = time.monotonic()
        turn = number * len(ready) // rounds
        for part in ready[turn:] + ready[:turn]:
            asked = [w for w in part.workloads if w in workloads and (part.system, w) not in measured.slow]
            if asked:
                print(f"round {number + 1} of {rounds}: {part.system} ({', '.join(asked)})", file=sys.stderr)
                _run(part, asked, measured, quick=quick)
        now = time.monotonic()
        if number + 1 < rounds and (now - begun) + (now - started) > ROUNDS_SECONDS_MAX:
            print(f"{number + 1} rounds took {now - begun:.0f} s; another one would be too long.", file=sys.stderr)
            break
    return measured


def _is_ready(part: Part, workloads: list[str], measured: Measured) -> bool:
    missing = "no Postgres binaries on this machine" if part.needs_postgres and binaries() is None else ""
    try:
        python_of(part.environment)
    except NotInstalledError as error:
        missing = str(error)
    for workload in part.workloads:
        if missing and workload in workloads:
            measured.fail(part.system, workload, f"not installed: {missing}")
    return not missing


def _run(part: Part, asked: list[str], measured: Measured, *, quick: bool) -> None:
    """Run one process, and take what it reports; what it leaves out is a failure."""
    # Beside the environments, not in /tmp: what is synced there may never reach a disk.
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=envs()))
    command = [str(python_of(part.environment)), "-m", f"benchmarks.peers.{part.module}", "--folder", str(folder)]
    command += [f"--variant={part.variant}", *(["--quick"] if quick else []), "--workloads", *asked]
    reported: set[str] = set()
    log = folder / "stderr"
    try:
        with log.open("wb") as sink:
            process = subprocess.Popen(
                command, cwd=folder, env=environment(), stdout=subprocess.PIPE, stderr=sink, start_new_session=True
            )
        late = threading.Timer(PART_SECONDS_MAX, _ask_to_leave, [process])
        late.start()
        try:
            for line in process.stdout or ():
                # A line that is no report is left out; what nobody reported is a failure below.
                with suppress(ValueError, KeyError, TypeError):
                    told = json.loads(line)
                    measured.take(part, told)
                    reported.add(told.get("workload", ""))
        except BaseException:
            _ask_to_leave(process)
            raise
        finally:
            if process.stdout is not None:
                process.stdout.close()
            was_late = not late.is_alive()
            late.cancel()
            code = _gone(process)
        for workload in [workload for workload in asked if workload not in reported]:
            reason = f"not finished after {PART_SECONDS_MAX:.0f} s" if was_late else _last_words(log, code)
            measured.fail(part.system, workload, reason)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def environment() -> dict[str, str]:
    """Return the environment of every measured process: nothing that sets one of the systems up."""
    inherited = {name: value for name, value in os.environ.items() if name in KEPT}
    return inherited | {"PYTHONPATH": str(ROOT), "DO_NOT_TRACK": "1", "LANGSMITH_TRACING": "false"}


def _ask_to_leave(process: subprocess.Popen[bytes]) -> None:
    """Ask a process, with everything it has started, to stop."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)


def _gone(process: subprocess.Popen[bytes]) -> int:
    """Return a process's exit code once it is gone; insist where it does not go by itself."""
    code: int | None = None
    for insist in (_ask_to_leave, _kill, _kill):
        with suppress(subprocess.TimeoutExpired):
            code = process.wait(LEAVING_SECONDS_MAX)
            break
        insist(process)
    # Whatever it has left behind in its group goes, too.
    _kill(process)
    return -signal.SIGKILL if code is None else code


def _kill(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _last_words(log: Path, code: int) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return f"its process ended with {code}: {lines[-1] if lines else 'it said nothing'}"
