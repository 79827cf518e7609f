"""Spans: a run, its steps, model calls, tool calls, hand-overs and gates, as OpenTelemetry sees them."""

from __future__ import annotations

from collections import defaultdict
from hashlib import sha256
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, NamedTuple

from analytics.exports.windows import rows

if TYPE_CHECKING:
    from datetime import datetime

    from duckdb import DuckDBPyConnection

RUNS = """
SELECT
    run_id, mission, started_at, ended_at, status, outcome, success, reason_code, environment, tenant, lane,
    cost_micros, currency, price_basis
FROM runs
WHERE started_at IS NOT NULL AND ended_at >= $since AND ended_at < $until
ORDER BY ended_at, run_id
"""

_OF_RUNS = "WHERE run_id IN (SELECT unnest($runs))"

_STEPS = f"""
SELECT run_id, key, occurrence, step, agent, outcome, reason_code, started_at, ended_at
FROM steps {_OF_RUNS} ORDER BY run_id, key, occurrence
"""  # noqa: S608 - our own text

_MODELS = f"""
SELECT
    run_id, key, occurrence, step_key, agent_id, agent_version, provider, requested_model, returned_model, response_id,
    finish_reason, outcome, reason_code, input_tokens, output_tokens, cache_read_tokens, cache_write_tokens,
    cost_micros, currency, price_basis, started_at, ended_at
FROM model_calls {_OF_RUNS} ORDER BY run_id, key, occurrence
"""  # noqa: S608 - our own text

_TOOLS = f"""
SELECT
    run_id, key, occurrence, step_key, agent_id, tool, system, effect, outcome, reason_code, started_at, ended_at
FROM tool_calls {_OF_RUNS} ORDER BY run_id, key, occurrence
"""  # noqa: S608 - our own text

_HANDOVERS = f"""
SELECT run_id, key, occurrence, step_key, delegator, specialist, work, outcome, reason_code, started_at, ended_at
FROM delegations {_OF_RUNS} ORDER BY run_id, key, occurrence
"""  # noqa: S608 - our own text

_GATES = f"""
SELECT run_id, gate AS key, 1 AS occurrence, step_key, action, role, state, answer, opened_at AS started_at,
    answered_at AS ended_at, NULL AS reason_code
FROM gates {_OF_RUNS} ORDER BY run_id, gate
"""  # noqa: S608 - our own text

INTERNAL, CLIENT = 1, 3
"""Kinds of spans, by OTLP's numbers."""

Value = str | int | bool | list[str]


class Span(NamedTuple):
    """One span, complete."""

    run_id: str
    id: bytes
    parent: bytes
    name: str
    kind: int
    begun: datetime
    ended: datetime
    attributes: dict[str, Value]
    error: str | None
    """The failure class, where it ended in one."""
    resource: tuple[str, str]
    """Tenant and environment."""


def trace_id(run_id: str) -> bytes:
    """Return the trace of a run, as its evidence names it in ``traceparent``."""
    return bytes.fromhex(sha256(run_id.encode()).hexdigest()[:32])


def root_id(run_id: str) -> bytes:
    """Return the span of the run itself, as its evidence names it in ``traceparent``."""
    return bytes.fromhex(sha256(run_id.encode()).hexdigest()[32:48])


def span_id(run_id: str, kind: str, key: str, occurrence: int) -> bytes:
    """Return the span of an operation; the same whenever it is asked for."""
    return sha256("\x1f".join((run_id, kind, key, str(occurrence))).encode()).digest()[:8]


def spans_of(con: DuckDBPyConnection, runs: list[dict[str, Any]]) -> list[Span]:
    """Return every span of some runs, each run's own first."""
    given = {"runs": [run["run_id"] for run in runs]}
    found: dict[str, list[Span]] = defaultdict(list)
    whole = {run["run_id"]: run for run in runs}
    steps: dict[str, set[str]] = defaultdict(set)
    for row in rows(con, _STEPS, given):
        steps[row["run_id"]].add(row["key"])
    for run in runs:
        found[run["run_id"]].append(_root(run))
    for sql, shape in ((_STEPS, _step), (_MODELS, _model), (_TOOLS, _tool), (_HANDOVERS, _handover), (_GATES, _gate)):
        for row in rows(con, sql, given):
            run = whole[row["run_id"]]
            kind, name, span_kind, attributes = shape(row)
            begun = row["started_at"] or row["ended_at"] or run["started_at"]
            parent = row["step_key"] if "step_key" in row else _above(row["key"], steps[row["run_id"]])
            is_known = parent in steps[row["run_id"]]
            found[row["run_id"]].append(
                Span(
                    run_id=row["run_id"],
                    id=span_id(row["run_id"], kind, row["key"], row["occurrence"]),
                    parent=span_id(row["run_id"], "step", parent, 1) if is_known else root_id(row["run_id"]),
                    name=name,
                    kind=span_kind,
                    begun=begun,
                    # What was left open ended with its run, at the latest.
                    ended=max(begun, row["ended_at"] or run["ended_at"]),
                    attributes=_known(attributes),
                    error=_error(row),
                    resource=(run["tenant"] or "default", run["environment"] or "dev"),
                )
            )
    return [span for run in runs for span in found[run["run_id"]]]


def _above(key: str, steps: set[str]) -> str:
    """Return the step that a step happened in; empty, where that is the run itself."""
    above = key.rpartition("/")[0]
    while above and above not in steps:
        above = above.rpartition("/")[0]
    return above


def _error(row: dict[str, Any]) -> str | None:
    is_bad = row.get("outcome") in {"failed", "refused", "in_doubt"} or row.get("status") in {"failed", "aborted"}
    return str(row["reason_code"] or "_OTHER") if is_bad else None


def _known(attributes: dict[str, Value | None]) -> dict[str, Value]:
    return {name: value for name, value in attributes.items() if value is not None}


def _root(run: dict[str, Any]) -> Span:
    attributes: dict[str, Value | None] = {
        "gen_ai.operation.name": "invoke_workflow",
        "gen_ai.agent.name": run["mission"],
        "gonogo.run.id": run["run_id"],
        "gonogo.run.status": run["status"],
        "gonogo.run.outcome": run["outcome"],
        "gonogo.run.success": run["success"],
        "gonogo.run.lane": run["lane"],
        **_money(run),
    }
    return Span(
        run["run_id"], root_id(run["run_id"]), b"", f"invoke_workflow {run['mission']}", INTERNAL,
        run["started_at"], max(run["started_at"], run["ended_at"]), _known(attributes), _error(run),
        (run["tenant"] or "default", run["environment"] or "dev"),
    )  # fmt: skip


def _money(row: dict[str, Any]) -> dict[str, Value | None]:
    return {
        "gonogo.cost.micros": row["cost_micros"],
        "gonogo.cost.currency": row["currency"],
        "gonogo.cost.basis": row["price_basis"],
    }


Shaped = tuple[str, str, int, dict[str, Value | None]]


def _step(row: dict[str, Any]) -> Shaped:
    told = {"gonogo.step.name": row["step"], "gen_ai.agent.name": row["agent"], "gonogo.step.outcome": row["outcome"]}
    return "step", f"step {row['step']}", INTERNAL, told


def _model(row: dict[str, Any]) -> Shaped:
    model = row["requested_model"] or row["returned_model"] or "unknown"
    told: dict[str, Value | None] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": row["provider"] or "unknown",
        "gen_ai.request.model": row["requested_model"],
        "gen_ai.response.model": row["returned_model"],
        "gen_ai.response.id": row["response_id"],
        "gen_ai.response.finish_reasons": None if row["finish_reason"] is None else [row["finish_reason"]],
        "gen_ai.usage.input_tokens": row["input_tokens"],
        "gen_ai.usage.output_tokens": row["output_tokens"],
        "gen_ai.usage.cache_read.input_tokens": row["cache_read_tokens"],
        "gen_ai.usage.cache_creation.input_tokens": row["cache_write_tokens"],
        "gen_ai.agent.name": row["agent_id"],
        "gen_ai.agent.version": row["agent_version"],
        **_money(row),
    }
    return "model", f"chat {model}", CLIENT, told


def _tool(row: dict[str, Any]) -> Shaped:
    told: dict[str, Value | None] = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": row["tool"],
        "gen_ai.tool.type": "function",
        "gen_ai.tool.call.id": span_id(row["run_id"], "tool", row["key"], row["occurrence"]).hex(),
        "gen_ai.agent.name": row["agent_id"],
        "gonogo.tool.system": row["system"],
        "gonogo.tool.effect": row["effect"],
        "gonogo.tool.outcome": row["outcome"],
    }
    return "tool", f"execute_tool {row['tool']}", INTERNAL, told


def _handover(row: dict[str, Any]) -> Shaped:
    told: dict[str, Value | None] = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": row["specialist"],
        "gonogo.delegation.by": row["delegator"],
        "gonogo.delegation.work": row["work"],
    }
    return "handover", f"invoke_agent {row['specialist']}", INTERNAL, told


def _gate(row: dict[str, Any]) -> Shaped:
    told: dict[str, Value | None] = {
        "gonogo.gate.action": row["action"],
        "gonogo.gate.role": row["role"],
        "gonogo.gate.state": row["state"],
        "gonogo.gate.answer": row["answer"],
    }
    return "gate", f"gate {row['role']}", INTERNAL, told


def request_of(spans: list[Span]) -> bytes:
    """Return the OTLP request that carries some spans, as protobuf."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    request = ExportTraceServiceRequest()
    by_resource: dict[tuple[str, str], list[Span]] = defaultdict(list)
    for span in spans:
        by_resource[span.resource].append(span)
    for (tenant, environment), group in by_resource.items():
        told = request.resource_spans.add()
        names = {
            "service.name": "gonogo", "service.namespace": tenant, "deployment.environment.name": environment,
        }  # fmt: skip
        for name, value in names.items():
            _set(told.resource.attributes.add(), name, value)
        scope = told.scope_spans.add()
        scope.scope.name, scope.scope.version = "gonogo", version("gonogo")
        for span in group:
            _fill(scope.spans.add(), span)
    return request.SerializeToString()


def _fill(made: Any, span: Span) -> None:
    made.trace_id, made.span_id, made.parent_span_id = trace_id(span.run_id), span.id, span.parent
    made.name, made.kind = span.name, span.kind
    made.start_time_unix_nano, made.end_time_unix_nano = _nanoseconds(span.begun), _nanoseconds(span.ended)
    for name, value in span.attributes.items():
        _set(made.attributes.add(), name, value)
    if span.error is not None:
        _set(made.attributes.add(), "error.type", span.error)
        made.status.code = 2


def _set(pair: Any, name: str, value: Value) -> None:
    pair.key = name
    match value:
        case bool():
            pair.value.bool_value = value
        case int():
            pair.value.int_value = value
        case str():
            pair.value.string_value = value
        case _:
            for each in value:
                pair.value.array_value.values.add().string_value = each


def _nanoseconds(moment: datetime) -> int:
    """Return a moment as OTLP counts it, exactly: floats would lose the last digits."""
    return (int(moment.timestamp()) * 1_000_000 + moment.microsecond) * 1_000
