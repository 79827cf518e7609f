"""Exports: what happened, what it took and what it cost, in the formats that outside tools read.

Names, numbers, times and digests leave; payloads do not: no arguments, cases, outcomes' contents, reasons, messages of
errors, or names of people. A business case is a digest of its reference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from analytics.exports.windows import Window
from analytics.marts import open_mart

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

Form = Literal["ocel", "otlp", "focus"]
"""ocel: OCEL 2.0 as JSON, for process mining. otlp: OpenTelemetry spans, over HTTP. focus: FOCUS costs as CSV."""


def export(
    home: Path, form: Form, out: str, since: datetime | None = None, until: datetime | None = None
) -> dict[str, Any]:
    """Export a home's mart, and return what was exported, as counts.

    The same mart gives the same bytes, and spans of the same ids, so doing it again doubles nothing.

    Args:
        home: whose mart is read.
        form: the format.
        out: the file to write; for ``otlp`` the http or https address to send to.
        since: only runs that began (costs that were charged, spans of runs that ended) from then on.
        until: and before then.

    Raises:
        MartMissing: nothing has been published yet.
        ExportFailed: the file cannot be written, or the server does not take the spans.

    """
    # Each format needs its own libraries, which cost time to import.
    from analytics.exports import focus, ocel, otlp

    window = Window(since, until)
    with open_mart(home) as con:
        match form:
            case "ocel":
                counts = ocel.write(con, out, window)
            case "focus":
                counts = focus.write(con, out, window)
            case "otlp":
                counts = otlp.send(con, home, out, window)
    return {"form": form, "out": out, **counts}
