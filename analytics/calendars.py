"""Calendars: the business hours that a service level is counted in, as stretches of time in UTC."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from analytics.told import Told

if TYPE_CHECKING:
    from collections.abc import Iterator

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class Calendar(Told):
    """When people work: on which days, from when to when, and where."""

    days: Annotated[tuple[Day, ...], Field(min_length=1)]
    opens: time
    """Local time, without a zone."""
    closes: time
    """After ``opens``; who works past midnight declares two missions, or none."""
    timezone: str = "UTC"
    """By its IANA name, as ``Europe/Berlin``; summer time is heeded."""
    holidays: tuple[date, ...] = ()

    @field_validator("timezone")
    @classmethod
    def _is_known(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"{name!r} is no time zone; write one as Europe/Berlin") from error
        return name

    @model_validator(mode="after")
    def _closes_after_it_opens(self) -> Self:
        if self.opens.tzinfo or self.closes.tzinfo:
            raise ValueError("opens and closes are local times; the zone stands in timezone")
        if self.closes <= self.opens:
            raise ValueError("closes has to be later than opens")
        return self

    def hours(self, since: datetime, until: datetime) -> Iterator[dict[str, Any]]:
        """Yield every stretch of business hours that touches a time, as rows of the table ``business_hours``."""
        zone = ZoneInfo(self.timezone)
        day = since.astimezone(zone).date()
        last = until.astimezone(zone).date()
        while day <= last:
            if DAYS[day.weekday()] in self.days and day not in self.holidays:
                opens, closes = (datetime.combine(day, at, zone).astimezone(UTC) for at in (self.opens, self.closes))
                yield {"opens_at": opens, "closes_at": closes}
            day += timedelta(days=1)
