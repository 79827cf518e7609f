"""Receipts: a number with everything that is needed to compute it again, and to tell whether somebody touched it.

A receipt carries the SQL, the snapshot it was computed on (the identity of the evidence, and the root
and size of the signed log where there is one), the assumptions in force with their digest, and the
values. It is computed when it is asked for, on the published mart, and says where the mart's own
table ``kpis`` disagrees with it. Whoever holds the evidence can recompute it without trusting us.
"""

# duckdb types its results in part only.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from dataclasses import asdict
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Literal, TypedDict

import orjson

from analytics import kpis
from analytics.errors import ReceiptBroken
from analytics.formulas import FORMULAS, Formula
from analytics.marts import open_mart
from analytics.stores import scalar

if TYPE_CHECKING:
    from pathlib import Path

    from duckdb import DuckDBPyConnection

FORMAT = "gonogo-receipt/1"

_VALUES = ("mission", "business_unit", "segment", "value", "unit", "numerator", "denominator", "reason", "basis")
"""What a receipt says of each value."""

_STORED = """
SELECT mission, segment, value FROM kpis WHERE id = $id
"""

_IS_CURRENT = """
SELECT count(*) = 1
FROM computations
JOIN snapshot
    ON computations.evidence_digest = snapshot.evidence_digest
    AND computations.assumptions_digest IS NOT DISTINCT FROM snapshot.assumptions_digest
"""

_UNDECLARED = "SELECT mission FROM missions WHERE standing = 'undeclared' ORDER BY mission"


class Line(TypedDict):
    """One KPI on a receipt."""

    id: str
    name: str
    formula: str
    unit: str
    grain: str
    sql: str | None
    sql_sha256: str | None
    values: list[dict[str, Any]]
    agrees: bool | None
    """Whether the mart's own table says the same; ``None`` where that is of an earlier snapshot than this paper."""


class Receipt(TypedDict):
    """The whole paper."""

    format: str
    engine: str
    snapshot: dict[str, Any]
    assumptions: list[dict[str, Any]]
    undeclared: list[str]
    """Missions of which nothing is assumed: what needs assumptions leaves them out."""
    kpis: list[Line]
    digest: str
    """SHA-256 over all of the above as canonical JSON (sorted keys, no blanks)."""


class Recheck(TypedDict):
    """What came of computing a receipt again."""

    snapshot: Literal["same", "other"]
    """Whether the mart holds the very evidence and assumptions that the receipt was computed on."""
    same: list[str]
    different: list[str]
    """KPIs whose formula or values are no longer those of the receipt."""


def receipt(home: Path, wanted: str | None = None) -> Receipt:
    """Return the receipt of one KPI (``K6``, and ``K6.full`` with it), or of all of them.

    Raises:
        MartMissing: nothing has been published yet.
        KpiUnknown: there is no KPI of that id.

    """
    with open_mart(home) as con:
        return _receipt(con, kpis.chosen(wanted))


def recheck(home: Path, kept: bytes) -> Recheck:
    """Compute a receipt that was kept again, on the mart of a home.

    Raises:
        ReceiptBroken: it is no receipt, or is not what was printed.
        MartMissing: nothing has been published yet.

    """
    told = _read(kept)
    with open_mart(home) as con:
        fresh = _receipt(con, list(FORMULAS))
    now = {line["id"]: line for line in fresh["kpis"]}
    compared = ("sql_sha256", "values")
    same = [
        line["id"] for line in told["kpis"]
        if line["id"] in now and all(_plain(line[key]) == _plain(now[line["id"]][key]) for key in compared)
    ]  # fmt: skip
    marks = ("evidence_digest", "schema_digest", "assumptions_digest")
    is_same = all(told["snapshot"].get(mark) == fresh["snapshot"][mark] for mark in marks)
    return {
        "snapshot": "same" if is_same else "other",
        "same": same,
        "different": [line["id"] for line in told["kpis"] if line["id"] not in same],
    }


def digest_of(told: Any) -> str:
    """Return the SHA-256 of a receipt's content, its own digest left out."""
    body = {name: value for name, value in told.items() if name != "digest"}
    return sha256(_plain(body)).hexdigest()


def _plain(value: object) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_UTC_Z)


def _read(kept: bytes) -> Receipt:
    try:
        told = orjson.loads(kept)
        intact = told["format"] == FORMAT and told["digest"] == digest_of(told)
        _ = [(line["id"], line["sql_sha256"], line["values"]) for line in told["kpis"]], told["snapshot"].get
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        msg = "This is no receipt that can be read; gonogo kpis --receipt --json prints one."
        raise ReceiptBroken(msg) from error
    if not intact:
        raise ReceiptBroken("The receipt is not what was printed: its digest does not fit its content.")
    return told


def _receipt(con: DuckDBPyConnection, formulas: list[Formula]) -> Receipt:
    import duckdb

    flown, is_current = kpis.flown(con), bool(scalar(con, _IS_CURRENT))
    told: Any = {
        "format": FORMAT,
        "engine": f"duckdb {duckdb.__version__}",
        "snapshot": _rows(con, "SELECT * FROM snapshot")[0],
        "assumptions": _rows(con, "SELECT * FROM assumptions"),
        "undeclared": [str(mission) for (mission,) in con.execute(_UNDECLARED).fetchall()],
        "kpis": [_line(con, formula, flown, is_current=is_current) for formula in formulas],
    }
    # Times become text here, so that a receipt is the same on paper and in memory.
    plain = orjson.loads(_plain(told))
    plain["digest"] = digest_of(plain)
    return plain


def _line(con: DuckDBPyConnection, formula: Formula, flown: dict[str, str], *, is_current: bool) -> Line:
    values = [asdict(kpi) for kpi in kpis.computed(con, formula, flown)]
    stored = con.execute(_STORED, {"id": formula.id}).fetchall() if is_current else None
    found = [(row["mission"], row["segment"], None if row["value"] is None else float(row["value"])) for row in values]
    return {
        "id": formula.id,
        "name": formula.name,
        "formula": formula.formula,
        "unit": formula.unit,
        "grain": formula.grain,
        "sql": formula.statement,
        "sql_sha256": formula.sql_sha256,
        "values": [{name: row[name] for name in _VALUES} for row in values],
        "agrees": None if stored is None else sorted(map(repr, stored)) == sorted(map(repr, found)),
    }


def _rows(con: DuckDBPyConnection, sql: str) -> list[dict[str, Any]]:
    cursor = con.execute(sql)
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
