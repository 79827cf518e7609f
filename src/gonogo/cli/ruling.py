"""``gonogo policies``: which law is in force, who approved it, and how a change of it is approved."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from gonogo.cli.screen import plain_cell, print_json, print_table, say
from gonogo.errors import AnswerRefused
from gonogo.settings import settings

if TYPE_CHECKING:
    from gonogo.links import Chain, Enactment
    from gonogo.settings import Settings

_SHORT = 12


def policies(
    what: Annotated[Literal["show", "approve"], typer.Argument(help="show or approve.")] = "show",
    run: Annotated[str, typer.Option("--run", help="With show: who approved the law that this run began under.")] = "",
    name: Annotated[str, typer.Option("--as", help="Who you are, as enrolled.")] = "",
    reason: Annotated[str, typer.Option("--reason", help="Why the law may be so; it becomes evidence.")] = "",
    sign: Annotated[Path | None, typer.Option("--sign", help="Your key, or the public half of an agent's.")] = None,
    token: Annotated[str, typer.Option("--token", help="A token that was signed elsewhere.")] = "",
    show_token: Annotated[
        bool, typer.Option("--show-token", help="With --sign: print the token for elsewhere; approve nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show which law is in force and who approved it, or approve a change of it. Exit 1 if it is not approved.

    Example: `gonogo policies approve --as ada --sign ~/.ssh/id_ed25519 --reason "limit raised by the board"`
    """
    chosen = settings()
    if what == "show":
        _show_run(chosen, run, as_json=as_json) if run else _show(chosen, as_json=as_json)
        return
    if bool(token) == (sign is not None) or (show_token and sign is None):
        raise typer.BadParameter("Give one of --sign and --token; --show-token goes with --sign.")
    if sign is not None and not (name and reason):
        raise typer.BadParameter("Say --as and --reason; who looks at it later asks both.")
    from gonogo.enactments import enact, signed_token

    if sign is not None:
        token = signed_token(chosen, name, reason, sign.expanduser())
        if show_token:
            print_json({"token": token}) if as_json else sys.stdout.write(f"{token}\n")
            return
    _tell(enact(chosen, token), chosen, as_json=as_json)


def _tell(made: Enactment, chosen: Settings, *, as_json: bool) -> None:
    if as_json:
        print_json({"approved": made.after, "by": made.by, "environment": chosen.environment})
        return
    say(f"{plain_cell(made.by)} approved the law {made.after[:_SHORT]} for {chosen.environment}; it is in force.")


def _show(chosen: Settings, *, as_json: bool) -> None:
    """Print the law in force beside the one that was approved last, and what changed between them."""
    from gonogo.enactments import chain_of
    from gonogo.policy.books import book_of
    from gonogo.policy.force import in_force

    law, _ = in_force(chosen.policy_folder)
    book, chain = book_of(chosen.policy_folder), chain_of(chosen, chosen.environment)
    head = chain.head
    is_approved = head is not None and head.after == book.digest
    changed = book.changed_from({} if head is None else head.files)
    if as_json:
        print_json(
            {
                "digest": book.digest, "policy": law.digest, "environment": chosen.environment,
                "approved": is_approved, "needed": chosen.environment != "dev", "changed": changed,
                "files": book.files, "approvals": [_row(link) for link in chain.links],
                "objections": list(chain.objections),
            },
        )  # fmt: skip
    else:
        _print(chosen, book.digest, chain, changed if not is_approved else [], is_approved=is_approved)
    if not is_approved and chosen.environment != "dev":
        raise typer.Exit(1)


def _print(chosen: Settings, digest: str, chain: Chain, changed: list[str], *, is_approved: bool) -> None:
    rows = [tuple(_row(link).values()) for link in chain.links]
    columns = ("when", "who", "before", "after", "rules", "why", "key")
    print_table(f"Laws approved for {chosen.environment}", columns, rows, "None was approved.")
    for objection in chain.objections:
        say(plain_cell(objection))
    if is_approved:
        say(f"The law in force, {digest[:_SHORT]}, is approved.")
    elif chosen.environment == "dev":
        say(f"The law in force is {digest[:_SHORT]}. In dev nobody approves it, and nothing asks for it.")
    else:
        say(f"The law in {chosen.policy_folder}, {digest[:_SHORT]}, is not approved: {', '.join(changed)} changed.")
        say("Nothing flies under it. Approve it: gonogo policies approve --as NAME --sign KEY --reason TEXT")


def _show_run(chosen: Settings, text: str, *, as_json: bool) -> None:
    """Print who approved the law that a run began under, and each law it went on under."""
    from gonogo.board import find_run
    from gonogo.enactments import chain_of
    from gonogo.evidence.journals import journal_of

    journal = journal_of(chosen)
    run_id = find_run(journal, text)
    records = journal.read_flight(run_id)
    environment = records[0].fields["envname"]
    links = chain_of(chosen, environment).links
    laws = list(dict.fromkeys(str(record.fields.get("policydigest", "")) for record in records))
    found: list[dict[str, Any]] = [
        {"policy": law, "approvals": [_row(link) for link in links if link.policy == law]} for law in laws
    ]
    if as_json:
        print_json({"run_id": run_id, "environment": environment, "laws": found})
        return
    for each in found:
        who = "; ".join(f"{plain_cell(one['by'])} at {one['at'][:19]}Z" for one in each["approvals"])
        none = "nobody; in dev nobody has to" if environment == "dev" else "NOBODY on record"
        say(f"Run {run_id} flew under the rules {each['policy'][:_SHORT]}, approved by {who or none}.")
    if environment != "dev" and not all(each["approvals"] for each in found):
        raise AnswerRefused(f"Nobody approved a law that run {run_id} flew under.")


def _row(link: Enactment) -> dict[str, str]:
    return {
        "at": link.at.isoformat(),
        "by": link.by,
        "before": link.before[:_SHORT],
        "after": link.after[:_SHORT],
        "policy": link.policy[:_SHORT],
        "reason": plain_cell(link.reason),
        "key": link.key,
    }
