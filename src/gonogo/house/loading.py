"""Loading missions the way Prefect loads them, so that every process has the same module for one."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gonogo.errors import MissionMisdefined, RunUnknown

if TYPE_CHECKING:
    from prefect import Flow

    from gonogo.missions import Mission
    from gonogo.settings import Settings


def load_flow(entrypoint: str) -> Flow[Any, Any]:
    """Load a flow from ``flows/file.py:name``.

    Prefect leaves the flow's folder first on the import path; it is taken off again, or files in
    it would shadow packages of the same name.

    Raises:
        MissionMisdefined: the file does not import, or has no such flow.

    """
    from prefect.exceptions import MissingFlowError, ScriptError
    from prefect.flows import load_flow_from_entrypoint

    before = list(sys.path)
    root = str(Path.cwd())
    if root not in before:
        before.insert(0, root)
    sys.path[:] = before
    try:
        return load_flow_from_entrypoint(entrypoint, use_placeholder_flow=False)
    except ScriptError as error:
        raise MissionMisdefined(f"{entrypoint} does not import: {error.user_exc}") from error
    except MissingFlowError as error:
        raise MissionMisdefined(f"{entrypoint}: {error}") from error
    finally:
        sys.path[:] = before


def find_mission(settings: Settings, name: str) -> Mission[Any, Any]:
    """Return a mission by its name; ``-`` and ``_`` are the same.

    Raises:
        RunUnknown: no file in the flow folder is called so; the message lists those there are.
        MissionMisdefined: the file does not import, or holds no mission of its own name.

    """
    from gonogo.missions import Mission

    wanted = name.replace("-", "_")
    path = settings.flow_folder / f"{wanted}.py"
    if not path.is_file():
        known = sorted(file.stem for file in settings.flow_folder.glob("[!_]*.py") if _tells_a_mission(file))
        raise RunUnknown(
            f"There is no mission {name} in {settings.flow_folder}/ (there: {', '.join(known) or 'none'})."
        )
    flow = load_flow(f"{path}:{wanted}")
    if not isinstance(flow, Mission):
        raise MissionMisdefined(f"{path}: {wanted} is a Prefect flow, not a mission; `gonogo run` flies missions.")
    return flow


def _tells_a_mission(file: Path) -> bool:
    """Whether a file of the flow folder binds its own name to a mission, or brings it in; nothing in it is run."""
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return False
    return any(_binds(statement, file.stem) for statement in tree.body)


def _binds(statement: ast.stmt, name: str) -> bool:
    match statement:
        case ast.AsyncFunctionDef(name=told, decorator_list=marks):
            return told == name and any("mission" in ast.unparse(mark).partition("(")[0].split(".") for mark in marks)
        case ast.ImportFrom(names=brought) | ast.Import(names=brought):
            return any((each.asname or each.name) == name for each in brought)
        case ast.Assign(targets=targets):
            return any(isinstance(target, ast.Name) and target.id == name for target in targets)
        case _:
            return False
