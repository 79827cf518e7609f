"""Which systems of record the missions act on: the one place to connect real ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks import (
    embedded_content,
    embedded_crm,
    embedded_firms,
    embedded_ledger,
    embedded_repository,
    embedded_ticketing,
)
from tasks.embedded import System, system_path

if TYPE_CHECKING:
    from gonogo.deeds import Deed
    from tasks.content_repository import ContentRepository
    from tasks.crm import Crm
    from tasks.firms import FirmRegistry
    from tasks.ledger import Ledger
    from tasks.repository import Repository
    from tasks.ticketing import Ticketing

TELL_ALL = frozenset(
    {
        "calendars", "claims", "content", "contracts", "crm", "operations", "payments", "publications", "signing",
        "ticketing",
    }
)  # fmt: skip
"""Systems, as tools name them, whose :func:`deeds` are all that was done there; leave out yours that tell less."""


def deeds() -> list[Deed]:
    """Return what the systems of record say they did, for `gonogo reconcile`; connect yours here, too."""
    files = {
        "ledger": embedded_ledger.SCHEMA,
        "ticketing": embedded_ticketing.SCHEMA,
        "contracts": embedded_repository.SCHEMA,
        "crm": embedded_crm.SCHEMA,
        "content": embedded_content.SCHEMA,
    }
    return [deed for name, schema in files.items() for deed in System(system_path(name), schema).deeds()]


def ledger() -> Ledger:
    """Return the claims, policy and payment systems; the embedded ones, until you connect yours."""
    return embedded_ledger.SqliteLedger(System(system_path("ledger"), embedded_ledger.SCHEMA))


def ticketing() -> Ticketing:
    """Return the ticketing and operations systems; the embedded ones, until you connect yours."""
    return embedded_ticketing.SqliteTicketing(System(system_path("ticketing"), embedded_ticketing.SCHEMA))


def repository() -> Repository:
    """Return the contract repository and the signing desk; the embedded ones, until you connect yours."""
    return embedded_repository.SqliteRepository(System(system_path("contracts"), embedded_repository.SCHEMA))


def crm() -> Crm:
    """Return the CRM and its calendars; the embedded ones, until you connect yours."""
    return embedded_crm.SqliteCrm(System(system_path("crm"), embedded_crm.SCHEMA))


def firms() -> FirmRegistry:
    """Return the firm registry; the embedded one, until you connect yours."""
    return embedded_firms.SqliteFirms(System(system_path("firms"), embedded_firms.SCHEMA))


def content() -> ContentRepository:
    """Return the content repository with its publications; the embedded one, until you connect yours."""
    return embedded_content.SqliteContent(System(system_path("content"), embedded_content.SCHEMA))
