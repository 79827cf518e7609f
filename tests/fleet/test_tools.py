"""Tools, law, mandates and missions fit together: nothing acts that the law does not know, and nothing lies idle."""

# cedarpy types its dictionaries in part only.
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import cedarpy
import orjson
import pytest

from tests.fleet.fleet import ROOT, missions, registry, tools

SCHEMA = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "policies").glob("*.cedarschema")))


@pytest.fixture(autouse=True)
def _at_home(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    """Load flows from where an operator does."""
    monkeypatch.chdir(ROOT)


def knows(action: str) -> bool:
    """Return whether the schema declares an action, by asking the engine for a policy that names it."""
    policy = f'permit (principal, action == Action::"{action}", resource);'
    return cedarpy.validate_policies(policy, cedarpy.Schema.from_str(SCHEMA)).validation_passed


def test_the_question_whether_the_law_knows_an_action_can_be_answered_no() -> None:
    """A guard for the tests below."""
    assert not knows("no_such_tool")


def test_every_tool_that_a_mission_may_use_is_an_action_of_the_law() -> None:
    """A tool that the law does not know is refused at its first call; this says so earlier."""
    known = tools()
    for mission in missions():
        mine = [name for name, tool in known.items() if tool.system in mission.charter.scope]
        assert mine, mission.name
        assert not [name for name in mine if not knows(name)], mission.name


def test_every_system_of_a_scope_has_a_tool() -> None:
    """A scope that names a system nobody can touch is a typing error, or a leftover."""
    systems = {tool.system for tool in tools().values()}
    for mission in missions():
        assert set(mission.charter.scope) <= systems, mission.name


def test_every_declared_dependency_is_a_system_of_record_or_a_provider_of_models() -> None:
    """Terms for something that nobody asks are a typing error, and what was meant goes without."""
    from pydantic_ai.providers import infer_provider_class

    systems = {tool.system for tool in tools().values()}
    providers = [name for name in registry().dependencies if name not in systems]
    assert all(infer_provider_class(name) for name in providers)


@pytest.mark.parametrize("name", sorted(registry().agents))
def test_an_agent_is_mandated_only_for_tools_that_exist(name: str) -> None:
    """A mandate for a tool that nobody has would come true with whoever writes one of that name."""
    assert set(registry().agents[name].tools) <= set(tools())


def test_every_tool_belongs_to_a_mandate_or_to_the_scope_of_a_mission() -> None:
    """A tool that nobody may use is not needed, or is used around the law."""
    mandated = {tool for card in registry().agents.values() for tool in card.tools}
    scopes = {system for mission in missions() for system in mission.charter.scope}
    assert not [name for name, tool in tools().items() if name not in mandated and tool.system not in scopes]


def test_every_tool_says_what_it_does() -> None:
    """The docstring is what a model is told."""
    assert not [name for name, tool in tools().items() if not (tool.function.__doc__ or "").strip()]


def gated() -> set[str]:
    """Return the actions for which some rule asks a person by name."""
    text = "\n".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "policies").glob("*.cedar")))
    rules = orjson.loads(cedarpy.policies_to_json_str(text))["staticPolicies"].values()
    asking = [rule["action"] for rule in rules if "gate" in rule.get("annotations", {})]
    named = [action.get("entities") or [action["entity"]] for action in asking if action["op"] != "All"]
    return {action["id"] for actions in named for action in actions}


def test_whoever_is_asked_for_a_go_to_something_irreversible_is_shown_what_it_would_change() -> None:
    """A card without a preview asks for trust."""
    known = tools()
    asked = [known[name] for name in gated() & known.keys() if known[name].effect == "irreversible"]
    assert asked
    assert not [tool.name for tool in asked if tool.preview is None]
