"""Tenants of a house that is up: one that dies comes back, and what it does goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gonogo.log.sequencer import log_folder
from gonogo.settings import Settings
from tests.e2e.cases import claim
from tests.e2e.command import until
from tests.e2e.houses import having, is_open, killed, told

if TYPE_CHECKING:
    from tests.e2e.houses import UpHouse

pytestmark = pytest.mark.server


def log_size(house: UpHouse) -> int:
    """Return how many records the log of a house vouches for."""
    checkpoint = log_folder(Settings(home=house.gonogo.home)) / "checkpoint"
    return int(checkpoint.read_text(encoding="utf-8").splitlines()[1]) if checkpoint.exists() else 0


def test_a_sequencer_that_was_killed_is_started_again_and_the_log_goes_on(house: UpHouse) -> None:
    """Nobody is there to look after it at night: what cannot be taken back is still done, once, and is in the log."""
    done = house.gonogo("run", "claims_triage", "--json", case=claim("straightforward", "EVENING"))
    assert done.code == 0, done.err + house.said()
    until(lambda: log_size(house) > 0, "the first checkpoint")
    dead = killed(house, "sequence", "--every")
    size = log_size(house)
    done = house.gonogo("run", "claims_triage", "--json", case=claim("straightforward", "NIGHT"))
    assert done.code == 0, done.err + house.said()
    until(lambda: log_size(house) > size, "the next checkpoint")
    (alive,) = having(house, "sequence", "--every")
    assert alive != dead
    assert told(house, "sequencer") == ["The sequencer was killed by signal 9; it is started again in 1 s."]
    assert len(house.gonogo.payments("CLM-NIGHT")) == 1


def test_a_loader_that_was_killed_is_started_again_and_runs_land(house: UpHouse) -> None:
    """Its lock has died with it."""
    dead = killed(house, "land", "--every")
    done = house.gonogo("run", "claims_triage", "--json", case=claim("straightforward", "MORNING"))
    assert done.code == 0, done.err + house.said()
    query = "select status from runs where run_id = ? and status = 'done'"
    assert until(lambda: house.mart(query, done.json["run_id"]), "the landed run") == [("done",)]
    assert dead not in having(house, "land", "--every")


def test_a_dashboard_that_was_killed_is_started_again_where_it_was(house: UpHouse) -> None:
    """The same port, so that open pages find it."""
    until(lambda: is_open(house.dashboard_port), "the dashboard")
    dead = killed(house, "streamlit", "run")
    (alive,) = until(lambda: having(house, "streamlit", "run"), "another dashboard")
    until(lambda: is_open(house.dashboard_port), "the dashboard again")
    assert alive != dead
