"""Routes of drift findings where they lead: the real flow, a real Prefect server, the ticketing system's own file."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from gonogo import docket
from gonogo.docket import Found
from gonogo.house.server import free_port, prefect_server
from gonogo.settings import settings, using
from tasks.systems import ticketing
from tests.e2e.command import BUSY, ROOT, until

if TYPE_CHECKING:
    from collections.abc import Generator

    from gonogo.settings import Settings
    from tests.e2e.command import Command

pytestmark = pytest.mark.server

WATCH = (
    "import asyncio; from gonogo.house.loading import load_flow; "
    "asyncio.run(load_flow('flows/watch_drift.py:watch_drift')())"
)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Generator[str]:
    """A Prefect server of their own."""
    with prefect_server(tmp_path_factory.mktemp("server"), free_port()) as url:
        yield url


def call(api: str, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Ask Prefect's API; a busy SQLite is asked again."""

    def answered() -> httpx.Response | None:
        reply = httpx.request(method, f"{api}{path}", json=body, timeout=120)
        return None if reply.status_code == BUSY else reply

    reply = until(answered, f"an answer to {path}").raise_for_status()
    return reply.json() if reply.content else None


def post(api: str, path: str, body: dict[str, Any]) -> Any:
    """Ask Prefect's API for something that is asked by POST."""
    return call(api, "POST", path, body)


def deployment(api: str, name: str) -> str:
    """Deploy a flow with a schedule, and return the deployment's identity."""
    flow = post(api, "/flows/", {"name": "claims-triage"})
    every = {"schedule": {"interval": 3_600}, "active": True}
    told = {"name": name, "flow_id": flow["id"], "entrypoint": "flows/claims_triage.py:claims_triage"}
    return str(post(api, "/deployments/", {**told, "schedules": [every], "paused": False})["id"])


def is_paused(api: str, identity: str) -> bool:
    """Whether Prefect starts nothing of it by schedule."""
    return bool(call(api, "GET", f"/deployments/{identity}")["paused"])


def found(*deployments: str) -> Found:
    """Return a critical finding whose runs came from these deployments."""
    now = datetime.now(UTC)
    return Found(
        monitor="data", mission="claims_triage", subject="late_answer", severity="critical",
        owner="claims-operations", deputy="claims-quality", route="pause", due_at=now + timedelta(hours=4),
        sentence="claims_triage: 3 runs took a late answer.", reference_through=None, after=now, needs_runs=59,
        deployments=deployments,
    )  # fmt: skip


@pytest.fixture
def home(gonogo: Command) -> Generator[Settings]:
    """The command's home, for what is looked at from here."""
    chosen = settings().model_copy(update={"home": gonogo.home, "policy_folder": ROOT / "policies"})
    with using(chosen):
        yield chosen


def watch(gonogo: Command, api: str) -> str:
    """Fly the watch once, as its schedule does, and return what it said."""
    done = subprocess.run(
        [sys.executable, "-c", WATCH],
        cwd=ROOT,
        env=gonogo.environment(PREFECT_API_URL=api),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
    )
    said = done.stdout.decode() + done.stderr.decode()
    assert done.returncode == 0, said
    return said


def events(api: str, name: str) -> list[dict[str, Any]]:
    """Return the events of a name that the server holds."""
    return post(api, "/events/filter", {"filter": {"event": {"name": [name]}}})["events"]


def test_a_pause_reaches_prefect_and_a_ticket_the_desk_once(gonogo: Command, home: Settings, api: str) -> None:
    """The deployment starts nothing more, the owner has one ticket, and a second watch does nothing again."""
    drifting, steady = deployment(api, "drifting"), deployment(api, "steady")
    (entry,) = docket.open_findings(home, [found(drifting)])
    watch(gonogo, api)
    assert (is_paused(api, drifting), is_paused(api, steady)) == (True, False)
    (routed,) = docket.entries(home)
    assert routed.state == "routed"
    assert drifting in routed.receipt
    ticket = ticketing().ticket(entry.id)
    assert "deployments are paused" in ticket.description
    watch(gonogo, api)
    assert docket.entries(home) == [routed]
    until(lambda: events(api, "gonogo.finding.routed"), "the event of the routing")
    (told,) = [each for each in events(api, "gonogo.finding.routed") if entry.id in str(each["resource"])]
    assert told["payload"]["receipt"] == routed.receipt


def test_a_deployment_that_is_gone_leaves_the_finding_open_until_it_can_be_dealt_with(
    gonogo: Command, home: Settings, api: str
) -> None:
    """Prefect's own refusal: the ticket is there, and the watch says which deployment it looked for."""
    gone = deployment(api, "gone")
    call(api, "DELETE", f"/deployments/{gone}")
    (entry,) = docket.open_findings(home, [found(gone)])
    watch(gonogo, api)
    assert docket.entries(home)[0].state == "open"
    assert ticketing().ticket(entry.id).number == entry.id
    failed = f"Deployment {gone} of {entry.id} cannot be paused"
    logs = until(lambda: [log for log in _logs(api) if failed in log["message"]], "the log")
    assert logs


def _logs(api: str) -> list[dict[str, Any]]:
    return post(api, "/logs/filter", {"limit": 200})
