"""Pages as tests see them: drawn without a browser, read as text, and searched for what must not be there."""

# Streamlit's test elements are typed in part only.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any, ClassVar

from streamlit.testing.v1 import AppTest

APP = Path(__file__).parents[2] / "dashboards" / "app.py"
PAGES = (
    "pages/live.py",
    "pages/waiting.py",
    "pages/board.py",
    "pages/kpis.py",
    "pages/findings.py",
    "pages/evidence.py",
    "pages/registry.py",
    "pages/costs.py",
    "pages/people.py",
)
DOORS = ("waiting?gate=", "evidence?run=")
"""Where links of a page may lead: to another page of the dashboard."""
PATIENCE_SECONDS = 300


def draw(page: str = "pages/live.py", **address: str) -> AppTest:
    """Return the app with a page drawn, as a visit to that address draws it."""
    app = AppTest.from_file(str(APP), default_timeout=PATIENCE_SECONDS)
    for name, value in address.items():
        app.query_params[name] = value
    if page != "pages/live.py":
        # Before the first run, so that the visit begins there, as with a link.
        app.switch_page(page)
    app.run()
    assert not app.exception
    return app


def markup(app: AppTest) -> str:
    """Return all markup of a page, its stylesheet left out."""
    bodies = [element.proto.body for element in app.get("html")]
    return "\n".join(body for body in bodies if not body.startswith("<style>"))


def text(app: AppTest) -> str:
    """Return what a reader of the page reads, tags taken out."""
    reader = _Reader()
    reader.feed(markup(app))
    return " ".join(" ".join(reader.words).split())


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []

    def handle_data(self, data: str) -> None:
        """Collect text."""
        self.words.append(data)


class Inspector(HTMLParser):
    """Objects to elements and attributes that the dashboard itself never writes."""

    TAGS: ClassVar[frozenset[str]] = frozenset(
        ["a", "article", "b", "blockquote", "br", "caption", "code", "dd", "details", "div", "dl", "dt", "em", "h1",
         "h2", "h3", "h4", "h5", "h6", "header", "hr", "i", "li", "ol", "p", "pre", "section", "small", "span",
         "strong", "summary", "table", "tbody", "td", "th", "thead", "tr", "ul"]
    )  # fmt: skip
    ATTRIBUTES: ClassVar[frozenset[str]] = frozenset(
        ["aria-hidden", "aria-label", "class", "data-label", "href", "open", "role", "scope", "start", "style",
         "tabindex", "target", "title"]
    )  # fmt: skip

    def __init__(self) -> None:
        super().__init__()
        self.objections: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, Any]]) -> None:
        """Look at an element and its attributes."""
        if tag not in self.TAGS:
            self.objections.append(f"<{tag}>")
        for name, value in attrs:
            if name not in self.ATTRIBUTES or (name == "href" and not str(value).startswith(DOORS)):
                self.objections.append(f"<{tag} {name}={value}>")


def objections(app: AppTest) -> list[str]:
    """Return every element and attribute of a page that must have come from outside."""
    inspector = Inspector()
    inspector.feed(markup(app))
    return inspector.objections
