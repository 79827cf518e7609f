"""The settings and their page say the same."""

from __future__ import annotations

import re
import tomllib
from typing import get_args

import pytest

from gonogo.model import Environment
from gonogo.settings import Settings
from tests.docs.pages import GUIDES, ROOT, blocks, section

PAGE = GUIDES / "settings.md"
ROW = re.compile(r"^\| `(\w+)` \| `(\w+)` \| (none|`([^`]*)`) \| (.+?) \| (.+) \|$", re.MULTILINE)
ROWS = {field: (variable, default) for variable, field, _, default, *_ in ROW.findall(section(PAGE, "Every setting"))}


def test_the_page_lists_every_setting_in_order_and_no_other() -> None:
    """A setting that nobody can read about is not there."""
    assert list(ROWS) == list(Settings.model_fields)


@pytest.mark.parametrize("field", Settings.model_fields)
def test_a_row_names_the_variable_and_the_default(field: str) -> None:
    """As it is set in the environment, and what holds if nobody sets it."""
    default = Settings.model_fields[field].default
    assert ROWS[field] == (f"GONOGO_{field.upper()}", "" if default is None else str(default))


def test_the_environments_are_those_that_can_be_set() -> None:
    """The vocabulary is closed."""
    row = next(line for line in section(PAGE, "Every setting").splitlines() if "`environment`" in line)
    assert all(f"`{word}`" in row for word in get_args(Environment))


def test_the_example_and_our_own_settings_are_settings() -> None:
    """A name in [tool.gonogo] that is no setting stops every command."""
    example = tomllib.loads(blocks(PAGE, "toml")[0].text)["tool"]["gonogo"]
    ours = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["gonogo"]
    assert set(example) | set(ours) <= set(Settings.model_fields)


def test_no_page_names_a_variable_that_is_no_setting() -> None:
    """A misspelt variable is not seen by anybody, so it may not stand on a page."""
    from tests.docs.pages import PAGES, read

    named = {variable for page in PAGES for variable in re.findall(r"\bGONOGO_[A-Z_]*[A-Z]\b", read(page))}
    assert named <= {f"GONOGO_{field.upper()}" for field in Settings.model_fields}
