"""The wheel: gonogo alone, with the rooms as the template of a new repository."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import zipfile
from email.parser import Parser
from typing import TYPE_CHECKING

import pytest

from tests.fleet.fleet import ROOMS, ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

NO_BACKEND = ("No matching distribution found for hatchling", "Could not find a version that satisfies the requirement")
"""What pip says where it cannot fetch the build backend."""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    """Build the wheel once."""
    if importlib.util.find_spec("pip") is None:
        pytest.skip("this environment has no pip to build a wheel with")
    folder: Path = tmp_path_factory.mktemp("wheel")
    done = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-deps", "--quiet", "--retries", "1", "--wheel-dir", folder, ROOT],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    if done.returncode and any(sentence in done.stderr for sentence in NO_BACKEND):
        pytest.skip("the build backend (hatchling) cannot be installed here")
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("gonogo-*.whl")
    with zipfile.ZipFile(built) as opened:
        yield opened


def test_the_wheel_installs_gonogo_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    """A package called `tasks` or `flows` would hide a user's own, or be hidden by it."""
    tops = {name.partition("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"gonogo"}
    assert len(tops) == 2


def test_the_wheel_carries_the_rooms_as_they_are(wheel: zipfile.ZipFile) -> None:
    """The template of a new repository is the code that is tested here, byte for byte."""
    names = set(wheel.namelist())
    assert "gonogo/scaffold/flows/claims_triage.py" in names
    assert wheel.read("gonogo/scaffold/prefect.yaml") == (ROOT / "prefect.yaml").read_bytes()
    ours = [
        path
        for room in ROOMS
        for path in (ROOT / room).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    ]
    for path in ours:
        carried = f"gonogo/scaffold/{path.relative_to(ROOT).as_posix()}"
        assert carried in names
        assert wheel.read(carried) == path.read_bytes(), carried


def test_the_wheel_carries_no_leftovers(wheel: zipfile.ZipFile) -> None:
    """Neither byte code nor state."""
    assert not [name for name in wheel.namelist() if "__pycache__" in name or ".gonogo" in name or name.endswith(".db")]


def test_the_wheel_brings_the_command_and_its_licence(wheel: zipfile.ZipFile) -> None:
    """`gonogo` is on the path after an installation."""
    (told,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    folder = told.partition("/")[0]
    assert "gonogo = gonogo.cli.main:main" in wheel.read(f"{folder}/entry_points.txt").decode()
    described = Parser().parsestr(wheel.read(told).decode())
    assert (described["Name"], described["License-Expression"]) == ("gonogo", "Apache-2.0")
    assert f"{folder}/licenses/LICENSE" in wheel.namelist()
