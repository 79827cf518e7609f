"""``python -m benchmarks.log``: how fast evidence becomes durable, is taken into the log, and is proven whole.

1. Writers in one process append records of about 1 kB to streams of their own, and each waits until its record is
   on disk before it appends the next; meanwhile another process sequences, as ``gonogo up`` does. Printed: durable
   records a second, and how long after the last one the log has them all.
2. The journals are filled up to ``--records``, and taken into the log in one pass.
3. The log is verified by the verifier that stands alone, in a process of its own; its exit has to be 0.

Everything happens in a folder below ``--place``, which has to be on the disk that is to be measured.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.machine import facts
from gonogo.evidence.journals import journal_of
from gonogo.evidence.records import Envelope
from gonogo.log import verifier
from gonogo.log.sequencer import log_folder, sequence
from gonogo.settings import settings

if TYPE_CHECKING:
    from gonogo.evidence.journals import Journal
    from gonogo.evidence.streams import Stream
    from gonogo.settings import Settings

RECORDS, DURABLE, WRITERS = 100_000, 50_000, 16
EVERY_SECONDS = 1.0
"""How often the other process sequences."""
FILLED_AT_ONCE = 2_000
STREAM_RECORDS = 500
"""Records of a stream: about what a mission of a hundred steps leaves."""
PAYLOAD = json.dumps({"answer": "x" * 180}).encode()
NOTE = "As the clerk saw it. " * 12
"""Makes a leaf of about 1 kB of it."""
PATIENCE_SECONDS = 600.0
ENVELOPE = Envelope({"missionid": "bench", "tenantid": "default", "envname": "test", "policydigest": "0" * 64})


def main() -> int:
    """Measure, and print one line a figure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.log", description=__doc__)
    parser.add_argument("--records", type=int, default=RECORDS, help=f"records of the log; {RECORDS:,}")
    parser.add_argument("--durable", type=int, default=DURABLE, help=f"of them, appended one by one; {DURABLE:,}")
    parser.add_argument("--writers", type=int, default=WRITERS, help=f"writers at once; {WRITERS}")
    parser.add_argument("--place", type=Path, default=Path.cwd(), help="folder on the disk to measure")
    given = parser.parse_args()
    machine = facts()
    with tempfile.TemporaryDirectory(prefix=".gonogo-bench-", dir=given.place) as place:
        chosen = settings().model_copy(update={"home": Path(place), "journals": None, "anchor": None, "log_key": None})
        _measure(chosen, given.records, min(given.durable, given.records), given.writers)
    print(f"{machine['processor']}, {machine['cores']} cores, {machine['filesystem']}, load {machine['load_before']}")
    return 0


def _measure(chosen: Settings, records: int, durable: int, writers: int) -> None:
    journal = journal_of(chosen)
    sequencer = _sequencer(chosen)
    try:
        begun, used = time.perf_counter(), _used(resource.RUSAGE_SELF)
        asyncio.run(_write(journal, writers, durable // writers))
        seconds, used = time.perf_counter() - begun, _used(resource.RUSAGE_SELF) - used
        done = durable // writers * writers
        how = f"{done:,} by {writers} writers, each waits; {used:.1f} s of one processor"
        _print("durable appends", f"{done / seconds:,.0f} records/s", how)
        ended = time.perf_counter()
        while _size(chosen) < done:
            if sequencer.poll() is not None or time.perf_counter() - ended > PATIENCE_SECONDS:
                sys.exit("The sequencer stopped, or did not keep up at all.")
            time.sleep(0.02)
        _print("sequencing lag", f"{time.perf_counter() - ended:.1f} s", "from the last append until the log has all")
    finally:
        sequencer.terminate()
        sequencer.wait()
    filled = _fill(journal, records - done)
    begun, used = time.perf_counter(), _used(resource.RUSAGE_SELF)
    took = sequence(chosen, journal)
    seconds, used = time.perf_counter() - begun, _used(resource.RUSAGE_SELF) - used
    if (took.new, took.faults) != (filled, []):
        sys.exit(f"The sequencer took in {took.new} of {filled} records: {took.faults}")
    if filled:
        _print(
            "sequencing", f"{filled / seconds:,.0f} records/s", f"{filled:,} in one pass; {used:.1f} s of one processor"
        )
    _verify(chosen, records)


def _verify(chosen: Settings, records: int) -> None:
    folder = log_folder(chosen)
    raw = sum(path.stat().st_size for path in (folder / "tile" / "entries").rglob("*") if path.is_file())
    command = [sys.executable, "-I", "-S", verifier.__file__, str(folder)]
    begun, used = time.perf_counter(), _used(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    seconds, used = time.perf_counter() - begun, _used(resource.RUSAGE_CHILDREN) - used
    if done.returncode or f" {records} entries" not in done.stdout:
        sys.exit(f"The log does not verify: {done.stdout}{done.stderr}")
    what = f"{records:,} records, {raw / 1e6:,.0f} MB with what was left of tiles on the way"
    _print("verification", f"{seconds:.1f} s", f"{what}; {used:.1f} s of one processor")


def _sequencer(chosen: Settings) -> subprocess.Popen[bytes]:
    environ = os.environ | {"GONOGO_HOME": str(chosen.home)}
    command = [sys.executable, "-m", "gonogo", "sequence", "--every", str(EVERY_SECONDS)]
    process = subprocess.Popen(command, env=environ)
    until = time.perf_counter() + PATIENCE_SECONDS
    # It is there once it has signed the empty log.
    while not (log_folder(chosen) / "checkpoint").exists() and time.perf_counter() < until and process.poll() is None:
        time.sleep(0.02)
    return process


def _size(chosen: Settings) -> int:
    return int((log_folder(chosen) / "checkpoint").read_text(encoding="utf-8").split("\n")[1])


async def _write(journal: Journal, writers: int, each: int) -> None:
    await asyncio.gather(*(_writer(journal, number, each) for number in range(writers)))


async def _writer(journal: Journal, number: int, records: int) -> None:
    """Append one record after the other, each durable before the next."""
    for first in range(0, records, STREAM_RECORDS):
        stream = journal.open_flight(f"writer-{number}-{first}")
        try:
            for place in range(min(STREAM_RECORDS, records - first)):
                _append(stream, place)
                await stream.commit()
        finally:
            stream.close()


def _fill(journal: Journal, records: int) -> int:
    """Append the rest, many at once; nobody measures that."""
    for first in range(0, records, FILLED_AT_ONCE):
        stream = journal.open_flight(f"filled-{first}")
        for place in range(min(FILLED_AT_ONCE, records - first)):
            _append(stream, place)
        stream.commit_now()
        stream.close()
    return records


def _append(stream: Stream, place: int) -> None:
    data = {"objects": [{"id": stream.run_id, "type": "run"}], "phase": "result", "step": "assess", "number": place}
    fields = {"runid": stream.run_id, "subject": f"run/{stream.run_id}"}
    stream.append(ENVELOPE, "step_record", data | {"note": NOTE}, own=fields, payload=PAYLOAD)


def _used(whose: int) -> float:
    """Return the processor time used so far, in seconds: what a busy machine does not change."""
    usage = resource.getrusage(whose)
    return usage.ru_utime + usage.ru_stime


def _print(what: str, figure: str, how: str) -> None:
    print(f"{what:<18}{figure:>22}   {how}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
