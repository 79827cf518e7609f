"""Every mission comes to what its golden set says: offline, and the same against a provider over HTTP."""

from __future__ import annotations

import os
import subprocess
import sys
from decimal import ROUND_CEILING
from typing import TYPE_CHECKING

import orjson
import pytest
from genai_prices import Usage, calc_price

from gonogo.evidence.journals import journal_of
from gonogo.settings import settings
from tests.fleet.fleet import missions
from tests.golden.sets import ROOT, Golden, came_to, flown, golden_sets
from tests.golden.wire import decided
from tests.gonogo.toy.provider import MODEL, Provider, provider

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SETS = golden_sets()
every_case = pytest.mark.parametrize(
    "golden", [one for cases in SETS.values() for one in cases], ids=lambda one: f"{one.mission}-{one.name}"
)
COST_MICROS = int(
    (calc_price(Usage(input_tokens=1_000, output_tokens=100), MODEL, provider_id="openai").total_price * 1_000_000)
    .to_integral_value(rounding=ROUND_CEILING)
)  # fmt: skip
"""What each answer of the loopback provider costs by the public price list."""


@pytest.fixture(name="loopback")
def _loopback(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    with provider() as served:
        served.answer = decided
        monkeypatch.setenv("OPENAI_BASE_URL", served.url)
        monkeypatch.setenv("OPENAI_API_KEY", "not-a-key")
        yield served


def test_every_mission_has_a_golden_set_that_shows_each_of_its_outcomes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A word of the vocabulary that no case comes to is a promise nobody checks; names are unique."""
    monkeypatch.chdir(ROOT)
    words = {mission.name: mission.outcome_type.vocabulary() for mission in missions()}
    shown = {name: {one.expected.outcome for one in cases} - {None} for name, cases in SETS.items()}
    assert shown == words
    for cases in SETS.values():
        assert len({one.name for one in cases}) == len(cases)


@every_case
async def test_a_case_comes_to_what_its_golden_set_says(golden: Golden, tmp_path: Path) -> None:
    """Offline: no account, no key, no network."""
    assert came_to(await flown(golden, tmp_path)) == golden.expected


@every_case
async def test_a_case_comes_to_the_same_with_a_provider(golden: Golden, tmp_path: Path, loopback: Provider) -> None:
    """Real provider classes, over HTTP: the same outcome, priced by the list, and nothing called offline."""
    flight = await flown(golden, tmp_path, model="openai:gpt-4o")
    assert came_to(flight) == golden.expected
    calls = flight.told("model_call", "result")
    assert len(calls) == len(loopback.asked)
    assert {call["cost_micros"] for call in calls} <= {COST_MICROS}
    assert flight.landing.totals["cost_micros"] == COST_MICROS * len(calls)
    assert {(call["offline"], call["price_basis"], call["returned_model"]) for call in calls} <= {
        (False, "list", MODEL)
    }
    for record in flight.flight + flight.desk:
        assert b'"offline":true' not in record.leaf
        assert b"offline:scripted" not in record.leaf


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(SETS))
def test_the_command_line_flies_every_mission_with_the_configured_model(
    name: str, tmp_path: Path, loopback: Provider
) -> None:
    """`GONOGO_MODEL` alone makes the difference; the run's evidence names the provider's model."""
    golden = next(one for one in SETS[name] if not one.expected.gates and not one.events and one.expected.outcome)
    configured = {"GONOGO_MODEL": "openai:gpt-4o", "GONOGO_HOME": str(tmp_path)}
    mine = {key: value for key, value in os.environ.items() if not key.startswith(("GONOGO_", "PREFECT_"))}
    done = subprocess.run(
        [sys.executable, "-m", "gonogo", "run", name, "--input", "-", "--json"],
        cwd=ROOT, env=mine | configured, input=orjson.dumps(golden.case), capture_output=True, timeout=180, check=False,
    )  # fmt: skip
    landed = orjson.loads(done.stdout)
    assert (landed["status"], landed["outcome"]["outcome"]) == (golden.expected.status, golden.expected.outcome)
    flight = journal_of(settings().model_copy(update={"home": tmp_path, "journals": None})).read_flight(
        landed["run_id"]
    )
    models = {record.data["requested_model"] for record in flight if record.artifact == "model_call"}
    assert models == {"openai:gpt-4o"}
    assert landed["totals"]["cost_micros"] == COST_MICROS * len(loopback.asked)
