"""A sample of the matrix: killed at a few points of each kind, every mission flies on to what it would have come to."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, get_args

import pytest

from tests.crash.matrix import Backend, Column, Judge, Nursery, every, twice
from tests.crash.stories import STORIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.crash.lives import LaneName
    from tests.crash.matrix import Kills

SEED = 20_261
KILLS = 4
"""Cases of each row; ``make crash`` tries them all."""

IRREVERSIBLE = 5
"""How often an errand calls a tool that changes the world for good: four payments and a letter."""

MISSIONS = [name for name, story in STORIES.items() if story.owner == "looks"]


@pytest.fixture(scope="module", name="nursery")
def _nursery(request: pytest.FixtureRequest) -> Iterator[Nursery]:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    with Nursery(request.getfixturevalue("postgres")) as nursery:
        yield nursery


def judged(nursery: Nursery, column: Column, kills: list[Kills] | None = None) -> Judge:
    """Try a few cases of a row, drawn with the seed and printed, and check that nothing went wrong."""
    judge = Judge(column)
    points = judge.look(nursery, is_checked=False)
    rng = Random(f"{SEED}/{column.name}")  # noqa: S311 - repeatable, no secret
    chosen = kills or [*rng.sample(every(points, 1, rng), KILLS - 1), *twice(points, 1, rng)]
    print(f"seed {SEED}, {column.name}: {chosen}")  # noqa: T201 - whoever repeats a failure needs it
    for each in chosen:
        judge.kill(nursery, each)
    assert judge.tally.found == []
    assert judge.tally.tried == len(chosen)
    return judge


@pytest.mark.parametrize("backend", get_args(Backend))
@pytest.mark.parametrize("lane", ["local", "batch"])
@pytest.mark.parametrize("story", MISSIONS)
def test_a_killed_mission_flies_on_to_what_it_would_have_come_to(
    nursery: Nursery, story: str, lane: LaneName, backend: Backend
) -> None:
    """Evidence and systems of record are those of an undisturbed run; what was recorded is not executed again."""
    column = Column(story, lane, backend, 0 if lane == "local" else None)
    assert judged(nursery, column).tally.hit


@pytest.mark.parametrize("story", [name for name in STORIES if name.startswith("errand")])
@pytest.mark.parametrize("backend", get_args(Backend))
def test_an_effect_in_doubt_ends_in_an_owned_exception_and_a_gate(
    nursery: Nursery, story: str, backend: Backend
) -> None:
    """Killed before and after a letter that cannot be posted twice, whatever its owner says to that."""
    column = Column(story, "local", backend, 0)
    points = ("irreversible tool, intent made", "irreversible tool, happened")
    # The letter is the last thing of all.
    tally = judged(nursery, column, [((point, IRREVERSIBLE),) for point in points]).tally
    assert (tally.hit, tally.doubts, tally.unowned) == (2, 2, 0)


def test_a_kill_that_is_not_reached_is_not_counted_as_one(nursery: Nursery) -> None:
    """The measure would otherwise be of nothing."""
    judge = judged(nursery, Column("errand", "local", "files", 0), [(("no such point", 1),)])
    assert (judge.tally.tried, judge.tally.hit) == (1, 0)
