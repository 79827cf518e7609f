"""Routes: closed words, asked once, looked up for ever."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast

import pytest
from pydantic import BaseModel

from gonogo import Outcome, mission, route
from gonogo.errors import MissionMisdefined
from tests.gonogo.toy.errands import run

if TYPE_CHECKING:
    from pathlib import Path

MOOD = ["up"]
ASKED: list[int] = []


class Case(BaseModel):
    """A number."""

    number: int


class Gone(Outcome):
    """Which way."""

    outcome: Literal["up", "down"]
    successes = frozenset({"up"})


@route
def way(number: int) -> Literal["up", "down"]:
    """Go by mood; a real route is pure, this one betrays whether it was asked."""
    ASKED.append(number)
    return cast("Any", MOOD[-1])


@mission(owner="counter", scope=["bank"])
async def going(case: Case) -> Gone:
    """Go one way."""
    return Gone(outcome=way(case.number))


@pytest.fixture(autouse=True)
def _fresh() -> None:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    MOOD[:] = ["up"]
    ASKED.clear()


async def test_a_choice_is_recorded_with_what_else_there_was() -> None:
    """Reports count the ways not taken, too."""
    went = await run(Case(number=1), flying=going)
    (record,) = went.told("route_record")
    assert (record["route"], record["choice"], record["alternatives"]) == ("way", "up", ["up", "down"])


async def test_a_choice_is_not_made_again(tmp_path: Path) -> None:
    """A rule that changed while the run slept does not move it to the other way."""
    went = await run(Case(number=1), flying=going, home=tmp_path, run_id="r1")
    path = tmp_path / "journals" / "flights" / "r1.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:-1]))
    MOOD[:] = ["down"]
    again = await run(None, flying=going, home=tmp_path, run_id="r1")
    assert (went.outcome, again.outcome) == ("up", "up")
    assert ASKED == [1]


async def test_a_word_outside_the_vocabulary_is_refused() -> None:
    """No way is recorded that the mission does not know."""
    MOOD[:] = ["sideways"]
    went = await run(Case(number=1), flying=going)
    assert went.landing.error == "The route way chose 'sideways', which is not among up, down."
    assert went.told("route_record") == []


def test_outside_a_mission_a_route_is_the_plain_function() -> None:
    """The law's terms are tested by themselves."""
    assert way(7) == "up"
    assert ASKED == [7]


def test_a_route_has_closed_words() -> None:
    """An open string is refused when it is defined."""

    def anywhere(number: int) -> str:
        return str(number)

    with pytest.raises(MissionMisdefined, match="The route anywhere must be a plain function that returns a Literal"):
        route(anywhere)


def test_a_route_is_not_async() -> None:
    """It thinks, it does not wait."""

    async def slowly(number: int) -> Literal["up"]:
        del number
        return "up"

    with pytest.raises(MissionMisdefined, match="The route slowly must be a plain function"):
        route(slowly)
