"""The whole house as one block: server, deployments, loader, sequencer, dashboard, and the warm runner."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from gonogo.errors import ServerUnreachable, SettingsBroken
from gonogo.evidence.canon import sha256_hex
from gonogo.house.address import House, find_house, move_in, move_out
from gonogo.house.api import post
from gonogo.house.server import environment, free_port, is_free, server_command, server_process, tell_prefect
from gonogo.house.telling import telling
from gonogo.house.tenants import Stay, tenant

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from gonogo.settings import Settings

LAND_EVERY_SECONDS = 0.5
SEQUENCE_EVERY_SECONDS = 2.0
WORK_POOL = "local"
"""The pool prefect.yaml names. In the house the warm runner takes its runs; elsewhere a worker does."""


@contextmanager
def house(settings: Settings, *, port: int | None, dashboard_port: int | None) -> Generator[House]:
    """Bring the house up for the block, and leave nothing running after it.

    Args:
        settings: whose home it is.
        port: of the Prefect server; a free one, if none.
        dashboard_port: of the dashboard; ``None`` for a house without one.

    Raises:
        SettingsBroken: a house is up already, or a port is taken.
        ServerUnreachable: the server did not start, or did not take the deployments.

    """
    if (other := find_house(settings)) is not None:
        raise SettingsBroken(f"A house is up already (process {other.pid}, {other.ui_url}); stop it first.")
    for name, wanted in (("--port", port), ("--dashboard-port", dashboard_port)):
        if wanted is not None and not is_free(wanted):
            # Another server there would answer in our place, and would be given our deployments.
            raise SettingsBroken(f"Somebody listens on port {wanted} already; stop that, or choose another {name}.")
    settings.home.mkdir(parents=True, exist_ok=True)
    logs = settings.home / "logs"
    stay = Stay()
    with ExitStack() as tenants:
        tenants.enter_context(_ended_by_sigterm(stay.begin_to_go))
        port = port or free_port()
        process, api_url = tenants.enter_context(server_process(settings.home, port))
        env = environment(settings.home, api_url) | {"GONOGO_HOME": str(settings.home.resolve())}
        log = logs / "prefect-server.log"
        tenants.enter_context(tenant("prefect-server", server_command(port), env, log, stay, process=process))
        tell_prefect({name: value for name, value in env.items() if name.startswith(("PREFECT_", "DO_NOT"))})
        deploy(settings, env, logs / "deploy.log")
        dashboard_url = None
        if dashboard_port is not None:
            dashboard_url = f"http://127.0.0.1:{dashboard_port}"
            for name, command in chores(settings, dashboard_port).items():
                tenants.enter_context(tenant(name, command, env, logs / f"{name}.log", stay))
        address = House(
            pid=os.getpid(), api_url=api_url, ui_url=api_url.removesuffix("/api"), dashboard_url=dashboard_url
        )
        move_in(settings, address)
        tenants.callback(move_out, settings)
        yield address


def chores(settings: Settings, dashboard_port: int) -> dict[str, list[str]]:
    """Return what runs beside the flights, by name."""
    streamlit, gonogo = [sys.executable, "-m", "streamlit"], [sys.executable, "-m", "gonogo"]
    options = ["--server.port", str(dashboard_port), "--server.headless", "true", *_manners()]
    return {
        "dashboard": [*streamlit, "run", str(settings.dashboard), *options],
        "loader": [*gonogo, "land", "--every", str(LAND_EVERY_SECONDS)],
        "sequencer": [*gonogo, "sequence", "--every", str(SEQUENCE_EVERY_SECONDS)],
    }


def _manners() -> list[str]:
    """Return how the dashboard of a project behaves that says nothing of it: nobody outside reaches it or is told."""
    if Path(".streamlit/config.toml").exists():
        return []
    return ["--server.address", "127.0.0.1", "--browser.gatherUsageStats", "false", "--client.showErrorDetails", "none"]


def deploy(settings: Settings, env: dict[str, str], log: Path, name: str | None = None) -> None:
    """Register every deployment of prefect.yaml, or one by name, by Prefect's own command; once for the same files.

    Raises:
        ServerUnreachable: the server refused; the message names the log.

    """
    api_url, stamp = env["PREFECT_API_URL"], settings.home / "deployed"
    wanted = _deployable(settings)
    try:
        if stamp.is_file() and stamp.read_text() == wanted and post(f"{api_url}/deployments/count", {}):
            return
        httpx.post(f"{api_url}/work_pools/", json={"name": WORK_POOL, "type": "process"}, timeout=15)
    except httpx.HTTPError as error:
        raise ServerUnreachable(f"The Prefect server took no work pool ({error}).") from error
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as sink:
        which = ["--all"] if name is None else ["--name", name]
        command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", *which]
        done = subprocess.run(  # noqa: S603 - the command is our own
            command, env=env, stdout=sink, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False
        )
    if done.returncode:
        raise ServerUnreachable(f"`prefect deploy {' '.join(which)}` failed; {log} says why.")
    stamp.write_text(wanted)


def _deployable(settings: Settings) -> str:
    """Return a digest of what a deployment is made of: triggers, stories, and the terms of their cases."""
    files = [Path("prefect.yaml"), *settings.flow_folder.glob("*.py"), *settings.policy_folder.glob("*.py")]
    return sha256_hex(b"\0".join(path.read_bytes() for path in sorted(files)))


@contextmanager
def _ended_by_sigterm(begun: Callable[[], None]) -> Generator[None]:
    """Let SIGTERM end the block as Ctrl-C does, from the first child on; the way out is not interrupted again.

    Args:
        begun: called as the way out begins, within the signal's handler; it takes no lock.

    """

    def ignore(*_: object) -> None:
        """Do nothing; SIG_IGN would make the interpreter complain of a signal that has just come in."""

    def end(*_: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, ignore)
        begun()
        raise KeyboardInterrupt

    before = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def runner(settings: Settings) -> Generator[threading.Thread]:
    """Run the warm runner in a thread of its own for the block.

    Not in the main thread: there Prefect answers SIGTERM itself while a flow runs, and crashes it.
    """
    loop_ready = threading.Event()
    control: dict[str, object] = {}

    async def fly() -> None:
        from gonogo.house.runner import WarmRunner, log_to

        log_to(settings.home / "logs" / "runner.log")
        stop = asyncio.Event()
        control["stop"], control["loop"] = stop, asyncio.get_running_loop()
        loop_ready.set()
        await WarmRunner(settings).run(stop)

    def thread() -> None:
        try:
            asyncio.run(fly())
        except BaseException as error:  # noqa: BLE001 - told to whoever waits for the thread
            control["error"] = error
        finally:
            loop_ready.set()

    flying = threading.Thread(target=thread, name="gonogo-runner")
    flying.start()
    loop_ready.wait()
    try:
        yield flying
    finally:
        stop, loop = control.get("stop"), control.get("loop")
        if isinstance(stop, asyncio.Event) and isinstance(loop, asyncio.AbstractEventLoop) and not loop.is_closed():
            loop.call_soon_threadsafe(stop.set)
        flying.join()
        if isinstance(control.get("error"), Exception):
            raise ServerUnreachable(f"The runner stopped: {control['error']}") from None


def serve_until_stopped(settings: Settings) -> None:
    """Fly until Ctrl-C or SIGTERM, or until the runner cannot go on."""
    with telling(settings), runner(settings) as flying, suppress(KeyboardInterrupt):
        flying.join()
