"""What every test of the hearth stands on: settings nobody's environment reaches, and quiet property tests."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from gonogo.settings import process_settings
from tests.gonogo.toy.bank import AFTERWARDS, CALLS, WATCHERS
from tests.gonogo.toy.counter import HEARD

if TYPE_CHECKING:
    from collections.abc import Iterator

# The same examples on every machine: a property that fails, fails for everybody.
hypothesis_settings.register_profile(
    "gonogo",
    deadline=None,
    derandomize=True,
    database=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
hypothesis_settings.load_profile("gonogo")


@pytest.fixture(params=["files", "postgres"])
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What keeps the journals; a test that uses this runs once on each, processes it starts included."""
    if request.param == "postgres":
        monkeypatch.setenv("GONOGO_JOURNALS", request.getfixturevalue("postgres_url"))
        process_settings.cache_clear()
    return request.param


@pytest.fixture(autouse=True)
def _undisturbed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    """Take the developer's own settings away, and forget what earlier tests did at the bank."""
    for name in [name for name in os.environ if name.startswith("GONOGO_")]:
        monkeypatch.delenv(name)
    process_settings.cache_clear()
    _forget()
    yield
    # Tests elsewhere use the bank as well, and may come next.
    _forget()
    process_settings.cache_clear()


def _forget() -> None:
    """Let nobody watch the bank or the counter any more."""
    for told in (CALLS, WATCHERS, AFTERWARDS, HEARD):
        told.clear()
