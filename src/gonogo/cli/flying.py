"""``gonogo run``: fly one case, or every case of a file."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from gonogo.board import find_run
from gonogo.cli.deciding import pairs, read_object
from gonogo.cli.screen import EXIT_BY_STATUS, err, money, plain_cell, print_json, print_landing, print_table, say, word
from gonogo.errors import CaseRefused, RunUnknown
from gonogo.evidence.canon import short_id, uuid7
from gonogo.evidence.journals import journal_of
from gonogo.house.address import find_house, require_server
from gonogo.lanes.queues import Queue
from gonogo.plans import read_case
from gonogo.settings import Settings, settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefect import State
    from pydantic import BaseModel

    from gonogo.cases import Batch, Flyer
    from gonogo.missions import Mission
    from gonogo.pilots import Wait
    from gonogo.plans import Landing
    from gonogo.runs import Run

REASONS_MAX = 5
"""How many different reasons are told for cases that have not ended."""


def run(
    mission: Annotated[str, typer.Argument(help="The mission's name: a file in flows/.")],
    source: Annotated[Path | None, typer.Option("--input", help="JSON file with the case, or - for stdin.")] = None,
    fields: Annotated[list[str] | None, typer.Option("--set", help="field=value of the case, repeatable.")] = None,
    each: Annotated[Path | None, typer.Option("--each", help="CSV, JSONL or Parquet file: one case a row.")] = None,
    case_by: Annotated[
        str | None, typer.Option("--case-by", help="With --each: rows with the same value in this column are one case.")
    ] = None,
    arrived: Annotated[
        str | None, typer.Option("--arrived", help="With --each: this column says when a case came in.")
    ] = None,
    speed: Annotated[
        float | None, typer.Option("--speed", min=0.001, help="With --arrived: replay so many times faster, from now.")
    ] = None,
    resume: Annotated[str | None, typer.Option("--resume", help="Continue this run from its evidence.")] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Leave at a gate instead of waiting there.")] = False,
    again: Annotated[bool, typer.Option("--again", help="With --each: fly the file anew, not continue it.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Fly a mission. Exit 0 done, 3 no-go, 4 aborted, 5 waiting, 1 failed.

    Where `gonogo up` runs, the house flies it; otherwise this process does, on the server that
    PREFECT_API_URL names or on none, and it waits at gates.

    Example: `gonogo run claims_triage --input claim.json`
    """
    from gonogo.house.loading import find_mission

    chosen = settings()
    if each is None and (case_by or again or arrived):
        raise CaseRefused("--case-by, --again and --arrived are about a file of cases; name it with --each.")
    if speed is not None and arrived is None:
        raise CaseRefused("--speed replays when cases came in; name the column that says so with --arrived.")
    if each is not None and (source or fields or resume):
        raise CaseRefused("--each takes its cases from the file; leave out --input, --set and --resume.")
    found = find_mission(chosen, mission)
    if each is not None:
        batch = _read(found, chosen, each, case_by, arrived=arrived, speed=speed, again=again)
        queue = Queue.of(batch.flyers) if arrived else None
        raise typer.Exit(_fly_each(found, chosen, batch, queue, as_json=as_json, again=again))
    landing = _fly_one(found, chosen, _case(found, source, fields, resume), resume, no_wait=no_wait)
    if as_json:
        print_json(landing.model_dump())
    else:
        print_landing(landing)
        if landing.status == "waiting":
            say(f"It continues with: gonogo run {landing.mission} --resume {landing.run_id}")
    raise typer.Exit(EXIT_BY_STATUS[landing.status])


def _case(
    mission: Mission[Any, Any], source: Path | None, fields: list[str] | None, resume: str | None
) -> BaseModel | None:
    if resume is not None:
        if source or fields:
            raise CaseRefused("--resume continues a recorded case; leave out --input and --set.")
        return None
    if source is None and not fields:
        raise CaseRefused(f"{mission.charter.name} needs a case: --input FILE, --set field=value, or --each FILE.")
    return read_case(mission, read_object(source) | pairs(fields or []))


def _fly_one(
    mission: Mission[Any, Any], chosen: Settings, case: BaseModel | None, resume: str | None, *, no_wait: bool
) -> Landing:
    """Fly one case where it belongs: the house, the named server, or here alone."""
    journal = journal_of(chosen)
    name = mission.charter.name
    run_id = find_run(journal, resume) if resume else f"{name.replace('_', '-')}-{short_id(uuid7())}"
    if resume and journal.read_flight(run_id)[0].fields["missionid"] != name:
        raise RunUnknown(f"Run {run_id} is not a run of {name}.")
    if find_house(chosen) is not None or os.environ.get("PREFECT_API_URL"):
        from gonogo.house.handing import fly_in_house, fly_on_server

        house = find_house(chosen)
        if house is not None:
            return fly_in_house(mission, chosen, house, case, run_id, announce=tell, no_wait=no_wait)
        require_server(os.environ["PREFECT_API_URL"])
        return asyncio.run(fly_on_server(mission, chosen, case, run_id))
    from gonogo.flights import fly
    from gonogo.lanes.local import LocalPilot, fly_on
    from gonogo.plans import Plan

    pilot = LocalPilot(patience="leave" if no_wait else "stay", announce=_announce)
    return asyncio.run((fly if no_wait else fly_on)(mission, case, Plan(run_id, pilot, chosen, "cli")))


def _announce(run: Run, wait: Wait) -> None:
    tell(run.id, wait.kind, wait.name)


def tell(run_id: str, kind: str, name: str) -> None:
    """Say on standard error what a run waits for and how to bring it."""
    if kind == "gate":
        err.print(f"Run {run_id} waits at gate {name}. Read it: gonogo gates --card")
        err.print(f'Answer it: gonogo decide {name} go --reason "..." --as NAME   (or no-go, or revise)')
    else:
        err.print(
            f"Run {run_id} waits for the event {name}. Deliver it: gonogo event {name} --run {run_id} --input FILE"
        )


def _read(
    mission: Mission[Any, Any],
    chosen: Settings,
    path: Path,
    case_by: str | None,
    *,
    arrived: str | None,
    speed: float | None,
    again: bool,
) -> Batch:
    """Read the cases of a file, with when they come where a column says so."""
    from gonogo.cases import adapter_of, read_batch, replayed

    adapter = adapter_of(chosen, mission.charter.name)
    batch = read_batch(mission, path, adapter, case_by, salt=uuid7() if again else "", arrived=arrived)
    return batch if speed is None else replayed(batch, speed, datetime.now(UTC))


def _fly_each(
    mission: Mission[Any, Any], chosen: Settings, batch: Batch, queue: Queue | None, *, as_json: bool, again: bool
) -> int:
    """Fly every case of a file, at once or as they come, and say how they landed."""
    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=err
    )
    landings: list[Landing] = []
    with bar:
        task = bar.add_task(mission.charter.name, total=len(batch.flyers))

        def landed(landing: Landing) -> None:
            landings.append(landing)
            waiting = "" if queue is None else f", {queue.depth()} wait"
            bar.update(task, advance=1, description=f"{mission.charter.name}{waiting}")

        _fly_batch(mission, batch.flyers, chosen, landed, queue)
    place = {flyer.run_id: number for number, flyer in enumerate(batch.flyers)}
    landings.sort(key=lambda landing: place[landing.run_id])
    statuses = Counter(landing.status for landing in landings)
    if as_json:
        rows = [landing.model_dump() for landing in landings]
        told = {"batch": batch.id, "statuses": statuses, "runs": rows, "bad_rows": [vars_of(b) for b in batch.bad]}
        print_json(told if queue is None else told | {"queue": queue.told()})
    else:
        _print_batch(mission.charter.name, landings, batch)
        if queue is not None:
            say(queue.sentence)
    _tell_interrupted(mission.charter.name, landings, again=again)
    if statuses["failed"] or statuses["interrupted"] or batch.bad:
        return 1
    return EXIT_BY_STATUS["waiting"] if statuses["waiting"] else 0


def _fly_batch(
    mission: Mission[Any, Any],
    flyers: list[Flyer],
    chosen: Settings,
    landed: Callable[[Landing], None],
    queue: Queue | None,
) -> None:
    """Fly a batch in this process: as one flow run where there is a Prefect server, by itself elsewhere."""
    house = find_house(chosen)
    api_url = house.api_url if house else os.environ.get("PREFECT_API_URL")
    if api_url is None:
        from gonogo.lanes.arrivals import Line, fly_arrivals
        from gonogo.lanes.batch import fly_batch

        alone = (
            fly_batch(mission, flyers, chosen, landed)
            if queue is None
            else fly_arrivals([Line(mission, flyers)], chosen, landed, queue.take)
        )
        asyncio.run(alone)
        return
    require_server(api_url)
    from prefect import flow

    from gonogo.house.server import tell_prefect
    from gonogo.lanes.chunks import BatchInterrupted, fly_as_they_come, fly_in_chunks, unended

    # The mission has brought Prefect in, long before it was known where the house has its server.
    tell_prefect({"PREFECT_API_URL": api_url})

    @flow(name="fly_each", flow_run_name=f"{mission.name}, {len(flyers)} cases", persist_result=False)
    async def fly_each() -> dict[str, int] | State[Any]:
        """Fly every case of a file given to `gonogo run --each`."""
        if queue is not None:
            statuses = await fly_as_they_come(mission, flyers, chosen, landed, queue)
        else:
            statuses = await fly_in_chunks(mission, flyers, chosen, landed)
        return unended(statuses) or dict(statuses)

    # What was interrupted is told with the landings.
    with suppress(BatchInterrupted):
        asyncio.run(fly_each())


def vars_of(bad: Any) -> dict[str, str]:
    """Return a bad row as JSON."""
    return {"ref": bad.ref, "reason": bad.reason}


def _print_batch(name: str, landings: list[Landing], batch: Any) -> None:
    outcomes = Counter((word(x.status), (x.outcome or {}).get("outcome", x.reason_code or "")) for x in landings)
    costs = Counter[tuple[str, str]]()
    for x in landings:
        costs[word(x.status), (x.outcome or {}).get("outcome", x.reason_code or "")] += x.totals.get("cost_micros", 0)
    rows = [
        (status, outcome, count, money(costs[status, outcome])) for (status, outcome), count in outcomes.most_common()
    ]
    print_table(f"{name}: {len(landings)} cases", ("status", "outcome or reason", "cases", "cost"), rows, "No case.")
    for bad in batch.bad:
        err.print(f"not flown: {plain_cell(bad.ref)}: {plain_cell(bad.reason)}", style="yellow")
    waiting = [x for x in landings if x.status == "waiting"]
    if waiting:
        say(f"{len(waiting)} wait: gonogo gates, gonogo runs. After an answer: gonogo run {name} --resume RUN")


def _tell_interrupted(name: str, landings: list[Landing], *, again: bool) -> None:
    """Say on standard error which cases have not ended, why, and how they go on."""
    interrupted = [x for x in landings if x.status == "interrupted"]
    if not interrupted:
        return
    for because, count in Counter(x.error or "" for x in interrupted).most_common(REASONS_MAX):
        err.print(f"interrupted: {count} of {len(landings)}: {plain_cell(because)}", style="yellow")
    how = f"gonogo run {name} --resume RUN, for each of them" if again else "the same command"
    err.print(f"They have not failed: once that is put right, they go on with {how}.", style="yellow")
