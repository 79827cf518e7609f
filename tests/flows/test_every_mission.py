"""Conventions that every mission of this repository keeps."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.flows import load_flow_from_entrypoint

from gonogo.missions import Mission
from gonogo.model import Measure

ROOT = Path(__file__).parents[2]
FLOWS = sorted(path for path in (ROOT / "flows").glob("*.py") if path.stem != "__init__")
MISSIONS = [path for path in FLOWS if "@mission(" in path.read_text()]
DEPLOYMENTS: list[dict[str, Any]] = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]

every_flow_file = pytest.mark.parametrize("path", FLOWS, ids=lambda path: path.stem)
every_mission = pytest.mark.parametrize("path", MISSIONS, ids=lambda path: path.stem)


def deployed() -> dict[str, list[dict[str, Any]]]:
    """Return the deployments of each entrypoint."""
    found: dict[str, list[dict[str, Any]]] = {}
    for deployment in DEPLOYMENTS:
        found.setdefault(deployment["entrypoint"], []).append(deployment)
    return found


@every_mission
def test_a_mission_loads_as_prefect_loads_it_and_bears_the_name_of_its_file(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """File, function and flow share one name; its case is a form in the UI."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    flow = load_flow_from_entrypoint(f"{path}:{path.stem}")
    assert isinstance(flow, Mission)
    assert flow.name == path.stem == flow.charter.name
    assert flow.charter.owner
    assert flow.charter.scope
    assert flow.description
    schema = flow.parameters.model_dump()
    assert schema["required"] == [flow.case_name]
    assert flow.case_type.__name__ in schema["definitions"]


@every_mission
def test_a_mission_file_is_short_and_begins_with_its_operations_page(path: Path) -> None:
    """Fewer than 80 lines; trigger, fork, gates and who is on call stand at its top."""
    text = path.read_text()
    assert len(text.splitlines()) < 80
    page = ast.get_docstring(ast.parse(text)) or ""
    for word in ("Trigger", "Fork", "Gates", "Work", "On call"):
        assert f"\n{word} " in page, word


@every_flow_file
def test_a_flow_file_defines_no_types_and_shadows_no_package(path: Path) -> None:
    """Prefect loads a flow file under its bare name: a class would exist twice, a package be hidden."""
    tree = ast.parse(path.read_text())
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    rooms = {"flows", "tasks", "policies", "analytics", "dashboards", "gonogo", "tests", "prefect"}
    assert path.stem not in rooms | sys.stdlib_module_names


@every_mission
def test_a_mission_has_a_deployment_of_its_name(path: Path) -> None:
    """What is not in prefect.yaml does not start by itself."""
    names = [deployment["name"] for deployment in deployed().get(f"flows/{path.name}:{path.stem}", [])]
    assert path.stem.replace("_", "-") in names


def test_every_deployment_points_to_a_flow_that_is_there_and_to_the_local_pool() -> None:
    """An entrypoint that does not exist fails at three in the morning."""
    for deployment in DEPLOYMENTS:
        file, _, function = deployment["entrypoint"].partition(":")
        tree = ast.parse((ROOT / file).read_text())
        defined = {node.name for node in tree.body if isinstance(node, ast.AsyncFunctionDef)}
        assert function in defined, deployment["name"]
        assert deployment["work_pool"]["name"] == "local"


@every_mission
def test_a_scheduled_case_is_one_the_mission_can_fly(path: Path) -> None:
    """Parameters of a schedule are checked here, not when it fires."""
    for deployment in deployed().get(f"flows/{path.name}:{path.stem}", []):
        flow = load_flow_from_entrypoint(f"{path}:{path.stem}")
        assert isinstance(flow, Mission)
        for schedule in deployment.get("schedules", []):
            flow.case_type.model_validate(schedule["parameters"][flow.case_name])


@every_mission
def test_a_mission_is_documented(path: Path) -> None:
    """Its guide says what it does, and names its outcomes and measures."""
    guide = (ROOT / "docs" / "guides" / "missions.md").read_text()
    flow = load_flow_from_entrypoint(f"{path}:{path.stem}")
    assert isinstance(flow, Mission)
    assert f"## {path.stem}\n" in guide
    words = flow.outcome_type.vocabulary()
    fields = flow.outcome_type.model_fields.items()
    measured = {name for name, field in fields if any(isinstance(mark, Measure) for mark in field.metadata)}
    assert not [word for word in words | measured if f"`{word}`" not in guide]
