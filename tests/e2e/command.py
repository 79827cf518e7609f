"""The `gonogo` command as people use it: a process of its own, with a home of its own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gonogo.evidence.journals import journal_of
from gonogo.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TypeVar

    from gonogo.evidence.journals import Journal
    from gonogo.evidence.records import Record
    from gonogo.model import Environment

    T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[2]
GONOGO = str(Path(sys.executable).with_name("gonogo"))
BUSY = 503
"""What Prefect says while its SQLite is locked."""

PATIENCE_SECONDS = 300.0
"""How long a test waits for what must come; generous, because machines are shared."""

_TABLES = ("payments", "letters", "referrals", "documents", "claims", "policies")
_FOREIGN = ("GONOGO_", "PREFECT_", "OPENAI_", "ANTHROPIC_", "GOOGLE_", "GEMINI_")
"""What a developer may have set, and a test must not see."""


def until(condition: Callable[[], T | None], what: str, seconds: float = PATIENCE_SECONDS) -> T:
    """Return the first truthy value of a condition; fail with a sentence if none comes in time."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} did not happen within {seconds:g} seconds.")
        time.sleep(0.02)
    return found


def shown(path: Path) -> str:
    """Return what a process has written so far."""
    return path.read_text(encoding="utf-8", errors="replace")


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON document on standard output."""
        return json.loads(self.out)

    @property
    def sentence(self) -> str:
        """The one line on standard error, which is all that a refused command says."""
        assert self.out == ""
        lines = self.err.splitlines()
        assert len(lines) == 1, self.err
        assert lines[0].startswith("gonogo: "), self.err
        assert lines[0].endswith("."), self.err
        return lines[0].removeprefix("gonogo: ")


@dataclass(slots=True)
class Started:
    """A command that is running, its output going to files."""

    process: subprocess.Popen[bytes]
    out: Path
    err: Path

    def wait(self, seconds: float = PATIENCE_SECONDS) -> Done:
        """Return how it ended."""
        code = self.process.wait(seconds)
        return Done(code, shown(self.out), shown(self.err))

    def interrupt(self) -> None:
        """Do what Ctrl-C does."""
        self.process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """Take it away without a word, and wait until it is gone."""
        self.process.kill()
        self.process.wait(PATIENCE_SECONDS)


@dataclass(slots=True)
class Command:
    """`gonogo`, with one home and one working directory."""

    home: Path
    scratch: Path
    """Where inputs and outputs of commands are kept."""
    cwd: Path = ROOT
    settings: dict[str, str] = field(default_factory=dict[str, str])
    _started: list[Started] = field(default_factory=list[Started])
    _numbers: Iterator[int] = field(default_factory=count)

    def approved(self, environment: Environment = "prod") -> dict[str, str]:
        """Return what a shell is set to whose law is the shipped one, approved for an environment by its lawgiver."""
        from tests.gonogo.toy.people import approved

        made = approved(self.scratch, ROOT / "policies", environment, home=self.home)
        return {"GONOGO_ENVIRONMENT": environment, "GONOGO_POLICY_FOLDER": str(made.policy_folder)}

    def environment(self, **more: str) -> dict[str, str]:
        """Return the environment of every process: nothing of the developer's own, a home of ours."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        ours = {
            "GONOGO_HOME": str(self.home),
            # Where Prefect would keep what it is not told to keep elsewhere; nothing of a house may come to rest there.
            "HOME": str(self.scratch),
            "COLUMNS": "200",
            "NO_COLOR": "1",
        }
        return inherited | ours | self.settings | more

    def __call__(
        self, *arguments: str | Path, case: dict[str, Any] | None = None, env: dict[str, str] | None = None
    ) -> Done:
        """Run a command to its end; a case is given on standard input."""
        with_case = ["--input", "-"] if case is not None else []
        done = subprocess.run(
            [GONOGO, *map(str, arguments), *with_case],
            input=None if case is None else json.dumps(case).encode(),
            stdin=subprocess.DEVNULL if case is None else None,
            capture_output=True,
            cwd=self.cwd,
            env=self.environment(**(env or {})),
            timeout=PATIENCE_SECONDS * 2,
            check=False,
        )
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    def start(
        self, *arguments: str | Path, case: dict[str, Any] | None = None, env: dict[str, str] | None = None
    ) -> Started:
        """Start a command in a session of its own and leave it running."""
        number = next(self._numbers)
        out, err = self.scratch / f"{number}.out", self.scratch / f"{number}.err"
        with_case = ["--input", str(self.write_case(case))] if case is not None else []
        with out.open("wb") as to_out, err.open("wb") as to_err:
            process = subprocess.Popen(
                [GONOGO, *map(str, arguments), *with_case],
                stdin=subprocess.DEVNULL,
                stdout=to_out,
                stderr=to_err,
                cwd=self.cwd,
                env=self.environment(**(env or {})),
                start_new_session=True,
            )
        started = Started(process, out, err)
        self._started.append(started)
        return started

    def write_case(self, case: dict[str, Any]) -> Path:
        """Write a case to a file of its own."""
        path = self.scratch / f"case-{next(self._numbers)}.json"
        path.write_text(json.dumps(case), encoding="utf-8")
        return path

    def says(self, started: Started, words: str) -> None:
        """Wait until a started command has said something on standard error."""
        until(lambda: words in shown(started.err) or started.process.poll() is not None, f'"{words}"')
        assert words in shown(started.err), shown(started.err) + shown(started.out)

    def change_policies(self, name: str, old: str, new: str) -> None:
        """Let this command stand under a copy of the policies in which one passage is another."""
        folder = self.scratch / "policies"
        if not folder.exists():
            shutil.copytree(ROOT / "policies", folder, ignore=shutil.ignore_patterns("__pycache__"))
            self.settings["GONOGO_POLICY_FOLDER"] = str(folder)
        before = (folder / name).read_text(encoding="utf-8")
        assert old in before, f"{name} does not say {old!r} any more."
        (folder / name).write_text(before.replace(old, new), encoding="utf-8")

    def clean_up(self) -> None:
        """Kill what was started here and still runs."""
        for started in self._started:
            if started.process.poll() is None:
                started.kill()

    @property
    def journal(self) -> Journal:
        """The evidence of this home, or of the database it names."""
        return journal_of(Settings(home=self.home, journals=self.settings.get("GONOGO_JOURNALS")))

    def the_run(self) -> str:
        """Return the only run of this home."""
        (run_id,) = self.journal.run_ids()
        return run_id

    def told(self, run_id: str, artifact: str, phase: str | None = None) -> list[Record]:
        """Return what flight and desk recorded about one kind of thing."""
        records = self.journal.read_flight(run_id) + self.journal.read_desk(run_id)
        return [r for r in records if r.artifact == artifact and phase in {None, r.data["phase"]}]

    def parks(self, run_id: str) -> int:
        """Return how often a run has gone to sleep."""
        return sum(record.data.get("event") == "waiting" for record in self.told(run_id, "run_record"))

    def ledger(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        """Ask the claims ledger, as an auditor would: in SQL, past gonogo."""
        return ask_ledger(self.home, query, *values)

    def effects(self) -> dict[str, int]:
        """Return how much stands in the ledger, by table; nothing where there is no ledger yet."""
        if not (self.home / "systems" / "ledger.db").exists():
            return {}
        found = {table: self.ledger(f"select count(*) from {table}")[0][0] for table in _TABLES}
        return {table: rows for table, rows in found.items() if rows}

    def payments(self, claim_id: str) -> list[int]:
        """Return what was paid on a claim, in cents."""
        rows = self.ledger("select amount_cents from payments where claim_id = ?", claim_id)
        return [cents for (cents,) in rows]

    def open_gates(self) -> list[dict[str, Any]]:
        """Return what `gonogo gates --json` says."""
        done = self("gates", "--json")
        assert done.code == 0, done.err
        return done.json

    def gate_of(self, run_id: str) -> str:
        """Return the one gate that a run has asked at; waits for it."""
        until(lambda: self.told(run_id, "approval_request"), f"a gate of {run_id}")
        (request,) = self.told(run_id, "approval_request")
        return request.data["gate"]


def ask_ledger(home: Path, query: str, *values: object) -> list[tuple[Any, ...]]:
    """Ask the ledger file, read-only."""
    with closing(sqlite3.connect(f"file:{home}/systems/ledger.db?mode=ro", uri=True)) as db:
        return db.execute(query, values).fetchall()
