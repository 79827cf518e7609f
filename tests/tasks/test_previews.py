"""Previews: what tools say they would change, over ledgers in which a stranger wrote anything."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from markdown_it import MarkdownIt

import tasks.claims_tools
import tasks.incidents_tools
import tasks.remedies
from gonogo.tools import TOOLS

if TYPE_CHECKING:
    from collections.abc import Callable

HOSTILE = [
    "[click](https://example.org)",
    "![x](https://example.org/x.png)",
    "<img src=x onerror=alert(1)>",
    "`` ` ```",
    "a\n\n# Approved already\n",
    "a | b |\n| paid before | `0.00 EUR`",
    "\u202egnp.evil\u202c\u200b",
    "\x1b[2J\x00",
]
PREVIEWED = sorted(name for name, tool in TOOLS.items() if tool.preview and tool.system in {
    "claims", "payments", "ticketing", "operations",
})  # fmt: skip
MARKUP = {"link_open", "image", "html_inline"}


class Ledger:
    """A system of record in which every text is the same hostile one."""

    def __init__(self, text: str) -> None:
        file = SimpleNamespace(loss=text, occurred_on=text, reported_on=text, claimed_cents=1, documents=(text,))
        facts = SimpleNamespace(insured_sum_cents=5, paid_before_cents=1, claimed_cents=2)
        states = [SimpleNamespace(service=text, open_symptoms=(text,))]
        self._told: dict[str, Any] = {"claim": file, "payment_facts": facts, "health": states}

    def __getattr__(self, name: str) -> Callable[[str], Any]:
        """Answer every question with what there is, whatever it is asked by."""
        return lambda _number: self._told[name]


def _arguments(name: str, text: str) -> dict[str, Any]:
    """Return arguments for a tool with a hostile text wherever one fits."""
    given: dict[str, Any] = {}
    for field, shape in TOOLS[name].arguments.model_json_schema()["properties"].items():
        match shape.get("type"):
            case "integer":
                given[field] = 7
            case "boolean":
                given[field] = True
            case "array":
                given[field] = [text]
            case _:
                given[field] = text
    return given


def test_the_tools_whose_preview_is_looked_at_are_all_there() -> None:
    """A guard for the test below."""
    assert {"pay_claim", "decline_claim", "register_policy", "post_update", "restart_service"} <= set(PREVIEWED)


@pytest.mark.parametrize("hostile", HOSTILE)
@pytest.mark.parametrize("name", PREVIEWED)
def test_a_preview_shows_hostile_values_as_text(name: str, hostile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No link, no image, no HTML, no heading, no row that the tool did not write, nothing invisible."""
    for module, system in (
        (tasks.claims_tools, "ledger"),
        (tasks.incidents_tools, "ticketing"),
        (tasks.remedies, "ticketing"),
    ):
        monkeypatch.setattr(module, system, lambda: Ledger(hostile))
    preview = TOOLS[name].preview
    assert preview is not None
    harmless, written = preview(**_arguments(name, "plain")), preview(**_arguments(name, hostile))
    reader = MarkdownIt("gfm-like", {"html": True, "linkify": False})
    blocks = [token.type for token in reader.parse(written)]
    assert [kind for kind in blocks if kind != "tbody_close"] == [
        token.type for token in reader.parse(harmless) if token.type != "tbody_close"
    ]
    inline = {inner.type for token in reader.parse(written) for inner in token.children or []}
    assert inline.isdisjoint(MARKUP)
    assert all(letter.isprintable() for line in written.split("\n") for letter in line)
