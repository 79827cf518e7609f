"""Telling people of gates: through Prefect's own blocks, once, without payloads, and never in anybody's way."""

from __future__ import annotations

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from prefect.blocks.notifications import CustomWebhookNotificationBlock
from prefect.blocks.system import Secret
from pydantic import SecretStr

from gonogo.approvals import answer_gate, silence
from gonogo.evidence.journals import journal_of
from gonogo.house import telling
from gonogo.house.telling import Teller
from gonogo.notices import ATTEMPTS_MAX, notices_of, stream_of
from tests.gonogo.toy.approvers import paying
from tests.gonogo.toy.people import Town

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HOOK = "hook-secret-4711"


class Receiver(ThreadingHTTPServer):
    """Somebody's webhook on this machine, which remembers what it was sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Hook)
        self.got: list[dict[str, Any]] = []
        self.answers = 200
        self.let_go = threading.Event()
        self.let_go.set()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.server_address[1]}/{HOOK}"


class _Hook(BaseHTTPRequestHandler):
    server: Receiver  # pyright: ignore[reportIncompatibleVariableOverride] - the only kind there is here

    def do_POST(self) -> None:
        """Take a notice."""
        self.server.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.server.let_go.wait(30)
        self.send_response(self.server.answers)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the base class calls it
        """Say nothing."""


@pytest.fixture
def hook() -> Iterator[Receiver]:
    """A webhook."""
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.let_go.set()
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def blocks(monkeypatch: pytest.MonkeyPatch, hook: Receiver) -> dict[str, Any]:
    """Block documents as a Prefect server would hand them out; the e2e test asks a real one."""
    webhook = CustomWebhookNotificationBlock(
        name="ops", url=hook.url, headers=None, cookies=None, json_data={"title": "{{subject}}", "text": "{{body}}"}
    )
    known: dict[str, Any] = {"custom-webhook/ops": webhook, "secret/s": Secret[str](value=SecretStr("x"))}
    from prefect.blocks.core import Block

    monkeypatch.setattr(Block, "load", staticmethod(known.__getitem__))
    return known


async def gated(tmp_path: Path, *names: str, **more: Any) -> tuple[Teller, str]:
    """Return who tells of a run that waits at a gate, and the gate."""
    town = Town(tmp_path)
    (gate,) = (await town.park(paying(6_000))).waits
    names = names or ("custom-webhook/ops",)
    return Teller(town.settings.model_copy(update={"notify": names, **more})), gate


def told(teller: Teller) -> list[tuple[str, bool]]:
    """Return what is recorded of notices about the run: which, and whether it was sent."""
    return [(each.data["event"], each.data["sent"]) for each in journal_of(teller.settings).read_desk(stream_of("r1"))]


@pytest.mark.usefixtures("blocks")
async def test_an_open_gate_is_told_once_with_a_link_and_without_what_it_is_about(
    tmp_path: Path, hook: Receiver
) -> None:
    """Who is asked, until when and where to look; no argument, no card, no payee."""
    teller, gate = await gated(tmp_path, dashboard_url="https://board.example.com/")
    assert [teller.look(), teller.look(), Teller(teller.settings).look()] == [1, 0, 0]
    (notice,) = hook.got
    assert notice["title"] == "Go or no-go: pay of errand"
    assert "Role manager is asked." in notice["text"]
    assert f"https://board.example.com/waiting?gate={gate}" in notice["text"]
    assert not any(word in str(notice) for word in ("6000", "cents", "invoice", "a`"))
    assert told(teller) == [("opened", True)]


@pytest.mark.usefixtures("blocks")
async def test_an_expired_gate_is_told_and_an_answered_one_is_not(tmp_path: Path, hook: Receiver) -> None:
    """What somebody decided is no news to whoever was asked."""
    teller, gate = await gated(tmp_path)
    teller.look()
    answer_gate(journal_of(teller.settings), gate, silence(gate), "prod")
    assert teller.look() == 1
    assert hook.got[-1]["title"] == "Nobody answered, so it is no-go: pay of errand"
    assert told(teller) == [("opened", True), ("expired", True)]


async def test_a_block_that_fails_is_recorded_without_its_secrets_and_left_alone_for_a_while(
    tmp_path: Path, hook: Receiver, blocks: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others are told all the same; after a few failures it is not asked again, and the gate is as it was."""
    now = [0.0]
    monkeypatch.setattr(telling.time, "monotonic", lambda: now[0])
    blocks["custom-webhook/down"] = blocks["custom-webhook/ops"].model_copy(
        update={"url": f"http://127.0.0.1:1/{HOOK}"}
    )
    teller, gate = await gated(tmp_path, "custom-webhook/down", "custom-webhook/ops")
    assert teller.look() == 1
    assert teller.look() == 0
    assert told(teller) == [("opened", False), ("opened", True)]
    for _ in range(ATTEMPTS_MAX + 1):
        now[0] += telling.AGAIN_SECONDS + 1
        teller.look()
    stream = journal_of(teller.settings).read_desk(stream_of("r1"))
    assert [each.data["sent"] for each in stream].count(False) == ATTEMPTS_MAX
    assert HOOK not in str([each.data for each in stream])
    assert "ConnectError" in stream[0].data["error"]
    assert [each.gate for each in notices_of(teller.settings, "r1", "")] == [gate]
    assert len(hook.got) == 1


@pytest.mark.usefixtures("blocks")
async def test_what_a_receiver_refuses_is_recorded_with_its_status(tmp_path: Path, hook: Receiver) -> None:
    """The status, and not the address that it was sent to."""
    hook.answers = 403
    teller, _ = await gated(tmp_path)
    assert teller.look() == 0
    (record,) = journal_of(teller.settings).read_desk(stream_of("r1"))
    assert record.data["error"] == "HTTPStatusError (status 403)"


@pytest.mark.usefixtures("blocks")
async def test_a_block_that_hangs_is_left_hanging(
    tmp_path: Path, hook: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look ends, the failure is recorded, and nothing waits for it."""
    monkeypatch.setattr(telling, "SEND_SECONDS_MAX", 0.2)
    hook.let_go.clear()
    teller, _ = await gated(tmp_path)
    assert teller.look() == 0
    (record,) = journal_of(teller.settings).read_desk(stream_of("r1"))
    assert record.data["error"] == "It did not end within 0.2 s."


@pytest.mark.usefixtures("blocks")
@pytest.mark.parametrize(("name", "why"), [("secret/s", "is no notification block"), ("slack-webhook/x", "KeyError")])
async def test_a_block_of_another_kind_and_one_that_is_not_there_are_failures_like_others(
    tmp_path: Path, name: str, why: str
) -> None:
    """A name that is wrong in the settings shows in evidence."""
    teller, _ = await gated(tmp_path, name)
    assert teller.look() == 0
    (record,) = journal_of(teller.settings).read_desk(stream_of("r1"))
    assert why in record.data["error"]


class Mailbox(threading.Thread):
    """A mail server on this machine that takes one letter: the few words of SMTP that this needs."""

    def __init__(self) -> None:
        super().__init__(name="mailbox")
        self.listening = socket.create_server(("127.0.0.1", 0))
        self.letter = ""

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.listening.getsockname()[1])

    def run(self) -> None:
        """Take one letter."""
        with self.listening, self.listening.accept()[0] as peer, peer.makefile("rwb", buffering=0) as lines:
            lines.write(b"220 mailbox\r\n")
            while word := lines.readline().strip().upper():
                if word.startswith(b"QUIT"):
                    lines.write(b"221 bye\r\n")
                    return
                if word == b"DATA":
                    lines.write(b"354 go on\r\n")
                    letter = b"".join(iter(lines.readline, b".\r\n"))
                    self.letter = letter.decode()
                lines.write(b"250 ok\r\n")


# The standard library's own email.mime.image still imports it on Python 3.11.
@pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")
async def test_a_notice_goes_by_mail_too(tmp_path: Path, blocks: dict[str, Any]) -> None:
    """Any address of Apprise's that a block takes; here SMTP to a server of our own."""
    from prefect.blocks.notifications import SlackWebhook

    mailbox = Mailbox()
    mailbox.start()
    blocks["slack-webhook/mail"] = SlackWebhook(
        url=f"mailto://127.0.0.1:{mailbox.port}?from=house@example.com&to=ops@example.com&mode=insecure"  # pyright: ignore[reportArgumentType] - pydantic makes it secret
    )
    teller, gate = await gated(tmp_path, "slack-webhook/mail")
    assert teller.look() == 1
    mailbox.join(30)
    assert "Go or no-go: pay of errand" in mailbox.letter
    assert gate in mailbox.letter
