"""``python -m tests.fuzz``: fuzz every reader of evidence, log, answers, credentials and law; count what was tried."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, seed, settings

from tests.fuzz.gates import GATES
from tests.fuzz.targets import TARGETS

if TYPE_CHECKING:
    from tests.fuzz.targets import Target

INPUTS = 10_000
READERS = TARGETS | GATES


def tried(target: Target, inputs: int, number: int) -> Counter[str]:
    """Give a reader so many inputs, and return what became of them; raises where one crashed it or was accepted."""
    counted: Counter[str] = Counter()

    @seed(number)
    @settings(
        max_examples=inputs,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.large_base_example],
    )
    @given(target.inputs())
    def run(value: object) -> None:
        counted[target.check(value)] += 1

    run()
    return counted


def main() -> int:
    """Fuzz what the command line names; every reader, if none."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--inputs", type=int, default=INPUTS, help=f"inputs for each reader; {INPUTS:,}")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32, help="a new one, if not given")
    parser.add_argument("targets", nargs="*", choices=[*READERS, []], metavar="READER", help=", ".join(READERS))
    asked = parser.parse_args()
    total: Counter[str] = Counter()
    sys.stdout.write(f"seed {asked.seed}\n{'reader':<16}{'inputs':>10}{'refused':>10}{'read':>10}{'seconds':>10}\n")
    for name in asked.targets or READERS:
        begun = time.perf_counter()
        counted = tried(READERS[name], asked.inputs, asked.seed)
        total += counted
        seconds = time.perf_counter() - begun
        row = f"{name:<16}{counted.total():>10,}{counted['refused']:>10,}{counted['read']:>10,}{seconds:>10.1f}\n"
        sys.stdout.write(row)
        sys.stdout.flush()
    sys.stdout.write(f"{'all':<16}{total.total():>10,}{total['refused']:>10,}{total['read']:>10,}\n")
    sys.stdout.write("No crash, and no mutant was accepted.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
