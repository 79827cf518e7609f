"""Calls to a Prefect server that is sometimes busy: SQLite answers 503 while it is locked."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from collections.abc import Callable

BUSY = 503
PATIENCE_SECONDS = 90.0
"""How long a busy server is asked again; SQLite's own patience with a lock is 60."""
PAUSE_SECONDS_MAX = 1.0


@lru_cache(maxsize=2)
def _client(scheme: str) -> httpx.Client:
    """Return this process's client; without TLS there are no certificates to load, which is most of its cost."""
    return httpx.Client(timeout=15, verify=scheme == "https")


def post(url: str, body: dict[str, Any]) -> Any:
    """Post to Prefect and return its JSON; a busy or slow server is asked again, for a minute and a half.

    A reply may have been lost, so whoever posts a change gives it an idempotency key, or looks what came of it.

    Raises:
        httpx.HTTPError: it does not answer, refuses, or stays busy.

    """
    return _patiently(lambda: _client(url.partition("://")[0]).post(url, json=body))


def read(url: str) -> Any:
    """Get from Prefect and return its JSON, with the same patience.

    Raises:
        httpx.HTTPError: it does not answer, refuses, or stays busy.

    """
    return _patiently(lambda: _client(url.partition("://")[0]).get(url))


def _patiently(call: Callable[[], httpx.Response]) -> Any:
    attempt, until = 0, time.monotonic() + PATIENCE_SECONDS
    while True:
        attempt += 1
        is_over = time.monotonic() >= until
        try:
            reply = call()
        except httpx.ReadTimeout:
            if is_over:
                raise
            continue
        if reply.status_code != BUSY or is_over:
            return reply.raise_for_status().json()
        time.sleep(min(0.05 * 2**attempt, PAUSE_SECONDS_MAX))
