"""A process of a drill: flies what it is told on its standard input, one line of JSON a flight, until that ends.

``python -m gonogo.drills.victim`` is started by :mod:`gonogo.drills.processes`, never by hand.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import orjson

from gonogo.drills.runaways import Loose
from gonogo.drills.trials import fly_here, scratch
from gonogo.settings import settings


def main() -> None:
    """Say that it is ready, then fly and say how it ended, line by line."""
    say = sys.stdout.buffer
    # What anything else prints is not an answer.
    sys.stdout = sys.stderr
    say.write(b'"ready"\n')
    say.flush()
    for line in sys.stdin.buffer:
        told = orjson.loads(line)
        made = scratch(settings(), Path(told["home"]), Path(told["law"]))
        (status,) = asyncio.run(fly_here(made, [Loose.model_validate(told["loose"])]))
        say.write(orjson.dumps(status) + b"\n")
        say.flush()


if __name__ == "__main__":
    main()
