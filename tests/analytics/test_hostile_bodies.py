"""Whatever a body or payload holds, a load ends: each line lands or is quarantined, and nothing raises."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.contract import BODIES
from analytics.kpis import report
from analytics.marts import open_mart
from analytics.warehouse import land
from gonogo.evidence.canon import GENESIS, sha256_hex

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=12),
    st.sampled_from(["\u0000", "2026-01-01T00:00:00Z", "-infinity", "1e999", "12", "null", "[]", "'; DROP TABLE runs"]),
)
JSON: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "value", "a"]), inner, max_size=3)
    ),
    max_leaves=6,
)
WORDS = {
    "status": ["done", "failed", "no_go"],
    "outcome": ["done", "failed"],
    "verdict": ["allow", "deny", "gate"],
    "answer": ["go", "no_go", "revise"],
    "effect": ["read", "write"],
    "price_basis": ["list", "notional"],
}
NESTED: dict[str, st.SearchStrategy[Any]] = {
    "totals": st.dictionaries(st.sampled_from(["cost_micros", "actions", "currency"]), JSON, max_size=3),
    "budget": st.dictionaries(st.sampled_from(["usd_micros", "actions"]), JSON, max_size=2),
    "measures": st.lists(st.dictionaries(st.sampled_from(["name", "value", "unit"]), JSON), max_size=2),
    "versions": st.lists(st.dictionaries(st.sampled_from(["object", "id", "version", "digest"]), JSON), max_size=2),
}
OF_TYPE: dict[type, st.SearchStrategy[Any]] = {
    str: st.text(max_size=12) | st.sampled_from(["k1", "g1", "awaited", "resumed", "2026-01-01T00:00:00Z"]),
    int: st.integers(-3, 2**53),
    bool: st.booleans(),
    list: st.lists(JSON, max_size=3),
    dict: st.dictionaries(st.text(max_size=4), JSON, max_size=3),
}
PAYLOADS = JSON | st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("card", "args", "preview", "reason", "changes", "number", "made_sla", "opened_at", "source"), JSON
    ),
)


@st.composite
def bodies(draw: st.DrawFn) -> tuple[str, dict[str, Any], Any]:
    """Return an artifact, a body of promised types with wild contents, and a payload."""
    artifact, phase = draw(st.sampled_from(sorted(BODIES)))
    data: dict[str, Any] = {"phase": phase, "extra": draw(JSON)}
    for name, kind, presence in BODIES[artifact, phase]:
        if presence != "!" and draw(st.integers(0, 9)) == 0:
            continue
        choice = st.sampled_from(WORDS[name]) if name in WORDS else NESTED.get(name, OF_TYPE[kind])
        data[name] = draw(choice)
    return artifact, data, draw(PAYLOADS)


def line_of(place: tuple[str, int, str], artifact: str, data: dict[str, Any], payload: Any) -> bytes:
    """Return a journal line of any body, byte rules or not."""
    stream_id, seq, previous = place
    body, salt = orjson.dumps(payload), b"s" * 32
    leaf = {
        "id": f"id-{stream_id}-{seq}",
        "type": f"io.gonogo.evidence.{artifact}.v1",
        "streamid": stream_id,
        "streamseq": seq,
        "prevdigest": previous,
        "runid": stream_id.partition("/")[0],
        "missionid": "wild",
        "envname": "dev",
        "time": "2026-01-01T00:00:00.000000Z",
        "recordedtime": "2026-01-01T00:00:00.000000Z",
        "payloaddigest": sha256_hex(salt + body),
        "data": data,
    }
    return b"\t".join((orjson.dumps(leaf), salt.hex().encode(), body))


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(told=st.lists(bodies(), min_size=10, max_size=40))
def test_no_body_stops_a_load(told: list[tuple[str, dict[str, Any], Any]]) -> None:
    """Numbers, nulls, control characters and nesting where the contract leaves room for them."""
    lines: list[bytes] = []
    previous = GENESIS
    for seq, (artifact, data, payload) in enumerate(told):
        lines.append(line_of(("r1/flight", seq, previous), artifact, data, payload))
        previous = sha256_hex(lines[-1].partition(b"\t")[0])
    with TemporaryDirectory() as scratch:
        home = Path(scratch)
        (home / "journals" / "flights").mkdir(parents=True)
        (home / "journals" / "flights" / "r1.jsonl").write_bytes(b"\n".join(lines) + b"\n")
        landed = land(home)
        assert landed.new_records + landed.quarantined == len(told)
        assert report(home)
        with open_mart(home) as con:
            con.execute("SELECT * FROM incident_history").fetchall()
            held = con.execute("SELECT detail FROM quarantine WHERE reason = 'unshapeable'").fetchall()
        assert held == [], "every fault has a better name than this"
