"""The dashboard as a person meets it: a real server, a real browser, a real gate."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from analytics.warehouse import land
from gonogo.evidence.journal import FileJournal
from tests.dashboards.browsers import NEEDS_BROWSER, browser, served, wait_for_redraws
from tests.dashboards.flights import GATE, RUN, waiting_run

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

HOSTILE = "<img src=x onerror=alert(1)> ![p](https://tracker.invalid/p.png) [go](https://phish.invalid) $x$"

pytestmark = NEEDS_BROWSER


def test_a_person_answers_a_gate_and_sees_it_land(home: Path) -> None:
    """From a link to a gate, through the answer, to the numbers; on disk stands who said what."""
    waiting_run(home)
    waiting_run(home, "claims-triage-hostile", "gatehostile", action=HOSTILE, card=HOSTILE)
    land(home)
    with served(home) as address, browser() as (page, misdeeds):
        _answer(page, f"{address}/waiting?gate={GATE}")
        (said,) = FileJournal(home / "journals").read_desk(RUN)
        assert (said.data["answer"], said.data["by"], said.data["door"], said.data["proof"], said.data["accepted"]) == (
            "go",
            "Dana Ortiz",
            "dashboard",
            "unproven",
            True,
        )
        _look_at_the_other_gate(page)
        _see_it_land(page, home)
        _look_at_the_numbers(page)
    assert misdeeds == []


def _answer(page: Page, address: str) -> None:
    """Follow a link that is the first thing a fresh server is asked for, read, type, and press go."""
    from playwright.sync_api import expect

    page.goto(address)
    expect(page.get_by_role("link", name="Numbers")).to_be_visible()
    expect(page.get_by_role("heading", name="Go or no-go: issue_payment")).to_be_visible()
    expect(page.get_by_text("left", exact=False).first).to_be_visible()
    page.get_by_label("Your name").fill("Dana Ortiz")
    page.get_by_label("Reason").fill("Photos and invoice agree.")
    wait_for_redraws(page)
    # What is being typed survives that the page looks for news every second.
    expect(page.get_by_label("Your name")).to_have_value("Dana Ortiz")
    expect(page.get_by_label("Reason")).to_have_value("Photos and invoice agree.")
    # The button names its key, too.
    page.get_by_role("button", name=re.compile(r"^Go\b")).click()
    expect(page.get_by_role("alert")).to_contain_text(f"go at gate {GATE} is recorded, by Dana Ortiz (unproven)")


def _look_at_the_other_gate(page: Page) -> None:
    """The answered gate is gone at once; the other one's card holds markup that stays text."""
    from playwright.sync_api import expect

    expect(page.get_by_role("radio")).to_have_count(1)
    expect(page.locator(".card")).to_contain_text("<img src=x onerror=alert(1)>")
    expect(page.locator(".card")).to_contain_text("[go](https://phish.invalid)")
    expect(page.locator(".card a, .card img")).to_have_count(0)


def _see_it_land(page: Page, home: Path) -> None:
    """The next mart is shown without a reload, in a server that holds the old one open."""
    from playwright.sync_api import expect

    page.get_by_role("link", name="Live").click()
    expect(page.get_by_role("heading", name="Live missions", exact=True)).to_be_visible()
    row = page.get_by_role("row").filter(has_text=RUN)
    expect(row).to_contain_text("claims-operations")
    expect(row).to_contain_text("offline model")
    expect(row).to_contain_text("claims-manager")
    land(home)
    # Answered, and not yet resumed: the run waits for nobody any more.
    expect(row).not_to_contain_text("claims-manager")


def _look_at_the_numbers(page: Page) -> None:
    from playwright.sync_api import expect

    page.get_by_role("link", name="Numbers").click()
    expect(page.get_by_role("heading", name="Numbers", exact=True)).to_be_visible()
    expect(page.locator(".tile").first).to_contain_text("no run has succeeded yet")
    expect(page.locator(".verdict")).to_be_visible()
    expect(page.locator(".verdict .is-blue")).to_have_count(0)
    expect(page.get_by_text("2 runs")).to_be_visible()
