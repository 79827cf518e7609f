"""The look before Great Expectations: it clears only what would pass, and the report is the same."""

# duckdb and pyarrow are typed in part only.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false

from __future__ import annotations

from typing import Any

import duckdb
import orjson
import pyarrow as pa
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from analytics import quality
from analytics.quality import DELTA_SUITE, RUNS_SUITE, Expected, Report, validate
from analytics.screening import check

COLUMNS = {one.column: one for one in (*DELTA_SUITE, *RUNS_SUITE)}
TEXTS = st.sampled_from(["dev", "done", "go", "a" * 64, "A" * 64, "a" * 64 + "\n", "list", "'", "é", ""])
NUMBERS = st.sampled_from([0, 0, 1, -1, 2_000, 2_001, 900_000, 900_001, -(2**53)])


def values_of(one: Expected) -> st.SearchStrategy[Any]:
    """Return what a column may hold; most often it is good, so that the look clears some and not others."""
    match one.terms:
        case {"value_set": [*words]}:
            odd = NUMBERS if isinstance(words[0], int) else TEXTS
            return st.sampled_from([*words, None]) | odd
        case {"min_value": _} | {"max_value": _}:
            return st.none() | NUMBERS
        case _:
            return TEXTS | st.none()


def table_of(rows: list[dict[str, Any]]) -> pa.Table:
    """Return rows as a table with the columns of both suites."""
    told = {
        name: pa.array(
            [row[name] for row in rows],
            "int64" if one.kind == "ToBeBetween" or one.terms.get("value_set") == [0] else "string",
        )
        for name, one in COLUMNS.items()
    }
    return pa.table({"row": pa.array(range(len(rows)), "int64"), **told})


# Judging takes a while, so there are few examples, of several rows and all expectations, and none is made smaller.
@settings(max_examples=6, deadline=None, phases=[Phase.generate])
@given(
    rows=st.lists(
        st.fixed_dictionaries({name: values_of(one) for name, one in COLUMNS.items()}), min_size=1, max_size=4
    )
)
def test_the_look_and_the_judge_give_the_same_report(rows: list[dict[str, Any]]) -> None:
    """Same checks, same counts, same rows kept out, for the same reasons."""
    suite = (*DELTA_SUITE, *RUNS_SUITE)
    with duckdb.connect() as con:
        con.register("told", table_of(rows))
        looked = check(con, "s", suite, "SELECT * FROM told")
        judged = validate("s", suite, con.sql("SELECT * FROM told ORDER BY row").df())
    assert looked == judged


def test_what_is_plainly_good_needs_no_judge(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even the package is loaded."""
    good = {"environment": "dev", "prev_digest": "a" * 64, "missing": 0, "id": "1"}
    monkeypatch.setattr(quality, "_bench", lambda: pytest.fail("it was asked"))
    with duckdb.connect() as con:
        con.register("told", table_of([dict.fromkeys(COLUMNS) | good]))
        report = check(con, "s", DELTA_SUITE, "SELECT * FROM told")
    assert {(one.status, one.checked) for one in report.checks} == {("passed", 1)}
    assert len(report.checks) == len(DELTA_SUITE)


@pytest.mark.parametrize(
    "odd",
    [
        Expected("a column that is not there", "moon", "critical", "ToBeInSet", {"value_set": ["full"]}),
        Expected("terms of another type", "missing", "critical", "ToBeInSet", {"value_set": ["0"]}),
        Expected("terms the look does not know", "missing", "critical", "ToBeInSet", {"value_set": [0], "mostly": 1.0}),
        Expected("another pattern", "id", "critical", "ToMatchRegex", {"regex": "^.$"}),
        Expected("limits of another type", "missing", "critical", "ToBeBetween", {"max_value": 0.5}),
        Expected("limits the look does not know", "missing", "critical", "ToBeBetween", {"strict_max": True}),
        Expected("another kind", "id", "critical", "ToNotBeNull", {}),
    ],
    ids=lambda one: one.words,
)
def test_what_the_look_cannot_put_is_left_to_the_judge(odd: Expected, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing passes because nobody knew how to look at it."""
    asked = list[tuple[Expected, ...]]()

    def judge(_: str, expected: tuple[Expected, ...], __: object) -> Report:
        asked.append(expected)
        return Report([quality.Check("s", one, "broke", 1) for one in expected])

    monkeypatch.setattr("analytics.screening.validate", judge)
    with duckdb.connect() as con:
        con.register("told", table_of([dict.fromkeys(COLUMNS) | {"id": "1", "missing": 0}]))
        report = check(con, "s", (COLUMNS["missing"], odd), "SELECT * FROM told")
    assert asked == [(odd,)]
    assert [one.status for one in report.checks] == ["passed", "broke"]


AMOUNTS = (
    "cost_micros", "reserved_micros", "latency_us", "latency_ms", "input_tokens", "output_tokens",
    "cache_read_tokens", "cache_write_tokens", "waited_ms",
)  # fmt: skip
EVERY_AMOUNT = f"""
SELECT list_min(list_transform(
    json_extract_string(data, {[*(f"$.{name}" for name in AMOUNTS), "$.totals.cost_micros"]}),
    lambda amount: try_cast(amount AS BIGINT)
)) FROM (SELECT $data AS data)
"""
AMOUNT: st.SearchStrategy[Any] = (
    st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.sampled_from("-+ \t\n\v\f\r\u00a00123456789.e_x"), max_size=6)
    | st.lists(st.integers(-3, 3), max_size=2)
    | st.none()
    | st.booleans()
)


@settings(max_examples=300, deadline=None)
@given(
    told=st.dictionaries(st.sampled_from(AMOUNTS), AMOUNT, max_size=3),
    totals=st.none() | st.fixed_dictionaries({"cost_micros": AMOUNT}),
)
def test_every_amount_below_zero_is_found(told: dict[str, Any], totals: dict[str, Any] | None) -> None:
    """Whatever is written in a body: the look that is spared where nothing begins with a minus misses none."""
    body = orjson.dumps({**told, "totals": totals}).decode()
    frame = quality.DELTA_FRAME[quality.DELTA_FRAME.index("CASE WHEN regexp_matches") :]
    case = frame[: frame.index(" AS least_amount")]
    with duckdb.connect() as con:
        (least,) = con.execute(EVERY_AMOUNT, {"data": body}).fetchall()[0]
        (found,) = con.execute(f"SELECT {case} FROM (SELECT $data AS data)", {"data": body}).fetchall()[0]
    assert (found is not None and found < 0) == (least is not None and least < 0)
