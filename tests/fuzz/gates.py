"""What is fuzzed besides evidence and log: answers, codes, credentials, sealed values, and the files of the law."""

from __future__ import annotations

import asyncio
import json
import tempfile
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from gonogo import codes, credentials
from gonogo.errors import EvidenceBroken, PolicyBroken
from gonogo.evidence.keyring import SubjectKey
from gonogo.evidence.sealing import Erased, opened_body, sealed
from gonogo.policy.approvers import read_approvers
from gonogo.policy.law import read_law
from gonogo.policy.registry import read_registry
from gonogo.policy.retention import read_retention
from gonogo.settings import settings
from gonogo.statements import TokenRefused, read_token, say, token_of
from tests.fuzz.targets import Target, Verdict, mutants

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[2]
SEED, AT = bytes(range(20)), 1_900_000_000.0
KEY = SubjectKey("a" * 26, bytes(range(32)))
ARGS = {"payee": "a", "amount_cents": 7}
ISSUED = datetime.now(UTC)


@lru_cache(maxsize=1)
def token() -> str:
    """Return a person's answer as a gate takes it; nobody has signed it."""
    said = say(
        "gate", "revise", by="ada", reason="Take the other one.", code=None, changes={"payee": "b"},
        lifetime=timedelta(hours=1),
    )  # fmt: skip
    return token_of(said, bytes(64))


@lru_cache(maxsize=1)
def credential() -> tuple[str, str]:
    """Return a tool's credential, and the key that connectors check it with."""
    chosen = settings().model_copy(update={"home": Path(tempfile.mkdtemp(prefix="gonogo-fuzz-"))})
    claims = credentials.claims_for("r1", "pay", "bank", principal="m", action="0" * 64, arguments=ARGS)
    return asyncio.run(credentials.issue(chosen, claims, None)).token, credentials.public_key(chosen)


@lru_cache(maxsize=1)
def value() -> str:
    """Return a sealed value."""
    return sealed(KEY, "Ada Lovelace")


def _token(text: str) -> Verdict:
    """An answer's token: refused, or what it says is written in the one way it can be."""
    try:
        said, signature = read_token(text)
    except TokenRefused:
        return "refused"
    assert token_of(said, signature) == text.strip(), "A token that is written otherwise was accepted."
    return "read"


def _code(text: str) -> Verdict:
    """A code of an authenticator app: one of the three that count now, or refused."""
    step = codes.step_of(SEED, text, AT)
    if step is None:
        return "refused"
    now = int(AT) // codes.STEP_SECONDS
    assert text in {codes.code_at(SEED, each) for each in (now - 1, now, now + 1)}, "Another code was accepted."
    return "read"


def _credential(text: str) -> Verdict:
    """A tool's credential: refused, whatever of it was changed."""
    genuine, key = credential()
    try:
        credentials.verify(text, key, tool="pay", arguments=ARGS, at=ISSUED + timedelta(seconds=1))
    except credentials.CredentialRefused:
        return "refused"
    assert text == genuine, "A mutated credential was accepted."
    return "read"


def _value(text: str) -> Verdict:
    """A sealed value: what was sealed, or text that is returned as it came."""
    body = json.dumps([text]).encode()
    try:
        read = json.loads(opened_body(body, lambda name: KEY if name == KEY.id else None))
    except (EvidenceBroken, Erased):
        return "refused"
    assert read == [text.replace(value(), "Ada Lovelace")], "A mutated value was opened."
    return "read"


@lru_cache(maxsize=1)
def _desk() -> Path:
    """Return a folder with a law that holds; a file of it at a time is replaced."""
    folder = Path(tempfile.mkdtemp(prefix="gonogo-fuzz-law-"))
    for name in ("agents.yaml", "prices.yaml", "approvers.yaml", "retention.yaml"):
        (folder / name).write_bytes((ROOT / "policies" / name).read_bytes())
    for path in (ROOT / "tests" / "gonogo" / "toy" / "policies").glob("toy.*"):
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def _law_file(name: str, read: Callable[[Path], object]) -> Callable[[str], Verdict]:
    """Return a check of one file of the law: read, or refused in a sentence that names it."""

    def check(text: str) -> Verdict:
        path = _desk() / name
        path.write_bytes(text.encode("utf-8", "surrogatepass"))
        refusal = ""
        try:
            read(_desk())
        except PolicyBroken as error:
            refusal = str(error)
        finally:
            path.write_bytes(_genuine(name).encode())
        assert not refusal or str(_desk()) in refusal, f"It names no file: {refusal}"
        return "refused" if refusal else "read"

    return check


@lru_cache
def _genuine(name: str) -> str:
    folder = ROOT / ("tests/gonogo/toy/policies" if name.startswith("toy.") else "policies")
    return (folder / name).read_text(encoding="utf-8")


def _six_digits() -> st.SearchStrategy[str]:
    genuine = codes.code_at(SEED, int(AT) // codes.STEP_SECONDS)
    return st.from_regex(r"[0-9]{6}", fullmatch=True) | st.text(max_size=8) | mutants(genuine)


GATES: dict[str, Target] = {
    "token": Target(lambda: mutants(token()), _token),
    "code": Target(_six_digits, _code),
    "credential": Target(lambda: mutants(credential()[0]), _credential),
    "sealed value": Target(lambda: mutants(value()), _value),
    "law": Target(lambda: mutants(_genuine("toy.cedar")), _law_file("toy.cedar", read_law)),
    "agents": Target(lambda: mutants(_genuine("agents.yaml")), _law_file("agents.yaml", read_registry)),
    "approvers": Target(lambda: mutants(_genuine("approvers.yaml")), _law_file("approvers.yaml", read_approvers)),
    "retention": Target(lambda: mutants(_genuine("retention.yaml")), _law_file("retention.yaml", read_retention)),
}
"""Every such reader, by name."""

SEEDS: dict[str, Callable[[], str]] = {
    "token": token,
    "code": lambda: codes.code_at(SEED, int(AT) // 30),
    "credential": lambda: credential()[0],
    "sealed value": value,
    "law": lambda: _genuine("toy.cedar"),
    "agents": lambda: _genuine("agents.yaml"),
    "approvers": lambda: _genuine("approvers.yaml"),
    "retention": lambda: _genuine("retention.yaml"),
}
"""What is genuine, for a fuzzer that begins there."""
