"""What the end-to-end tests stand on: homes of their own, one house that many share, one browser."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tests.dashboards.browsers import FLAGS
from tests.e2e.command import ROOT, Command
from tests.e2e.houses import UpHouse, processes_of

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from playwright.sync_api import Browser, Page


@pytest.fixture
def gonogo(tmp_path: Path) -> Generator[Command]:
    """`gonogo` with a home that does not exist yet."""
    yield from _command(tmp_path)


def _command(folder: Path) -> Generator[Command]:
    scratch = folder / "scratch"
    scratch.mkdir()
    command = Command(folder / "home", scratch)
    try:
        yield command
    finally:
        command.clean_up()


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Generator[UpHouse]:
    """The house that most tests share; what is unsure is decided within four seconds here, or not at all."""
    for gonogo in _command(tmp_path_factory.mktemp("house")):
        gonogo.settings["GONOGO_GATE_WARM_SECONDS"] = "0.2"
        unsure = '@gate("claims-adjuster")\n@deadline("2d")\nforbid (principal, action == Action::"pay_claim"'
        gonogo.change_policies("claims.cedar", unsure, unsure.replace("2d", "4s"))
        found = UpHouse(gonogo)
        try:
            found.up()
            yield found
        finally:
            if found.started is not None and found.started.process.poll() is None:
                found.stop()
            if processes_of(gonogo.home):
                found.kill_tree()


@pytest.fixture(scope="module")
def browser() -> Generator[Browser]:
    """A headless Chromium, no longer open than one module: its event loop runs in this very thread."""
    path = shutil.which("chromium")
    if path is None:
        pytest.skip("there is no chromium on the path")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Browser) -> Generator[Page]:
    """A page of its own, tall enough for a whole card."""
    context = browser.new_context(viewport={"width": 1400, "height": 1500})
    context.set_default_timeout(120_000)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project folder of this very shape, whose prefect.yaml and policies a test may change."""
    folder = tmp_path_factory.mktemp("project")
    for room in ("flows", "tasks", "analytics", "dashboards", "pyproject.toml"):
        (folder / room).symlink_to(ROOT / room)
    shutil.copytree(ROOT / "policies", folder / "policies", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "prefect.yaml", folder)
    return folder
