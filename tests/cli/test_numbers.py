"""Numbers on the command line: receipts, what they come to again, worth, and the rebuild, over one landed claim."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.e2e.cases import claim

if TYPE_CHECKING:
    from tests.e2e.command import Command


def test_a_number_is_shown_kept_and_computed_again(gonogo: Command) -> None:
    """One story: fly, land, print a receipt, keep it, recompute it, ask what it is worth, rebuild, and miss a KPI."""
    path = gonogo.scratch / "claims.jsonl"
    path.write_text(f"{json.dumps(claim('straightforward', 'ENDED'))}\n", encoding="utf-8")
    assert gonogo("run", "claims_triage", "--each", path).code == 0
    assert gonogo("land").code == 0
    shown = gonogo("kpis", "K6", "--receipt")
    assert shown.code == 0
    assert {"SELECT", "snapshot", "assumptions", "digest"} <= set(shown.out.replace(":", " ").split())
    told = gonogo("kpis", "--receipt", "--json").json
    by_id = {line["id"]: {row["mission"]: row["value"] for row in line["values"]} for line in told["kpis"]}
    assert by_id["K12"]["claims_triage"] == 100.0, "a real mission evidences every control"
    assert by_id["K6.full"]["claims_triage"] > by_id["K6"]["claims_triage"] > 0
    kept = gonogo.scratch / "receipt.json"
    kept.write_text(json.dumps(told), encoding="utf-8")
    again = gonogo("kpis", "--against", kept, "--json")
    assert (again.code, again.json["snapshot"], again.json["different"]) == (0, "same", [])
    worth = gonogo("roi", "--json").json
    assert [account["mission"] for account in worth["missions"]] == ["claims_triage"]
    assert worth["standing"] == "example"
    assert "EXAMPLES" in gonogo("roi").out
    rebuilt = gonogo("rebuild", "--check", "--json")
    assert (rebuilt.code, rebuilt.json["verdict"]) == (0, "equal")
    missed = gonogo("kpis", "K99")
    assert missed.code == 1
    assert "There is no KPI K99" in missed.err
