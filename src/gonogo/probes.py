"""Probes: known-bad requests at real gates, to see whether whoever answers looks. They can never be done.

A probe is a run that asks at the gate that the law opens for the request, and has no code that calls a tool.
Whatever is answered, the law is asked again with ``probe`` among the facts, and refuses. Until the answer is
on record, nothing at a door tells a probe from work: the run bears the mission's name, and who set it up is
told by a key that stands outside of the evidence. With the answer, the run says what it was, and by that it
is none of the runs that numbers are made of.
"""

from __future__ import annotations

import hmac
import secrets
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, cast

from pydantic import BaseModel

from gonogo.ballots import accepted_answer
from gonogo.current import current_run
from gonogo.errors import CaseRefused, GateDenied, PolicyBroken, PolicyDenied
from gonogo.evidence.canon import random_bytes, sha256_hex, short_id, uuid7
from gonogo.evidence.disk import write_once
from gonogo.evidence.journals import journal_of
from gonogo.flights import fly
from gonogo.gates import Action, call_facts, clear
from gonogo.model import Outcome
from gonogo.pilots import Held, Parked
from gonogo.plans import Plan, Tended
from gonogo.policy.law import Request
from gonogo.policy.probes import read_probes

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from gonogo.evidence.records import Record
    from gonogo.model import Charter, Lane
    from gonogo.plans import Flyable, Landing
    from gonogo.policy.probes import KnownBad
    from gonogo.runs import Run
    from gonogo.settings import Settings

MODE = "tended"
"""How a probe sleeps: no lane wakes it, and no house hands it to one."""

_KEY_BYTES = 32


class Asked(BaseModel):
    """A probe's case: which request it is, as nobody without the key can tell."""

    tended_ref: str


class Never(Outcome):
    """What a probe would come to if anything were ever done."""

    outcome: Literal["never"]
    successes: ClassVar[frozenset[str]] = frozenset()


@dataclass(slots=True)
class Probe(Tended):
    """A probe as a flight sees it: the mission's name over a story that only asks."""

    charter: Charter
    known: KnownBad
    case_type: type[BaseModel] = Asked
    outcome_type: type[Outcome] = Never

    @property
    def story(self) -> Callable[[Any], Awaitable[Outcome]]:
        """What every probe does."""
        return self._ask

    async def _ask(self, case: Asked) -> Never:
        """Ask at the gate, have the law refuse whatever was answered, and say what it was."""
        del case
        run = current_run()
        action = self._action(run)
        answer = await self._answered(run, action)
        data: dict[str, Any] = {
            "probe": self.known.id,
            "verdict": _verdict(answer),
            "gate": "" if answer is None else answer.data["gate"],
            "by": "" if answer is None or answer.data["proof"] == "clock" else answer.data["by"],
            "wrong": self.known.wrong,
            "refused_by": self._refused(run, action),
        }
        await run.ledger.write("probe_record", data)
        raise PolicyDenied("This was a probe of how a gate is answered. Nothing was to be done, and nothing was.")

    async def _answered(self, run: Run, action: Action) -> Record | None:
        """Return the first answer, whatever gate the law has behind that one; nothing where the law asks nobody."""
        with suppress(PolicyDenied, GateDenied):
            while self._answer(run) is None:
                try:
                    clear(run, action)
                except Held as held:
                    await held.wait(run)
                else:
                    return None
        return self._answer(run)

    def _action(self, run: Run) -> Action:
        """Return the request as the agent would have made it."""
        card = run.registry.card(self.known.agent)
        request = Request(
            principal=("Agent", self.known.agent),
            action=self.known.tool,
            resource=("Tool", self.known.tool),
            call=call_facts(run),
            args=_drawn(self.known.args, run.id),
        )
        envelope = {"agentid": self.known.agent, "agentversion": card.version, "manifestdigest": card.digest}
        key = f"step:{self.known.tool}/tool:{self.known.tool}:{short_id(self.known.id, length=8)}"
        return Action(key, request, _drawn(self.known.preview, run.id), card.digest, envelope)

    def _answer(self, run: Run) -> Record | None:
        desk = run.ledger.desk()
        found = [accepted_answer(desk, request.data["gate"]) for request in run.ledger.requests]
        return next((answer for answer in reversed(found) if answer is not None), None)

    def _refused(self, run: Run, action: Action) -> str:
        """Have the law say that a probe is never done, and return by which rule it says so."""
        never = action.request.model_copy(update={"call": {**action.request.call, "probe": True}})
        try:
            clear(run, Action(f"{action.key}/probe", never, "", action.agent_version, action.envelope))
        except PolicyDenied as error:
            return str(error)[:200]
        except (Held, GateDenied):
            return "nothing: the law lacks probes-are-never-done"
        return "nothing: the law lacks probes-are-never-done"


def _verdict(answer: Record | None) -> Literal["not_asked", "unanswered", "let_through", "caught"]:
    if answer is None:
        return "not_asked"
    if answer.data["proof"] == "clock":
        return "unanswered"
    return "let_through" if answer.data["answer"] == "go" else "caught"


def _drawn(value: Any, run_id: str) -> Any:
    """Return a text, or all texts within a value, with a digit of the run's own for each ``#``; the same ones again."""
    if isinstance(value, dict):
        return {name: _drawn(each, run_id) for name, each in cast("dict[str, Any]", value).items()}
    if isinstance(value, list):
        return [_drawn(each, run_id) for each in cast("list[Any]", value)]
    if not isinstance(value, str):
        return value
    digits = str(int(sha256_hex(run_id.encode()), 16))
    parts = value.split("#")
    return "".join(f"{part}{digits[n % len(digits)] if n < len(parts) - 1 else ''}" for n, part in enumerate(parts))


class ProbePilot:
    """Leaves at the gate, and is flown again by whoever tends the probes."""

    lane: Lane = "mission"

    async def begin(self, run: Run) -> None:
        """Do nothing: a probe has no door of its own."""

    async def fly_step(self, step: Any, arguments: dict[str, Any], body: Callable[[], Awaitable[Any]]) -> Any:
        """Do the work, here; a probe has none."""
        del step, arguments
        return await body()

    async def rest(self, run: Run) -> None:
        """Leave the process, so that no lane takes the run for one of its own."""
        if run.leaving is None:
            run.leaving = Parked()
            await run.park(mode=MODE)
        raise run.leaving


async def seed(settings: Settings, find: Callable[[str], Flyable], probe: str = "") -> Landing:
    """Put a known-bad request at its gate, and return how it waits.

    Args:
        settings: whose law and evidence.
        find: returns a mission by its name; its tools are what the law is asked about.
        probe: which; drawn, if none is named.

    Raises:
        CaseRefused: there is none.

    """
    known = [each for each in read_probes(settings.policy_folder) if probe in {"", each.id}]
    if not known:
        raise CaseRefused("There is no such probe; probes.yaml of the policy folder names them.")
    chosen = secrets.choice(known)
    run_id = f"{chosen.mission.replace('_', '-')}-{short_id(uuid7())}"
    case = Asked(tended_ref=_ref(settings, run_id, chosen.id))
    return await fly(Probe(find(chosen.mission).charter, chosen), case, Plan(run_id, ProbePilot(), settings))


async def tend(settings: Settings, find: Callable[[str], Flyable]) -> list[Landing]:
    """Fly on every probe that waits: one that was answered, or whose deadline has passed, comes to its end."""
    return [
        await fly(Probe(find(known.mission).charter, known), None, Plan(run_id, ProbePilot(), settings))
        for run_id, known in _waiting(settings)
    ]


def _waiting(settings: Settings) -> Iterator[tuple[str, KnownBad]]:
    """Yield every probe that has not ended, and what it asks."""
    journal, probes = journal_of(settings), read_probes(settings.policy_folder)
    for run_id in sorted(journal.live_run_ids()):
        own = [record for record in journal.read_flight(run_id) if record.artifact == "run_record"]
        if own and own[-1].data.get("mode") == MODE:
            ref = own[0].body_object().get("tended_ref")
            yield from ((run_id, each) for each in probes if ref == _ref(settings, run_id, each.id))


def _ref(settings: Settings, run_id: str, probe: str) -> str:
    """Return what stands in a probe's case: which it is can be told only with the key of this home."""
    return hmac.digest(_key(settings), f"{run_id}\x1f{probe}".encode(), "sha256").hex()


def _key(settings: Settings) -> bytes:
    """Return the key that tells probes from work, made on first use."""
    path = settings.home / "keys" / "probes"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        write_once(path, random_bytes(_KEY_BYTES))
    found = path.read_bytes()
    if len(found) != _KEY_BYTES:
        raise PolicyBroken(f"{path} is no key; remove it, and probes that wait now are never told from work.")
    return found
