"""``python -m benchmarks.landing``: how fast evidence lands, and what publishing and a rebuild take.

Writes whole runs as the recorder writes them, without its syncs, then lands them in a fresh home. Prints
records a second for the load alone (checks, quarantine, shapes) and with the mart published, the
seconds of a publication with nothing new, and of a rebuild that compares every table.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from analytics import rebuilding
from analytics.loading import Loader
from gonogo.evidence.canon import GENESIS
from gonogo.evidence.records import seal, to_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gonogo.evidence.records import Artifact

Step = tuple["Artifact", dict[str, Any], bytes | None]


def main() -> None:
    """Write, land, publish, rebuild, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=20_000)
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
        print(f"load alone          {load:8.2f} s  {records / load:10,.0f} records/s")
        print(f"publication         {publication:8.2f} s")
        print(f"load and publish    {load + publication:8.2f} s  {records / (load + publication):10,.0f} records/s")
        begun = perf_counter()
        verdict = rebuilding.rebuild(home, "compare").verdict
        print(f"rebuild and compare {perf_counter() - begun:8.2f} s  {verdict}")
    finally:
        shutil.rmtree(home)


def _landed(home: Path) -> tuple[float, float]:
    loader = Loader(home)
    try:
        begun = perf_counter()
        loader.take_in_all()
        between = perf_counter()
        loader.publish()
        return between - begun, perf_counter() - between
    finally:
        loader.close()


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
