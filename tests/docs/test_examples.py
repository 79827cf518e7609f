"""What a page shows is what happens: its commands are run, its files are written and flown."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
import tomllib
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest

from tests.docs.pages import GUIDES, ROOT, Block, blocks, read, repository

pytestmark = pytest.mark.slow

NOT_HERE = ("make ", "gonogo up", "gonogo demo", ". .venv/bin/activate")
"""Other suites bring up the house and run the demo; the environment is the one these tests run in."""


class Shell:
    """A terminal in a copy of the repository, as a reader has it."""

    def __init__(self, folder: Path) -> None:
        self.folder = repository(folder)
        mine = {name: value for name, value in os.environ.items() if not name.startswith(("GONOGO_", "PREFECT_"))}
        path = f"{Path(sys.executable).parent}{os.pathsep}{mine.get('PATH', '')}"
        self.environment = mine | {"PATH": path, "PYTHONDONTWRITEBYTECODE": "1", "COLUMNS": "120"}

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run one command and return what came of it."""
        return subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=600, check=False,
        )  # fmt: skip

    def asked(self, command: str) -> list[dict[str, Any]]:
        """Return what a command prints as JSON."""
        return orjson.loads(self.run(command).stdout)

    def follow(self, block: Block) -> None:
        """Run a block's commands in order; GATE and RUN stand for what a reader would put there."""
        for command in _commands(block):
            if command.text.startswith(NOT_HERE):
                continue
            done = self.run(self._filled(command.text))
            assert done.returncode == command.code, f"{command.text}\n{done.stdout}\n{done.stderr}"

    def _filled(self, command: str) -> str:
        if "GATE" in command:
            command = command.replace("GATE", self.asked("gonogo gates --json")[-1]["gate"])
        if re.search(r"\bRUN\b", command):
            command = re.sub(r"\bRUN\b", self.asked("gonogo runs --json")[-1]["run_id"], command)
        return command


class Command(NamedTuple):
    """One command of a block, and the exit code it announces."""

    text: str
    code: int


def _commands(block: Block) -> list[Command]:
    """Return a block's commands: a line each, a here-document with its command."""
    found: list[Command] = []
    for part in re.findall(r"^[^\n]*<<'(?:\w+)'\n.*?^[A-Z]+$|^[^\n]+$", block.text, re.DOTALL | re.MULTILINE):
        announced = re.search(r"# exit (\d+)", part)
        text = part if "<<'" in part else re.sub(r"\s+#.*$", "", part)
        if text.strip():
            found.append(Command(text, int(announced[1]) if announced else 0))
    return found


def test_the_quickstart_does_what_it_says_and_so_does_the_readme(tmp_path: Path) -> None:
    """Claim, gate, answer, event, file, numbers; then the commands of the first page, with another claim."""
    shell = Shell(tmp_path)
    for block in blocks(GUIDES / "quickstart.md", "sh"):
        shell.follow(block)
    assert {run["status"] for run in shell.asked("gonogo runs --json")} == {"done", "no_go"}
    claim = shell.folder / "claim.json"
    claim.write_text(claim.read_text().replace("CLM-1042", "CLM-3001"))
    for block in blocks(ROOT / "README.md", "sh"):
        shell.follow(block)
    assert _paid(shell.folder) == ["CLM-1042", "CLM-1043", "CLM-2001", "CLM-3001"]


def _paid(folder: Path) -> list[str]:
    """Return the claims that were paid, each payment once."""
    with closing(sqlite3.connect(folder / ".gonogo" / "systems" / "ledger.db")) as db:
        return [claim for (claim,) in db.execute("select claim_id from payments order by 1")]


def _written(page: Path, shell: Shell) -> list[str]:
    """Write the files that a page's blocks are, and return their paths; YAML is added to what is there."""
    made: list[str] = []
    for block in blocks(page):
        if block.file is None:
            continue
        path = shell.folder / block.file
        path.parent.mkdir(parents=True, exist_ok=True)
        before = f"{path.read_text().rstrip()}\n\n" if block.language == "yaml" else ""
        path.write_text(before + block.content)
        made.append(block.file)
    return made


def test_the_mission_of_the_guide_flies_and_its_tests_pass(tmp_path: Path) -> None:
    """Every file of the page, in a copy of the rooms: it loads, it is tested, it flies."""
    shell = Shell(tmp_path)
    made = _written(GUIDES / "writing-a-mission.md", shell)
    assert {Path(file).parts[0] for file in made} == {"policies", "tasks", "flows", "prefect.yaml", "tests"}
    tested = shell.run("python -m pytest -q -p no:cacheprovider tests/flows/test_goodwill.py")
    assert tested.returncode == 0, tested.stdout + tested.stderr
    for block in blocks(GUIDES / "writing-a-mission.md", "sh"):
        shell.follow(block)
    assert [run["status"] for run in shell.asked("gonogo runs --json")] == ["done", "waiting"]


def test_the_code_of_the_guide_is_written_as_we_write(tmp_path: Path) -> None:
    """Readers copy it; it passes the checks that their code will meet."""
    shell = Shell(tmp_path)
    (shell.folder / "src").symlink_to(ROOT / "src")
    made = [file for file in _written(GUIDES / "writing-a-mission.md", shell) if file.endswith(".py")]
    for check in ("ruff check", "ruff format --check"):
        done = shell.run(f"python -m {check} --no-cache {' '.join(made)}")
        assert done.returncode == 0, done.stdout


def test_the_deployment_of_the_guide_is_one_of_prefect_yaml(tmp_path: Path) -> None:
    """What is added to a file leaves a file that can be read."""
    import yaml

    shell = Shell(tmp_path)
    _written(GUIDES / "writing-a-mission.md", shell)
    deployments = yaml.safe_load((shell.folder / "prefect.yaml").read_text())["deployments"]
    assert deployments[-1]["entrypoint"] == "flows/goodwill.py:goodwill"


def test_the_tests_of_the_guide_pass(tmp_path: Path) -> None:
    """The example of the page on testing, run as it stands."""
    shell = Shell(tmp_path)
    (example,) = blocks(GUIDES / "testing.md", "python")
    (shell.folder / "test_example.py").write_text(example.text)
    done = shell.run("python -m pytest -q -p no:cacheprovider test_example.py")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_price_of_the_guide_is_one_that_the_registry_takes(tmp_path: Path) -> None:
    """A model that nobody knows flies once its price is declared as the page shows."""
    from gonogo.policy.registry import read_registry

    shell = Shell(tmp_path)
    (example,) = blocks(GUIDES / "offline-and-models.md", "yaml")
    (shell.folder / "policies" / "prices.yaml").write_text(example.text)
    (price,) = read_registry(shell.folder / "policies").prices.values()
    assert price.basis == "declared"


def test_the_settings_of_the_guide_hold(tmp_path: Path) -> None:
    """The example of [tool.gonogo] is taken as it stands."""
    shell = Shell(tmp_path)
    (example,) = blocks(GUIDES / "settings.md", "toml")
    (shell.folder / "pyproject.toml").write_text(example.text)
    assert tomllib.loads(read(shell.folder / "pyproject.toml"))
    done = shell.run("gonogo runs")
    assert done.returncode == 0, done.stderr
