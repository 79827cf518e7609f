"""The abort control of the live page: what it halts, what it refuses, and what it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from gonogo.settings import settings
from gonogo.switches import Target, halt, halts
from tests.dashboards.fleets import fleet, publish
from tests.dashboards.views import Inspector, draw, markup, text

if TYPE_CHECKING:
    from pathlib import Path

    from streamlit.testing.v1 import AppTest


def press(what: str | None, by: str = "Dana Ortiz", reason: str = "It pays twice.", *, meant: bool = True) -> AppTest:
    """Fill the control in and press its button."""
    app = draw()
    if what is not None:
        app.selectbox(key="halt-what").set_value(what)
    app.text_input(key="halt-by").set_value(by)
    app.text_area(key="halt-reason").set_value(reason)
    app.checkbox(key="halt-meant").set_value(meant)
    return app.button(key="halt-now").click().run()


@pytest.mark.parametrize(("kind", "nth"), [("mission", 0), ("run", 0), ("everything", 0)])
def test_it_halts_what_was_chosen_and_the_page_says_so(home: Path, kind: str, nth: int) -> None:
    """As a fact of the home, by the name that was typed, with the way to lift it beside it."""
    publish(home, fleet())
    offered = [option for option in draw().selectbox(key="halt-what").options if option.startswith(kind)]
    said = text(press(offered[nth]))
    (known,) = halts(settings())
    assert known.target.kind == ("all" if kind == "everything" else kind)
    assert (known.by, known.reason) == ("Dana Ortiz", "It pays twice.")
    assert "Halted now" in said
    assert known.way_out in said


@pytest.mark.parametrize(
    ("what", "more"),
    [(None, {}), ("everything", {"meant": False}), ("everything", {"by": ""}), ("everything", {"reason": " "})],
)
def test_what_is_not_meant_or_not_told_halts_nothing(home: Path, what: str | None, more: dict[str, str]) -> None:
    """A target, a tick, a name and a reason; the page says that nothing was halted."""
    publish(home, fleet())
    assert "Nothing was halted" in text(press(what, **more))  # pyright: ignore[reportArgumentType] - spread
    assert halts(settings()) == ()


def test_what_others_halted_is_shown_with_who_and_why_and_as_text(home: Path) -> None:
    """Whatever they wrote is nobody's markup."""
    publish(home, fleet())
    halt(settings(), Target("agent", "<b>clerk</b>"), "<script>alert(1)</script>", by="<i>ada</i>", signal="loop")
    app = draw()
    inspector = Inspector()
    inspector.feed(markup(app))
    assert inspector.objections == []
    said = text(app)
    for words in ("<script>alert(1)</script>", "<i>ada</i>", "by signal loop"):
        assert words in said


def test_where_nothing_is_halted_nothing_is_said(home: Path) -> None:
    """An empty frame would only be in the way."""
    publish(home, fleet())
    assert "Halted now" not in text(draw())
