"""Everything that flies: flow files, missions, tools, agents, as they are found in the rooms."""

from __future__ import annotations

import ast
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from gonogo.house.loading import load_flow
from gonogo.missions import Mission
from gonogo.policy.law import read_law
from gonogo.policy.registry import read_registry
from gonogo.tools import TOOLS, Tool

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gonogo.policy.law import Law
    from gonogo.policy.registry import Registry

ROOT = Path(__file__).parents[2]
ROOMS = ("flows", "tasks", "policies", "analytics", "dashboards")

FLOW_FILES = sorted(path for path in (ROOT / "flows").glob("*.py") if path.stem != "__init__")
MISSION_FILES = [path for path in FLOW_FILES if "@mission(" in path.read_text(encoding="utf-8")]
DEPLOYMENTS: list[dict[str, Any]] = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]


def entrypoint(path: Path) -> str:
    """Return how prefect.yaml names a flow file's flow."""
    return f"flows/{path.name}:{path.stem}"


def load(path: Path) -> Any:
    """Load a flow file the way the house does."""
    return load_flow(f"{path}:{path.stem}")


def missions() -> list[Mission[Any, Any]]:
    """Return every mission, loaded."""
    found = [load(path) for path in MISSION_FILES]
    assert all(isinstance(one, Mission) for one in found)
    return found


def tools() -> dict[str, Tool[Any, Any]]:
    """Return every tool of the room `tasks`, by name."""
    for path in sorted((ROOT / "tasks").glob("*.py")):
        import_module(f"tasks.{path.stem}" if path.stem != "__init__" else "tasks")
    return {name: tool for name, tool in TOOLS.items() if tool.function.__module__.startswith("tasks.")}


def law() -> Law:
    """Return the law in force."""
    return read_law(ROOT / "policies")


def registry() -> Registry:
    """Return who is registered."""
    return read_registry(ROOT / "policies")


def tree(path: Path) -> ast.Module:
    """Return a file's syntax tree."""
    return ast.parse(path.read_text(encoding="utf-8"))


def functions(path: Path) -> Iterator[tuple[str, int]]:
    """Yield every function of a file with its length in lines, docstring included."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1
