"""Tools, agents and schema say the same: what exists is registered, what is registered exists."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson
import pytest

import tasks.claims
import tasks.claims_agents
import tasks.content
import tasks.content_agents
import tasks.contracts
import tasks.contracts_agents
import tasks.incidents
import tasks.incidents_agents
import tasks.leads
import tasks.leads_agents
from gonogo.agents.agent import Agent
from gonogo.agents.conclusions import CONCLUDE
from gonogo.agents.delegation import ACTION as DELEGATE
from gonogo.emergencies import ACTION as BREAK_GLASS
from gonogo.entitlements import ACTION as APPROVE
from gonogo.steps import Step
from gonogo.tools import TOOLS, Tool
from tests.policies.court import POLICIES, law, registry

AGENTS: list[Agent[Any]] = [
    value
    for room in (
        tasks.claims_agents,
        tasks.content_agents,
        tasks.contracts_agents,
        tasks.incidents_agents,
        tasks.leads_agents,
    )
    for value in vars(room).values()
    if isinstance(value, Agent)
]
ACTING = {
    value.acting
    for room in (tasks.claims, tasks.content, tasks.contracts, tasks.incidents, tasks.leads)
    for value in vars(room).values()
    if isinstance(value, Step) and value.acting
}
OURS: dict[str, Tool[Any, Any]] = {
    name: tool for name, tool in TOOLS.items() if tool.function.__module__.startswith("tasks.")
}


def schema_actions() -> dict[str, dict[str, bool]]:
    """Return the arguments of every action in the schema, and whether each is required."""
    text = "\n".join(path.read_text() for path in sorted(POLICIES.glob("*.cedarschema")))
    text = re.sub(r"//[^\n]*", "", text)
    shared = {name: _fields(body) for name, body in re.findall(r"type (\w+) = \{(.*?)\};", text, re.DOTALL)}
    found: dict[str, dict[str, bool]] = {}
    for names, args in re.findall(r"action ((?:\"\w+\",?\s*)+)appliesTo.*?args: (\w+|\{.*?\})", text, re.DOTALL):
        fields = shared[args] if args in shared else _fields(args.strip("{}"))
        found |= dict.fromkeys(re.findall(r"\w+", names), fields)
    return found


def _fields(body: str) -> dict[str, bool]:
    return {name: not optional for name, optional in re.findall(r"(\w+)(\?)?\s*:", body)}


def test_every_agent_and_every_acting_name_is_registered() -> None:
    """An unregistered agent does not start, so none may be shipped."""
    assert {agent.name for agent in AGENTS} | ACTING == set(registry().agents)


@pytest.mark.parametrize("agent", AGENTS, ids=lambda agent: agent.name)
def test_an_agent_is_handed_no_tool_outside_its_mandate(agent: Agent[Any]) -> None:
    """What an agent is given and what it is registered for are the same."""
    assert {tool.name for tool in agent.tools} == set(registry().card(agent.name).tools)


def test_every_tool_of_every_mandate_exists() -> None:
    """A mandate that names a tool nobody has is a typing error."""
    mandated = {tool for card in registry().agents.values() for tool in card.tools}
    assert mandated <= set(OURS)


def test_an_agent_that_only_observes_is_mandated_to_read_only() -> None:
    """The registry does not promise what the law refuses."""
    for name, card in registry().agents.items():
        if card.tier == "observe":
            assert {OURS[tool].effect for tool in card.tools} == {"read"}, name


@pytest.mark.parametrize("agent", AGENTS, ids=lambda agent: agent.name)
def test_an_agent_is_offered_work_for_exactly_those_whom_its_mandate_names(agent: Agent[Any]) -> None:
    """What the law would refuse is not offered, and a name that nobody can hand to is a leftover."""
    may = registry().card(agent.name).delegates
    assert {work.to.name for work in agent.assignments} == set(() if may is None else may.to)


@pytest.mark.parametrize("name", sorted(OURS))
def test_a_tool_and_its_action_take_the_same_arguments(name: str) -> None:
    """A tool whose arguments are not declared is refused at its first call; this says so earlier."""
    fields = OURS[name].arguments.model_fields
    declared = schema_actions()[name]
    assert set(fields) == set(declared)
    assert {field for field, info in fields.items() if info.is_required()} == {
        f for f, need in declared.items() if need
    }


def test_the_schema_declares_no_action_without_a_tool() -> None:
    """An action nobody can ask for is a leftover; two of them are between agents, two are a person's."""
    assert set(schema_actions()) == {*OURS, CONCLUDE, DELEGATE, APPROVE, BREAK_GLASS}


@pytest.mark.parametrize("name", sorted(OURS))
def test_a_tool_that_changes_something_takes_an_idempotency_key(name: str) -> None:
    """What is repeated after a crash must be recognised by its system of record."""
    tool = OURS[name]
    assert tool.wants_key == (tool.effect != "read")


def test_every_policy_is_documented_and_every_documented_policy_exists() -> None:
    """The guide's tables and the law name the same rules, with the same role."""
    guide = (Path(__file__).parents[2] / "docs/guides/policies.md").read_text().split("## The rules")[1]
    rows = dict(re.findall(r"^\| `([a-z0-9-]+)` \| (\w+(?: `[a-z-]+`)?)", guide, re.MULTILINE))
    effects = orjson.loads(_all_policies())
    expected: dict[str, str] = {}
    for rule_id, rule in law().rules.items():
        effect = effects["staticPolicies"][rule_id]["effect"]
        expected[rule.name] = f"gate `{rule.role}`" if rule.role else "allow" if effect == "permit" else "deny"
    assert rows == expected


def _all_policies() -> str:
    import cedarpy

    return cedarpy.policies_to_json_str("\n".join(law().texts.values()))


def test_the_offline_model_has_a_notional_price() -> None:
    """Budgets can be rehearsed, and nobody takes the sum for a bill."""
    price = registry().prices["offline:scripted"]
    assert price.basis == "notional"
    assert price.input_usd_per_million > 0
