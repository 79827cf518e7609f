"""The house's children: what each is told, before anybody starts it."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from gonogo.house.household import chores
from gonogo.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pytest


def told(options: list[str]) -> Mapping[str, str]:
    """Return the options of a command by name."""
    return dict(pairwise(options))


def test_nobody_outside_reaches_the_dashboard_of_a_project_that_does_not_configure_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reaches it can answer gates in dev; Streamlit's own default is every address of the machine."""
    monkeypatch.chdir(tmp_path)
    options = told(chores(Settings(), 8501)["dashboard"])
    assert options["--server.address"] == "127.0.0.1"
    assert options["--browser.gatherUsageStats"] == "false"


def test_a_project_that_configures_its_dashboard_is_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An option on the command line would win over the file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".streamlit").mkdir()
    (tmp_path / ".streamlit" / "config.toml").touch()
    assert "--server.address" not in chores(Settings(), 8501)["dashboard"]
