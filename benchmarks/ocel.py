"""``python -m benchmarks.ocel``: whether an outside reader takes the OCEL export.

Exports a home (or, where none is given, a fleet that it flies itself) and lets pm4py read the file, in an environment
and a process of its own, because its licence is the AGPL. Prints what it read beside what was written, and exits 1
where they differ.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from analytics.exports import export
from analytics.warehouse import land
from benchmarks.environments import NotInstalledError, python_of
from gonogo.house.loading import find_mission
from gonogo.settings import settings, using
from gonogo.testing import rehearse
from tasks.rehearsals import MISSIONS, demo_cases, demo_events

READ = """
import json, sys
import pm4py
log = pm4py.read_ocel2_json(sys.argv[1])
print(json.dumps({
    "version": pm4py.__version__,
    "events": len(log.events), "objects": len(log.objects), "relations": len(log.relations), "links": len(log.o2o),
    "activities": log.events["ocel:activity"].value_counts().to_dict(),
    "types": log.objects["ocel:type"].value_counts().to_dict(),
}))
"""

READ_SECONDS_MAX = 600.0


def main() -> int:
    """Export, let pm4py read, compare; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, help="a home with a published mart")
    given = parser.parse_args()
    try:
        with tempfile.TemporaryDirectory(prefix="gonogo-ocel-") as folder:
            home = given.home or _flown(Path(folder) / "home")
            out = Path(folder) / "log.json"
            export(home, "ocel", str(out))
            return _compared(written(out), read(out))
    except NotInstalledError as error:
        print(f"pm4py is not here: {error}", file=sys.stderr)
        return 2


def _flown(home: Path) -> Path:
    async def fly() -> None:
        for mission in MISSIONS:
            for case in demo_cases(mission, 10, 1):
                told = [(name, body) for name, body, _ in demo_events(mission, case)]
                await rehearse(find_mission(settings(), mission), case, home=home, answers="go", events=told)

    with using(settings().model_copy(update={"home": home})):
        asyncio.run(fly())
        land(home)
    return home


def written(out: Path) -> dict[str, Any]:
    """Return what stands in an export, as counts."""
    told = json.loads(out.read_bytes())
    return {
        "events": len(told["events"]),
        "objects": len(told["objects"]),
        "relations": sum(len(event["relationships"]) for event in told["events"]),
        "links": sum(len(thing["relationships"]) for thing in told["objects"]),
        "activities": dict(Counter(event["type"] for event in told["events"])),
        "types": dict(Counter(thing["type"] for thing in told["objects"])),
    }


def read(out: Path) -> dict[str, Any]:
    """Return what pm4py reads from an export, as the same counts, and its version.

    Raises:
        NotInstalledError: it cannot be installed here.

    """
    done = subprocess.run(
        [str(python_of("ocel")), "-c", READ, str(out)],
        capture_output=True, text=True, check=False, timeout=READ_SECONDS_MAX,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"pm4py refuses the file: {done.stderr[-1_000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def _compared(ours: dict[str, Any], theirs: dict[str, Any]) -> int:
    print(f"pm4py {theirs['version']} reads the export:")
    for name in ("events", "objects", "relations", "links"):
        print(f"  {name:<10} {ours[name]:>8} written {theirs[name]:>8} read")
    print(f"  {len(ours['activities'])} activities, {len(ours['types'])} object types")
    differ = [name for name in ours if ours[name] != theirs[name]]
    print("All of it." if not differ else f"They differ in {', '.join(differ)}.")
    return 1 if differ else 0


if __name__ == "__main__":
    raise SystemExit(main())
