"""Signals: the first one ends the house, and nothing interrupts its way out."""

from __future__ import annotations

import os
import signal

import pytest

from gonogo.house.household import _ended_by_sigterm  # pyright: ignore[reportPrivateUsage]


@pytest.mark.parametrize("first", [signal.SIGTERM, signal.SIGINT])
def test_the_first_signal_ends_the_block_and_those_after_it_are_ignored_quietly(first: signal.Signals) -> None:
    """Supervisors like to ask twice; an ignored handler would be answered with a traceback on standard error."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    left: list[str] = []

    def begun() -> None:
        left.append("begun")

    def block() -> None:
        with _ended_by_sigterm(begun):
            try:
                os.kill(os.getpid(), first)
            finally:
                for number in before:
                    assert callable(signal.getsignal(number))
                    assert signal.getsignal(number) is not signal.SIG_IGN
                    os.kill(os.getpid(), number)
                left.append("whole")

    with pytest.raises(KeyboardInterrupt):
        block()
    assert left == ["begun", "whole"]
    assert {number: signal.getsignal(number) for number in before} == before
