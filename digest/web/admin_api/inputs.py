"""What is sent to the operator's API: exactly what the description says, and nothing beside it."""

from typing import Annotated, Literal

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field

from digest.subscribers import MAX_CAP
from digest.web.api import DayParameter
from digest.web.context import MAX_ROW_ID

MAX_ROWS = 200
FrequencyName = Literal["daily", "weekdays", "weekly", "monthly"]
WeekdayName = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
RowNumber = Annotated[int, Path(ge=1, le=MAX_ROW_ID)]
Limit = Annotated[int, Query(ge=1, le=MAX_ROWS, description="Rows of a page.")]
Cursor = Annotated[
    int | None, Query(ge=1, le=MAX_ROW_ID, description="The `next` of the page before; without it the first page.")
]
KeywordTexts = Annotated[list[Annotated[str, Field(max_length=20_000)]], Field(max_length=1000)]


class StrictInput(BaseModel):
    """Base of what is sent: exactly what the description says, and nothing beside it."""

    model_config = ConfigDict(strict=True, extra="forbid")


class PreferencesIn(StrictInput):
    """When and how much. What is left out stays as it is, or as it is by default for a new subscriber."""

    frequency: FrequencyName | None = None
    weekday: WeekdayName | None = Field(default=None, description="Day of a weekly digest.")
    send_hour: int | None = Field(default=None, ge=0, le=23, description="Hour of the digest in that time zone.")
    timezone: str | None = Field(default=None, max_length=100, examples=["Europe/Berlin"])
    cap: int | None = Field(default=None, ge=1, le=MAX_CAP, description="Maximum papers per e-mail.")
    trending: bool | None = None
    summaries: bool | None = None
    thumbnails: bool | None = None
    about_only: bool | None = None
    close_papers: bool | None = Field(default=None, description="Show papers close to the keywords, too.")
    sources: list[Annotated[str, Field(max_length=100)]] | None = Field(
        default=None, max_length=1000, description="Sources whose papers are wanted; empty for all."
    )


class NewSubscriberIn(StrictInput):
    """Subscriber to add. `confirmed`: they have agreed already, and get no confirmation."""

    email: str = Field(max_length=508, examples=["ada@example.org"])
    keywords: KeywordTexts = []
    preferences: PreferencesIn = PreferencesIn()
    confirmed: bool = False


class SubscriberChangeIn(StrictInput):
    """What to change of a subscriber. `keywords` replace all that there are."""

    preferences: PreferencesIn | None = None
    keywords: KeywordTexts | None = None


class SubscriberSearchIn(StrictInput):
    """Part of an address, at least three characters. It stands in the body, and so in no log."""

    text: str = Field(min_length=3, max_length=254)
    limit: int = Field(default=50, ge=1, le=MAX_ROWS)
    cursor: int | None = Field(default=None, ge=1, le=MAX_ROW_ID)


class PauseIn(StrictInput):
    """Day on whose morning digests begin again, by the subscriber's calendar."""

    until: DayParameter = Field(strict=False)


class AddressIn(StrictInput):
    """Address of somebody."""

    email: str = Field(max_length=508, examples=["ada@example.org"])


class ResolutionIn(StrictInput):
    """What became of an uncertain delivery, by the relay's log."""

    outcome: Literal["sent", "lost"]


class PairIn(StrictInput):
    """Two papers."""

    one: int = Field(ge=1, le=MAX_ROW_ID)
    other: int = Field(ge=1, le=MAX_ROW_ID)


class LinkIn(PairIn):
    """Two papers that are one, or the first of which was published as the other one."""

    relation: Literal["same", "published"] = "same"
