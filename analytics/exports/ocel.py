"""OCEL 2.0 as JSON: missions as object-centric events, for process mining elsewhere.

An event is of a run, and of the agent, tool, system, model, gate or role that took part; its type is what happened, by
name. Ids follow from the run and the operation, so two exports name the same thing alike. The format is that of
https://www.ocel-standard.org, of 2023.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

import orjson

from analytics.exports.windows import instant, rows, whole_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from duckdb import DuckDBPyConnection

    from analytics.exports.windows import Window

TYPES = {"VARCHAR": "string", "BIGINT": "integer", "BOOLEAN": "boolean"}
"""OCEL's words for the types of our columns."""

_CHOSEN = """
CREATE OR REPLACE TABLE memory.main.chosen AS
SELECT run_id FROM runs WHERE started_at >= $since AND started_at < $until
"""


def _id(kind: str, *parts: str) -> str:
    """Return the SQL of an event's id."""
    return f"left(sha256(concat_ws(chr(31), {', '.join(('run_id', repr(kind), *parts))})), 32)"


def _links(*others: str) -> str:
    """Return the SQL of what an event is about: its run, and whatever of the others is known, as ``kind column``."""
    known = ["[{'objectId': run_id, 'qualifier': 'in'}]"]
    for other in others:
        kind, qualifier, column = other.split(" ", 2)
        known.append(
            f"CASE WHEN {column} IS NULL THEN [] ELSE [{{'objectId': '{kind}:' || {column}, "
            f"'qualifier': '{qualifier}'}}] END"
        )
    return " || ".join(known)


@dataclass(frozen=True, slots=True)
class Source:
    """Where events or objects come from: SQL for id, type, time and links, and attributes by name."""

    id: str
    type: str
    table: str
    time: str
    links: str
    attributes: tuple[str, ...] = ()
    where: str = "TRUE"

    def sql(self) -> str:
        """Return the statement that selects them, in the order of their ids."""
        attributes = "".join(f", {name}" for name in self.attributes)
        return (
            f"SELECT {self.id} AS id, {self.type} AS type, {self.time} AS happened, {self.links} AS links{attributes} "  # noqa: S608 - our own names
            f"FROM {self.table} WHERE {self.where} AND run_id IN (SELECT run_id FROM memory.main.chosen) "
            "AND happened IS NOT NULL ORDER BY happened, id"
        )


_CASE = "case serves left(sha256(nullif(case_ref, '')), 32)"
_TOOLS = "agent by agent_id", "tool uses tool", "system on system"

EVENTS = (
    Source(
        _id("begin"), "'run started'", "runs", "started_at", _links("mission flies mission", _CASE),
        ("lane", "offline"),
    ),
    Source(
        _id("end"), "'run ' || status", "runs", "ended_at", _links("mission flies mission", _CASE),
        ("outcome", "success", "escalated", "reason_code", "cost_micros", "currency"),
    ),
    Source(
        _id("step", "key", "occurrence"), "'step ' || step", "steps", "coalesce(started_at, ended_at)",
        _links("agent by agent"), ("outcome", "reason_code", "latency_us", "cost_micros"), "step IS NOT NULL",
    ),
    Source(
        _id("tool", "key", "occurrence"), "'call ' || tool", "tool_calls", "coalesce(started_at, ended_at)",
        _links(*_TOOLS), ("effect", "outcome", "reason_code", "latency_us"), "tool IS NOT NULL",
    ),
    Source(
        _id("model", "key", "occurrence"), "'ask model'", "model_calls", "coalesce(started_at, ended_at)",
        _links("agent by agent_id", "model asks coalesce(returned_model, requested_model)"),
        ("outcome", "reason_code", "latency_us", "input_tokens", "output_tokens", "cost_micros", "currency"),
    ),
    Source(
        _id("decision", "key"), "'policy ' || verdict", "decisions", "decided_at",
        _links("agent by agent_id"), ("action", "policy_digest"),
    ),
    Source(
        _id("gate", "gate"), "'gate opened'", "gates", "opened_at",
        _links("gate opens gate", "role asks role"), ("action",),
    ),
    Source(
        _id("answer", "gate"), "'gate ' || CASE state WHEN 'expired' THEN 'expired' ELSE answer END", "gates",
        "answered_at", _links("gate answers gate", "role by role"), ("action", "proof", "door", "waited_ms"),
        "answer IS NOT NULL",
    ),
    Source(_id("event", "id"), "'event ' || event", "events", "recorded_at", _links(), ("door", "waited_ms")),
    Source(
        _id("handover", "key", "occurrence"), "'hand over ' || work", "delegations", "coalesce(started_at, ended_at)",
        _links("agent by delegator", "agent to specialist"), ("outcome", "reason_code"), "work IS NOT NULL",
    ),
    Source(
        _id("finding", "id"), "'monitor ' || action", "monitor_findings", "found_at", _links(),
        ("monitor", "unit", "threshold", "observed"),
    ),
    Source(_id("exception", "id"), "'exception raised'", "exceptions", "raised_at", _links(), ("reason_code", "path")),
)  # fmt: skip

_OBJECTS = """
SELECT run_id AS id, 'run' AS type, started_at AS happened,
    [{'objectId': 'mission:' || mission, 'qualifier': 'flies'}]
        || CASE WHEN case_ref IS NULL OR case_ref = '' THEN []
            ELSE [{'objectId': 'case:' || left(sha256(case_ref), 32), 'qualifier': 'serves'}] END AS links,
    mission, owner, environment, lane
FROM runs WHERE run_id IN (SELECT run_id FROM memory.main.chosen)
ORDER BY id
"""

_NAMES = """
SELECT DISTINCT type || ':' || name AS id, type FROM (
    SELECT run_id, 'mission' AS type, mission AS name FROM runs
    UNION ALL SELECT run_id, 'case', left(sha256(nullif(case_ref, '')), 32) FROM runs
    UNION ALL SELECT run_id, 'agent', agent FROM steps
    UNION ALL SELECT run_id, 'agent', agent_id FROM tool_calls
    UNION ALL SELECT run_id, 'agent', agent_id FROM model_calls
    UNION ALL SELECT run_id, 'agent', agent_id FROM decisions
    UNION ALL SELECT run_id, 'agent', delegator FROM delegations
    UNION ALL SELECT run_id, 'agent', specialist FROM delegations
    UNION ALL SELECT run_id, 'tool', tool FROM tool_calls
    UNION ALL SELECT run_id, 'system', system FROM tool_calls
    UNION ALL SELECT run_id, 'model', coalesce(returned_model, requested_model) FROM model_calls
    UNION ALL SELECT run_id, 'gate', gate FROM gates
    UNION ALL SELECT run_id, 'role', role FROM gates
) WHERE name IS NOT NULL AND run_id IN (SELECT run_id FROM memory.main.chosen)
ORDER BY id
"""

_RUN: tuple[str, ...] = ("mission", "owner", "environment", "lane")


def write(con: DuckDBPyConnection, out: str, window: Window) -> dict[str, Any]:
    """Write every run that began in a window, whole, and return how many events and objects that is."""
    con.execute(_CHOSEN, dict(window.bounds()))
    types: dict[str, dict[str, str]] = {}
    kinds: set[str] = {"run"}
    with whole_file(out) as file:
        file.write(b'{"events":[')
        events = _listed(file, _events(con, types))
        file.write(b'],"objects":[')
        objects = _listed(file, _objects(con, kinds))
        told = [{"name": name, "attributes": _declared(types[name])} for name in sorted(types)]
        file.write(b'],"eventTypes":' + orjson.dumps(told))
        of_run = dict.fromkeys(_RUN, "string")
        named = [{"name": kind, "attributes": _declared(of_run if kind == "run" else {})} for kind in sorted(kinds)]
        file.write(b',"objectTypes":' + orjson.dumps(named) + b"}\n")
    return {"version": "2.0", "events": events, "objects": objects}


def _listed(file: IO[bytes], items: Iterator[dict[str, Any]]) -> int:
    count = 0
    for item in items:
        file.write((b",\n" if count else b"\n") + orjson.dumps(item))
        count += 1
    return count


def _declared(attributes: dict[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "type": kind} for name, kind in sorted(attributes.items())]


def _events(con: DuckDBPyConnection, types: dict[str, dict[str, str]]) -> Iterator[dict[str, Any]]:
    for source in EVENTS:
        declared = _types(con, source)
        for row in rows(con, source.sql()):
            types.setdefault(row["type"], {}).update(declared)
            yield {
                "id": row["id"],
                "type": row["type"],
                "time": instant(row["happened"]),
                "attributes": [
                    {"name": name, "value": row[name]} for name in source.attributes if row[name] is not None
                ],
                "relationships": row["links"],
            }


def _types(con: DuckDBPyConnection, source: Source) -> dict[str, str]:
    if not source.attributes:
        return {}
    described = con.execute(f"DESCRIBE SELECT {', '.join(source.attributes)} FROM {source.table}").fetchall()  # noqa: S608 - our own names
    return {str(row[0]): TYPES[str(row[1])] for row in described}


def _objects(con: DuckDBPyConnection, kinds: set[str]) -> Iterator[dict[str, Any]]:
    for row in rows(con, _OBJECTS):
        known = [name for name in _RUN if row[name] is not None]
        attributes = [{"name": name, "time": instant(row["happened"]), "value": row[name]} for name in known]
        yield {"id": row["id"], "type": row["type"], "attributes": attributes, "relationships": row["links"]}
    for row in rows(con, _NAMES):
        kinds.add(row["type"])
        yield {"id": row["id"], "type": row["type"], "attributes": [], "relationships": []}
