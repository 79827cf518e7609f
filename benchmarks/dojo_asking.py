"""Putting jobs to AgentDojo, in processes of its own environment; every answer is kept, and none asked for twice.

A measurement that was interrupted goes on where it stopped: what an answer depends on (the job, the
programs that answer, the pinned version) is the key that it is kept under.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from benchmarks.environments import HERE, envs, python_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

Job = dict[str, Any]
Answer = dict[str, Any]

WORKERS = 2
TELL_SECONDS = 10
"""How often it is said how far it is."""
PROGRAMS = ("dojo.py", "dojo_person.py", "agentdojo.txt")


def ask(jobs: Sequence[Job], what: str) -> list[Answer]:
    """Put jobs to AgentDojo and return the answers in order; ``what`` they are is said beside how far it is.

    Raises:
        NotInstalledError: AgentDojo cannot be installed here.
        CalledProcessError: a process of it broke off; what had been answered is kept.

    """
    kept = Kept(envs() / "agentdojo.answers.jsonl")
    keys = [kept.key(job) for job in jobs]
    wanted = {key: job for key, job in zip(keys, jobs, strict=True) if key not in kept.answers}
    if wanted:
        python = python_of("agentdojo")
        progress = Progress(what, len(wanted))
        left = iter(wanted.items())
        taking = threading.Lock()

        def work(_: int) -> None:
            for key, answer in _answers(python, left, taking):
                kept.keep(key, answer)
                progress.step()

        with ThreadPoolExecutor(WORKERS) as pool:
            list(pool.map(work, range(WORKERS)))
    return [kept.answers[key] for key in keys]


def _answers(python: Path, left: Iterator[tuple[str, Job]], taking: threading.Lock) -> Iterator[tuple[str, Answer]]:
    """Put one job after the other to one process, as long as there are any."""
    command = [str(python), str(HERE / "peers" / "dojo.py")]
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, text=True)
        assert process.stdin is not None
        assert process.stdout is not None
        with process:
            while True:
                with taking:
                    key, job = next(left, ("", None))
                if job is None:
                    process.stdin.close()
                    return
                try:
                    print(json.dumps(job), file=process.stdin, flush=True)
                except BrokenPipeError:
                    line = ""
                else:
                    line = process.stdout.readline()
                if not line:
                    said.seek(0)
                    raise subprocess.CalledProcessError(
                        process.wait(), command, stderr=said.read() or "It said nothing."
                    )
                yield key, json.loads(line)


@dataclass(slots=True)
class Kept:
    """Every answer that was ever given, in a file of one line each; a line that broke off is asked for again."""

    path: Path
    answers: dict[str, Answer] = field(default_factory=dict[str, Answer])
    _salt: bytes = b""
    _writing: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        """Read what there is."""
        self._salt = b"\0".join((HERE / "peers" / name).read_bytes() for name in PROGRAMS)
        if self.path.exists():
            text = self.path.read_text(encoding="utf-8")
            if text and not text.endswith("\n"):
                # Whoever wrote it broke off there; what comes next begins a line of its own.
                with self.path.open("a", encoding="utf-8") as file:
                    file.write("\n")
            for line in text.splitlines():
                try:
                    row = json.loads(line)
                except json.JSONDecodeError:
                    continue
                self.answers[row["key"]] = row["answer"]

    def key(self, job: Job) -> str:
        """Return what an answer is kept under."""
        return sha256(json.dumps(job, sort_keys=True).encode() + self._salt).hexdigest()

    def keep(self, key: str, answer: Answer) -> None:
        """Keep an answer."""
        with self._writing:
            self.answers[key] = answer
            with self.path.open("a", encoding="utf-8") as file:
                print(json.dumps({"key": key, "answer": answer}), file=file)


@dataclass(slots=True)
class Progress:
    """Says on standard error how far it is, and how long the rest will take."""

    what: str
    total: int
    done: int = 0
    _begun: float = field(default_factory=time.monotonic)
    _told: float = field(default_factory=time.monotonic)
    _counting: threading.Lock = field(default_factory=threading.Lock)

    def step(self) -> None:
        """Count one; say so now and then, and at the end."""
        with self._counting:
            self.done += 1
            now = time.monotonic()
            if now - self._told < TELL_SECONDS and self.done < self.total:
                return
            self._told = now
            seconds = now - self._begun
            rest = seconds / self.done * (self.total - self.done)
        print(
            f"{self.what}: {self.done} of {self.total} in {seconds:.0f} s, about {rest:.0f} s left",
            file=sys.stderr, flush=True,
        )  # fmt: skip
