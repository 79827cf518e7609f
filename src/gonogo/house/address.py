"""Where the house of this home lives, while it is up."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import httpx
from pydantic import ValidationError

from gonogo.errors import ServerUnreachable
from gonogo.model import Noun

if TYPE_CHECKING:
    from pathlib import Path

    from gonogo.settings import Settings


class House(Noun):
    """What is running, and where."""

    pid: int
    api_url: str
    ui_url: str
    dashboard_url: str | None = None


def _card(settings: Settings) -> Path:
    return settings.home / "house.json"


def move_in(settings: Settings, house: House) -> None:
    """Say where the house is; replaced in one step, so nobody reads half an address."""
    settings.home.mkdir(parents=True, exist_ok=True)
    draft = _card(settings).with_suffix(".draft")
    draft.write_text(house.model_dump_json(), encoding="utf-8")
    draft.replace(_card(settings))


def move_out(settings: Settings) -> None:
    """Say that there is no house any more."""
    _card(settings).unlink(missing_ok=True)


def find_house(settings: Settings) -> House | None:
    """Return the running house of this home, or ``None``; a card whose process is gone does not count."""
    try:
        house = House.model_validate_json(_card(settings).read_text(encoding="utf-8"))
        os.kill(house.pid, 0)
    except (OSError, ValidationError):
        return None
    return house


def require_server(api_url: str) -> None:
    """Check that a Prefect server answers.

    Raises:
        ServerUnreachable: it does not; nothing was started.

    """
    try:
        httpx.get(f"{api_url}/health", timeout=5).raise_for_status()
    except httpx.HTTPError as error:
        raise ServerUnreachable(
            f"The Prefect server at {api_url} does not answer ({error}). Start it (`gonogo up`), "
            "or unset PREFECT_API_URL to fly in this process.",
        ) from error
