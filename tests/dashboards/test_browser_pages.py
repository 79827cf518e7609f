"""The other pages as a person meets them: receipts, findings, a run as a story, files, a keyboard, a narrow screen."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from analytics.marts import mart_path
from analytics.warehouse import land
from gonogo.approvals import Reply, answer_gate
from gonogo.evidence.journal import FileJournal
from gonogo.log.sequencer import sequence
from gonogo.settings import settings
from tests.dashboards.browsers import NEEDS_BROWSER, browser, served, wait_for_redraws
from tests.dashboards.fleets import fleet, publish
from tests.dashboards.flights import GATE, RUN, landed, waiting_run

if TYPE_CHECKING:
    from playwright.sync_api import Page, ViewportSize

pytestmark = NEEDS_BROWSER

NARROW: ViewportSize = {"width": 480, "height": 900}
TITLES = {
    "Live": "Live missions",
    "Gates waiting": "Gates waiting",
    "Board": "Board",
    "Numbers": "Numbers",
    "Findings": "Findings",
    "Evidence": "Evidence",
    "Registry": "Registry",
    "Cost": "Cost",
    "People": "Gates and reviewers",
}
"""The pages by their links, and what stands on top of each."""
STEPS_MOST = 80
"""No control is further from the first one than so many presses of Tab."""


def test_a_member_of_the_board_follows_a_number_to_its_receipt_and_takes_it_along(home: Path) -> None:
    """From the seven numbers through the SQL of one to the file, and on to what drifts, costs, acts and waits."""
    publish(home, fleet())
    with served(home) as address, browser() as (page, misdeeds):
        page.goto(f"{address}/board")
        _board(page)
        _numbers(page)
        _findings(page)
        _costs(page)
        _people(page)
        _registry(page)
    assert misdeeds == []


def _open(page: Page, link: str) -> None:
    from playwright.sync_api import expect

    page.get_by_role("link", name=link, exact=True).click()
    expect(page.get_by_role("heading", name=TITLES[link], exact=True)).to_be_visible()


def _taken(page: Page, button: str) -> list[dict[str, str]]:
    """Press a button that gives a spreadsheet; return its rows."""
    with page.expect_download() as given:
        page.get_by_role("button", name=button).click()
    text = Path(given.value.path()).read_text(encoding="utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


def _board(page: Page) -> None:
    from playwright.sync_api import expect

    expect(page.locator(".tile")).to_have_count(7)
    receipt = page.locator(".voucher").filter(has_text="K6.full")
    expect(receipt.locator("pre")).to_be_hidden()
    receipt.locator("summary").click()
    expect(receipt.locator("pre")).to_contain_text("SELECT")
    expect(receipt).to_contain_text("gonogo kpis K6.full --receipt")
    board = {"K1", "K2b", "K3a", "K6.full", "K8", "K36", "K37"}
    assert {row["id"] for row in _taken(page, "Numbers")} == board
    assert {row["mission"] for row in _taken(page, "Accounts as CSV")} == {"claims_triage", "incident_response"}


def _numbers(page: Page) -> None:
    """Unfold hundreds of numbers: they are moved in a window of their own, and do not bury the page."""
    from playwright.sync_api import expect

    _open(page, "Numbers")
    page.get_by_text("numbers, with what they rest on").click()
    unfolded = page.get_by_role("region", name="All numbers")
    expect(unfolded).to_be_visible()
    seen, whole, screen = unfolded.evaluate("e => [e.clientHeight, e.scrollHeight, window.innerHeight]")
    assert seen < screen < whole


def _findings(page: Page) -> None:
    from playwright.sync_api import expect

    _open(page, "Findings")
    row = page.get_by_role("region", name="Should beside is").get_by_role("row").filter(has_text="drift")
    expect(row.locator("[data-label=Should]")).to_have_text("91.0 %")
    expect(row.locator("[data-label=Is]")).to_have_text("78.0 %")
    assert {row["owner"] for row in _taken(page, "Findings as CSV")} == {"service-operations"}
    page.get_by_text("overdue", exact=True).click()
    expect(page.get_by_role("region", name="Findings").get_by_role("row")).to_have_count(2)


def _costs(page: Page) -> None:
    from playwright.sync_api import expect

    _open(page, "Cost")
    expect(page.get_by_text("Added up each of the 6 ways, it is the same")).to_be_visible()
    page.get_by_text("by agent", exact=True).click()
    expect(page.get_by_role("heading", name="Models, by agent")).to_be_visible()
    assert "claims_assessor" in {row["name"] for row in _taken(page, "Costs as CSV")}


def _people(page: Page) -> None:
    from playwright.sync_api import expect

    _open(page, "People")
    load = page.get_by_role("region", name="Load of reviewers")
    expect(load.get_by_role("row").filter(has_text="Dana Ortiz")).to_be_visible()
    expect(page.get_by_role("button", name="Agree: it was right")).to_be_visible()


def _registry(page: Page) -> None:
    from playwright.sync_api import expect

    _open(page, "Registry")
    expect(page.locator("[data-testid=stGraphVizChart] svg")).to_contain_text("claims_cashier")
    assert "claims_cashier" in {row["agent"] for row in _taken(page, "Agents as CSV")}


def test_a_run_is_followed_from_the_live_page_into_its_story_and_its_proof(home: Path) -> None:
    """The id of a run is a link; behind it stands what was recorded, what the log proves, and the file of it."""
    waiting_run(home)
    journal = FileJournal(home / "journals")
    answer_gate(journal, GATE, Reply("go", "Dana Ortiz", "Photos agree.", "dashboard"), "dev", RUN)
    sequence(settings(), journal)
    land(home)
    with served(home) as address, browser() as (page, misdeeds):
        from playwright.sync_api import expect

        page.goto(address)
        page.get_by_role("link", name=RUN).click()
        expect(page.get_by_role("heading", name="What happened")).to_be_visible()
        expect(page.get_by_text("4 proven, not anchored")).to_be_visible()
        expect(page.get_by_role("heading", name="What happened")).to_contain_text("times in Europe/Berlin")
        begun = datetime.fromisoformat(journal.read_flight(RUN)[0].fields["recordedtime"])
        there = f"{begun.astimezone(ZoneInfo('Europe/Berlin')):%d %b %Y%H:%M:%S}"
        expect(page.locator(".tale .when").first).to_contain_text(re.compile(rf"{there[:11]}\s*{there[11:]}"))
        said = page.locator(".tale > li").filter(has_text="Dana Ortiz says go")
        said.locator("summary").click()
        expect(said.locator("pre")).to_contain_text("approval_record")
        with page.expect_download() as given:
            page.get_by_role("button", name="Record as JSON").click()
        assert len(json.loads(Path(given.value.path()).read_text(encoding="utf-8"))) == 4
        page.get_by_role("button", name="All runs").click()
        expect(page.get_by_role("region", name="Runs")).to_contain_text(RUN)
    assert misdeeds == []


def test_a_link_to_a_gate_opens_that_gate_and_stays_there(home: Path) -> None:
    """However many are more urgent: whoever follows the link of a notice answers what the notice is about."""
    waiting_run(home, "claims-triage-2", "gatelater", card="# The linked one", deadline=timedelta(hours=9))
    waiting_run(home)
    land(home)
    with served(home) as address, browser() as (page, _):
        from playwright.sync_api import expect

        for _ in range(2):
            page.goto(f"{address}/waiting?gate=gatelater")
            expect(page.locator(".card")).to_contain_text("The linked one")
            wait_for_redraws(page)
            expect(page.locator(".card")).to_contain_text("The linked one")
            expect(page.get_by_role("radio", name="gatelater")).to_be_checked()
        other = page.locator("label").filter(has_text=GATE)
        # The ring of a choice that is not made is seen against its row, in both themes.
        expect(other.locator("> div > div").first).not_to_have_css("box-shadow", "none")
        other.click()
        expect(page.locator(".card")).to_contain_text("Go or no-go: issue_payment")
        expect(page).to_have_url(re.compile(f"gate={GATE}"))


def test_a_gate_is_answered_by_keyboard_alone(home: Path) -> None:
    """Tab reaches every field and button, each shows where one is, and Enter on Go is the answer."""
    waiting_run(home)
    land(home)
    with served(home) as address, browser() as (page, _):
        from playwright.sync_api import expect

        page.goto(f"{address}/waiting?gate={GATE}")
        expect(page.get_by_role("button", name=re.compile(r"^Go\b"))).to_be_visible()
        seen = _tab_to(page, "Your name")
        page.keyboard.type("Dana Ortiz")
        seen += _tab_to(page, "Reason")
        page.keyboard.type("Photos and invoice agree.")
        seen += _tab_to(page, "Go")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert")).to_contain_text(f"go at gate {GATE} is recorded, by Dana Ortiz")
    reached = " | ".join(seen)
    for name in (*TITLES, "Mission", "Reason", "Code or token"):
        assert name in reached, f"Tab does not reach {name}: {reached}"


_FOCUSED = """() => {
  const held = document.activeElement, look = getComputedStyle(held), box = held.closest('[data-baseweb]');
  const name = held.getAttribute('aria-label') || held.labels?.[0]?.innerText || held.innerText || held.tagName;
  const around = box ? getComputedStyle(box) : look;
  return {name: name.trim().split('\\n')[0], shown: look.outlineStyle !== 'none' || look.boxShadow !== 'none'
    || around.outlineStyle !== 'none' || around.boxShadow !== 'none' || held.matches(':focus-within')
    && getComputedStyle(held.parentElement).borderColor !== getComputedStyle(document.body).borderColor};
}"""


def _tab_to(page: Page, wanted: str) -> list[str]:
    """Press Tab until a control is reached; return the names of those on the way, each of which shows its focus."""
    passed: list[str] = []
    for _ in range(STEPS_MOST):
        page.keyboard.press("Tab")
        held = page.evaluate(_FOCUSED)
        passed.append(held["name"])
        # Styles come with the page, a moment after its controls: a control that never shows its focus ends this.
        page.wait_for_function(f"() => ({_FOCUSED})().shown")
        if re.match(rf"{wanted}\b", held["name"]):
            return passed
    raise AssertionError(f"Tab does not reach {wanted}: {passed}")


def test_no_page_is_wider_than_a_narrow_screen_and_no_filter_covers_another(home: Path) -> None:
    """At 480 pixels everything is in reach without moving sideways."""
    publish(home, fleet())
    with served(home) as address, browser() as (page, _):
        page.set_viewport_size(NARROW)
        for path in ("", "waiting", "board", "kpis", "findings", "evidence", "registry", "costs", "people"):
            from playwright.sync_api import expect

            page.goto(f"{address}/{path}")
            expect(page.locator(".tiles, .scroll, .card").first).to_be_visible()
            # Once it has settled: a page is laid out a few times while it fills.
            page.wait_for_function(f"() => ({_TOO_WIDE})().length === 0")


def test_on_a_narrow_screen_the_answer_comes_right_after_the_card(home: Path) -> None:
    """Nobody moves past what others said before to say go."""
    publish(home, fleet())
    with served(home) as address, browser() as (page, _):
        from playwright.sync_api import expect

        page.set_viewport_size(NARROW)
        page.goto(f"{address}/waiting")
        answer = page.get_by_role("button", name=re.compile(r"^Go\b"))
        expect(answer).to_be_visible()
        before = page.get_by_role("heading", name="Decided before")
        expect(before).to_be_visible()
        page.wait_for_function(f"() => ({_TOO_WIDE})().length === 0")
        card, go, history = (each.bounding_box() for each in (page.locator(".card"), answer, before))
        assert card is not None
        assert go is not None
        assert history is not None
        assert card["y"] < go["y"] < history["y"]


_TOO_WIDE = """() => {
  // A field for a day has an input for the browser's own calendar, which is out of sight.
  const parts = 'button, input:not([type=date]), [data-testid=stSelectbox]';
  const all = [...document.querySelectorAll('.st-key-filters .stElementContainer')].map(e => {
    const rs = [...e.querySelectorAll(parts)].map(c => c.getBoundingClientRect());
    return {left: Math.min(...rs.map(r => r.left)), right: Math.max(...rs.map(r => r.right)),
            top: Math.min(...rs.map(r => r.top)), bottom: Math.max(...rs.map(r => r.bottom)), name: e.innerText};
  });
  const over = all.filter(a => all.some(b => a !== b && a.left < b.right && b.left < a.right
    && a.top < b.bottom && b.top < a.bottom)).map(a => `covered: ${a.name}`);
  const main = document.querySelector('[data-testid=stMain]');
  return main.scrollWidth > main.clientWidth ? [...over, `wide by ${main.scrollWidth - main.clientWidth}`] : over;
}"""


def test_a_mart_that_breaks_under_an_open_page_is_told_and_the_next_one_shown(home: Path) -> None:
    """Overwritten bytes are a sentence with the way out, no traceback; the page fills again by itself."""
    publish(home, landed())
    with served(home) as address, browser() as (page, _):
        from playwright.sync_api import expect

        page.goto(address)
        expect(page.get_by_role("heading", name="In the air")).to_be_visible()
        broken = home / "mart.broken"
        broken.write_bytes(b"\xff" * mart_path(home).stat().st_size)
        broken.replace(mart_path(home))
        expect(page.locator(".nothing")).to_contain_text("run gonogo land to publish it anew")
        expect(page.locator("[data-testid=stException]")).to_have_count(0)
        publish(home, landed())
        expect(page.get_by_role("heading", name="In the air")).to_be_visible()
