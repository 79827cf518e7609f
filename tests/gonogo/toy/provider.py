"""A model provider on the loopback interface: speaks as OpenAI's and Anthropic's APIs do, and fails on demand."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

MODEL = "gpt-4o-2024-08-06"
"""As the provider calls what it was asked for as gpt-4o."""


@dataclass(slots=True)
class Said:
    """One answer of the provider."""

    calls: tuple[tuple[str, dict[str, Any]], ...] = ()
    """Tools it wants called, with arguments; the output type is called ``final_result``."""
    status: int = 200
    raw: bytes | None = None
    """What it sends instead of an answer."""
    input_tokens: int = 1_000
    output_tokens: int = 100
    cached_tokens: int = 0
    model: str = MODEL
    call_id: str = "call_{number}"
    has_usage: bool = True
    retry_after: str = ""
    """How long it asks us to wait, in seconds."""
    does: Literal["answer", "hang", "cut"] = "answer"
    """Answer, say nothing until it is shut down, or cut the connection in the middle of the answer."""

    def body(self, number: int, path: str = "/v1/responses") -> bytes:
        """Return the answer as JSON, in the words of the API that was asked."""
        if self.raw is not None:
            return self.raw
        if self.status != 200:
            return json.dumps({"error": {"message": "the model is out", "type": "x", "code": None}}).encode()
        if path.endswith("/chat/completions"):
            return json.dumps(self._chat(number)).encode()
        if path.endswith("/messages"):
            return json.dumps(self._message(number)).encode()
        output = [
            {
                "type": "function_call", "id": f"fc_{number}_{index}", "status": "completed", "name": name,
                "call_id": self.call_id.format(number=f"{number}_{index}"), "arguments": json.dumps(args),
            }
            for index, (name, args) in enumerate(self.calls)
        ]  # fmt: skip
        answer: dict[str, Any] = {
            "id": f"resp_{number}", "object": "response", "created_at": 1, "status": "completed",
            "model": self.model, "output": output, "parallel_tool_calls": True, "tool_choice": "auto", "tools": [],
        }  # fmt: skip
        if self.has_usage:
            answer["usage"] = {
                "input_tokens": self.input_tokens,
                "input_tokens_details": {"cached_tokens": self.cached_tokens},
                "output_tokens": self.output_tokens,
                "output_tokens_details": {"reasoning_tokens": 0},
                "total_tokens": self.input_tokens + self.output_tokens,
            }
        return json.dumps(answer).encode()

    def _chat(self, number: int) -> dict[str, Any]:
        calls = [
            {
                "id": f"call_{number}_{index}", "type": "function",
                "function": {"name": name, "arguments": json.dumps(args)},
            }
            for index, (name, args) in enumerate(self.calls)
        ]  # fmt: skip
        return {
            "id": f"chat_{number}", "object": "chat.completion", "created": 1, "model": self.model,
            "choices": [{
                "index": 0, "finish_reason": "tool_calls",
                "message": {"role": "assistant", "content": None, "tool_calls": calls},
            }],
            "usage": {
                "prompt_tokens": self.input_tokens, "completion_tokens": self.output_tokens,
                "total_tokens": self.input_tokens + self.output_tokens,
                "prompt_tokens_details": {"cached_tokens": self.cached_tokens},
            },
        }  # fmt: skip

    def _message(self, number: int) -> dict[str, Any]:
        return {
            "id": f"msg_{number}", "type": "message", "role": "assistant", "model": self.model,
            "stop_reason": "tool_use", "stop_sequence": None,
            "content": [
                {"type": "tool_use", "id": f"toolu_{number}_{index}", "name": name, "input": args}
                for index, (name, args) in enumerate(self.calls)
            ],
            "usage": {
                "input_tokens": self.input_tokens - self.cached_tokens, "output_tokens": self.output_tokens,
                "cache_read_input_tokens": self.cached_tokens, "cache_creation_input_tokens": 0,
            },
        }  # fmt: skip


@dataclass(slots=True)
class Provider:
    """What it was asked, and what it will say."""

    url: str
    script: list[Said] = field(default_factory=list[Said])
    asked: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    answer: Callable[[dict[str, Any]], Said] | None = None
    """Answers by what is asked, where several agents ask side by side; goes before the script."""
    over: threading.Event = field(default_factory=threading.Event)
    """Set when it is shut down; what hangs is let go."""


@contextmanager
def provider() -> Generator[Provider]:
    """Serve until the block is left."""
    served = Provider("")

    class Handler(BaseHTTPRequestHandler):
        """Answers with the next thing of the script; the last is said again and again."""

        def do_POST(self) -> None:
            """Answer one request."""
            request = json.loads(self.rfile.read(int(self.headers["content-length"])))
            served.asked.append(request)
            turn = min(len(served.asked), len(served.script)) - 1
            said = served.answer(request) if served.answer else served.script[turn]
            body = said.body(len(served.asked), self.path)
            if said.does == "hang":
                served.over.wait()
                return
            self.send_response(said.status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            if said.retry_after:
                self.send_header("retry-after", said.retry_after)
            self.send_header("connection", "close")
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if said.does == "cut" else body)

        log_message: Callable[..., None] = _silent

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield served
    finally:
        served.over.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _silent(*_args: object) -> None:
    """Say nothing on the terminal."""
