"""``python -m benchmarks.spending``: many runs in several processes against one day's budget; prints what they spent.

Uses the Postgres that ``GONOGO_JOURNALS`` names, if it names one, and files otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from gonogo.policy.registry import read_registry
from gonogo.purses.standing import standing
from gonogo.settings import settings
from tests.gonogo.toy.purse_law import write_law


def main() -> None:
    """Spend a day, and say whether it was spent exactly."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=5)
    parser.add_argument("--runs", type=int, default=10, help="runs in flight in each process")
    parser.add_argument("--actions", type=int, default=1_000, help="changes that the day has")
    parser.add_argument("--usd", default="0.100000", help="money that the day has, for models")
    given = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="gonogo-spending-"))
    law = write_law(home / "law", {"spending": {"usd": given.usd, "actions": given.actions}})
    begun = time.perf_counter()
    processes = [_start(home, law, number, given.runs) for number in range(given.processes)]
    landings: list[dict[str, Any]] = []
    for process in processes:
        told, _ = process.communicate()
        landings += json.loads(told)
    seconds = time.perf_counter() - begun
    runs = [landing["totals"] for landing in landings]
    money, actions = (sum(total[name] for total in runs) for name in ("cost_micros", "actions"))
    rows = standing(settings().model_copy(update={"home": home}), read_registry(law).days)
    print(f"{len(landings)} runs in {given.processes} processes, {seconds:.1f} s")
    print(f"{'unit':12}{'cap':>10}{'ledger':>10}{'evidence':>10}{'left':>8}")
    for row in rows:
        told = money if row.unit == "usd_micros" else actions
        print(f"{row.unit:12}{row.cap:>10}{row.used:>10}{told:>10}{row.left:>8}")
        if row.used != told or row.left < 0:
            sys.exit("The day was not spent as its evidence says.")


def _start(home: Path, law: Path, number: int, runs: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.gonogo.toy.spending", str(home), str(law), f"p{number}", str(runs)]
    environ = os.environ | {"GONOGO_BUDGET_WAIT_SECONDS": "60"}
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ)


if __name__ == "__main__":
    main()
