"""A sample of the matrix in the mission lane: killed under a real Prefect server, every mission flies on there."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

import pytest

from tests.crash.matrix import Column, Judge, Nursery, every, prefect_beside
from tests.crash.stories import STORIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.crash.lives import LaneName
    from tests.crash.matrix import Kills

pytestmark = [pytest.mark.server, pytest.mark.slow]

SEED = 20_262
MISSIONS = [name for name in STORIES if not name.startswith("errand")]
IRREVERSIBLE = 5
"""How often an errand calls a tool that changes the world for good; the letter is the last of them."""


@pytest.fixture(scope="module", name="nursery")
def _nursery(request: pytest.FixtureRequest) -> Iterator[Nursery]:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    postgres = request.getfixturevalue("postgres")
    with prefect_beside(None) as url, Nursery(postgres, url) as nursery:
        yield nursery


def judged(nursery: Nursery, column: Column, *kills: Kills) -> Judge:
    """Try these cases, or one that is drawn with the seed and printed, and check that nothing went wrong."""
    judge = Judge(column)
    points = judge.look(nursery, is_checked=False)
    rng = Random(f"{SEED}/{column.name}")  # noqa: S311 - repeatable, no secret
    chosen = kills or rng.sample(every(points, 1, rng), 1)
    print(f"seed {SEED}, {column.name}: {chosen}")  # noqa: T201 - whoever repeats a failure needs it
    for each in chosen:
        judge.kill(nursery, each)
    assert judge.tally.found == []
    assert judge.tally.hit == len(chosen)
    return judge


@pytest.mark.parametrize(
    ("story", "backend"), [(name, "postgres" if n % 2 else "files") for n, name in enumerate(MISSIONS)]
)
def test_a_flow_run_killed_somewhere_goes_on_to_what_it_would_have_come_to(
    nursery: Nursery, story: str, backend: str
) -> None:
    """Put back into flight as a house does it; Prefect calls the end by the same name."""
    judged(nursery, Column(story, "mission", "postgres" if backend == "postgres" else "files", 0))


@pytest.mark.parametrize("lane", ["mission", "form", "direct"])
def test_a_flow_run_killed_while_it_falls_asleep_wakes_all_the_same(nursery: Nursery, lane: LaneName) -> None:
    """Prefect has it asleep and never got its form; nobody could resume it the usual way."""
    judged(nursery, Column("content_review", lane, "files", 0), (("sleep in Prefect, after", 1),))


def test_an_effect_in_doubt_ends_in_an_owned_exception_and_a_gate(nursery: Nursery) -> None:
    """Under Prefect as anywhere."""
    kill = (("irreversible tool, happened", IRREVERSIBLE),)
    tally = judged(nursery, Column("errand", "mission", "files", 0), kill).tally
    assert (tally.doubts, tally.unowned) == (1, 0)
