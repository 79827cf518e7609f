"""The readers of evidence, log and law, given what nobody should have written: refused by name, never a crash."""

from __future__ import annotations

import pytest

from tests.fuzz.__main__ import READERS, tried

INPUTS = 100


@pytest.mark.parametrize("name", READERS)
def test_no_input_crashes_a_reader_and_no_mutant_is_accepted(name: str) -> None:
    """A few for every run of the tests; `python -m tests.fuzz` tries as many as you like."""
    assert tried(READERS[name], INPUTS, 7).total() > INPUTS / 2
