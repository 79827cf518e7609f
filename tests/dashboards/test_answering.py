"""Answering with proof on the dashboard: signed in, with a token, or with a signature of the text that is shown."""

from __future__ import annotations

import shutil
import subprocess
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from dashboards import visitor
from gonogo import signins
from gonogo.evidence.journal import FileJournal
from gonogo.rolls import sign_out
from gonogo.settings import settings
from gonogo.signers import new_pair
from gonogo.viewings import first_viewings
from gonogo.witnesses import witness_key
from tests.dashboards.fleets import publish
from tests.dashboards.flights import GATE, RUN, landed, waiting_run
from tests.dashboards.views import draw, objections, text
from tests.docs.pages import ROOT
from tests.gonogo.toy.people import SINCE, public
from tests.openid import CLIENT, provider

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from streamlit.testing.v1 import AppTest

    from tests.openid import Provider

PAGE = "pages/waiting.py"


@pytest.fixture(scope="module", name="there")
def _there() -> Iterator[Provider]:  # pyright: ignore[reportUnusedFunction] - pytest finds it
    with provider() as found:
        yield found


@pytest.fixture(name="key")
def _key(home: Path, tmp_path: Path, there: Provider, monkeypatch: pytest.MonkeyPatch) -> Path:  # pyright: ignore[reportUnusedFunction] - as above
    """Give ada a key and an account, the dashboard a key of its own; a gate of high risk waits. Returns ada's key."""
    policies, key = shutil.copytree(ROOT / "policies", tmp_path / "policies"), tmp_path / "ada"
    monkeypatch.setenv("GONOGO_POLICY_FOLDER", str(policies))
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key], check=True)
    account = {"issuer": there.issuer, "audience": CLIENT, "subject": "sub-ada", "risk": "high", "since": SINCE}
    ada = {"roles": ["claims-manager"], "keys": [{"key": public(key), "since": SINCE}], "accounts": [account]}
    witness = {"key": new_pair(witness_key(settings())), "since": SINCE}
    whole = {"approvers": {"people": {"ada": ada}, "witnesses": [witness]}}
    (policies / "approvers.yaml").write_text(yaml.safe_dump(whole))
    signins._known.clear()  # pyright: ignore[reportPrivateUsage] - providers come and go at one address in tests
    waiting_run(home, risk="high")
    publish(home, landed())
    return key


def desk(home: Path) -> list[dict[str, Any]]:
    """Return what lies on the run's desk."""
    return [record.data for record in FileJournal(home / "journals").read_desk(RUN)]


def signed_in(monkeypatch: pytest.MonkeyPatch, token: str) -> AppTest:
    """Return the page as it is drawn for a browser that came back from the provider with a token."""
    monkeypatch.setattr(visitor, "is_open", lambda: True)
    monkeypatch.setattr(visitor, "_token", lambda: token)
    monkeypatch.setattr(visitor, "_providers", lambda: {"": "Sign in"})
    return draw(PAGE)


def go(app: AppTest) -> AppTest:
    """Say go, with a reason."""
    app.text_area(key=f"reason-{GATE}").set_value("cover confirmed")
    return app.button(key=f"go-{GATE}").click().run()


@pytest.mark.usefixtures("key")
def test_whoever_has_signed_in_answers_as_themselves_and_had_opened_the_card_before(
    home: Path, there: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No name is asked for; who opened the card is on record before the answer is."""
    app = signed_in(monkeypatch, there.token())
    assert "ada signed in" in text(app)
    assert "You answer as ada" in text(app)
    assert [each.key for each in app.text_input if each.key == f"by-{GATE}"] == []
    (viewing,) = first_viewings(settings(), RUN)
    assert (viewing.gate, viewing.by, viewing.proof) == (GATE, "ada", "oidc")
    assert f"go at gate {GATE} is recorded, by ada (oidc)" in text(go(app))
    (answer,) = desk(home)
    assert (answer["accepted"], answer["by"], answer["sign_in"]["subject"]) == (True, "ada", "sub-ada")
    assert objections(app) == []


@pytest.mark.usefixtures("key")
def test_a_sign_in_that_ends_while_the_page_is_open_answers_nothing(
    home: Path, there: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Signed out in another window: this one still shows a name, and the answer is refused all the same."""
    monkeypatch.setattr(visitor, "LOOK_AGAIN_SECONDS", 1e9)
    token = there.token()
    app = signed_in(monkeypatch, token)
    sign_out(settings(), "ada", signins.sha256_hex(token.encode()))
    assert "somebody signed out of it" in text(go(app))
    assert [each["accepted"] for each in desk(home)] == [False]


@pytest.mark.usefixtures("key")
@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"sub": "sub-mallory"}, "is nobody's"),
        ({"exp": 1}, "ran out"),
        ({"aud": "another"}, "Nobody is enrolled with sign-ins"),
    ],
)
def test_a_sign_in_that_counts_for_nothing_is_said_at_once_with_the_way_in_again(
    there: Provider, monkeypatch: pytest.MonkeyPatch, claims: dict[str, Any], why: str
) -> None:
    """Whoever is not known here is not greeted."""
    app = signed_in(monkeypatch, there.token(**claims))
    assert why in text(app)
    assert "You answer as" not in text(app)
    assert app.button(key="sign-in-").label == "Sign in"


def test_a_token_that_was_made_elsewhere_is_pasted(home: Path, key: Path) -> None:
    """`gonogo decide --show-token` makes it; name and reason come with it."""
    from gonogo.approvals import find_request, signed_token

    request = find_request(FileJournal(home / "journals"), GATE)
    token = signed_token(settings(), request, "go", ("ada", "read the file"), key)
    app = draw(PAGE)
    app.text_input(key=f"token-{GATE}").set_value(token)
    app.button(key=f"go-{GATE}").click().run()
    (answer,) = desk(home)
    assert (answer["accepted"], answer["by"], answer["proof"], answer["door"]) == (
        True,
        "ada",
        "signature",
        "dashboard",
    )
    assert [(each.by, each.proof) for each in first_viewings(settings(), RUN)] == [("ada", "signature")]


def test_what_the_page_shows_is_signed_in_a_shell_and_pasted_back(home: Path, key: Path) -> None:
    """The very command that is shown, with the person's own key in it; nothing of gonogo is needed there."""
    app = draw(PAGE)
    app.text_input(key=f"by-{GATE}").set_value("ada")
    app.text_area(key=f"reason-{GATE}").set_value("it's the customer's own house")
    app.button(key=f"draft-it-{GATE}").click().run()
    (command,) = [each.value for each in app.code if "ssh-keygen" in each.value]
    shell = ["sh", "-c", command.replace("~/.ssh/id_ed25519", str(key))]
    signature = subprocess.run(shell, check=True, capture_output=True, text=True).stdout
    app.text_area(key=f"signature-{GATE}").set_value(signature)
    app.button(key=f"sign-{GATE}").click().run()
    assert "is recorded, by ada (signature)" in text(app)
    (answer,) = desk(home)
    assert (answer["accepted"], answer["by"], answer["answer"]) == (True, "ada", "go")


def test_a_signature_of_something_else_answers_nothing(home: Path, key: Path) -> None:
    """What was signed is compared with what is asked, byte by byte; what is no signature is not even brought."""
    app = draw(PAGE)
    app.text_input(key=f"by-{GATE}").set_value("ada")
    app.text_area(key=f"reason-{GATE}").set_value("fine")
    app.button(key=f"draft-it-{GATE}").click().run()
    app.text_area(key=f"signature-{GATE}").set_value("trust me")
    assert "What was pasted is no signature" in text(app.button(key=f"sign-{GATE}").click().run())
    assert desk(home) == []
    command = ["ssh-keygen", "-Y", "sign", "-n", "gonogo-approval@v1", "-f", str(key)]
    other = subprocess.run(command, input=b"something else", check=True, capture_output=True).stdout.decode()
    app.text_area(key=f"signature-{GATE}").set_value(other)
    assert "The signature does not count" in text(app.button(key=f"sign-{GATE}").click().run())
    assert [each["accepted"] for each in desk(home)] == [False]


def test_nothing_is_drafted_without_a_name_and_a_reason(key: Path) -> None:
    """A text that says nothing is not shown for signing."""
    del key
    app = draw(PAGE)
    assert "say your name, as enrolled, and a reason" in text(app.button(key=f"draft-it-{GATE}").click().run())


def test_a_typed_name_had_opened_the_card_when_it_answered(home: Path) -> None:
    """In dev the name is known with the answer; when the card was opened is known from before."""
    waiting_run(home)
    publish(home, landed(deadline=timedelta(hours=1)))
    app = draw(PAGE)
    app.text_input(key=f"by-{GATE}").set_value("Dana Ortiz")
    go(app)
    (viewing,) = first_viewings(settings(), RUN)
    answered = FileJournal(home / "journals").read_desk(RUN)[0].fields["time"]
    assert (viewing.by, viewing.proof) == ("Dana Ortiz", "unproven")
    assert viewing.at.isoformat()[:26] <= answered


def test_what_became_of_earlier_decisions_is_shown(home: Path) -> None:
    """Not only what was said, but how the run ended, and what this one has cost so far."""
    from tests.dashboards.fleets import fleet

    publish(home, fleet())
    said = text(draw(PAGE))
    assert "with a go ended well" in said
    assert "Then the run" in said
    assert "Cost so far" in said
