"""Prefect's own command, with its garbage collected beside the event loop; a house runs its server so.

On SQLite, a cursor that the collector frees waits for its connection, which may be waiting for the
database's write lock, which a coroutine of the very loop holds that the collector has stopped. The
server then stands still for SQLite's whole patience, a minute. A thread of its own may wait.
"""

from __future__ import annotations

import gc
import runpy
import threading

COLLECT_EVERY_SECONDS = 5.0


def _collect() -> None:
    """Do what the collector would have done, where it holds nobody up."""
    pause = threading.Event()
    while not pause.wait(COLLECT_EVERY_SECONDS):
        gc.collect()


def main() -> None:
    """Be `python -m prefect`, with the same arguments."""
    gc.disable()
    threading.Thread(target=_collect, name="gonogo-collector", daemon=True).start()
    runpy.run_module("prefect", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
