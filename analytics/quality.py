"""What every load is checked for, as Great Expectations suites in code.

A critical expectation keeps the records that fail it out of the warehouse, in quarantine; a warning
lets them in and is counted. An expectation that could not be evaluated has *broken*: that says
something about the check and nothing about the data, so nothing is quarantined for it, and it is
never reported as passed.

A load is looked at in SQL first (``analytics.screening``); the package judges what that look cannot
clear. It takes seconds to import, so it is imported by the first load with something to judge. It is
kept from calling home.
"""

# great_expectations and pandas are typed in part only.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import os
import threading
import warnings
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from gonogo.model import Answer, Effect, Environment, RunStatus, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    import pandas as pd

Severity = Literal["critical", "warning"]
"""critical: failing records are quarantined. warning: they land, and are counted."""

Status = Literal["passed", "failed", "broke"]
"""failed: the data are bad. broke: the check itself could not run."""

SHOWN_MAX = 3
"""How many of the failing values a result names."""

CLOCK_TOLERANCE_MS = 2_000
"""How far ahead of its recording something may claim to have happened."""

FUTURE_TOLERANCE_MS = 15 * 60 * 1_000
"""How far ahead of the loader's clock a recorder's clock may be."""

_one_at_a_time = threading.Lock()


class Expected(NamedTuple):
    """One expectation: what is expected of a column, in words and as Great Expectations says it."""

    words: str
    column: str
    severity: Severity
    kind: str
    terms: dict[str, Any]


def _one_of(words: str, column: str, vocabulary: object) -> Expected:
    return Expected(words, column, "critical", "ToBeInSet", {"value_set": sorted(get_args(vocabulary))})


DELTA_SUITE = (
    _one_of("the environment is dev, test or prod", "environment", Environment),
    _one_of("a run ends in one of the final states", "status", RunStatus),
    _one_of(
        "an operation ends done, failed, refused, proposed or in doubt",
        "outcome",
        Literal["done", "failed", "refused", "proposed", "in_doubt"],
    ),
    _one_of("policy rules allow, deny or gate", "verdict", Verdict),
    _one_of("a gate is answered go, no_go or revise", "answer", Answer),
    _one_of("a tool reads, writes or acts irreversibly", "effect", Effect),
    _one_of("a price is listed, declared or notional", "price_basis", Literal["list", "declared", "notional"]),
    Expected(
        "money, tokens and durations are not negative", "least_amount", "critical", "ToBeBetween", {"min_value": 0}
    ),
    Expected(
        "nothing is recorded before it happened",
        "ahead_ms",
        "critical",
        "ToBeBetween",
        {"max_value": CLOCK_TOLERANCE_MS},
    ),
    Expected(
        "digests are SHA-256 in hexadecimal", "prev_digest", "critical", "ToMatchRegex", {"regex": "^[0-9a-f]{64}$"}
    ),
    Expected(
        "recorders' clocks are not ahead of ours",
        "future_ms",
        "warning",
        "ToBeBetween",
        {"max_value": FUTURE_TOLERANCE_MS},
    ),
    Expected("every promised field is there", "missing", "warning", "ToBeInSet", {"value_set": [0]}),
    Expected("a record's id is its own", "id", "warning", "ToBeUnique", {}),
)
"""What is expected of each delta, record by record, before it lands."""

DELTA_FRAME = """
SELECT
    row,
    id,
    environment,
    CASE WHEN artifact = 'run_record' AND phase = 'result' THEN data ->> 'status' END AS status,
    CASE WHEN artifact IN ('step_record', 'model_call', 'tool_call') AND phase = 'result' THEN data ->> 'outcome' END
        AS outcome,
    CASE WHEN artifact = 'policy_decision' THEN data ->> 'verdict' END AS verdict,
    CASE WHEN artifact = 'approval_record' THEN data ->> 'answer' END AS answer,
    CASE WHEN artifact = 'tool_call' THEN data ->> 'effect' END AS effect,
    CASE WHEN artifact = 'model_call' AND phase = 'result' THEN data ->> 'price_basis' END AS price_basis,
    -- Bodies are compact: where no value begins like something below zero, none of these is, and none is looked for.
    CASE WHEN regexp_matches(data, ':(-|"[-\\s\\\\])') THEN
        list_min(list_transform(
            json_extract_string(data, [
                '$.cost_micros', '$.reserved_micros', '$.latency_us', '$.latency_ms', '$.input_tokens',
                '$.output_tokens', '$.cache_read_tokens', '$.cache_write_tokens', '$.waited_ms', '$.totals.cost_micros'
            ]),
            lambda amount: try_cast(amount AS BIGINT)
        ))
    END AS least_amount,
    -- Outside events bear the time their source gave them, and its clock is not ours to judge.
    CASE WHEN artifact <> 'event_record'
        THEN date_diff('millisecond', recorded_time::TIMESTAMPTZ, time::TIMESTAMPTZ) END AS ahead_ms,
    prev_digest,
    date_diff('millisecond', now(), recorded_time::TIMESTAMPTZ) AS future_ms,
    missing
FROM delta
"""
"""The columns the delta suite looks at, from the relation ``delta``."""

RUNS_SUITE = (
    Expected("streams are whole", "chain_faults", "warning", "ToBeInSet", {"value_set": [0]}),
    Expected(
        "a run's total is the sum of its model calls", "cost_gap_micros", "warning", "ToBeInSet", {"value_set": [0]}
    ),
    Expected("a run that has records has a beginning", "unbegun", "warning", "ToBeInSet", {"value_set": [0]}),
)
"""What is expected of the runs a load touched, after it landed."""

RUNS_FRAME = """
SELECT
    row_number() OVER (ORDER BY run_id) - 1 AS row,
    run_id,
    (SELECT count(*) FROM chain_faults WHERE chain_faults.run_id = runs.run_id) AS chain_faults,
    total_cost_micros - cost_micros AS cost_gap_micros,
    (started_at IS NULL)::INTEGER AS unbegun
FROM runs
WHERE run_id IN (SELECT run_id FROM touched)
"""
"""The columns the runs suite looks at, for the runs in the relation ``touched``."""


@dataclass(frozen=True, slots=True)
class Check:
    """What came of one expectation."""

    suite: str
    expected: Expected
    status: Status
    checked: int
    unexpected: int = 0
    detail: str | None = None

    def row(self, load_id: str, now: datetime) -> dict[str, Any]:
        """Return the check as a row of ``dq_results``."""
        return {
            "load_id": load_id,
            "suite": self.suite,
            "expectation": self.expected.words,
            "field": self.expected.column or None,
            "severity": self.expected.severity,
            "status": self.status,
            "checked": self.checked,
            "unexpected": self.unexpected,
            "detail": self.detail,
            "checked_at": now,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a suite."""

    checks: list[Check] = field(default_factory=list[Check])
    bad_rows: dict[int, str] = field(default_factory=dict[int, str])
    """Rows that failed a critical expectation, each with the first one in words."""

    @property
    def failures(self) -> int:
        """How many checks failed or broke."""
        return sum(check.status != "passed" for check in self.checks)


def validate(suite: str, expected: tuple[Expected, ...], frame: pd.DataFrame) -> Report:
    """Check a frame whose column ``row`` names its rows.

    Never raises for what the data or the checks do: a check that cannot run is reported as broken.
    """
    report = Report()
    try:
        with _one_at_a_time:
            results = _bench().run(suite, expected, frame)
    except Exception as error:  # noqa: BLE001 - whatever breaks the checker must not pass for a verdict on the data
        detail = _first_line(f"{type(error).__name__}: {error}")
        report.checks.extend(Check(suite, one, "broke", len(frame), 0, detail) for one in expected)
        return report
    for one, result in zip(expected, results, strict=True):
        report.checks.append(_read(suite, one, result, len(frame), report.bad_rows))
    return report


def _read(suite: str, one: Expected, result: dict[str, Any], rows: int, bad_rows: dict[int, str]) -> Check:
    """Turn a result of Great Expectations into ours, and note the rows a critical one rejects."""
    found = result["result"]
    if result["success"]:
        return Check(suite, one, "passed", rows)
    if "unexpected_index_list" not in found:
        return Check(suite, one, "broke", rows, 0, _why_broken(result["exception_info"]))
    failing: list[dict[str, Any]] = found["unexpected_index_list"]
    for place in failing:
        if one.severity == "critical":
            said = f"{one.words}; {one.column} is {_short(place[one.column])}"
            bad_rows.setdefault(int(place["row"]), said)
    shown = ", ".join(_short(place[one.column]) for place in failing[:SHOWN_MAX])
    return Check(suite, one, "failed", rows, len(failing), f"{one.column} is {shown}")


def _why_broken(info: dict[str, Any]) -> str:
    """Return the message of the exception that broke a check."""
    for value in (info, *info.values()):
        if isinstance(value, dict) and value.get("exception_message"):
            return _first_line(str(value["exception_message"]))
    return "the check could not be evaluated"


def _short(value: object) -> str:
    return repr(value)[:100]


def _first_line(text: str) -> str:
    return text.strip().splitlines()[0][:500] if text.strip() else "no reason given"


class _Bench:
    """Great Expectations, imported and set up once in a process."""

    def __init__(self) -> None:
        os.environ["GX_ANALYTICS_ENABLED"] = "false"
        with warnings.catch_warnings():
            # It imports modules of the standard library that are deprecated; nothing for our users to act on.
            warnings.simplefilter("ignore", DeprecationWarning)
            import great_expectations as gx
            from great_expectations import expectations
            from great_expectations.data_context.types.base import ProgressBarsConfig
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        asset = context.data_sources.add_pandas("delta").add_dataframe_asset("delta")
        self._definition = asset.add_batch_definition_whole_dataframe("delta")
        self._suite: Callable[..., Any] = gx.ExpectationSuite
        self._expectations: Any = expectations

    def run(self, suite: str, expected: tuple[Expected, ...], frame: pd.DataFrame) -> list[dict[str, Any]]:
        """Return one result an expectation, in their order."""
        made = [
            getattr(self._expectations, f"ExpectColumnValues{one.kind}")(
                column=one.column, severity=one.severity, meta={"place": place, "says": one.words}, **one.terms
            )
            for place, one in enumerate(expected)
        ]
        validated = self._definition.get_batch({"dataframe": frame}).validate(
            self._suite(name=suite, expectations=made),
            result_format={"result_format": "COMPLETE", "unexpected_index_column_names": ["row"]},
        )
        results: list[dict[str, Any]] = validated.to_json_dict()["results"]
        return sorted(results, key=lambda result: result["expectation_config"]["meta"]["place"])


@cache
def _bench() -> _Bench:
    return _Bench()
