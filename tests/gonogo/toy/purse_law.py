"""A law for runs that spend, with day budgets."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

SCHEMA = """
type Call = {
  mission: String, scope: Set<String>, environment: String, requester: String,
  approvals: Set<String>, approvers: Set<String>, offline: Bool,
};
entity Agent = { tools: Set<String>, tier: String, owner: String };
entity Mission = { scope: Set<String>, owner: String };
entity System;
entity Tool in [System] = { name: String, system: String, effect: String };
action send appliesTo {
  principal: [Agent, Mission], resource: [Tool], context: { call: Call, args: { to: String, cents: Long } },
};
"""
LAW = """
@id("scope")
@because("A mission may act on the systems of its scope.")
permit (principal is Mission, action, resource is Tool)
when { principal.scope.contains(resource.system) };
"""
AGENTS: dict[str, Any] = {
    "spender": {
        "version": "1", "owner": "counter", "deputy": "office", "mandate": "Says yes.", "tools": [],
        "tier": "observe", "escalation": "manager", "budget": {"usd": "100.00"},
    }
}  # fmt: skip
PRICE = {
    "input_usd_per_million": "10.00",
    "output_usd_per_million": "0.01",
    "basis": "notional",
    "why": "What is reserved is not much more than what is used.",
}


def write_law(folder: Path, missions: dict[str, Any] | None = None, agents: dict[str, Any] | None = None) -> Path:
    """Write a policy folder, and return it."""
    folder.mkdir(exist_ok=True, parents=True)
    days = {"days": {"missions": missions or {}, "agents": agents or {}}}
    prices = {"prices": {"offline:scripted": PRICE}}
    (folder / "toy.cedarschema").write_text(SCHEMA)
    (folder / "toy.cedar").write_text(LAW)
    # JSON is YAML.
    for name, content in (("agents", {"agents": AGENTS}), ("prices", prices), ("budgets", days)):
        (folder / f"{name}.yaml").write_text(json.dumps(content))
    return folder
