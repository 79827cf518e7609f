"""A small bank on SQLite: a system of record that remembers idempotency keys, as real ones do."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, field_validator

from gonogo import Trusted, compensate, irreversible, reversible, shown, tool
from gonogo.settings import settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Call:
    """One time a tool's own code was reached."""

    tool: str
    args: dict[str, Any]
    key: str = ""
    """The idempotency key it came with."""


CALLS: list[Call] = []
"""Every time, in this process, that a tool's own code was reached; repeats count again."""


WATCHERS: list[Callable[[Call], None]] = []
"""Told of each call before the tool does anything."""


AFTERWARDS: list[Callable[[Call], None]] = []
"""Told of each payment once it is booked, each letter once it is posted, each wire once it is sent."""


def _reached(call: Call) -> None:
    CALLS.append(call)
    for watcher in WATCHERS:
        watcher(call)


def calls(name: str) -> list[Call]:
    """Return the times one tool's own code was reached."""
    return [call for call in CALLS if call.tool == name]


def payments(home: Path) -> list[tuple[str, int]]:
    """Return what really left the bank: payee and cents, in order."""
    with closing(_books(home)) as books:
        return books.execute("SELECT payee, cents FROM payments ORDER BY rowid").fetchall()


def undo_payments(home: Path, *, but: set[str]) -> None:
    """Take back every payment but those with these idempotency keys: a world in which they were not made yet."""
    with closing(_books(home)) as books, books:
        made = {key for (key,) in books.execute("SELECT key FROM payments")}
        books.executemany("DELETE FROM payments WHERE key = ?", [(key,) for key in made - but])


def letters(home: Path) -> list[tuple[str, str]]:
    """Return the letters that were really posted: payee and text, in order."""
    with closing(_books(home)) as books:
        return books.execute("SELECT payee, text FROM letters ORDER BY rowid").fetchall()


def _books(home: Path) -> sqlite3.Connection:
    home.mkdir(parents=True, exist_ok=True)
    books = sqlite3.connect(home / "bank.sqlite")
    books.executescript(
        "CREATE TABLE IF NOT EXISTS payments (key TEXT PRIMARY KEY, payee TEXT, cents INTEGER);"
        "CREATE TABLE IF NOT EXISTS letters (payee TEXT, text TEXT);"
        "CREATE TABLE IF NOT EXISTS refunds (key TEXT PRIMARY KEY, payee TEXT, cents INTEGER, reason TEXT);",
    )
    return books


def _preview(*, amount_cents: int, **_rest: Any) -> str:
    return f"{amount_cents} cents leave the account."


def refunds(home: Path) -> list[tuple[str, int, str]]:
    """Return what really came back to the bank: payee, cents and why, in order."""
    with closing(_books(home)) as books:
        return books.execute("SELECT payee, cents, reason FROM refunds ORDER BY rowid").fetchall()


@tool(system="bank", effect="irreversible", preview=_preview)
async def refund(payee: str, amount_cents: int, reason: str, *, idempotency_key: str = "") -> str:
    """Fetch a payment back; a second call with the same key does nothing new."""
    call = Call("refund", {"payee": payee, "amount_cents": amount_cents}, idempotency_key)
    _reached(call)
    with closing(_books(settings().home)) as books, books:
        row = (idempotency_key, payee, amount_cents, reason)
        books.execute("INSERT OR IGNORE INTO refunds VALUES (?, ?, ?, ?)", row)
    for watcher in AFTERWARDS:
        watcher(call)
    await asyncio.sleep(0)
    return f"refunded {payee}"


@tool(
    system="bank",
    effect="irreversible",
    preview=_preview,
    undo=compensate(refund, payee="args.payee", amount_cents="args.amount_cents", reason="rollback.reason"),
)
async def pay(payee: str, amount_cents: int, *, idempotency_key: str = "") -> str:
    """Pay somebody; a second call with the same key does nothing new."""
    call = Call("pay", {"payee": payee, "amount_cents": amount_cents}, idempotency_key)
    _reached(call)
    with closing(_books(settings().home)) as books, books:
        books.execute("INSERT OR IGNORE INTO payments VALUES (?, ?, ?)", (idempotency_key, payee, amount_cents))
    for watcher in AFTERWARDS:
        watcher(call)
    await asyncio.sleep(0)
    return f"paid {payee}"


@tool(system="bank", effect="read")
async def look_up(account: str) -> Annotated[dict[str, int], Trusted()]:
    """Return the balance of an account, in cents."""
    _reached(Call("look_up", {"account": account}))
    await asyncio.sleep(0)
    return {"balance_cents": len(account) * 100}


@tool(
    system="bank",
    effect="irreversible",
    idempotent=False,
    undo=irreversible("A letter that was posted is read."),
)
async def post_letter(payee: str, text: str) -> str:
    """Post a letter; the post office cannot tell a second one from the first."""
    call = Call("post_letter", {"payee": payee, "text": text})
    _reached(call)
    with closing(_books(settings().home)) as books, books:
        books.execute("INSERT INTO letters VALUES (?, ?)", (payee, text))
    for watcher in AFTERWARDS:
        watcher(call)
    await asyncio.sleep(0)
    return f"posted to {payee}"


class Wired(BaseModel):
    """What the wire office answers."""

    reference: str
    cents: int

    @field_validator("reference")
    @classmethod
    def _is_ours(cls, reference: str) -> str:
        if not reference.startswith("W-"):
            raise ValueError("a wire's reference begins with W-")
        return reference


def _wire_preview(payee: str, cents: int) -> str:
    return f"{cents} cents go to {shown(payee)} by wire."


@tool(
    system="bank",
    effect="irreversible",
    idempotent=False,
    check="The day book lists wires by payee and minute.",
    preview=_wire_preview,
)
async def wire(payee: str, cents: int, *, idempotency_key: str = "") -> Wired:
    """Send money by wire; the office takes a reference and does not look whether it had it before."""
    call = Call("wire", {"payee": payee, "cents": cents}, idempotency_key)
    _reached(call)
    for watcher in AFTERWARDS:
        watcher(call)
    await asyncio.sleep(0)
    return Wired(reference=f"W-{len(calls('wire'))}", cents=cents)


@tool(system="bank", effect="write")
async def unlabel(account: str, labels: set[str]) -> int:
    """Take labels off an account; labels that are not on it change nothing."""
    _reached(Call("unlabel", {"account": account, "labels": sorted(labels)}))
    await asyncio.sleep(0)
    return len(labels)


@tool(system="bank", effect="write", undo=reversible(unlabel, account="args.account", labels="args.labels"))
async def label(account: str, labels: set[str]) -> int:
    """Put labels on an account; the same labels twice are the same labels."""
    _reached(Call("label", {"account": account, "labels": sorted(labels)}))
    await asyncio.sleep(0)
    return len(labels)


@tool(system="vault", effect="read")
async def open_vault(door: int) -> str:
    """Open the vault, which is in nobody's scope and in no mandate."""
    _reached(Call("open_vault", {"door": door}))
    await asyncio.sleep(0)
    return "open"


@tool(system="bank", effect="read")
async def break_down(reason: str) -> int:
    """Fail, for this reason."""
    _reached(Call("break_down", {"reason": reason}))
    await asyncio.sleep(0)
    raise LookupError(reason)
