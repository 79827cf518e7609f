"""Streamlit puts the app's folder first on the path: no file there may take another module's name."""

from __future__ import annotations

import sys
from importlib.metadata import packages_distributions
from pathlib import Path

ROOM = Path(__file__).parents[2] / "dashboards"


def test_no_file_of_the_room_shadows_a_module() -> None:
    """A file called statistics.py would be imported by whoever wants the real one."""
    ours = {path.stem for path in [*ROOM.glob("*.py"), *ROOM.glob("pages/*.py")]} | {
        path.name for path in ROOM.iterdir() if path.is_dir()
    }
    others = set(sys.stdlib_module_names) | set(packages_distributions()) | {"gonogo", "flows", "tasks", "policies"}
    assert (ours - {"__init__", "__pycache__"}) & others == set()
