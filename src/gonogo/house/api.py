"""Calls to a Prefect server that is sometimes busy: SQLite answers 503 while it is locked."""

from __future__ import annotations

import time
from typing import Any

import httpx

BUSY = 503
TRIES = 10
PAUSE_SECONDS_MAX = 1.0


def post(url: str, body: dict[str, Any]) -> Any:
    """Post to Prefect and return its JSON; a busy server is asked again, for about five seconds.

    Raises:
        httpx.HTTPError: it does not answer, refuses, or stays busy.

    """
    attempt = 0
    while True:
        reply = httpx.post(url, json=body, timeout=15)
        attempt += 1
        if reply.status_code != BUSY or attempt == TRIES:
            return reply.raise_for_status().json()
        time.sleep(min(0.05 * 2**attempt, PAUSE_SECONDS_MAX))
