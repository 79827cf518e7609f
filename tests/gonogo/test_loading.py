"""Loading: a mission is found by its name, wherever it was written, and what is none is not named as one."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING

import pytest
from prefect.utilities.callables import parameter_schema

from gonogo.errors import RunUnknown
from gonogo.house.loading import find_mission, load_flow
from gonogo.settings import Settings
from tests.gonogo.toy.errands import Errand, errand

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "written": """
        from gonogo import mission
        @mission(owner="counter", scope=["bank"])
        async def written(case): ...
    """,
    "dotted": """
        import gonogo
        @gonogo.mission(owner="counter", scope=["bank"])
        async def dotted(case): ...
    """,
    "brought": """
        from __future__ import annotations
        from tests.gonogo.toy.errands import errand as brought
    """,
    "bound": """
        from tests.gonogo.toy import errands
        bound = errands.errand
    """,
    "plain": """
        from prefect import flow
        @flow
        async def plain(): ...
    """,
    "other": """
        from gonogo import mission
        @mission(owner="counter", scope=["bank"])
        async def another(case): ...
    """,
    "torn": "async def torn(",
    "_private": "from tests.gonogo.toy.errands import errand as _private",
}


@pytest.fixture(name="flows")
def _flows(tmp_path: Path) -> Settings:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    for name, text in FILES.items():
        (tmp_path / f"{name}.py").write_text(dedent(text), encoding="utf-8")
    (tmp_path / "binary.py").write_bytes(b"\xff\x00\xfe")
    return Settings(flow_folder=tmp_path)


def test_only_missions_are_named_where_one_is_not_found(flows: Settings) -> None:
    """By what the files say; none of them is run to find out."""
    with pytest.raises(RunUnknown, match=r"\(there: bound, brought, dotted, written\)"):
        find_mission(flows, "nonsuch")


@pytest.mark.parametrize("name", ["brought", "bound"])
def test_a_mission_that_a_file_brings_in_takes_what_prefect_gives_it(flows: Settings, name: str) -> None:
    """Prefect validates parameters and shows a form, though the case's type is only a name where it was written."""
    flow = load_flow(f"{flows.flow_folder}/{name}.py:{name}")
    assert flow.validate_parameters({"case": {"letter": "Dear Ada"}}) == {"case": Errand(letter="Dear Ada")}
    assert find_mission(flows, name) is errand
    assert "Errand" in parameter_schema(flow).definitions
