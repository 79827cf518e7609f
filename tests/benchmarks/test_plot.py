"""The picture: drawn from the figures alone, well-formed whatever they say."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from benchmarks.plot import draw
from benchmarks.results import Row

SVG = "{http://www.w3.org/2000/svg}"


def step(system: str, value: float) -> Row:
    """Return a figure the picture shows."""
    return Row("mission-10", system, "durable step", value, "ms", 3)


def words(svg: str) -> list[str]:
    """Return every text in the picture."""
    root = ET.fromstring(svg)  # noqa: S314 - written a line above
    return ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]


def test_every_system_has_a_dot_and_its_figure_quickest_first() -> None:
    """From the top: the best."""
    svg = draw([step("dbos", 2.45), step("gonogo", 0.312), step("floor", 0.17)])
    assert [w for w in words(svg) if w in {"floor", "gonogo", "dbos"}] == ["floor", "gonogo", "dbos"]
    assert {"0.17", "0.312", "2.45"} <= set(words(svg))
    circles = list(ET.fromstring(svg).iter(f"{SVG}circle"))  # noqa: S314 - written above
    places = [float(circle.attrib["cx"]) for circle in circles]
    assert [circle.attrib["class"] for circle in circles] == ["floor", "ours", "dot"]
    assert places == sorted(places)


def test_the_picture_says_in_words_what_it_shows() -> None:
    """For those who do not see it."""
    root = ET.fromstring(draw([step("gonogo", 0.312)]))  # noqa: S314 - written there
    described = root.findtext(f"{SVG}desc")
    assert described is not None
    assert "One durable step: gonogo 0.312" in described


def test_names_cannot_break_out_of_the_picture() -> None:
    """A system may be called anything."""
    assert '<script>"&' in words(draw([step('<script>"&', 1.0)]))


@pytest.mark.parametrize("value", [1e-9, 0.1, 1.0, 10.0, 12_345_678.0])
def test_any_positive_figure_has_a_place(value: float) -> None:
    """Also a lone one, and one on a power of ten."""
    root = ET.fromstring(draw([step("gonogo", value)]))  # noqa: S314 - written there
    (circle,) = root.iter(f"{SVG}circle")
    assert 0 < float(circle.attrib["cx"]) < float(root.attrib["width"])


@pytest.mark.parametrize("rows", [[], [step("gonogo", 0.0)], [Row("else", "gonogo", "else", 1.0, "ms", 1)]])
def test_without_its_figures_there_is_no_picture(rows: list[Row]) -> None:
    """An empty one would look like a result."""
    with pytest.raises(ValueError, match="make bench"):
        draw(rows)
