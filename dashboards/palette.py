"""Colours: one place for both themes, told apart by people who see red and green alike, and in grey.

A state is never told by colour alone: each has a word and a shape. Nothing is green: good is blue,
trouble is vermilion, and what is not known is grey.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

Theme = Literal["light", "dark"]


class Pair(NamedTuple):
    """A colour in the light theme, and in the dark one."""

    light: str
    dark: str


GROUND = {
    "paper": Pair("#fbfaf7", "#0e1318"),
    "surface": Pair("#ffffff", "#151c23"),
    "sunken": Pair("#f2f1ec", "#1b232b"),
    "line": Pair("#e1dfd7", "#28333d"),
}
"""What things stand on."""

INK = {
    "ink": Pair("#1a2129", "#e4e9ed"),
    "ink-2": Pair("#55606b", "#9aa7b3"),
    "blue": Pair("#175a9e", "#6cb2f2"),
    "amber": Pair("#855600", "#e5b64a"),
    "vermilion": Pair("#b0380c", "#ff9069"),
    "violet": Pair("#6d3fa0", "#c3a1ee"),
    "grey": Pair("#5b6670", "#97a3ae"),
}
"""What is written; each reads on every ground (WCAG AA)."""

FILL = {
    "success": Pair("#1b5ea6", "#4c97e0"),
    "escalated": Pair("#4596d6", "#b5dbf8"),
    "no_go": Pair("#bb8500", "#d6a62c"),
    "aborted": Pair("#4b2f6f", "#7a5cc0"),
    "failed": Pair("#c2410c", "#ee6c41"),
    "other": Pair("#87909a", "#6d7882"),
}
"""Areas of charts, by what became of a run."""


def stylesheet(files: Iterable[Path], root: str = ".stApp") -> str:
    """Return the colours as CSS variables that follow the theme in force, and the files that use them."""
    named = {**GROUND, **INK, **{f"fill-{name.replace('_', '-')}": pair for name, pair in FILL.items()}}
    lines = "".join(f"--{name}:light-dark({pair.light},{pair.dark});" for name, pair in named.items())
    looks = "\n".join(file.read_text(encoding="utf-8") for file in files)
    return f"<style>{root}{{{lines}}}\n{looks}</style>"


def theme() -> Theme:
    """Return the theme the viewer sees; light where the browser has not said yet."""
    # A report in a file has these colours, too, and no viewer yet.
    import streamlit as st

    return "dark" if st.context.theme.type == "dark" else "light"


def colour(pair: Pair) -> str:
    """Return a pair's colour for the viewer, for charts, which know no CSS variables."""
    return pair.dark if theme() == "dark" else pair.light
