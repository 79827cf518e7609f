"""Every flow file: it loads as Prefect loads it, hides nothing, defines no types, and says who is on call."""

from __future__ import annotations

import ast
import sys
from importlib.metadata import packages_distributions
from typing import TYPE_CHECKING

import pytest
from prefect import Flow

from gonogo.house.loading import find_mission, load_flow
from gonogo.missions import Mission
from gonogo.settings import Settings
from tests.fleet.fleet import DEPLOYMENTS, FLOW_FILES, MISSION_FILES, ROOMS, ROOT, entrypoint, load, tree

if TYPE_CHECKING:
    from pathlib import Path

MISSION_LINES_MAX = 80
RUN_AS_SCRIPTS = sorted(
    path
    for folder in ("flows", "dashboards", "dashboards/pages")
    for path in (ROOT / folder).glob("*.py")
    if path.stem != "__init__"
)
"""Files whose own folder stands first on the import path while they run."""

every_flow_file = pytest.mark.parametrize("path", FLOW_FILES, ids=lambda path: path.stem)
every_mission_file = pytest.mark.parametrize("path", MISSION_FILES, ids=lambda path: path.stem)


@pytest.fixture(autouse=True)
def _at_home(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    """Load flows from where an operator does."""
    monkeypatch.chdir(ROOT)


@every_flow_file
def test_a_flow_file_loads_and_its_flow_bears_its_name(path: Path) -> None:
    """File, function and, for a mission, flow share one name, so that one leads to the others."""
    flow = load(path)
    assert isinstance(flow, Flow)
    assert flow.name.replace("-", "_") == path.stem
    assert path.stem in {node.name for node in tree(path).body if isinstance(node, ast.AsyncFunctionDef)}


@every_flow_file
def test_loading_a_flow_file_leaves_the_import_path_as_it_was(path: Path) -> None:
    """Prefect puts the folder first; left there, a flow would hide a package of its name."""
    before = list(sys.path)
    load(path)
    assert sys.path == before


@pytest.mark.parametrize("path", RUN_AS_SCRIPTS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_file_that_runs_as_a_script_hides_no_module(path: Path) -> None:
    """Its folder comes first on the path: no name of the standard library, of a package, or of a room."""
    taken = {*sys.stdlib_module_names, *sys.builtin_module_names, *packages_distributions(), *ROOMS, "gonogo", "tests"}
    assert path.stem not in taken


@every_flow_file
def test_a_flow_file_defines_no_types(path: Path) -> None:
    """It is loaded under another name than it would be imported under, so a class in it would exist twice."""
    assert not [node.name for node in ast.walk(tree(path)) if isinstance(node, ast.ClassDef)]


@every_flow_file
def test_a_flow_file_begins_with_its_operations_page(path: Path) -> None:
    """What starts it, where its work is, and who is on call."""
    page = ast.get_docstring(tree(path)) or ""
    assert not [word for word in ("Trigger", "Work", "On call") if f"\n{word} " not in page]


@every_mission_file
def test_a_mission_names_its_owner_scope_and_budget_itself(path: Path) -> None:
    """They are decisions, so no default makes them."""
    (decorated,) = [
        decorator
        for node in tree(path).body
        if isinstance(node, ast.AsyncFunctionDef)
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call) and getattr(decorator.func, "id", "") == "mission"
    ]
    assert {"owner", "scope", "budget"} <= {keyword.arg for keyword in decorated.keywords}
    charter = load(path).charter
    assert charter.owner.strip()
    assert charter.scope
    assert charter.budget.usd_micros > 0


@every_mission_file
def test_a_mission_file_stays_short(path: Path) -> None:
    """A story that does not fit a page is two stories, or has work in it."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MISSION_LINES_MAX


@every_mission_file
def test_a_mission_is_found_by_its_name_with_either_dash(path: Path) -> None:
    """People type the deployment's name, too."""
    for name in (path.stem, path.stem.replace("_", "-")):
        assert isinstance(find_mission(Settings(), name), Mission)


@pytest.mark.parametrize("deployment", DEPLOYMENTS, ids=lambda deployment: deployment["name"])
def test_the_entrypoint_of_a_deployment_loads(deployment: dict[str, str]) -> None:
    """What is served can be started."""
    flow = load_flow(deployment["entrypoint"])
    assert deployment["name"].replace("-", "_") == flow.name.replace("-", "_")


@every_flow_file
def test_every_flow_has_a_deployment(path: Path) -> None:
    """What has none can be started by nobody but a developer."""
    assert entrypoint(path) in {deployment["entrypoint"] for deployment in DEPLOYMENTS}
