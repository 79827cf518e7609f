"""OpenTelemetry: runs as traces of GenAI spans, sent over OTLP/HTTP to whatever collects them.

Attributes are those of the GenAI semantic conventions (https://github.com/open-telemetry/semantic-conventions-genai,
0.1.0, all of them in development there), and ``gonogo.*`` where these have no word. The trace of a run is the one that
its evidence names, and ids of spans follow from run and operation, so sending twice doubles nothing. What a server has
taken is noted, and an export that was cut off goes on behind it.
"""

from __future__ import annotations

import os
import time
from hashlib import sha256
from itertools import islice
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit, urlunsplit

import orjson

from analytics.errors import ExportFailed
from analytics.exports.spans import RUNS, request_of, spans_of
from analytics.exports.windows import instant, rows, whole_file
from gonogo.errors import SettingsBroken
from gonogo.settings import settings
from gonogo.transports import leaves_clear

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from pathlib import Path

    import httpx
    from duckdb import DuckDBPyConnection

    from analytics.exports.windows import Window

CONVENTIONS = "semantic-conventions-genai 0.1.0"
PATH = "/v1/traces"
HEADERS = "OTEL_EXPORTER_OTLP_HEADERS"
"""The variable in which OpenTelemetry keeps what a server wants to be told, as ``authorization=Bearer%20...``."""

RUNS_AT_ONCE = 50
TRIES = 5
WAIT_SECONDS_MAX = 30.0
TIMEOUT_SECONDS = 30.0
_AGAIN = frozenset({429, 502, 503, 504})
"""Statuses after which OTLP/HTTP says to try again; every other refusal is final."""

_MARK = "SELECT evidence_digest FROM snapshot"


def send(con: DuckDBPyConnection, home: Path, out: str, window: Window) -> dict[str, Any]:
    """Send the spans of every run that ended in a window, and return how many.

    Raises:
        SettingsBroken: it is no http address, or would be plain http to another host outside of ``dev``.
        ExportFailed: the server is not there, refuses, or takes only a part; what it took is noted.

    """
    import httpx

    url = _endpoint(out)
    mark = str(con.execute(_MARK).fetchall()[0][0])
    place = Place(home, url, window, mark)
    done = place.read()
    runs = (row for row in rows(con, RUNS, dict(window.bounds())) if done is None or _key(row) > done)
    sent = spans = 0
    with httpx.Client(headers=_headers(), timeout=TIMEOUT_SECONDS) as client:
        while batch := list(islice(runs, RUNS_AT_ONCE)):
            found = spans_of(con, batch)
            _post(client, url, request_of(found))
            sent, spans = sent + len(batch), spans + len(found)
            place.note(_key(batch[-1]))
    place.forget()
    return {"conventions": CONVENTIONS, "runs": sent, "spans": spans, "resumed": done is not None}


def _key(row: dict[str, Any]) -> tuple[str, str]:
    ended: datetime = row["ended_at"]
    return instant(ended), row["run_id"]


class Place:
    """How far an export has come: of this snapshot, to this address, over this window. Of any other it is none."""

    def __init__(self, home: Path, url: str, window: Window, mark: str) -> None:
        told = "\x1f".join([url, *(str(bound) for bound in window)])
        self._path = home / "exports" / f"otlp-{sha256(told.encode()).hexdigest()[:16]}.json"
        self._mark = mark

    def read(self) -> tuple[str, str] | None:
        """Return the last run that was taken; ``None`` where the export begins."""
        try:
            told = orjson.loads(self._path.read_bytes())
            return (told["ended_at"], told["run_id"]) if told["evidence_digest"] == self._mark else None
        except (OSError, orjson.JSONDecodeError, KeyError, TypeError):
            # A place that cannot be read costs sending again, and no more.
            return None

    def note(self, run: tuple[str, str]) -> None:
        """Note that all runs up to this one were taken."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(str(self._path)) as file:
            file.write(orjson.dumps({"evidence_digest": self._mark, "ended_at": run[0], "run_id": run[1]}))

    def forget(self) -> None:
        """Begin with the first run the next time."""
        self._path.unlink(missing_ok=True)


def _endpoint(out: str) -> str:
    parts = urlsplit(out)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise SettingsBroken(f"{out!r} is no http address; OTLP is sent to one, as http://127.0.0.1:4318.")
    if settings().environment != "dev" and leaves_clear(out):
        raise SettingsBroken(
            f"Spans would go to another host in the clear, which {settings().environment} does not allow; use https."
        )
    return urlunsplit(parts if parts.path.strip("/") else parts._replace(path=PATH))


def _headers() -> dict[str, str]:
    pairs = (pair.partition("=") for pair in os.environ.get(HEADERS, "").split(",") if "=" in pair)
    own = {name.strip().lower(): unquote(value.strip()) for name, _, value in pairs}
    return {**own, "content-type": "application/x-protobuf"}


def _post(client: httpx.Client, url: str, body: bytes) -> None:
    """Send one request, again where OTLP says so; return once the server has taken all of it."""
    import httpx

    said = ""
    for wait in _waits():
        if wait:
            time.sleep(wait)
        try:
            response = client.post(url, content=body)
        except httpx.TransportError as error:
            said = f"cannot be reached ({type(error).__name__})"
            continue
        if response.is_success:
            _check_whole(response.content)
            return
        said = f"answered {response.status_code}"
        if response.status_code not in _AGAIN:
            break
    host = urlsplit(url).hostname
    raise ExportFailed(f"The collector at {host} {said}. What it took is noted; the same command goes on behind it.")


def _waits() -> Iterator[float]:
    yield 0.0
    for number in range(TRIES - 1):
        yield min(0.2 * 4**number, WAIT_SECONDS_MAX)


def _check_whole(answer: bytes) -> None:
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

    told = ExportTraceServiceResponse()
    try:
        told.ParseFromString(answer)
    except DecodeError as error:
        raise ExportFailed("What answered is no OTLP server: its answer cannot be read.") from error
    if told.partial_success.rejected_spans:
        count = told.partial_success.rejected_spans
        raise ExportFailed(f"The collector refused {count} spans: {told.partial_success.error_message[:200]!r}.")
