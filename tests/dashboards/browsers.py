"""A real server and a real browser, for tests of the dashboard as a person meets it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator

    from playwright.sync_api import Page

ROOT = Path(__file__).parents[2]
CHROMIUM = shutil.which("chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PATIENCE_MS = 60_000

NEEDS_BROWSER = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium here to drive"),
]
"""Marks of a file whose tests drive a browser."""


@contextmanager
def served(home: Path) -> Generator[str]:
    """Serve the dashboard on a free port, as `gonogo up` does; yield its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    settings = {name: value for name, value in os.environ.items() if not name.startswith("GONOGO_")}
    with subprocess.Popen(
        [sys.executable, "-m", "streamlit", "run", "dashboards/app.py", "--server.port", str(port)],
        cwd=ROOT,
        env={**settings, "GONOGO_HOME": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as server:
        assert server.stdout is not None
        try:
            told = ""
            for line in server.stdout:
                told += line
                if "URL:" in line:
                    break
            else:
                pytest.fail(f"the dashboard did not start: {told}")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.stdout.read()


@contextmanager
def browser() -> Generator[tuple[Page, list[str]]]:
    """Open a browser; yield a page of it, and what it did that no page of ours may do."""
    from playwright.sync_api import Dialog, Request, expect, sync_playwright

    misdeeds: list[str] = []

    def ask(dialog: Dialog) -> None:
        misdeeds.append(f"dialog {dialog.message}")
        dialog.dismiss()

    def fetch(request: Request) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "data:", "blob:")):
            misdeeds.append(f"request {request.url}")

    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = chromium.new_page(viewport={"width": 1440, "height": 900}, timezone_id="Europe/Berlin")
        page.set_default_timeout(PATIENCE_MS)
        page.on("dialog", ask)
        page.on("request", fetch)
        yield page, misdeeds
        chromium.close()


def wait_for_redraws(page: Page) -> None:
    """Wait until the page has redrawn itself twice: the age of its snapshot moves on."""
    for _ in range(2):
        age = page.locator(".fresh span").first.inner_text()
        page.wait_for_function("age => document.querySelector('.fresh span').innerText !== age", arg=age)
