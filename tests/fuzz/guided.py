"""``python -m tests.fuzz.guided``: let a fuzzer that sees which code it reaches look for a way, and count its tries.

Needs atheris (``pip install atheris``, for Linux and macOS), which nothing else of the project does. Each reader is
fuzzed in a process of its own, from the genuine input on.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

INPUTS = 100_000
LENGTH_BYTES_MAX = 65_536
_DONE = re.compile(r"Done (\d+)(?: runs?)? in (\d+) second")
_EDGES = re.compile(r"cov: (\d+)")


def readers() -> dict[str, tuple[Callable[[], bytes], Callable[[bytes], object]]]:
    """Return what is fuzzed: by name, what is genuine, and what checks an input."""
    from tests.fuzz.gates import GATES, SEEDS
    from tests.fuzz.targets import TARGETS, genuine

    evidence: dict[str, Callable[[], str]] = {
        "checkpoint": lambda: genuine().note,
        "verifier key": genuine().key.strip,
        "hand-over": lambda: genuine().statement,
        "proof": lambda: genuine().proof,
        "bundle": lambda: json.dumps(genuine().bundle),
    }

    def of_text(seed: Callable[[], str], check: Callable[[str], object]) -> Callable[[bytes], object]:
        def given(raw: bytes) -> object:
            text = raw.decode("utf-8", "replace")
            if text != seed():
                return check(text)
            # It is read, so that the fuzzer learns the way; only mutants of it have to be refused.
            with suppress(AssertionError):
                return check(text)
            return "genuine"

        return given

    def of_bytes(seed: Callable[[], str]) -> Callable[[], bytes]:
        return lambda: seed().encode()

    known = TARGETS | GATES
    found = {name: (of_bytes(seed), of_text(seed, known[name].check)) for name, seed in (evidence | SEEDS).items()}
    return {"journal line": (lambda: genuine().line, TARGETS["journal line"].check), **found}


def fuzz(name: str, inputs: int, seed: int) -> None:
    """Fuzz one reader in this process, which ends with it."""
    # Where it is not installed, the type checker knows nothing of it.
    atheris: Any = import_module("atheris")

    # What is imported here is watched; the readers below it have been left out until now for that reason.
    with atheris.instrument_imports(include=["gonogo", "orjson", "yaml"]):
        made, check = readers()[name]
        genuine = made()

    def given(raw: bytes) -> None:
        check(raw)

    with tempfile.TemporaryDirectory(prefix="gonogo-corpus-") as place:
        (Path(place) / "genuine").write_bytes(genuine)
        (Path(place) / "nothing").write_bytes(b"")
        options = [f"-atheris_runs={inputs}", f"-seed={seed}", f"-max_len={LENGTH_BYTES_MAX}"]
        # From the first input on as long as it may be: what is genuine is long.
        options += ["-len_control=0", "-rss_limit_mb=3000"]
        atheris.Setup([sys.argv[0], *options, place], given)
        atheris.Fuzz()


def main() -> int:
    """Fuzz what the command line names; every reader, if none."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.guided", description=__doc__)
    parser.add_argument("--inputs", type=int, default=INPUTS, help=f"inputs for each reader; {INPUTS:,}")
    parser.add_argument("--seed", type=int, default=1, help="1, if not given")
    parser.add_argument("--alone", help=argparse.SUPPRESS)
    parser.add_argument("readers", nargs="*", metavar="READER", help="their names; all of them, if none")
    asked = parser.parse_args()
    if asked.alone:
        fuzz(asked.alone, asked.inputs, asked.seed)
        return 0
    total, failed = 0, list[str]()
    sys.stdout.write(f"{'reader':<16}{'inputs':>12}{'edges':>8}{'seconds':>9}\n")
    for name in asked.readers or readers():
        command = [sys.executable, "-m", "tests.fuzz.guided", "--alone", name]
        command += ["--inputs", str(asked.inputs), "--seed", str(asked.seed)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        told, edges = _DONE.search(done.stderr), _EDGES.findall(done.stderr)
        if done.returncode or told is None:
            failed.append(name)
            sys.stdout.write(f"{name:<16}  FAILED\n{done.stderr[-4_000:]}\n")
            continue
        total += int(told[1])
        sys.stdout.write(f"{name:<16}{int(told[1]):>12,}{edges[-1] if edges else '':>8}{told[2]:>9}\n")
        sys.stdout.flush()
    sys.stdout.write(f"{'all':<16}{total:>12,}\n")
    verdict = f"Not as it has to be: {', '.join(failed)}." if failed else "No crash, and no mutant was accepted."
    sys.stdout.write(f"{verdict}\n")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
