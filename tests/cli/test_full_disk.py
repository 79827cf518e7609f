"""A disk that fills up while a claim is flown: one sentence, no effect without its intent, and a way on."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.e2e.cases import claim

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from tests.e2e.command import Command


def mount(folder: Path, *options: str) -> None:
    """Give a folder a disk of its own, or another size; skip where that is not allowed."""
    if sys.platform != "linux":
        pytest.skip("a disk of a few kilobytes is made with tmpfs, which only Linux has")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", ",".join(options), "tmpfs", str(folder)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("mounting a disk of a few kilobytes needs more rights than this process has")


@pytest.fixture(params=[32, 112, 128])
def kilobytes(request: pytest.FixtureRequest) -> int:
    """How much room there is: enough for the first steps, nearly to the payment, nearly to the end."""
    return request.param


@pytest.fixture
def small_disk(gonogo: Command, kilobytes: int) -> Generator[Path]:
    """A journal folder on a disk that is too small for one claim."""
    journals = gonogo.home / "journals"
    journals.mkdir(parents=True)
    mount(journals, f"size={kilobytes}k")
    yield journals
    subprocess.run(["umount", "--lazy", str(journals)], check=True)


def test_a_full_disk_stops_the_run_before_its_next_effect_and_room_lets_it_go_on(
    gonogo: Command, small_disk: Path
) -> None:
    """Nothing is paid without a durable intent; after `--resume` it is paid once."""
    stopped = gonogo("run", "claims_triage", case=claim("straightforward", "FULL"))
    run_id = gonogo.the_run()
    intents = [r for r in gonogo.told(run_id, "tool_call", "intent") if r.data["tool"] == "pay_claim"]
    assert stopped.code == 1
    assert "No space left on device" in stopped.sentence
    assert "--resume" in stopped.sentence
    assert len(gonogo.payments("CLM-FULL")) <= len(intents)

    mount(small_disk, "remount", "size=1m")
    done = gonogo("run", "claims_triage", "--resume", run_id, "--json")
    assert (done.code, done.json["outcome"]["outcome"]) == (0, "paid")
    assert len(gonogo.payments("CLM-FULL")) == 1
