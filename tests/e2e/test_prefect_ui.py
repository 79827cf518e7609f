"""The Prefect UI in a real browser: a gate is a form, and so is the start of a mission."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from policies.claims import Claim
from tests.e2e.cases import claim
from tests.e2e.command import BUSY, until

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Locator, Page

    from tests.e2e.houses import UpHouse

pytestmark = [pytest.mark.server, pytest.mark.browser]

TIMES_TO_PRESS_AGAIN = 5
"""Prefect's SQLite is busy now and then; the UI says so, and a person presses again."""


@pytest.fixture
def strangers(page: Page) -> list[str]:
    """Every address outside this machine that the page asks for."""
    asked: list[str] = []
    own = ("http://127.0.0.1:", "ws://127.0.0.1:", "data:", "blob:")
    page.on("request", lambda request: None if request.url.startswith(own) else asked.append(request.url))
    return asked


def field(form: Locator, label: str) -> Locator:
    """Return the part of a form that bears a label."""
    return form.locator(".schema-form-property", has_text=label).last


def say_go_on_screen(page: Page, url: str, reason: str, name: str) -> tuple[str, int]:
    """Open a run, press Resume, fill the form and submit it; return the card as read and what the server said."""
    page.goto(url)
    page.get_by_role("button", name="Resume").first.click()
    form = page.locator(".p-modal__card")
    form.get_by_role("heading", name="Go or no-go: pay_claim").wait_for()
    card = form.inner_text()
    choice = field(form, "Answer").locator(".p-select-button__control")
    choice.focus()
    choice.press("ArrowDown")
    page.locator(".p-select-option", has_text="go").first.click()
    field(form, "Reason").locator("textarea").fill(reason)
    field(form, "Your name").locator("textarea").fill(name)
    with page.expect_response(lambda reply: reply.url.endswith("/resume")) as reply:
        form.get_by_role("button", name="Submit").click()
    return card, reply.value.status


def test_a_gate_is_answered_by_clicking(house: UpHouse, page: Page, strangers: list[str], tmp_path: Path) -> None:
    """Open the run, press Resume, read the card, fill the form, submit: the run goes on and the approval lands."""
    run_id = house.asleep(claim("above_limit", "CLICKED"))
    url = f"{house.url}/runs/flow-run/{house.flow_run(run_id)['id']}"
    reason = "read on the screen, cover confirmed"
    card, status = say_go_on_screen(page, url, reason, "ada")
    for _ in range(TIMES_TO_PRESS_AGAIN):
        if status == BUSY:
            card, status = say_go_on_screen(page, url, reason, "ada")
    assert house.until_ended(run_id)["outcome"] == "paid"
    page.get_by_text("Completed").first.wait_for()
    page.screenshot(path=tmp_path / "completed.png")

    (answer,) = house.gonogo.told(run_id, "approval_record")
    query = "select answered_by, door, proof, answer, reason from gates where run_id = ? and state = 'answered'"
    landed = until(lambda: house.mart(query, run_id), "the landed approval")
    assert all(words in card for words in ("CLM-CLICKED", "payout-limit", "claims-manager", "this cannot be undone"))
    assert answer.data["accepted"] is True
    assert landed == [("ada", "prefect", "unproven", "go", reason)]
    assert len(house.gonogo.payments("CLM-CLICKED")) == 1
    assert strangers == []


def test_the_start_form_of_a_mission_asks_for_its_case(
    house: UpHouse, page: Page, strangers: list[str], tmp_path: Path
) -> None:
    """Every field of the claim is a field of the form, with what it means beside it."""
    deployment = house.get("/deployments/name/claims_triage/claims-triage")
    page.goto(f"{house.url}/deployments/deployment/{deployment['id']}/run")
    form = page.locator(".schema-form-property", has_text="One claim, as it comes in.").first
    form.get_by_text("Claimed Cents").wait_for()
    page.screenshot(path=tmp_path / "start.png", full_page=True)
    labels = page.locator(".schema-form-property__label").all_inner_texts()
    fields = {label.removesuffix(" (Optional)").replace(" ", "_").lower() for label in labels}
    assert set(Claim.model_fields) <= fields
    assert strangers == []
