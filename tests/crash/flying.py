"""``python -m tests.crash.flying POINT NUMBER ...``: the command `gonogo ...`, killed at that passing of that point."""

from __future__ import annotations

import sys
from pathlib import Path

from gonogo.cli.main import main
from gonogo.settings import process_settings
from tests.crash import faults, points, stories

if __name__ == "__main__":
    assert stories.STORIES  # Every mission is imported, so that its steps and tools are there to be hooked.
    faults.install()
    home = process_settings().home
    home.mkdir(parents=True, exist_ok=True)
    points.begin(points.Kill(sys.argv[1], int(sys.argv[2])), Path(home, "executed"))
    sys.argv[1:] = sys.argv[3:]
    main()
