"""`prefect deploy --all` on a server of one's own: every deployment, with the case as its parameters."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import yaml

from gonogo.house.server import free_port, prefect_server
from policies.claims import Claim
from policies.content import Brief
from policies.incidents import Incident
from policies.leads import Lead
from tests.e2e.command import ROOT

if TYPE_CHECKING:
    from collections.abc import Generator

    from tests.e2e.command import Command

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """A Prefect server that has never seen this project."""
    with (
        pytest.MonkeyPatch.context() as patch,
        prefect_server(tmp_path_factory.mktemp("server"), free_port()) as url,
    ):
        patch.setenv("PREFECT_API_URL", url)
        yield url


def prefect(gonogo: Command, api: str, *arguments: str) -> None:
    """Run a command of Prefect's own, as the head of prefect.yaml says."""
    done = subprocess.run(
        [sys.executable, "-m", "prefect", *arguments],
        cwd=ROOT,
        env=gonogo.environment(PREFECT_API_URL=api),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()


def test_every_deployment_of_the_file_exists_with_its_case_as_parameters(gonogo: Command, api: str) -> None:
    """Two commands on a fresh server, and every mission can be started from its form."""
    prefect(gonogo, api, "work-pool", "create", "local", "--type", "process")
    prefect(gonogo, api, "--no-prompt", "deploy", "--all")
    declared: list[dict[str, Any]] = yaml.safe_load((ROOT / "prefect.yaml").read_text(encoding="utf-8"))["deployments"]
    found = httpx.post(f"{api}/deployments/filter", json={}, timeout=120).raise_for_status().json()
    by_name = {deployment["name"]: deployment for deployment in found}
    assert set(by_name) == {deployment["name"] for deployment in declared}
    for deployment in declared:
        assert len(by_name[deployment["name"]]["schedules"]) == len(deployment.get("schedules", []))
    missions = (
        ("claims-triage", Claim),
        ("incident-response", Incident),
        ("lead-qualification", Lead),
        ("content-review", Brief),
    )
    for name, model in missions:
        definitions = by_name[name]["parameter_openapi_schema"]["definitions"]
        assert set(definitions[model.__name__]["properties"]) == set(model.model_fields)
