"""Settings of what is read, and of what new subscribers are offered."""

import re
from zoneinfo import available_timezones

from pydantic import BaseModel, Field, field_validator

from digest.settings.kinds import StringList, split_list, validate_http_url, validate_one_line

KNOWN_SOURCES = ("huggingface", "arxiv")
CATEGORY_PATTERN = re.compile(r"[a-z-]+(\.[A-Za-z-]+)?")


class SourceSettings(BaseModel):
    """The sources, and where they are."""

    sources: StringList = KNOWN_SOURCES
    arxiv_categories: StringList = ("cs.AI", "cs.CL", "cs.CV", "cs.LG")
    huggingface_url: str = "https://huggingface.co"
    arxiv_feed_url: str = "https://rss.arxiv.org"
    arxiv_api_url: str = "https://export.arxiv.org"
    contact: str = ""
    thumbnails: bool = False

    _split_lists = field_validator("sources", "arxiv_categories", mode="before")(split_list)
    _validate_urls = field_validator("huggingface_url", "arxiv_feed_url", "arxiv_api_url")(validate_http_url)
    _validate_contact = field_validator("contact")(validate_one_line)

    @field_validator("sources")
    @classmethod
    def _validate_sources(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if unknown := [name for name in value if name not in KNOWN_SOURCES]:
            raise ValueError(f"no source is called {unknown[0]!r}; known: {', '.join(KNOWN_SOURCES)}")
        if not value:
            raise ValueError("without a source there is nothing to mail")
        return tuple(dict.fromkeys(value))

    @field_validator("arxiv_categories")
    @classmethod
    def _validate_categories(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for name in value:
            if not CATEGORY_PATTERN.fullmatch(name):
                raise ValueError(f"{name!r} is not an arXiv category")
        return tuple(dict.fromkeys(value))


class SubscriberSettings(BaseModel):
    """What a reader may have, and begins with."""

    default_timezone: str = "UTC"
    send_hour: int = Field(default=8, ge=0, le=23)
    most_keywords: int = Field(default=100, ge=1, le=1000)
    longest_keyword: int = Field(default=2000, ge=50, le=10_000)
    most_terms: int = Field(default=64, ge=1, le=1000)
    deepest_nesting: int = Field(default=16, ge=1, le=50)
    web_copy_days: int = Field(default=90, ge=1, le=3650)

    @field_validator("default_timezone")
    @classmethod
    def _validate_timezone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"no time zone is called {value!r}")
        return value
