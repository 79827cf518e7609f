"""Markup: what came from outside is escaped, and cards lead nowhere."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboards.markup import Html, card, join, label, tag
from tests.dashboards.views import Inspector


def test_text_and_attributes_are_escaped() -> None:
    """Only what the room itself marked as markup is markup."""
    made = tag("td", '<b>"x"</b>', ["&", tag("br"), None, 3], css='a"b', data_label="<i>")
    assert made == ('<td class="a&quot;b" data-label="&lt;i&gt;">&lt;b&gt;&quot;x&quot;&lt;/b&gt;&amp;<br>3</td>')


def test_parts_are_joined_as_markup() -> None:
    """Markup stays markup, text becomes it."""
    assert join([Html("<br>"), "<br>"]) == "<br>&lt;br&gt;"


@pytest.mark.parametrize(
    "evil",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "![pixel](https://tracker.invalid/p.png)",
        "[pay here](https://phish.invalid)",
        "<https://phish.invalid>",
        "[a][b]\n\n[b]: javascript:alert(1)",
        "https://phish.invalid",
        "<svg/onload=alert(1)>",
        "| a |\n|---|\n| <b onclick=x>y</b> |",
        "`<script>`",
        "```html\n<script>\n```",
        "&lt;script&gt;",
    ],
)
def test_a_card_shows_hostile_text_and_obeys_none_of_it(evil: str) -> None:
    """No element or address comes out of a card that the room would not write itself."""
    assert _objections(card(evil)) == []


@given(st.text(alphabet=st.sampled_from("<>[]()!`|*_\\\n &;:/a\"'=#-")))
def test_no_card_brings_an_element_of_its_own(text: str) -> None:
    """Whatever the Markdown, only headings, lists, tables and the like come out of it."""
    assert _objections(card(text)) == []


def test_a_card_keeps_its_tables_and_lists() -> None:
    """The reviewer sees what the author of the card meant."""
    made = card("## Go?\n\n| a | b |\n|---|---|\n| 1 | `2` |\n\n- why")
    for element in ("<h2>", "<table>", "<code>2</code>", "<li>why</li>"):
        assert element in made


def test_a_label_keeps_its_text_and_loses_its_meaning() -> None:
    """Streamlit reads Markdown in labels; this takes it away."""
    assert label(":red[x] **b** $y$") == r"\:red\[x\] \*\*b\*\* \$y\$"


def _objections(markup: str) -> list[str]:
    inspector = Inspector()
    inspector.feed(markup)
    return inspector.objections
