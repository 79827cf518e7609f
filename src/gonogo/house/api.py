"""Calls to a Prefect server that is sometimes busy: SQLite answers 503 while it is locked."""

from __future__ import annotations

import time
from functools import lru_cache
from typing import Any

import httpx

BUSY = 503
TRIES = 10
PAUSE_SECONDS_MAX = 1.0


@lru_cache(maxsize=2)
def _client(scheme: str) -> httpx.Client:
    """Return this process's client; without TLS there are no certificates to load, which is most of its cost."""
    return httpx.Client(timeout=15, verify=scheme == "https")


def post(url: str, body: dict[str, Any]) -> Any:
    """Post to Prefect and return its JSON; a busy server is asked again, for about five seconds.

    Raises:
        httpx.HTTPError: it does not answer, refuses, or stays busy.

    """
    attempt = 0
    while True:
        reply = _client(url.partition("://")[0]).post(url, json=body)
        attempt += 1
        if reply.status_code != BUSY or attempt == TRIES:
            return reply.raise_for_status().json()
        time.sleep(min(0.05 * 2**attempt, PAUSE_SECONDS_MAX))
