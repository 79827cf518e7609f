"""Colours: readable in both themes, and told apart by people who do not see all of them."""

from __future__ import annotations

import tomllib
from itertools import combinations
from pathlib import Path

import pytest

from dashboards.palette import FILL, GROUND, INK, Pair

CONFIG = Path(__file__).parents[2] / ".streamlit" / "config.toml"

Rgb = tuple[float, float, float]

_VISIONS: dict[str, tuple[Rgb, Rgb, Rgb]] = {
    "all colours": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "no red cones": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "no green cones": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.01182, 0.04294, 0.968881)),
}
"""Machado, Oliveira and Fernandes 2009, severity 1, on linear light."""

TOLD_APART = 0.06
"""Distance in OKLab at which two areas beside each other are clearly two colours."""


def _linear(colour: str) -> Rgb:
    red, green, blue = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    return (_light(red), _light(green), _light(blue))


def _light(channel: float) -> float:
    return channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4


def _contrast(one: str, other: str) -> float:
    weights = (0.2126, 0.7152, 0.0722)
    bright, dark = sorted(
        (sum(w * c for w, c in zip(weights, _linear(colour), strict=True)) for colour in (one, other)), reverse=True
    )
    return (bright + 0.05) / (dark + 0.05)


def _times(matrix: tuple[Rgb, Rgb, Rgb], vector: Rgb) -> Rgb:
    first, second, third = (sum(m * v for m, v in zip(row, vector, strict=True)) for row in matrix)
    return (first, second, third)


def _oklab(linear: Rgb) -> Rgb:
    cones = _times(
        (
            (0.4122214708, 0.5363325363, 0.0514459929),
            (0.2119034982, 0.6806995451, 0.1073969566),
            (0.0883024619, 0.2817188376, 0.6299787005),
        ),
        linear,
    )
    first, second, third = (max(cone, 0) ** (1 / 3) for cone in cones)
    return _times(
        (
            (0.2104542553, 0.7936177850, -0.0040720468),
            (1.9779984951, -2.4285922050, 0.4505937099),
            (0.0259040371, 0.7827717662, -0.8086757660),
        ),
        (first, second, third),
    )


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("ink", INK)
def test_every_ink_reads_on_every_ground(theme: str, ink: str) -> None:
    """WCAG AA for small text: 4.5 to 1."""
    for ground in ("paper", "surface", "sunken"):
        assert _contrast(getattr(INK[ink], theme), getattr(GROUND[ground], theme)) >= 4.5, ground


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_areas_of_charts_stand_out_from_the_page(theme: str) -> None:
    """WCAG AA for what is no text: 3 to 1."""
    for name, pair in FILL.items():
        assert _contrast(getattr(pair, theme), getattr(GROUND["paper"], theme)) >= 3, name


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("vision", _VISIONS)
def test_areas_of_charts_are_told_apart(theme: str, vision: str) -> None:
    """Also by eyes without red or without green cones."""
    seen = {name: _oklab(_times(_VISIONS[vision], _linear(getattr(pair, theme)))) for name, pair in FILL.items()}
    for one, other in combinations(seen, 2):
        distance = sum((a - b) ** 2 for a, b in zip(seen[one], seen[other], strict=True)) ** 0.5
        assert distance >= TOLD_APART, f"{one} and {other}"


def test_nothing_is_green() -> None:
    """Good is blue: a colour nobody confuses with trouble."""
    for pair in [*FILL.values(), *INK.values()]:
        for colour in pair:
            red, green, blue = _linear(colour)
            assert green <= max(red, blue) + 1e-9, colour


def test_streamlits_own_theme_agrees_with_the_palette() -> None:
    """The colours that config.toml has to repeat are the same ones."""
    theme = tomllib.loads(CONFIG.read_text(encoding="utf-8"))["theme"]
    pairs: dict[str, Pair] = {
        "backgroundColor": GROUND["paper"],
        "secondaryBackgroundColor": GROUND["sunken"],
        "borderColor": GROUND["line"],
        "textColor": INK["ink"],
        "primaryColor": INK["blue"],
        "linkColor": INK["blue"],
        "codeBackgroundColor": GROUND["sunken"],
        "codeTextColor": INK["ink"],
    }
    for name, pair in pairs.items():
        assert (theme["light"][name], theme["dark"][name]) == pair, name
    assert theme["light"].keys() == theme["dark"].keys() == pairs.keys()


def test_the_dashboard_calls_nobody_and_listens_only_here() -> None:
    """No usage statistics, no outside address."""
    config = tomllib.loads(CONFIG.read_text(encoding="utf-8"))
    assert config["browser"]["gatherUsageStats"] is False
    assert config["server"]["address"] == "127.0.0.1"
    assert config["server"]["allowedHosts"] == ["127.0.0.1", "localhost"]
