"""A process that dies in the middle of letting go: ``forgetting.py HOME STAGE``.

Stages of an erasure: ``begun`` (the key is still there), ``destroyed`` (it is not). Of a purge: ``due``,
``marked`` (payloads count as erased, most of their bytes are still there).
"""

from __future__ import annotations

import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from gonogo.evidence.shelves import FileShelf
from gonogo.house import erasing, purging
from tests.gonogo.toy.patients import of

WRITE = os.pwrite


def die(*_args: Any, **_how: Any) -> Any:
    """End as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


def write_marks_only(descriptor: int, raw: bytes, at: int) -> int:
    """Write single blanks, and die before the first long one."""
    return WRITE(descriptor, raw, at) if len(raw) == 1 else die()


STAGES: dict[str, tuple[object, str, Any]] = {
    "begun": (FileShelf, "destroy", die),
    "destroyed": (erasing, "_end", die),
    "due": (purging, "erase_payloads", die),
    "marked": (os, "pwrite", write_marks_only),
}
"""What is replaced, so that it dies there."""

if __name__ == "__main__":
    chosen, stage = of(Path(sys.argv[1])), sys.argv[2]
    where, name, instead = STAGES[stage]
    with patch.object(where, name, instead):
        if stage in {"begun", "destroyed"}:
            erasing.erase(chosen, "P-73421", "asked for by P-73421", by="ada")
        else:
            purging.purge(chosen, datetime.now(UTC) + timedelta(days=31))
