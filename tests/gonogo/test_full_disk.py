"""A full disk while recording: one clear sentence, no effect without its intent, and a run that goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module", name="attempts")
def _attempts(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    command = [sys.executable, "-m", "tests.gonogo.toy.full_disk", str(tmp_path_factory.mktemp("full"))]
    done = subprocess.run(command, capture_output=True, cwd=ROOT, timeout=600, check=False, text=True)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def records(told: dict[str, Any], artifact: str, phase: str) -> list[dict[str, Any]]:
    """Return the bodies of the durable records about one kind of thing."""
    leaves = [json.loads(line.split("\t")[0]) for line in told["journal"].splitlines()]
    return [leaf["data"] for leaf in leaves if f".{artifact}." in leaf["type"] and leaf["data"]["phase"] == phase]


def test_the_disk_was_full_at_every_stage(attempts: list[dict[str, Any]]) -> None:
    """The sweep meets a disk that is full before the first record, between effects, and never."""
    counts = {len(attempt["first"]["calls"]) for attempt in attempts}
    assert counts == {0, 1, 2, 3}
    assert not attempts[-1]["first"]["sentence"]


def test_a_full_disk_is_one_sentence_with_the_way_out(attempts: list[dict[str, Any]]) -> None:
    """It names the file, the cause, and what to do."""
    for attempt in attempts:
        sentence = attempt["first"]["sentence"]
        if not records(attempt["first"], "run_record", "result"):
            assert "(File too large); nothing more is done. Free the disk" in sentence
            assert "--resume" in sentence
            assert "\n" not in sentence


def test_a_full_disk_leaves_whole_lines(attempts: list[dict[str, Any]]) -> None:
    """Not one byte of a record that is not whole."""
    for attempt in attempts:
        assert attempt["first"]["journal"] == "" or attempt["first"]["journal"].endswith("\n")


def test_nothing_was_done_whose_intent_is_not_durable(attempts: list[dict[str, Any]]) -> None:
    """No evidence, no action."""
    for attempt in attempts:
        first = attempt["first"]
        assert len(first["calls"]) <= len(records(first, "tool_call", "intent"))


def test_the_run_goes_on_when_there_is_room(attempts: list[dict[str, Any]]) -> None:
    """What is recorded as done is not done again; what is in doubt is, since it may be; the rest is done once."""
    for attempt in attempts:
        recorded = len(records(attempt["first"], "tool_call", "result"))
        again = [call["args"]["account"] for call in attempt["second"]["calls"]]
        assert again == ["a", "b", "c"][recorded:]
        assert not attempt["second"]["sentence"]
        assert len(records(attempt["second"], "tool_call", "result")) == 3
        assert [end["status"] for end in records(attempt["second"], "run_record", "result")] == ["done"]
