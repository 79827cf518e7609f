"""A peer as a process: orders come as arguments, the report leaves as JSON lines. Standard library only."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
import time
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.peers.engine import at_the_scene
from benchmarks.peers.workloads import FULL, QUICK, WORKLOADS, Sizes

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.peers.engine import Engine


def serve(make: Callable[[Path, str], Engine], packages: tuple[str, ...]) -> None:
    """Be a peer: measure what the arguments ask for, report it, and leave.

    Args:
        make: returns the engine for a folder and a variant.
        packages: whose versions belong to the figures.

    """
    given = _arguments()
    # Told to stop, a peer still stops what it has started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("told to stop"))
    # Libraries print; the report has standard output for itself.
    report = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    engine = make(given.folder.resolve(), given.variant)
    if given.recover:
        at_the_scene(given.folder.resolve())
        asyncio.run(_recover(engine, given.recover))
    else:
        asyncio.run(_measure(engine, packages, given, lambda line: print(json.dumps(line), file=report)))
    report.flush()
    sys.stderr.flush()
    # Threads and servers of a library must not keep a measured process from ending.
    os._exit(0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="where everything durable goes")
    parser.add_argument("--variant", default="", help="which form of the system")
    parser.add_argument("--workloads", nargs="*", default=list(WORKLOADS), choices=list(WORKLOADS))
    parser.add_argument("--quick", action="store_true", help="tiny sizes")
    parser.add_argument("--recover", default="", help="fly, or continue, this run, and leave")
    return parser.parse_args()


async def _recover(engine: Engine, run_id: str) -> None:
    await engine.open()
    await engine.recover(run_id)
    await engine.close()


async def _measure(
    engine: Engine, packages: tuple[str, ...], given: argparse.Namespace, tell: Callable[[dict[str, Any]], None]
) -> None:
    """Run the workloads one after the other; one that fails is reported and does not stop the next."""
    sizes = QUICK if given.quick else FULL
    tell({"about": _about(engine, packages, sizes)})
    await engine.open()
    try:
        for name in [name for name in WORKLOADS if name in given.workloads]:
            begun = time.perf_counter()
            answer: dict[str, Any] = {"workload": name}
            try:
                answer["samples"] = [asdict(sample) for sample in await WORKLOADS[name](engine, sizes)]
            except Exception as error:  # noqa: BLE001 - whatever a peer raises is its result
                answer["error"] = f"{type(error).__name__}: {error}"
            tell(answer | {"seconds": time.perf_counter() - begun})
    finally:
        await engine.close()


def _about(engine: Engine, packages: tuple[str, ...], sizes: Sizes) -> dict[str, Any]:
    versions = engine.versions()
    for package in packages:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "not installed"
    return {
        "sync": engine.sync,
        "setup": engine.setup,
        "in_flight": sizes.at_once(engine),
        "versions": versions,
    }
