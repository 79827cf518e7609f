"""What every test of the dashboard stands on: a home of its own, nobody's settings, and empty caches."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
import streamlit as st

from gonogo.settings import process_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Give the dashboard a home where nothing has landed."""
    for name in [name for name in os.environ if name.startswith("GONOGO_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GONOGO_HOME", str(tmp_path / "home"))
    _forget()
    yield tmp_path / "home"
    _forget()


def _forget() -> None:
    process_settings.cache_clear()
    st.cache_data.clear()
    st.cache_resource.clear()
