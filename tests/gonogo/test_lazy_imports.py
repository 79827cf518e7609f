"""The hearth is light: what is not used is not imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

import gonogo

HEAVY = ("prefect", "duckdb", "polars", "pandas", "streamlit", "pydantic_ai", "great_expectations", "openai", "psycopg")


def imported(statement: str) -> set[str]:
    """Return the heavy packages a fresh process has imported after a statement."""
    code = f"{statement}\nimport sys\nprint(*[name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=300)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "module",
    [
        "gonogo",
        "gonogo.model",
        "gonogo.errors",
        "gonogo.settings",
        "gonogo.policy.law",
        "gonogo.policy.registry",
        "gonogo.evidence.journal",
        "gonogo.evidence.journals",
        "gonogo.evidence.ledger",
        "gonogo.approvals",
        "gonogo.budgets",
    ],
)
def test_the_hearth_imports_no_heavy_package(module: str) -> None:
    """Law, evidence and approvals start in a blink and drag no engine along."""
    assert imported(f"import {module}") == set()


def test_an_agent_is_declared_without_the_agent_framework() -> None:
    """The machinery is built at the first question."""
    assert "pydantic_ai" not in imported("from gonogo import agent, tool, route, gate")


@pytest.mark.parametrize("name", gonogo.__all__)
def test_every_public_name_is_there(name: str) -> None:
    """What is advertised can be had."""
    assert getattr(gonogo, name) is not None


def test_a_name_that_is_not_public_is_refused_as_python_does() -> None:
    """A typing error is an AttributeError, not an import of something else."""
    with pytest.raises(AttributeError, match="has no attribute 'misison'"):
        _ = gonogo.misison  # pyright: ignore[reportAttributeAccessIssue] - the point of the test


def test_the_command_line_brings_no_prefect_before_a_house_has_set_its_address() -> None:
    """Prefect reads where its server is when it is first imported."""
    done = subprocess.run(
        [sys.executable, "-c", "import sys, gonogo.cli.main; print('prefect' in sys.modules)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "False"
