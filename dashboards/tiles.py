"""Tiles: the few numbers on top of a page, each with what it rests on."""

from __future__ import annotations

from dataclasses import dataclass

from dashboards.markup import show, tag


@dataclass(frozen=True, slots=True)
class Tile:
    """One number, in the words it is shown in."""

    name: str
    value: str
    beneath: object
    """What it rests on, or why there is none; text or markup."""
    unit: str = ""


def tiles(*shown: Tile) -> None:
    """Draw a row of tiles; it breaks where the screen is narrow."""
    show(tag("dl", [_tile(tile) for tile in shown], css="tiles"))


def _tile(tile: Tile) -> object:
    unit = tag("small", tile.unit) if tile.unit else None
    return tag(
        "div",
        tag("dt", tile.name),
        tag("dd", tile.value, " ", unit, css="value"),
        tag("dd", tile.beneath, css="beneath"),
        css="tile",
    )
