"""Data subjects of a run: whether its mission is about people, and what keeps what is theirs apart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gonogo.errors import EvidenceBroken, MissionMisdefined
from gonogo.evidence.payloads import fetched
from gonogo.evidence.vaults import REFERENCES, Vault, vault_again, vault_for
from gonogo.personal import holds_personal
from gonogo.tools import TOOLS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import BaseModel

    from gonogo.evidence.journals import Journal
    from gonogo.evidence.ledger import Ledger
    from gonogo.evidence.records import Record
    from gonogo.plans import Flyable, Plan

_known: dict[tuple[str, str, int], bool] = {}


def is_about_people(mission: Flyable) -> bool:
    """Whether a mission's case, or a tool it may use, declares personal fields; looked at once for each version.

    Raises:
        MissionMisdefined: a mark names a subject that its model has no field for.

    """
    charter = mission.charter
    key = (charter.name, charter.digest, len(TOOLS))
    if key not in _known:
        try:
            tools = any(tool.is_personal for tool in TOOLS.values() if tool.system in charter.scope)
            _known[key] = tools or holds_personal(mission.case_type)
        except TypeError as error:
            raise MissionMisdefined(f"{charter.name}: {error}") from error
    return _known[key]


def vault_of(mission: Flyable, case: BaseModel | None, ledger: Ledger, plan: Plan) -> Vault | None:
    """Return what seals the personal data of a run that begins or goes on; ``None`` where it has none.

    Raises:
        EvidenceBroken: the run undoes one whose subject was erased.
        EvidenceUnwritable: a key cannot be made; the run does not begin.
        SettingsBroken: the keys cannot be used.

    """
    if ledger.records:
        return _again(plan, ledger.records[0], ledger.journal, ledger.records)
    if plan.rolls_back:
        undone = ledger.journal.read_flight(plan.rolls_back)
        if undone and REFERENCES in undone[0].fields:
            vault = _again(plan, undone[0], ledger.journal, undone)
            if vault is None:
                raise EvidenceBroken(f"A subject of run {plan.rolls_back} was erased; what it did cannot be undone.")
            return vault
    if case is None or not is_about_people(mission):
        return None
    return vault_for(plan.settings.home, plan.run_id, case, is_shared=plan.settings.journals is not None)


def _again(plan: Plan, first: Record, journal: Journal, records: Iterable[Record]) -> Vault | None:
    vault = vault_again(plan.settings.home, first, plan.run_id)
    if vault is not None:
        vault.recall(fetched(journal.payloads, record) for record in records)
    return vault
