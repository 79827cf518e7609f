"""The law weighed, and what leaves the house, on the command line: over one landed claim and one that waits."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from tests.e2e.cases import claim
from tests.e2e.command import ROOT

if TYPE_CHECKING:
    from tests.e2e.command import Command


def test_a_proposed_law_is_weighed_gates_are_valued_and_events_leave(gonogo: Command) -> None:
    """One story: pay a claim, land it, ask what a stricter limit would have done, and export it twice."""
    path = gonogo.scratch / "claims.jsonl"
    path.write_text(f"{json.dumps(claim('straightforward', 'ENDED'))}\n", encoding="utf-8")
    assert gonogo("run", "claims_triage", "--each", path).code == 0
    assert gonogo("land").code == 0

    stays = gonogo("backtest", ROOT / "policies", "--json").json
    assert (stays["changed"], stays["unchanged"], stays["not_rebuilt"]) == (0, stays["actions"], [])
    stricter = gonogo.scratch / "stricter"
    shutil.copytree(ROOT / "policies", stricter)
    text = (stricter / "claims.cedar").read_text(encoding="utf-8")
    (stricter / "claims.cedar").write_text(text.replace("> 500000", "> 0"), encoding="utf-8")
    told = gonogo("backtest", stricter, "--days", "30", "--json").json
    assert [(c["action"], c["before"], c["after"]) for c in told["changes"]] == [("pay_claim", "allow", "gate")]
    assert told["delayed_cents"] == told["changes"][0]["amount_cents"] > 0
    shown = gonogo("backtest", stricter)
    assert shown.code == 0
    assert "claims-manager" in shown.out
    assert "not enough data" in shown.out
    assert "nothing checks" not in shown.out

    broken = gonogo("backtest", gonogo.scratch)
    assert broken.code == 1
    assert "holds no *.cedarschema" in broken.err

    assert "No gate has opened yet" in gonogo("gates", "--worth").out
    assert gonogo("gates", "--worth", "--json").json == []

    out = gonogo.scratch / "events.json"
    assert "ocel 2.0" in gonogo("export", "ocel", "--out", out).out
    first = out.read_bytes()
    again = gonogo("export", "ocel", "--out", out, "--from", "2020-01-01", "--to", "2990-01-01T08:00Z", "--json")
    assert again.json["events"] == len(json.loads(first)["events"])
    assert out.read_bytes() == first
    refused = gonogo("export", "otlp", "--out", "spans.json")
    assert refused.code == 1
    assert "no http address" in refused.err
    wrong = gonogo("export", "focus", "--out", out, "--from", "yesterday")
    assert wrong.code == 2
    assert "yesterday" in wrong.err
    assert out.read_bytes() == first
