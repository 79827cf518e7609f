"""``python -m benchmarks.landing``: how fast evidence lands, and what publishing and a rebuild take.

Writes whole runs as the recorder writes them, without its syncs, then lands them in a fresh home. Prints
records a second for the load alone (checks, quarantine, shapes) and with the mart published, the
seconds of a publication with nothing new, and of a rebuild that compares every table. Then the loop of
``gonogo up`` lands what is written beside it, and it is measured when a mart shows it.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path
from random import Random
from threading import Event, Thread
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any, NamedTuple

from analytics import rebuilding
from analytics.loading import Loader
from analytics.marts import mart_path, open_mart
from analytics.warehouse import keep_landing
from gonogo.evidence.canon import GENESIS
from gonogo.evidence.records import seal, to_line
from gonogo.house.household import LAND_EVERY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gonogo.evidence.records import Artifact

LOOK_SECONDS = 0.01
"""How often it is looked whether there is a newer mart."""

Step = tuple["Artifact", dict[str, Any], bytes | None]


def main() -> None:
    """Write, land, publish, rebuild, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("--seen", type=int, default=20, help="runs to write beside a loader, one after the other")
    given = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="gonogo-landing-"))
    try:
        records = sum(_write(home, f"r{number:07}", number) for number in range(given.runs))
        # The first load of a process imports Great Expectations; that is not what is measured here.
        warm = Path(tempfile.mkdtemp(prefix="gonogo-warm-"))
        _write(warm, "r0", 0)
        _landed(warm)
        shutil.rmtree(warm)
        load, publication = _landed(home)
        print(f"{records} records of {given.runs} runs")
        for what, took in (
            ("load alone", load),
            ("publication", publication),
            ("load and publish", load + publication),
        ):
            print(
                f"{what:<19} {took.seconds:8.2f} s  {records / took.seconds:10,.0f} records/s  "
                f"{took.worked:8.2f} processor seconds  {records / took.worked:10,.0f} records/s of them"
            )
        begun = perf_counter()
        verdict = rebuilding.rebuild(home, "compare").verdict
        print(f"rebuild and compare {perf_counter() - begun:8.2f} s  {verdict}")
        delays = sorted(_seen(home, given.runs, given.seen))
        if delays:
            print(f"written to visible  {delays[len(delays) // 2]:8.2f} s  at most {delays[-1]:.2f} s of {len(delays)}")
    finally:
        shutil.rmtree(home)


class Took(NamedTuple):
    """What something took."""

    seconds: float
    worked: float
    """Processor seconds of all threads."""

    def __add__(self, other: Took) -> Took:  # pyright: ignore[reportIncompatibleMethodOverride] - figures, not a longer tuple
        """Return what both took, one after the other."""
        return Took(self.seconds + other.seconds, self.worked + other.worked)


def _landed(home: Path) -> tuple[Took, Took]:
    loader = Loader(home)
    try:
        begun, worked = perf_counter(), process_time()
        loader.take_in_all()
        between, worked_then = perf_counter(), process_time()
        loader.publish()
        return (
            Took(between - begun, worked_then - worked),
            Took(perf_counter() - between, process_time() - worked_then),
        )
    finally:
        loader.close()


def _seen(home: Path, first: int, count: int) -> Iterator[float]:
    """Write runs beside the loop of ``gonogo up``; yield the seconds until a mart showed each of them."""
    stop, pause, random = Event(), Event(), Random(first)
    house = Thread(target=keep_landing, args=(home, LAND_EVERY_SECONDS, stop))
    house.start()
    try:
        for number in range(first, first + count):
            # At any moment between two loads.
            pause.wait(random.uniform(0, 2 * LAND_EVERY_SECONDS))
            run_id = f"r{number:07}"
            _write(home, run_id, number)
            begun, looked_at = perf_counter(), 0
            while True:
                published = mart_path(home).stat().st_ino
                if published != looked_at and _shows(home, run_id):
                    break
                looked_at = published
                pause.wait(LOOK_SECONDS)
            yield perf_counter() - begun
    finally:
        stop.set()
        house.join()


def _shows(home: Path, run_id: str) -> bool:
    with open_mart(home) as con:
        return bool(con.execute("SELECT count(*) FROM runs WHERE run_id = ?", [run_id]).fetchall()[0][0])


def _write(home: Path, run_id: str, number: int) -> int:
    """Write one run's stream, and return its number of records."""
    envelope = {
        "subject": f"run/{run_id}", "runid": run_id, "tenantid": "default", "envname": "dev",
        "missionid": f"mission_{number % 5}", "missiondigest": "a" * 64, "agentid": "clerk", "agentversion": "1",
        "manifestdigest": "b" * 64, "policydigest": "c" * 64, "attempt": 1,
    }  # fmt: skip
    path = home / "journals" / "flights" / f"{run_id}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    head, lines = GENESIS, list[bytes]()
    for artifact, told, payload in _story(number):
        data = {"objects": [{"id": run_id, "type": "run"}], **told}
        record = seal(envelope, artifact, data, stream=(f"{run_id}/flight", len(lines), head), payload=payload)
        lines.append(to_line(record))
        head = record.digest
    path.write_bytes(b"".join(lines))
    return len(lines)


def _story(number: int) -> Iterator[Step]:
    yield "run_record", {
        "phase": "intent", "mission": f"mission_{number % 5}", "owner": "ops", "lane": "batch", "requester": "kim",
        "scope": ["claims"], "budget": {"usd_micros": 2_000_000, "actions": 10}, "model": "openai:small",
        "offline": False, "case_ref": f"case {number}",
    }, b'{"case":1}'  # fmt: skip
    for step in ("read", "assess"):
        key = f"/step:{step}"
        common = {"key": key, "step": step, "branch": ""}
        yield "step_record", {**common, "phase": "intent", "args_digest": "d" * 64}, b'{"x":1}'
        call = {
            "key": f"{key}/model", "agent": "clerk", "requested_model": "small", "provider": "openai", "offline": False,
        }  # fmt: skip
        yield "model_call", {**call, "phase": "intent", "request_digest": "e" * 64, "reserved_micros": 5_000}, None
        yield "model_call", {
            **call, "phase": "result", "returned_model": "small-1", "outcome": "done", "finish_reason": "stop",
            "input_tokens": 100, "output_tokens": 10, "cache_read_tokens": 0, "cache_write_tokens": 0,
            "cost_micros": 100 + number % 50, "currency": "USD", "price_basis": "list", "price_book": "b",
            "latency_us": 2_000 + number % 900,
        }, b'{"text":"fine"}'  # fmt: skip
        yield "step_record", {**common, "phase": "result", "outcome": "done", "latency_us": 3_000}, b'{"y":2}'
    yield "run_record", {
        "phase": "result", "status": "done", "success": number % 5 > 0, "escalated": False, "latency_ms": 1_500,
        "totals": {"cost_micros": 2 * (100 + number % 50), "actions": 0, "currency": "USD", "price_basis": "list"},
        "measures": [], "streams": [], "outcome": "paid",
    }, b'{"outcome":"paid"}'  # fmt: skip


if __name__ == "__main__":
    main()
