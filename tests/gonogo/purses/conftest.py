"""A law for runs that spend, with the day budgets a test names."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.gonogo.toy.purse_law import write_law

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def law(tmp_path: Path) -> Callable[..., Path]:
    """Write a policy folder with day budgets, and return it."""
    return partial(write_law, tmp_path / "law")
