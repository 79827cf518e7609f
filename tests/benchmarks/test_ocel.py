"""The OCEL export before an outside reader."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from analytics.exports import export
from benchmarks import ocel
from benchmarks.environments import HERE, python_of
from tests.analytics.chance import publish_at_random

if TYPE_CHECKING:
    from pathlib import Path


def test_pm4py_reads_all_of_an_export(tmp_path: Path) -> None:
    """Events, objects, relations and links, each as often as they were written; in a process of its own."""
    if not (HERE / ".envs" / "ocel" / ".made").exists():
        pytest.skip("pm4py is in an environment of its own: python -m benchmarks.ocel makes it")
    assert python_of("ocel").exists()
    publish_at_random(tmp_path / "home", 6, 80)
    out = tmp_path / "log.json"
    export(tmp_path / "home", "ocel", str(out))
    read = ocel.read(out)
    assert {name: read[name] for name in ocel.written(out)} == ocel.written(out)
