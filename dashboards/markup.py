"""Markup: everything pages show goes through here, and whatever came from outside is escaped on the way.

``tag()`` escapes what it is given unless it is :class:`Html`, which only this module makes. There is
no other way onto a page for text that was not written in this repository.
"""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from markdown_it import MarkdownIt

if TYPE_CHECKING:
    from collections.abc import Iterable

_VOID = frozenset({"br", "hr", "meta", "wbr"})

_PUNCTUATION = str.maketrans({mark: f"\\{mark}" for mark in r"\`*_{}[]()<>#+-.!|~^$:&=\"'/"})


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def tag(name: str, *inside: object, css: str = "", **attributes: object) -> Html:
    """Return an element; text inside it and in its attributes is escaped, ``None`` left out.

    Args:
        name: the element, such as ``td``.
        inside: text, numbers, :class:`Html`, or lists of these.
        css: its classes.
        attributes: others; underscores become hyphens.

    """
    named = {"class": css or None, **attributes}
    spelled = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in named.items()
        if value is not None
    )
    if name in _VOID:
        return Html(f"<{name}{spelled}>")
    return Html(f"<{name}{spelled}>{join(inside)}</{name}>")


def join(parts: Iterable[object]) -> Html:
    """Return parts as markup, one after the other; what is no markup is escaped."""
    return Html("".join(_part(part) for part in parts))


def _part(part: object) -> str:
    match part:
        case None:
            return ""
        case Html():
            return part
        case list() | tuple():
            return join(part)  # pyright: ignore[reportUnknownArgumentType] - any elements: each is looked at in turn
        case _:
            return escape(str(part))


def show(*parts: object) -> None:
    """Put parts onto the page."""
    # A report in a file is made of the same markup, where no page is drawn.
    import streamlit as st

    st.html(join(parts))


def label(text: str) -> str:
    """Return outside text for a widget's label, where Streamlit reads Markdown: it shows as it is."""
    return " ".join(text.split()).translate(_PUNCTUATION)


def table(heads: Iterable[tuple[str, str]], rows: Iterable[Iterable[object]], caption: str) -> Html:
    """Return a table.

    Args:
        heads: text and class of each column; ``num`` sets figures flush right.
        rows: cells, as :func:`tag` takes them.
        caption: what it shows, for those who cannot see it.

    """
    columns = list(heads)
    body = [
        # On narrow screens a row becomes a list, and each of its cells bears its column's name.
        tag("tr", [tag("td", cell, css=css, data_label=text) for (text, css), cell in zip(columns, row, strict=True)])
        for row in rows
    ]
    head = tag("tr", [tag("th", text, css=css, scope="col") for text, css in columns])
    whole = tag("table", tag("caption", caption), tag("thead", head), tag("tbody", body))
    return tag("div", whole, css="scroll", tabindex="0", role="region", aria_label=caption)


def card(markdown: str) -> Html:
    """Return a gate's card as markup.

    Raw HTML in it shows as text. Links and images are not followed or fetched: a card quotes what
    agents and customers wrote, and a reviewer must not be led elsewhere by it.
    """
    reader = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable("table")
    reader.disable(["link", "image", "autolink", "reference"])
    return tag("article", Html(reader.render(markdown)), css="card")
