"""Cards: what a person is shown at a gate, and how text from outside is shown in it.

A card quotes what customers wrote and agents made up. None of it may end its cell, look like a line
of the card, lead anywhere, or turn the reading round.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gonogo.demands import takes
from gonogo.evidence.canon import plain_text, timestamp

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from gonogo.gates import Action
    from gonogo.model import Effect
    from gonogo.policy.law import Ruling
    from gonogo.reaches import Reach
    from gonogo.runs import Run

PREVIEW_CHARACTERS_MAX = 10_000


def shown(value: object, limit: int = 200) -> str:
    """Return a value as markdown that shows it as it is, on one line: in a sentence or in a table's cell.

    For tool previews. Links, images, HTML and markup in it stay text; line ends and what is
    invisible or turns the reading round become blanks, ``|`` is shown as ``¦`` and a backtick as
    ``'``. What is longer than ``limit`` characters is cut, and ends with ``…``.
    """
    text = _visible(plain_text(str(value), limit)).replace("`", "'").replace("|", "¦")
    return f"`{text}`" if text else "(empty)"


def quoted(text: str, limit: int = 2_000) -> str:
    """Return text of several lines as a markdown block that shows it as it is and that nothing in it can end.

    For tool previews. What is longer than ``limit`` characters is cut, and ends with ``…``.
    """
    lines = [_visible(line) for line in plain_text(text, limit).splitlines()]
    longest = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return "\n".join((fence, *lines, fence))


def _visible(line: str) -> str:
    """Return a line with a blank for each character that cannot be seen or that steers what is around it."""
    return "".join(letter if letter.isprintable() else " " for letter in line)


def _set_apart(markdown: str) -> str:
    """Return an author's markdown as a quoted block: whatever it holds, what follows is the card's own again."""
    lines = plain_text(markdown, PREVIEW_CHARACTERS_MAX).splitlines()
    return "\n".join(f"> {_visible(line)}".rstrip() for line in lines)


def _rows(values: Mapping[str, object]) -> str:
    return "\n".join(f"| {name} | {shown(value)} |" for name, value in values.items()) or "| (none) | |"


def _arguments(action: Action) -> str:
    return f"| argument | value |\n|---|---|\n{_rows(action.request.args)}"


def _change(action: Action) -> str:
    """Return what the tool says would change."""
    preview = _set_apart(action.preview) if action.preview else "The tool gives no preview."
    return f"**What would change**\n\n{preview}"


def _whence(action: Action) -> str:
    """Return where the values come from that nobody trusted named; nothing where there are none."""
    if not action.origins:
        return ""
    rows = "\n".join(
        f"| {origin.argument} | {shown(action.request.args.get(origin.argument, ''))} | "
        f"{f'text in {shown(origin.source)}' if origin.source else 'nowhere: it was put together'} | "
        f"{shown(origin.record) if origin.record else ''} |"
        for origin in action.origins
    )
    return f"""**Where it comes from**

Neither the case nor a record of the house names these; check them with somebody who knows.

| argument | value | stands only in | record |
|---|---|---|---|
{rows}

"""


_WAY_BACK: Mapping[Effect, str] = {
    "read": "It changes nothing.",
    "write": "It changes something.",
    "irreversible": "It cannot be taken back.",
}


def blast_radius(system: str, effect: Effect, reach: Reach) -> str:
    """Return what one call touches at most, in a sentence or two."""
    numbers = ((reach.records, "record"), (reach.recipients, "recipient"))
    parts = [f"**{number:,}** {word}{'' if number == 1 else 's'}" for number, word in numbers if number]
    if reach.amount_cents:
        parts.append(f"**{reach.amount_cents / 100:,.2f}** of money")
    where = ", ".join(shown(name) for name in dict.fromkeys((system, *reach.systems)))
    return f"{', '.join(parts) or 'Nothing counted'} in {where}. {_WAY_BACK[effect]}"


def _radius(action: Action) -> str:
    return f"**Blast radius** {action.blast}\n\n" if action.blast else ""


def _so_far(run: Run) -> str:
    meter = run.meter
    offline = " The agents run on the scripted **offline model**." if run.is_offline else ""
    return f"""**So far** this run has made {meter.model_calls} model calls and {meter.actions} of at most \
{meter.budget.actions} changes, for {meter.spent_micros / 1_000_000:.4f} USD ({meter.price_basis} prices).{offline}"""


def _foot(run: Run, gate_id: str, role: str) -> str:
    return f"Role **{role}** · gate `{gate_id}` · run `{run.id}` · owner {run.charter.owner}\n"


def action_card(run: Run, gate_id: str, action: Action, ruling: Ruling, deadline: datetime) -> str:
    """Write what a person has to know to say go: what, why, what changes, what it has cost, what else."""
    asked = action.request
    why = "\n".join(f"- {sentence} (`{rule}`)" for rule, sentence in zip(ruling.rules, ruling.because, strict=False))
    is_proposal = action.asking == "proposal"
    then = "once, when the mission has come to its end" if is_proposal else "once"
    revise = "" if is_proposal else " `revise` sends your remarks back."
    wants = "proposes this, and goes on without it," if is_proposal else "wants to do this"
    return f"""## Go or no-go: {"proposal to " if is_proposal else ""}`{asked.action}`

**{asked.principal[1]}** of mission **{run.charter.name}** {wants} for {run.requester}.

{_arguments(action)}

**Why you are asked**

{why}

{_whence(action)}{_change(action)}

{_so_far(run)}

{_radius(action)}**If you say** `go`, exactly this is done, {then}. `no_go` stops it.{revise} \
Without an answer by {timestamp(deadline)[:19]}Z it is no-go.{takes(run, ruling)}

{_foot(run, gate_id, ruling.roles[0])}"""


def review_card(run: Run, gate_id: str, action: Action, *, result: str, role: str, due: datetime) -> str:
    """Write what a person has to know to say whether something that was done alone was right."""
    asked = action.request
    return f"""## Review: `{asked.action}` was done

**{asked.principal[1]}** of mission **{run.charter.name}** did this alone for {run.requester}. It was drawn as a \
sample; nothing waits for you.

{_arguments(action)}

**What it said it would change**

{_set_apart(action.preview) if action.preview else "The tool gives no preview."}

**What came of it**

{quoted(result)}

**If you say** `go`, it was right. `no_go` says that it was wrong: an exception is opened, and what the tool \
declares as reversible can be undone once the run has ended. The review is due by {timestamp(due)[:19]}Z; \
a late one still counts.

{_foot(run, gate_id, role)}"""


@dataclass(frozen=True, slots=True)
class Failure:
    """What a person is told of a step that failed."""

    because: str
    role: str
    """Who is asked."""
    result: str
    """What somebody has to give who gives its result, as markdown."""
    misfit: str
    """What was wrong with the result that somebody gave before; empty where nobody did."""


def failure_card(run: Run, gate_id: str, action: Action, told: Failure, deadline: datetime) -> str:
    """Write what a person has to know to say how a run goes on whose step failed."""
    role, result, misfit, because = told.role, told.result, told.misfit, told.because
    again = f"\n**The result given before does not fit:** {shown(misfit, 500)} Please give it again.\n"
    return f"""## Failed: `{action.request.action}`

{shown(because, 1_000)}

The mission **{run.charter.name}** waits instead of ending. What it has done so far stays done.
{again if misfit else ""}
{_arguments(action)}

{_so_far(run)}

**If you say** `go`, the step is entered again; what it did before it failed is not done twice, and an effect of which \
nobody knows whether it happened is asked about first. `revise` gives its result instead, {result}. `no_go` ends the \
run. Without an answer by {timestamp(deadline)[:19]}Z it ends, too, as an exception of its owner.

{_foot(run, gate_id, role)}"""


def glass_card(run: Run, gate_id: str, action: Action, by: str, reason: str, role: str, due: datetime) -> str:  # noqa: PLR0917 - what a card says
    """Write what a person has to know to say whether what somebody did alone, in an emergency, was right."""
    return f"""## Review: `{action.request.action}` in an emergency

{shown(by)} broke the glass in mission **{run.charter.name}**, and this was done on that alone. Nothing waits for you.

**Why, in their words**

{quoted(reason)}

{_arguments(action)}

{_change(action)}

**If you say** `go`, it was right to go alone. `no_go` says that it was not: an exception is opened. The review is \
due by {timestamp(due)[:19]}Z; after it, it is an exception of the mission's owner, and a late one still counts. \
Whoever went alone cannot say that it was right.

{_foot(run, gate_id, role)}"""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an effect in doubt."""

    attempt: Mapping[str, object]
    """What the evidence says about the attempt, by name."""
    system: str
    check: str
    """How to find out in the system of record, in a sentence; may be empty."""
    result: str
    """What whoever saw it happen has to give, as markdown."""
    misfit: str
    """What was wrong with the result that somebody gave before; empty where nobody did."""


def doubt_card(run: Run, gate_id: str, action: Action, known: Known, deadline: datetime) -> str:
    """Write what is known of an effect that may or may not have happened, and how to find out."""
    asked = action.request
    check = f" {known.check}" if known.check else ""
    again = f"\n**The result given before does not fit:** {shown(known.misfit, 500)} Please give it again.\n"
    return f"""## In doubt: did `{asked.action}` happen?

**{asked.principal[1]}** of mission **{run.charter.name}** began this for {run.requester}, and how it ended was \
never recorded: it may or may not have happened. A second time could do it twice, so nobody guesses. \
**{run.charter.owner}** owns the answer.
{again if known.misfit else ""}
**What is known**

| known | |
|---|---|
{_rows(known.attempt)}

**How to find out**

Look in the system of record, {shown(known.system)}, whether it did this at that time.{check}

{_arguments(action)}

{_change(action)}

{_so_far(run)}

**If you say** `go`, it did not happen: it is done now, once, under the same idempotency key. `no_go` leaves it, and \
it counts as not done. `revise` says that it did happen: give its result, {known.result}. Without an answer by \
{timestamp(deadline)[:19]}Z it is no-go, and stays an open exception.

{_foot(run, gate_id, run.charter.owner)}"""
