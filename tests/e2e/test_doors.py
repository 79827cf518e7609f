"""Answering with proof in a real browser: signed in at an OpenID provider, and with an SSH signature in Prefect's form.

One house, whose law calls payouts above the limit medium risk and unsure ones high risk; both take proof in dev, too.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from tests.e2e.cases import claim
from tests.e2e.command import BUSY, ROOT, Command, until
from tests.e2e.houses import UpHouse, processes_of
from tests.e2e.test_prefect_ui import TIMES_TO_PRESS_AGAIN, field
from tests.openid import CLIENT, PASSWORDS, SECRET, provider

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from playwright.sync_api import Page

    from tests.openid import Provider

pytestmark = [pytest.mark.server, pytest.mark.browser, pytest.mark.slow]

SECRETS = """[auth]
redirect_uri = "http://127.0.0.1:{{port}}/oauth2callback"
cookie_secret = "this secret is as long as it has to be, and nobody's"
expose_tokens = ["id"]

[auth.company]
client_id = "{client}"
client_secret = "{secret}"
server_metadata_url = "{issuer}/.well-known/openid-configuration"
client_kwargs = {{ scope = "openid email", prompt = "login" }}
authorize_params = {{ max_age = "0" }}
"""
WEBHOOK = """
import sys
from prefect.blocks.notifications import CustomWebhookNotificationBlock
said = {"title": "{{subject}}", "text": "{{body}}"}
CustomWebhookNotificationBlock(name="ops", url=sys.argv[1], json_data=said).save("ops")
"""


@pytest.fixture(scope="module")
def there() -> Generator[Provider]:
    """An OpenID provider."""
    with provider() as found:
        yield found


@pytest.fixture(scope="module")
def told() -> Generator[tuple[str, list[dict[str, Any]]]]:
    """Somebody's webhook, and what it was sent."""
    got: list[dict[str, Any]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Take a notice."""
            got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the base class calls it
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Hook) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/", got
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The key of grace."""
    path = tmp_path_factory.mktemp("keys") / "grace"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path


@pytest.fixture(scope="module")
def house(
    project: Path, there: Provider, told: tuple[str, Any], key: Path, tmp_path_factory: pytest.TempPathFactory
) -> Generator[UpHouse]:
    """A house in which ada signs in, grace signs, and somebody is told of gates."""
    (project / ".streamlit").mkdir()
    shutil.copy(ROOT / ".streamlit" / "config.toml", project / ".streamlit")
    secrets = SECRETS.format(client=CLIENT, secret=SECRET, issuer=there.issuer)
    (project / ".streamlit" / "secrets.toml").write_text(secrets, encoding="utf-8")
    law = project / "policies" / "claims.cedar"
    text = law.read_text(encoding="utf-8")
    for name, risk in (("claims-manager", "medium"), ("claims-adjuster", "high")):
        text = text.replace(f'@gate("{name}")\n@deadline("2d")', f'@gate("{name}")\n@risk("{risk}")\n@deadline("2d")')
    law.write_text(text, encoding="utf-8")
    gonogo = Command(project / "home", tmp_path_factory.mktemp("scratch"), cwd=project)
    gonogo.settings |= {"GONOGO_GATE_WARM_SECONDS": "0.1", "GONOGO_NOTIFY": "custom-webhook/ops"}
    ada = ("--role", "claims-manager", "--issuer", there.issuer, "--client", CLIENT, "--subject", "sub-ada")
    grace = ("--role", "claims-adjuster", "--key", f"{key}.pub")
    for command in (("witness",), ("enrol", "ada", *ada), ("enrol", "grace", *grace)):
        done = gonogo("approvers", *command)
        assert done.code == 0, done.err
    found = UpHouse(gonogo)
    try:
        found.up()
        saved = [sys.executable, "-c", WEBHOOK, told[0]]
        subprocess.run(saved, check=True, env=gonogo.environment(PREFECT_API_URL=f"{found.url}/api"))
        yield found
        assert found.stop() == 0, found.said()
    finally:
        if processes_of(gonogo.home):
            found.kill_tree()
        gonogo.clean_up()


def test_an_approver_signs_in_reads_the_card_and_says_go_and_the_mission_goes_on(
    house: UpHouse, there: Provider, told: tuple[str, list[dict[str, Any]]], page: Page, tmp_path: Path
) -> None:
    """From the link in the notice through the provider's login page back to the gate, and to the payment."""
    from playwright.sync_api import expect

    expect.set_options(timeout=180_000)
    run_id = house.asleep(claim("above_limit", "SIGNEDIN"))
    gate = house.gonogo.gate_of(run_id)
    link = f"http://127.0.0.1:{house.dashboard_port}/waiting?gate={gate}"
    until(lambda: any(link in notice["text"] for notice in told[1]), "a notice with the link")
    until(lambda: house.mart("select gate from gates where gate = ?", gate), "the landed gate")
    page.goto(link)
    page.get_by_role("button", name="Sign in with company").click()
    page.get_by_label("User").fill("ada")
    page.get_by_label("Password").fill(PASSWORDS["ada"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("You answer as ada")).to_be_visible()
    expect(page.get_by_role("heading", name="Go or no-go: pay_claim")).to_be_visible()
    expect(page.locator(".card")).to_contain_text("CLM-SIGNEDIN")
    expect(page.locator(".card")).to_contain_text("Blast radius")
    page.get_by_label("Reason").fill("cover confirmed")
    page.screenshot(path=tmp_path / "signed-in.png", full_page=True)
    page.keyboard.press("Alt+g")
    expect(page.get_by_role("alert").first).to_contain_text(f"go at gate {gate} is recorded, by ada (oidc)")
    page.screenshot(path=tmp_path / "answered.png", full_page=True)
    assert house.until_ended(run_id)["outcome"] == "paid"
    (answer,) = house.gonogo.told(run_id, "approval_record")
    assert (answer.data["door"], answer.data["proof"], answer.data["by"]) == ("dashboard", "oidc", "ada")
    assert (answer.data["sign_in"]["issuer"], answer.data["sign_in"]["subject"]) == (there.issuer, "sub-ada")
    assert there.is_pkce_seen
    assert len(house.gonogo.payments("CLM-SIGNEDIN")) == 1
    seen = house.gonogo("evidence", run_id).out
    assert "opened by ada (oidc, dashboard)" in seen
    assert "opened notice by custom-webhook/ops sent" in seen


def test_who_signed_out_in_one_window_answers_nothing_in_another(house: UpHouse, page: Page) -> None:
    """The other window still has the cookie's word for it; the gate stays open and says why."""
    from playwright.sync_api import expect

    run_id = house.asleep(claim("above_limit", "STALE"))
    gate = house.gonogo.gate_of(run_id)
    until(lambda: house.mart("select gate from gates where gate = ?", gate), "the landed gate")
    link = f"http://127.0.0.1:{house.dashboard_port}/waiting?gate={gate}"
    page.goto(link)
    page.get_by_role("button", name="Sign in with company").click()
    page.get_by_label("User").fill("ada")
    page.get_by_label("Password").fill(PASSWORDS["ada"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text("You answer as ada")).to_be_visible()
    other = page.context.new_page()
    other.goto(link)
    other.get_by_role("button", name="Sign out").click()
    expect(other.get_by_role("heading", name="Live missions", exact=True)).to_be_visible()
    expect(page.get_by_text("somebody signed out of it").first).to_be_visible()
    page.get_by_label("Your name").fill("ada")
    page.get_by_label("Reason").fill("still here")
    page.keyboard.press("Alt+g")
    expect(page.get_by_text("is of medium risk").first).to_be_visible()
    assert [each.data["accepted"] for each in house.gonogo.told(run_id, "approval_record")] == [False]
    assert house.gonogo.payments("CLM-STALE") == []


def _token(house: UpHouse, gate: str, key: Path) -> str:
    """Return what `ssh-keygen -Y sign` made of a go by grace, as one short text."""
    said = ("go", "--reason", "cover confirmed", "--as", "grace", "--sign", str(key), "--show-token")
    done = house.gonogo("decide", gate, *said)
    assert done.code == 0, done.err
    return done.out.strip()


def _fill(page: Page, url: str, token: str, shot: Path) -> int:
    """Open a run in Prefect, press Resume, paste a token beside go, submit; return what the server said."""
    page.goto(url)
    page.get_by_role("button", name="Resume").first.click()
    form = page.locator(".p-modal__card")
    form.get_by_role("heading", name="Go or no-go: pay_claim").wait_for()
    choice = field(form, "Answer").locator(".p-select-button__control")
    choice.focus()
    choice.press("ArrowDown")
    page.locator(".p-select-option", has_text="go").first.click()
    field(form, "Token").locator("textarea").fill(token)
    page.screenshot(path=shot)
    with page.expect_response(lambda reply: reply.url.endswith("/resume")) as reply:
        form.get_by_role("button", name="Submit").click()
    return reply.value.status


def _submit(page: Page, url: str, token: str, shot: Path) -> None:
    for _ in range(TIMES_TO_PRESS_AGAIN):
        if _fill(page, url, token, shot) != BUSY:
            return


def test_a_signature_pasted_into_prefects_form_lets_the_mission_go_on_and_a_forged_one_does_not(
    house: UpHouse, page: Page, key: Path, tmp_path: Path
) -> None:
    """One short token: a stranger's changes nothing but the evidence, the enrolled key's opens the gate."""
    run_id = house.asleep(claim("vague", "SSHSIG"))
    gate = house.gonogo.gate_of(run_id)
    stranger = tmp_path / "stranger"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", stranger], check=True)
    url = f"{house.url}/runs/flow-run/{house.flow_run(run_id)['id']}"
    _submit(page, url, _token(house, gate, stranger), tmp_path / "forged.png")
    until(lambda: house.gonogo.told(run_id, "approval_record"), "the refusal")
    (refused,) = house.gonogo.told(run_id, "approval_record")
    assert (refused.data["accepted"], "is nobody's" in refused.data["refused_because"]) == (False, True)
    until(lambda: house.gonogo.parks(run_id) > 1, "the run back asleep")
    house.until_state(run_id, "Suspended")
    assert house.gonogo.payments("CLM-SSHSIG") == []
    _submit(page, url, _token(house, gate, key), tmp_path / "signed.png")
    assert house.until_ended(run_id)["outcome"] == "paid"
    page.get_by_text("Completed").first.wait_for()
    page.screenshot(path=tmp_path / "completed.png")
    answer = house.gonogo.told(run_id, "approval_record")[-1]
    assert (answer.data["door"], answer.data["proof"], answer.data["by"]) == ("prefect", "signature", "grace")
    assert len(house.gonogo.payments("CLM-SSHSIG")) == 1
