"""Commands that bring something to a run: answers and events."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import orjson
import typer

from gonogo.approvals import answer_gate, find_request, signed_token
from gonogo.ballots import Reply, quorum_of
from gonogo.board import find_run, open_gates, open_reviews
from gonogo.cli.screen import plain_cell, print_card, print_json, say, word
from gonogo.cli.weighing import tell_worth
from gonogo.errors import CaseRefused
from gonogo.events import deliver
from gonogo.evidence.journals import journal_of
from gonogo.house.waking import wake
from gonogo.settings import settings
from gonogo.verdicts import is_review

if TYPE_CHECKING:
    from gonogo.evidence.records import Record
    from gonogo.model import Answer

_ANSWERS: dict[str, Answer] = {
    "go": "go", "no-go": "no_go", "no_go": "no_go", "revise": "revise", "agree": "go", "disagree": "no_go",
}  # fmt: skip


def gates(
    card: Annotated[bool, typer.Option("--card", help="Show each gate's full card.")] = False,
    worth: Annotated[
        bool, typer.Option("--worth", help="Show instead what each gate costs people, and what it catches.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the gates that wait, and for whom; after them the samples that wait for a review.

    Example: `gonogo gates --card`
    """
    if worth:
        tell_worth(as_json=as_json)
        return
    journal = journal_of(settings())
    rows = open_gates(journal) + open_reviews(journal)
    if as_json:
        print_json([row.model_dump() for row in rows])
        return
    if not rows:
        say("No gate waits.")
    for row in rows:
        about = "" if row.about == "action" else f"{row.about}: "
        say(f"[bold]{row.gate}[/bold]  {about}{row.action} of {row.mission}, for role [bold]{row.role}[/bold]")
        say(f"            {plain_cell(' '.join(row.because))}")
        said = f", {len(row.said)} of {row.quorum} have said go" if row.quorum > 1 else ""
        if row.risk or said:
            say(f"            {row.risk or 'usual'} risk{said}")
        if row.escalated:
            say(f"            nobody answered so far, so {', '.join(row.escalated)} may, too")
        say(f"            until {row.deadline[:19]}Z, run {row.run_id}, asked by {plain_cell(row.requester)}")
    for row in rows if card else []:
        print_card(row.card)
    if rows:
        say(f'Answer one: gonogo decide {rows[0].gate} go --reason "..." --as NAME')


def decide(
    gate: Annotated[str, typer.Argument(help="The gate's id, from `gonogo gates`.")],
    answer: Annotated[str, typer.Argument(help="go, no-go or revise; of a review, agree or disagree.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; it becomes evidence. A token has its own.")] = "",
    name: Annotated[str, typer.Option("--as", help="Who you are. Alone it proves nothing. A token has its own.")] = "",
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="With revise: argument=value, or field=value of a result in doubt; repeatable."),
    ] = None,
    sign: Annotated[Path | None, typer.Option("--sign", help="Your key, or the public half of an agent's.")] = None,
    totp: Annotated[str, typer.Option("--totp", help="Six digits of your authenticator app; up to medium risk.")] = "",
    token: Annotated[str, typer.Option("--token", help="A token that was signed elsewhere.")] = "",
    reason_code: Annotated[str | None, typer.Option("--code", help="Why, in one word, as WRONG_AMOUNT.")] = None,
    show_token: Annotated[
        bool, typer.Option("--show-token", help="With --sign: print the token for another door; answer nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Answer a gate. The first answer that counts stands.

    Example: `gonogo decide a1b2c3d4e5 go --reason "cover confirmed" --as ada --sign ~/.ssh/id_ed25519`
    """
    chosen = settings()
    wanted = answer_word(answer)
    if sum(map(bool, (sign, totp, token))) > 1 or (show_token and sign is None):
        raise typer.BadParameter("Give one of --sign, --totp and --token; --show-token goes with --sign.")
    if not token and not (reason and name):
        raise typer.BadParameter("Say --reason and --as; only a token has both already.")
    request = find_request(journal_of(chosen), gate)
    pairs_given = _pairs(changes or [])
    if sign is not None:
        token = signed_token(
            chosen, request, wanted, (name, reason), sign.expanduser(), code=reason_code, changes=pairs_given
        )
        if show_token:
            _show(token, gate, as_json=as_json)
            return
    reply = Reply.typed(wanted, name, reason, "cli", token=totp or token, changes=pairs_given)
    reply = replace(reply, reason_code=reason_code)
    if totp and reply.proof != "totp":
        raise typer.BadParameter("--totp takes the six digits that the app shows.")
    record = answer_gate(journal_of(chosen), gate, reply, chosen.environment, request.run_id)
    if record.data.get("partial"):
        told = f"Gate {gate} takes {quorum_of(request)} people; it waits for another one."
    else:
        told = _after_review(record) if is_review(request) else wake(chosen, record.run_id)
    by, proof = record.data["by"], record.data["proof"]
    if as_json:
        print_json({"gate": gate, "run_id": record.run_id, "answer": wanted, "by": by, "proof": proof, "next": told})
        return
    say(f"{word(wanted)} by {plain_cell(by)} ({proof}) is recorded for gate {gate}. {told}")


def answer_word(text: str) -> Answer:
    """Return the answer somebody means."""
    wanted = _ANSWERS.get(text)
    if wanted is None:
        raise CaseRefused(f"{text} is no answer; say go, no-go or revise.")
    return wanted


def _show(token: str, gate: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"gate": gate, "token": token})
        return
    sys.stdout.write(f"{token}\n")


def _after_review(answer: Record) -> str:
    """Say what follows from a review; nothing waits for one."""
    if answer.data["answer"] == "go":
        return "Nothing else follows."
    run_id = answer.run_id
    return f'An exception is open. Once the run has ended, undo it with: gonogo rollback {run_id} --reason "..."'


def event(
    name: Annotated[str, typer.Argument(help="The event's name, as the mission waits for it.")],
    run: Annotated[str, typer.Option("--run", help="The run that waits.")],
    source: Annotated[Path | None, typer.Option("--input", help="JSON file with the body, or - for stdin.")] = None,
    fields: Annotated[list[str] | None, typer.Option("--set", help="field=value, repeatable.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Deliver an outside event to a run that waits for it.

    Example: `gonogo event documents_received --run claims-triage-x --input documents.json`
    """
    chosen = settings()
    journal = journal_of(chosen)
    run_id = find_run(journal, run)
    body = read_object(source) | _pairs(fields or [])
    record = deliver(journal, run_id, name, [(body, None)], "cli")[0]
    told = wake(chosen, run_id)
    if as_json:
        print_json({"event": name, "run_id": run_id, "record": record.fields["id"], "next": told})
        return
    say(f"{name} lies on the desk of run {run_id}. {told}")


def read_object(source: Path | None) -> dict[str, Any]:
    """Return the JSON object in a file or on standard input; empty, where no source is given.

    Raises:
        CaseRefused: it cannot be read, or is no JSON object.

    """
    if source is None:
        return {}
    try:
        raw = sys.stdin.buffer.read() if str(source) == "-" else source.read_bytes()
        found = orjson.loads(raw)
    except OSError as error:
        raise CaseRefused(f"{source} cannot be read ({error.strerror}).") from error
    except orjson.JSONDecodeError as error:
        raise CaseRefused(f"{source} is not JSON: {error}.") from error
    if not isinstance(found, dict):
        raise CaseRefused(f"{source} holds no JSON object.")
    return cast("dict[str, Any]", found)


def _pairs(texts: list[str]) -> dict[str, Any]:
    """Read ``name=value``; a value that is JSON is that, anything else is text."""
    found: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise CaseRefused(f"--set {text} is not name=value.")
        try:
            found[name] = orjson.loads(value)
        except orjson.JSONDecodeError:
            found[name] = value
    return found


pairs = _pairs
