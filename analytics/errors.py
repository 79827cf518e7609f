"""What can go wrong between the evidence and its readers, one class per reaction."""

from __future__ import annotations

from gonogo.errors import GonogoError


class WarehouseUnwritable(GonogoError):
    """The warehouse or its mart cannot be written; what was being loaded was undone."""

    failure = "dependency_open"


class WarehouseBusy(GonogoError):
    """Another loader holds the warehouse and did not take in, in time, what was there to take in."""

    failure = "timeout"


class WarehouseOutdated(GonogoError):
    """The warehouse file was made under another schema than this code knows."""

    failure = "data_mismatch"


class MartMissing(GonogoError):
    """There is no published mart to read yet."""

    failure = "dependency_open"


class MartMoved(GonogoError):
    """Newer marts were published while several answers of one were wanted; asking again may find one that stays."""

    failure = "dependency_open"


class BaselineBroken(GonogoError):
    """The sealed baseline is not what was sealed; comparing with it would prove nothing."""

    failure = "data_mismatch"


class KpiUnknown(GonogoError):
    """Somebody asked for a number that there is none of."""

    failure = "data_mismatch"


class ReceiptBroken(GonogoError):
    """A receipt is not what was printed; recomputing it would prove nothing."""

    failure = "data_mismatch"


class AssumptionsBroken(GonogoError):
    """The assumptions are missing or do not hold, so nothing is computed with them."""

    failure = "data_mismatch"


class ExportFailed(GonogoError):
    """An export could not be written or was not taken; what had stood there before still does."""

    failure = "dependency_open"
