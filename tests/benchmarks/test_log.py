"""The benchmark of the log, at a size that measures nothing: it writes, sequences and verifies for real."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from benchmarks import log

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
def test_it_prints_a_line_for_each_figure_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Appends, lag, sequencing, verification; the verifier has read every record."""
    monkeypatch.setattr(
        sys, "argv", ["log", "--records", "700", "--durable", "160", "--writers", "4", "--place", str(tmp_path)]
    )
    assert log.main() == 0
    printed = capsys.readouterr().out
    for figure in ("durable appends", "sequencing lag", "sequencing ", "verification"):
        assert figure in printed
    assert "700 records" in printed
    assert list(tmp_path.iterdir()) == []
