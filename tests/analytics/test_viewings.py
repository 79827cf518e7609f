"""Who opened a card, and who was told of a gate, is no run."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from analytics.marts import open_mart
from analytics.warehouse import land
from gonogo.viewings import note_viewed
from tests.gonogo.toy.approvers import paying
from tests.gonogo.toy.people import Town

if TYPE_CHECKING:
    from pathlib import Path


async def test_a_stream_of_viewings_is_no_run(tmp_path: Path) -> None:
    """It bears its run's mission, and nothing flies in it."""
    town = Town(tmp_path)
    (gate,) = (await town.park(paying(6_000))).waits
    assert note_viewed(town.settings, "r1", gate, "grace", proof="oidc", at=datetime.now(UTC))
    assert land(town.home).quarantined == 0
    with open_mart(town.home) as con:
        assert con.execute("SELECT run_id FROM runs").fetchall() == [("r1",)]
