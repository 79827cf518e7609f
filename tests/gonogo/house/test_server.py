"""What everything in a house is told about its Prefect server."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_TOLD = """
import prefect
from prefect.settings import PREFECT_API_URL
from gonogo.house.server import tell_prefect

assert PREFECT_API_URL.value() is None
tell_prefect({"PREFECT_API_URL": "http://127.0.0.1:1/api"})
print(PREFECT_API_URL.value())
"""


def said(code: str, home: Path) -> str:
    """Return what a process of its own prints, to which nothing was said about Prefect."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT_")}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=env | {"HOME": str(home)}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_process_that_has_imported_prefect_already_is_told_where_its_server_is(tmp_path: Path) -> None:
    """Otherwise it would start a server of its own, in the home of whoever is logged in, and fly nothing."""
    assert said(_TOLD, tmp_path).splitlines()[-1] == "http://127.0.0.1:1/api"
