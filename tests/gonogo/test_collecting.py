"""How often garbage is looked for while a batch flies."""

from __future__ import annotations

import gc
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from gonogo.lanes.collecting import YOUNG_OBJECTS, collecting_seldom

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    """Leave the process as it was."""
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


def test_the_youngest_objects_are_looked_at_seldom_while_a_batch_flies() -> None:
    """Afterwards it is as it was before."""
    gc.set_threshold(700, 10, 10)
    with collecting_seldom():
        assert gc.get_threshold() == (YOUNG_OBJECTS, 10, 10)
    assert gc.get_threshold() == (700, 10, 10)


def test_of_two_batches_the_last_to_land_puts_it_back() -> None:
    """The first one to land leaves the other its rounds."""
    gc.set_threshold(700, 10, 10)
    first, second = ExitStack(), ExitStack()
    first.enter_context(collecting_seldom())
    second.enter_context(collecting_seldom())
    first.close()
    assert gc.get_threshold() == (YOUNG_OBJECTS, 10, 10)
    second.close()
    assert gc.get_threshold() == (700, 10, 10)


@pytest.mark.parametrize("threshold", [(0, 10, 10), (YOUNG_OBJECTS * 2, 10, 10)])
def test_a_process_that_collects_less_often_is_left_as_it_is(threshold: tuple[int, int, int]) -> None:
    """Neither never nor seldomer is made more often."""
    gc.set_threshold(*threshold)
    with collecting_seldom():
        assert gc.get_threshold() == threshold


def test_a_batch_that_breaks_down_puts_it_back() -> None:
    """What the process had set does not depend on how the batch ends."""
    gc.set_threshold(700, 10, 10)
    with pytest.raises(RuntimeError), collecting_seldom():
        raise RuntimeError
    assert gc.get_threshold() == (700, 10, 10)
