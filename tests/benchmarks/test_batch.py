"""Long batches: every case is flown and counted, and the table says how a longer one compares."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from benchmarks import batch

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_every_case_of_a_batch_lands_or_waits_for_a_person(tmp_path: Path) -> None:
    """Nothing is lost; memory is told twice."""
    found = batch.fly("claims_triage", 10, 4, tmp_path)
    assert sum(found["statuses"].values()) == 10
    assert "failed" not in found["statuses"]
    assert found["rate"] > 0
    assert len(found["mib"]) == 2


def test_each_size_has_a_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The first is compared with itself."""
    monkeypatch.setattr(sys, "argv", ["benchmarks.batch", "--mission", "claims_triage", "--cases", "1", "10"])
    assert batch.main() == 0
    _, first, second = capsys.readouterr().out.splitlines()
    assert first.split()[0] == "1"
    assert first.split()[2] == "1.00"
    assert second.split()[0] == "10"
