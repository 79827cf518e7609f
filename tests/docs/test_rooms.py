"""What stands in the rooms stands on a page: every rule of the law, mission, deployment, agent and public name."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

import gonogo
from gonogo.policy.law import read_law
from gonogo.policy.registry import read_registry
from tests.docs.pages import GUIDES, PAGES, ROOT, read, section

FLOWS = sorted(path.stem for path in (ROOT / "flows").glob("[!_]*.py"))
MISSIONS = [flow for flow in FLOWS if "@mission(" in read(ROOT / "flows" / f"{flow}.py")]
DEPLOYMENTS: list[dict[str, Any]] = yaml.safe_load(read(ROOT / "prefect.yaml"))["deployments"]
README = ROOT / "README.md"


def test_every_rule_of_the_law_stands_on_the_page_of_policies() -> None:
    """A rule that nobody can read about surprises people at a gate."""
    page = read(GUIDES / "policies.md")
    assert not [rule.name for rule in read_law(ROOT / "policies").rules.values() if f"`{rule.name}`" not in page]


def test_every_role_that_may_lift_a_rule_stands_there_too() -> None:
    """Whoever is asked can find out why."""
    page = read(GUIDES / "policies.md")
    roles = {rule.role for rule in read_law(ROOT / "policies").rules.values() if rule.role}
    assert not [role for role in roles if f"`{role}`" not in page]


@pytest.mark.parametrize("mission", MISSIONS)
def test_every_mission_has_a_section_on_the_page_of_missions(mission: str) -> None:
    """What it does, what it waits for, how it ends."""
    assert section(GUIDES / "missions.md", mission)


def test_every_agent_is_named_where_its_mission_is_told() -> None:
    """Readers meet agents by name in evidence and at gates."""
    page = read(GUIDES / "missions.md")
    assert not [agent for agent in read_registry(ROOT / "policies").agents if f"`{agent}`" not in page]


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda deployment: deployment["name"])
def test_every_deployment_is_in_the_table_of_the_readme_beside_its_flow(deployment: dict[str, Any]) -> None:
    """What starts by itself is said on the first page."""
    file = deployment["entrypoint"].partition(":")[0]
    row = rf"^\| `{deployment['name']}` \| \[\w+\]\({re.escape(file)}\) \| .+ \|$"
    assert re.search(row, read(README), re.MULTILINE)


def test_the_readme_lists_no_deployment_that_is_gone() -> None:
    """Nor does it promise what nothing starts."""
    listed = re.findall(r"^\| `([a-z-]+)` \| \[\w+\]\(flows/", read(README), re.MULTILINE)
    assert listed == [deployment["name"] for deployment in DEPLOYMENTS]


def test_every_public_name_of_gonogo_is_shown_in_a_guide() -> None:
    """An author finds each verb in a sentence or an example."""
    shown = "\n".join(read(page) for page in PAGES)
    assert not [public for public in gonogo.__all__ if not re.search(rf"\b{public}\b[(`]|import.*\b{public}\b", shown)]
