"""The nursery: one process that has everything imported and nothing running, and forks a process for each life.

``python -m tests.crash.nursery`` reads an order a line from standard input, as JSON, and answers with a
line: how each of its processes ended. No thread, event loop or connection exists where it forks.
Where PREFECT_API_URL names a server, what a flow run loads there is loaded as well.
"""

from __future__ import annotations

import asyncio
import importlib
import json
import os
import ssl
import sys
import tempfile
import threading
import traceback
from contextlib import suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import certifi

from gonogo import lookout
from gonogo.evidence import files
from gonogo.evidence.postgres import writer
from tests.crash import faults
from tests.crash.lives import Order, live, local, save
from tests.crash.points import Kill
from tests.crash.stories import STORIES


def warm() -> None:
    """Fly each story once, so that whatever is loaded, compiled or cached at first use is there; leaves no thread."""
    store: Any = files.FileStore
    quick, store.is_quick = store.is_quick, property(lambda _: True)
    with tempfile.TemporaryDirectory() as folder:
        for name, story in STORIES.items():
            chosen = Order(name, "local", str(Path(folder) / name), None).settings
            asyncio.run(local(story, chosen))
    store.is_quick = quick
    # What watches runs ends by itself a while after the last of them has left.
    for thread in threading.enumerate():
        if thread is not threading.main_thread():
            thread.join(2 * lookout.LINGER_SECONDS)
    assert threading.active_count() == 1, threading.enumerate()


def warm_under_prefect() -> None:
    """Let a child fly under the server, and load what it has loaded; its threads and connections end with it."""
    # Certificates are most of what a new client costs, and nobody here speaks TLS: they are loaded once.
    ssl.create_default_context = cache(ssl.create_default_context)
    ssl.create_default_context(cafile=certifi.where())
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            with tempfile.TemporaryDirectory() as folder:
                order = Order("content_review", "mission", f"{folder}/warm-{os.getpid()}", None, 0)
                Path(order.home).mkdir()
                live(order, None)
            os.write(writing, "\n".join(sys.modules).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as names:
        for name in names.read().splitlines():
            if name not in sys.modules and name != "__main__":
                with suppress(ImportError):
                    importlib.import_module(name)
    os.waitpid(child, 0)
    assert threading.active_count() == 1, threading.enumerate()


def bear(order: Order, kill: Kill | None) -> int:
    """Fork a process that lives an order, and return how it ended: its exit code, or minus the signal."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 1
    try:
        save(live(order, kill), order.home)
        code = 0
    except BaseException:  # noqa: BLE001 - however a life fails, its parent is told
        Path(order.home, "failed").write_text(traceback.format_exc())
    finally:
        # Without the handlers that the parent has registered for its own end.
        os._exit(code)


def serve() -> None:
    """Answer orders until standard input ends."""
    faults.install()
    warm()
    if "PREFECT_API_URL" in os.environ:
        warm_under_prefect()
    # A server takes a moment to see that a killed process is gone; on a busy machine, a longer one.
    writer.LEASE_PATIENCE_SECONDS = 20.0
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        given: dict[str, Any] = json.loads(line)
        kills = [Kill(*each) for each in given.pop("kills")]
        order = replace(Order(**given), kills=tuple(kills))
        Path(order.home).mkdir(parents=True, exist_ok=True)
        print(json.dumps([bear(order, kill) for kill in [*kills, None]]), file=answers, flush=True)


if __name__ == "__main__":
    serve()
