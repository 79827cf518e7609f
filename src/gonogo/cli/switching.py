"""Commands that throw switches: abort, and rearm."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from gonogo.board import find_run
from gonogo.cli.screen import plain_cell, print_json, print_table, say
from gonogo.errors import EvidenceUnwritable, GonogoError, RunUnknown, SwitchRefused
from gonogo.evidence.canon import timestamp
from gonogo.evidence.journals import journal_of
from gonogo.exchange import share
from gonogo.rearmings import rearm as lift
from gonogo.rearmings import signed_token
from gonogo.settings import Settings, settings
from gonogo.statements import read_token
from gonogo.switches import Halt, Target, halt, halts

SHARE_SECONDS = 12.0
"""How long a command waits until other machines can see what it did."""

RunName = Annotated[str | None, typer.Argument(metavar="RUN", help="The run, or a part of its id.")]
MissionName = Annotated[str | None, typer.Option("--mission", help="Every run of this mission.")]
AgentName = Annotated[str | None, typer.Option("--agent", help="Every run that employs this agent.")]
Everything = Annotated[bool, typer.Option("--all", help="Everything.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it becomes evidence.")]
Who = Annotated[str | None, typer.Option("--as", help="Who you are; your login name, if not given. Unproven.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def abort(
    run: RunName = None,
    mission: MissionName = None,
    agent: AgentName = None,
    everything: Everything = False,
    reason: Reason = "",
    name: Who = None,
    wait: Annotated[float, typer.Option("--wait", min=0, help="How many seconds to wait for what flies.")] = 30.0,
    shown: Annotated[bool, typer.Option("--list", help="Show what is halted, and throw nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Halt a run, a mission, an agent or everything, until it is re-armed. Exit 0 when nothing of it is in flight.

    Works with the Prefect server and the database down. Calls to models and reads are cut off; a change
    that is under way is let finish, for a few seconds, and recorded.

    Example: `gonogo abort --mission claims_triage --reason "pays twice"`
    """
    chosen = settings()
    if shown:
        _show(chosen, as_json=as_json)
        return
    target = _target(chosen, run, mission, agent, everything=everything)
    begun = time.monotonic()
    thrown = halt(chosen, target, reason, by=name or _requester(chosen))
    sharing, shared = _share(chosen)
    told = _stand_down(chosen, thrown, wait)
    took_ms = int((time.monotonic() - begun) * 1_000)
    sharing.join(SHARE_SECONDS)
    still: list[str] = told["still"]
    if as_json:
        facts = _facts(thrown) | {"halted": not still, "took_ms": took_ms, "shared": bool(shared)}
        print_json(facts | told)
    else:
        say(plain_cell(thrown.sentence))
        if told["unreadable"]:
            say(plain_cell(f"It holds here. {told['unreadable']} Whoever cannot record begins nothing."))
        else:
            stopped = f"{len(told['stopped'])} in flight stopped, {len(told['ended'])} that nobody flew ended"
            say(f"After {took_ms} ms: {stopped}, {len(still)} still in flight.")
        if not shared:
            say("Other machines do not know of it yet; they hear of it once the database answers.")
        for run_id in still:
            say(f"Not stopped yet: {plain_cell(run_id)}. Its process does not let go; stop that process.")
        say(f"Re-arm it with: {plain_cell(thrown.way_out)}")
    raise typer.Exit(1 if still else 0)


def rearm(
    run: RunName = None,
    mission: MissionName = None,
    agent: AgentName = None,
    everything: Everything = False,
    reason: Reason = "",
    name: Annotated[str, typer.Option("--as", help="Who you are; without proof it counts in `dev` only.")] = "",
    sign: Annotated[Path | None, typer.Option("--sign", help="Your key; you need the role `rearm`.")] = None,
    token: Annotated[str, typer.Option("--token", help="A token that was signed elsewhere.")] = "",
    show_token: Annotated[
        bool, typer.Option("--show-token", help="With --sign: print the token; lift nothing.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Lift the halts of exactly this target. What was aborted stays aborted; new runs may begin.

    Example: `gonogo rearm --mission claims_triage --reason "fixed in 1.4" --as ada --sign ~/.ssh/id_ed25519`
    """
    chosen = settings()
    target = _target(chosen, run, mission, agent, everything=everything, is_known=True)
    share(chosen)
    if sign is not None:
        token = signed_token(chosen, target, reason, by=name, key=sign.expanduser())
        if show_token:
            sys.stdout.write(f"{token}\n")
            return
    lifted = lift(chosen, target, reason, by=name, token=token)
    name, proof = (name, "unproven") if not token else (read_token(token)[0].by, "signature")
    shared = share(chosen)
    if as_json:
        print_json({"target": str(target), "lifted": [_facts(each) for each in lifted], "by": name, "shared": shared})
        return
    say(f"{plain_cell(str(target).capitalize())} is re-armed by {plain_cell(name)} ({proof}); {len(lifted)} lifted.")
    for each in halts(chosen):
        say(f"Still: {plain_cell(each.sentence)}")


def _target(
    chosen: Settings,
    run: str | None,
    mission: str | None,
    agent: str | None,
    *,
    everything: bool,
    is_known: bool = False,
) -> Target:
    """Return the one target that was named; a name that nobody bears is a typing error, and halts nothing."""
    named = [text for text in (run, mission, agent) if text is not None]
    if len(named) + everything != 1:
        raise SwitchRefused("Name exactly one: RUN, --mission NAME, --agent NAME, or --all.")
    if everything:
        return Target("all")
    if mission is not None:
        return Target("mission", _one_of(chosen, "mission", mission.replace("-", "_"), is_known=is_known))
    if agent is not None:
        return Target("agent", _one_of(chosen, "agent", agent, is_known=is_known))
    assert run is not None
    if is_known and any(known.target == Target("run", run) for known in halts(chosen)):
        return Target("run", run)
    try:
        return Target("run", find_run(journal_of(chosen), run))
    except EvidenceUnwritable:
        # Nobody can be asked now which runs there are; a whole id is taken at its word.
        return Target("run", run)


def _one_of(chosen: Settings, kind: str, name: str, *, is_known: bool) -> str:
    known = _names(chosen, kind)
    if is_known or known is None or name in known:
        return name
    there = ", ".join(sorted(known)) or "none"
    raise RunUnknown(f"There is no {kind} {name!r}, so nothing was halted (there: {there}).")


def _names(chosen: Settings, kind: str) -> set[str] | None:
    """Return the missions or agents there are; ``None`` where that cannot be told, for a broken law stops no halt."""
    if kind == "mission":
        return {file.stem for file in chosen.flow_folder.glob("[!_]*.py")} or None
    from gonogo.policy.force import in_force

    try:
        _, registry = in_force(chosen.policy_folder)
    except GonogoError:
        return None
    return set(registry.agents)


def _share(chosen: Settings) -> tuple[threading.Thread, list[bool]]:
    """Tell the other machines, beside everything else: a database that hangs keeps nobody from halting here."""
    shared: list[bool] = []

    def tell() -> None:
        if share(chosen):
            shared.append(True)

    thread = threading.Thread(target=tell, name="gonogo-share", daemon=True)
    thread.start()
    return thread, shared


def _stand_down(chosen: Settings, thrown: Halt, seconds: float) -> dict[str, Any]:
    from gonogo.house.halting import StandDown

    down = StandDown(chosen)
    told: dict[str, Any] = {"still": [], "stopped": [], "unreadable": ""}
    try:
        told["still"] = down.wait((thrown,), seconds)
        told["stopped"] = down.stopped(thrown)
    except EvidenceUnwritable as error:
        told["unreadable"] = str(error)
    return told | {"ended": down.ended}


def _show(chosen: Settings, *, as_json: bool) -> None:
    share(chosen)
    known = halts(chosen)
    if as_json:
        print_json([_facts(each) for each in known])
        return
    rows = [(str(h.target), h.by, h.signal or "by hand", timestamp(h.when)[:19] + "Z", h.reason) for h in known]
    print_table("Halted", ("what", "by", "signal", "since", "why"), rows, "Nothing is halted.")


def _facts(thrown: Halt) -> dict[str, Any]:
    return {
        "halt": thrown.id,
        "target": {"kind": thrown.target.kind, "name": thrown.target.name},
        "by": thrown.by,
        "reason": thrown.reason,
        "signal": thrown.signal,
        "figures": dict(thrown.figures),
        "when": timestamp(thrown.when),
    }


def _requester(chosen: Settings) -> str:
    """Return who asks. Brings Prefect in, so not before it is needed: a house sets its address first."""
    from gonogo.flights import requester

    return requester(chosen)
