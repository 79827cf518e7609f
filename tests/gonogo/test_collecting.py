"""How garbage is looked for while a batch flies."""

from __future__ import annotations

import gc
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from gonogo.lanes.collecting import ROUNDS, collecting_in_rounds

if TYPE_CHECKING:
    from collections.abc import Iterator

USUAL = (700, 10, 10)


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Leave the process as it was."""
    before, frozen = gc.get_threshold(), gc.get_freeze_count()
    gc.unfreeze()
    yield
    gc.set_threshold(*before)
    if frozen:
        gc.freeze()


def test_a_batch_has_rounds_of_its_own() -> None:
    """Afterwards they are as they were before."""
    gc.set_threshold(*USUAL)
    with collecting_in_rounds():
        assert gc.get_threshold() == ROUNDS
    assert gc.get_threshold() == USUAL


def test_what_was_there_before_a_long_batch_is_set_aside_until_it_lands() -> None:
    """So a look at the oldest is one at the cases in flight."""
    gc.set_threshold(*USUAL)
    with collecting_in_rounds():
        gc.collect(1)
        assert gc.get_freeze_count() > 0
    assert gc.get_freeze_count() == 0


def test_a_batch_of_a_few_cases_sets_nothing_aside() -> None:
    """Many of them, one after the other, would keep what each of them leaves behind from ever being looked at."""
    gc.set_threshold(*USUAL)
    for _ in range(3):
        with collecting_in_rounds():
            gc.collect(0)
            assert gc.get_freeze_count() == 0


RECORDS = 1_000


class Case:
    """A case that refers to itself, and to the one that landed before it."""

    alive = 0

    def __init__(self, before: Case | None) -> None:
        self.itself = self
        self.before = before
        # Each holds what a case holds: many objects that the collector walks through.
        self.records = [[number] for number in range(RECORDS)]
        Case.alive += 1

    def __del__(self) -> None:
        """Be counted no longer."""
        Case.alive -= 1


@pytest.mark.parametrize("cases", [3_000, 9_000])
def test_what_has_landed_goes_however_long_the_batch(cases: int) -> None:
    """Neither that it was in flight at a look, nor that something which has landed refers to it, keeps it for long."""
    gc.set_threshold(*USUAL)
    gc.collect()
    # Python looks at the oldest once a quarter as many have come as it found when it last looked.
    first = len(gc.get_objects()) // 4 // RECORDS
    most, flying = 0, list[Case | None]([None] * 16)
    with collecting_in_rounds():
        for number in range(cases):
            flying[number % len(flying)] = Case(flying[number % len(flying)] if number % 7 else None)
            most = max(most, Case.alive)
        flying.clear()
    gc.collect()
    assert Case.alive == 0
    assert most < first + 400


def test_of_two_batches_the_last_to_land_puts_it_back() -> None:
    """The first one to land leaves the other its rounds."""
    gc.set_threshold(*USUAL)
    first, second = ExitStack(), ExitStack()
    first.enter_context(collecting_in_rounds())
    second.enter_context(collecting_in_rounds())
    gc.collect(1)
    first.close()
    assert gc.get_threshold() == ROUNDS
    assert gc.get_freeze_count() > 0
    second.close()
    assert gc.get_threshold() == USUAL
    assert gc.get_freeze_count() == 0


@pytest.mark.parametrize("threshold", [(0, 10, 10), (ROUNDS[0] * 2, 10, 10)])
def test_a_process_that_collects_less_often_is_left_as_it_is(threshold: tuple[int, int, int]) -> None:
    """Neither never nor seldomer is made more often."""
    gc.set_threshold(*threshold)
    with collecting_in_rounds():
        gc.collect(1)
        assert gc.get_threshold() == threshold
        assert gc.get_freeze_count() == 0


def test_what_a_process_has_set_aside_itself_stays_aside() -> None:
    """It had its reason; a batch does not undo it."""
    gc.set_threshold(*USUAL)
    gc.freeze()
    with collecting_in_rounds():
        gc.collect(1)
        assert gc.get_threshold() == ROUNDS
    assert gc.get_freeze_count() > 0
    gc.unfreeze()


def _break_down() -> None:
    gc.collect(1)
    raise RuntimeError


def test_a_batch_that_breaks_down_puts_it_back() -> None:
    """What the process had set does not depend on how the batch ends."""
    gc.set_threshold(*USUAL)
    with pytest.raises(RuntimeError), collecting_in_rounds():
        _break_down()
    assert gc.get_threshold() == USUAL
    assert gc.get_freeze_count() == 0
