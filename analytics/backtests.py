"""Backtests: every recorded action put to a proposed law, with the same entities, and what that would have come to.

Exact or not at all. Where the law of a record is at hand, the request is put to it first, and one that does not come to
the recorded verdict is left out and counted: something it stood on is not known. So a law that is the one of the record
changes nothing.
"""

# duckdb types its results in part only.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import groupby
from typing import TYPE_CHECKING, Any, cast

import orjson

from analytics.errors import MartMissing
from analytics.marts import open_mart
from analytics.requests import SAYS, Asked, Cards, Missing, NotRebuiltError, Rebuilt, asked_between, rebuilt
from analytics.shifts import Answer, Backtest, Change, Unbuilt
from analytics.weighing import Past, delayed, shifts_of, stopped, total
from gonogo.errors import PolicyBroken
from gonogo.policy.force import approvers_in_force
from gonogo.policy.law import Law, Ruling, read_law
from gonogo.policy.registry import Registry, read_registry
from gonogo.settings import settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import cedarpy
    from duckdb import DuckDBPyConnection

    from gonogo.model import Verdict
    from gonogo.policy.approvers import Approvers

_SNAPSHOT = "SELECT newest_recorded_at, evidence_digest, log_root, log_size, records, runs FROM snapshot"

_SIGNED = frozenset({"totp", "signature"})
"""Proofs that make the other names of a person count as theirs."""


@dataclass(slots=True)
class Court:
    """The laws at hand, and what they say of requests of the past."""

    proposed: Law
    laws: dict[str, Law]
    """Laws at hand by digest: the proposed one, the one in force, and those of other given folders."""
    cards: Cards
    approvers: Approvers
    _worlds: dict[tuple[str, str], cedarpy.Entities] = field(
        default_factory=dict["tuple[str, str]", "cedarpy.Entities"]
    )

    def answer(self, asked: Asked) -> tuple[Ruling, bool]:
        """Return what the proposed law says, and whether the law of the record was asked, too.

        Raises:
            NotRebuiltError: it cannot be asked, or the record's own law says otherwise than the record.

        """
        again = rebuilt(asked, self.cards)
        own = self.laws.get(asked.policy_digest or "")
        before = None if own is None else self._ask(own, again, asked)
        if before is not None and _told(before) != recorded(asked):
            raise NotRebuiltError("other_verdict")
        # One law says the same twice, so it is asked once.
        ruling = before if before is not None and own is self.proposed else self._ask(self.proposed, again, asked)
        if "fail-closed" in ruling.rules and "fail-closed" not in (asked.rules or []):
            raise NotRebuiltError("schema")
        return ruling, own is not None

    def _ask(self, law: Law, again: Rebuilt, asked: Asked) -> Ruling:
        key = law.digest, again.key
        if key not in self._worlds:
            try:
                self._worlds[key] = law.entities(again.facts)
            except PolicyBroken as error:
                raise NotRebuiltError("schema") from error
        people = [name for person in asked.people for name in self._names(person)]
        return law.decide(again.request, self._worlds[key], asked.granted, people)

    def _names(self, person: dict[str, str]) -> Iterable[str]:
        name = person["name"]
        return sorted(self.approvers.names_of(name)) if person["proof"] in _SIGNED else [name]


def report(home: Path, proposal: Path, days: int, known: Sequence[Path] = ()) -> Backtest:
    """Return what a proposed policy folder would have done with the actions of the last days.

    Args:
        home: whose mart is read.
        proposal: folder with ``*.cedar`` and ``*.cedarschema``; its agents and budgets are not looked at.
        days: how far back from the newest record.
        known: further policy folders, for laws and agents' cards that were in force in the meantime.

    Raises:
        MartMissing: nothing has been published yet.
        PolicyBroken: a folder does not hold; the message names the file.

    """
    proposed = read_law(proposal)
    folder = settings().policy_folder
    law, registry, approvers = approvers_in_force(folder)
    others = [(read_law(each), read_registry(each)) for each in known]
    own = read_registry(proposal) if (proposal / "agents.yaml").exists() else None
    registries = [registry, *(each for _, each in others), *([] if own is None else [own])]
    laws = {each.digest: each for each in (law, *(each for each, _ in others), proposed)}
    court = Court(proposed, laws, Cards.of(registries), approvers)
    with open_mart(home) as con:
        return _report(con, court, law, days, ignores_agents=_differ(registry, own))


def _differ(registry: Registry, own: Registry | None) -> bool:
    return own is not None and {n: c.digest for n, c in own.agents.items()} != {
        n: c.digest for n, c in registry.agents.items()
    }


def _report(con: DuckDBPyConnection, court: Court, law: Law, days: int, *, ignores_agents: bool) -> Backtest:
    cursor = con.execute(_SNAPSHOT)
    names = [column[0] for column in cursor.description or []]
    snapshot = dict(zip(names, cursor.fetchall()[0], strict=True))
    until = snapshot.pop("newest_recorded_at")
    if until is None:
        raise MartMissing("Nothing has landed that could be put to a law; run a mission, then gonogo land.")
    since = until - timedelta(days=days)
    past = Past(con)
    missing: Counter[Missing] = Counter()
    changes: list[Change] = []
    actions = unproven = 0
    for _, told in groupby(asked_between(con, since, until), lambda asked: (asked.run_id, asked.operation)):
        actions += 1
        decisions = list(told)
        try:
            change, is_proven = _judged(court, decisions)
        except NotRebuiltError as error:
            missing[error.why] += 1
            continue
        unproven += not is_proven
        if change is None:
            past.note_unchanged(decisions[-1])
        else:
            changes.append(change)
    shifts = shifts_of(changes, past)
    return Backtest(
        proposed_digest=court.proposed.digest,
        in_force_digest=law.digest,
        since=since,
        until=until,
        actions=actions,
        unchanged=actions - len(changes) - missing.total(),
        changed=len(changes),
        not_rebuilt=[Unbuilt(why, SAYS[why], count) for why, count in sorted(missing.items())],
        unproven=unproven,
        hours_added=total([shift.hours_added for shift in shifts]),
        hours_saved=total([shift.hours_saved for shift in shifts]),
        delayed_cents=delayed(changes),
        stopped_cents=stopped(changes),
        harmed=sum(shift.harmed for shift in shifts),
        let_through=sum(shift.let_through for shift in shifts),
        ignores_agents=ignores_agents,
        shifts=shifts,
        changes=changes,
        snapshot=snapshot,
    )


def _judged(court: Court, decisions: list[Asked]) -> tuple[Change | None, bool]:
    """Return the first decision on an action that would be another one, and whether all looked at were checked."""
    is_proven = True
    for asked in decisions:
        ruling, was_checked = court.answer(asked)
        is_proven = is_proven and was_checked
        if _told(ruling) != recorded(asked):
            return _change(asked, ruling, decisions), is_proven
    return None, is_proven


def recorded(asked: Asked) -> Answer:
    """Return what the record says was decided."""
    needs: dict[str, Any] = orjson.loads(asked.needs) if asked.needs else {}
    roles = asked.roles or [] if asked.verdict == "gate" else []
    quorums = {role: int(needs.get(role, {}).get("quorum", 1)) for role in roles}
    return Answer(cast("Verdict", asked.verdict), quorums)


def _told(ruling: Ruling) -> Answer:
    roles = ruling.roles if ruling.verdict == "gate" else ()
    return Answer(ruling.verdict, {role: ruling.needs[role].quorum if role in ruling.needs else 1 for role in roles})


def _change(asked: Asked, ruling: Ruling, decisions: list[Asked]) -> Change:
    before, after = recorded(asked), _told(ruling)
    amount = orjson.loads(asked.request or "{}").get("args", {}).get("amount_cents")
    return Change(
        run_id=asked.run_id,
        operation=asked.operation,
        mission=asked.mission,
        action=asked.action,
        decided_at=asked.decided_at,
        before=before.verdict,
        after=after.verdict,
        asks_before=before.asks,
        asks_after=after.asks,
        rules=ruling.rules,
        because=ruling.because,
        is_done=asked.is_done,
        is_change=asked.effect is not None and asked.effect != "read",
        amount_cents=amount if type(amount) is int else None,
        later=decisions[-1].later,
    )
