"""What every declared value has: who says so, and from when that is."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field

from gonogo.model import Noun


class Told(Noun):
    """Who says so, and from when that is."""

    source: Annotated[str, Field(min_length=1)]
    as_of: date
