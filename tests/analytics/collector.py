"""A collector on loopback: takes OTLP over HTTP as a collector does, keeps the spans, and fails when it is told to."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

if TYPE_CHECKING:
    from collections.abc import Generator


class Collector(ThreadingHTTPServer):
    """Keeps what it is sent."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.spans: list[Any] = []
        self.resources: list[Any] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.refusals: list[int] = []
        """Statuses to answer with, one a request, before requests are taken again; 0 takes one."""
        self.rejected = 0
        """How many spans of each request it says it refuses."""

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Answers(BaseHTTPRequestHandler):
    server: Collector  # pyright: ignore[reportIncompatibleVariableOverride] - the one server that makes them

    def do_POST(self) -> None:
        """Take a request, or refuse it."""
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.headers.append({name.lower(): value for name, value in self.headers.items()})
        self.server.paths.append(self.path)
        status = self.server.refusals.pop(0) if self.server.refusals else 0
        if status:
            self._say(status, b"")
            return
        request = ExportTraceServiceRequest.FromString(body)
        for told in request.resource_spans:
            self.server.resources.append(told.resource)
            self.server.spans += [span for scope in told.scope_spans for span in scope.spans]
        answer = ExportTraceServiceResponse()
        answer.partial_success.rejected_spans = self.server.rejected
        self._say(200, answer.SerializeToString())

    def _say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the signature is the library's
        """Say nothing."""


@contextmanager
def collecting() -> Generator[Collector]:
    """Open a collector for the block."""
    server = Collector()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
