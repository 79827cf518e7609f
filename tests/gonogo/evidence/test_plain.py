"""Plain JSON: of any value, and the same in every process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field
from pydantic_core import to_jsonable_python

from gonogo.evidence.plain import plain


class Colour(Enum):
    """A word."""

    RED = "red"


class Inner(BaseModel):
    """Something with a set in it."""

    marks: frozenset[str] = frozenset()
    sums: dict[str, set[int]] = {}


class Outer(BaseModel):
    """Something that holds such things in every way, one of them under another name."""

    many: list[Inner] = []
    one: Inner | None = Field(default=None, alias="theOne")
    pair: tuple[set[str], int] = (set(), 0)
    groups: set[frozenset[str]] = set()


@dataclass
class Note:
    """A dataclass with a set."""

    words: set[str]


WORDS = ["delta", "alpha", "echo", "bravo", "charlie"]


def test_sets_come_out_sorted_wherever_they_are() -> None:
    """In models, under aliases, in lists, dictionaries, tuples, dataclasses and other sets."""
    inner = Inner(marks=frozenset(WORDS), sums={"x": {3, 1, 2}})
    outer = Outer(many=[inner], theOne=inner, pair=({"b", "a"}, 1), groups={frozenset(WORDS), frozenset("a")})
    shown: dict[str, Any] = {"marks": sorted(WORDS), "sums": {"x": [1, 2, 3]}}
    assert plain({"it": outer, "note": Note(set(WORDS))}) == {
        "it": {"many": [shown], "theOne": shown, "pair": [["a", "b"], 1], "groups": [["a"], sorted(WORDS)]},
        "note": {"words": sorted(WORDS)},
    }


@pytest.mark.parametrize(
    "value",
    [
        Decimal("1.50"), Colour.RED, datetime(2026, 3, 1, tzinfo=UTC), b"raw", None, 1.5, float("inf"), "\ud7ff", 2**70,
        [Inner(), {"a": (1, 2)}], {1: "one"}, Outer(), {"when": datetime(2026, 3, 1, tzinfo=UTC)},
    ],
)  # fmt: skip
def test_what_holds_no_set_comes_out_as_pydantic_shows_it(value: object) -> None:
    """Nothing else is changed."""
    assert plain(value) == to_jsonable_python(value)


scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(st.characters(codec="utf-8"), max_size=5)
values = st.recursive(
    scalars | st.frozensets(st.text(st.characters(codec="utf-8"), max_size=3), max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=3), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(values)
def test_plain_values_are_json_and_stay_as_they_are(value: Any) -> None:
    """Plain of plain is plain."""
    once = plain(value)
    assert json.loads(json.dumps(once)) == once
    assert plain(once) == once
