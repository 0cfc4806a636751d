"""Part of the JSON API that asks for a subscription."""

import time
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.concurrency import run_in_threadpool

from digest.errors import AddressError, SubscriberError
from digest.matching import KeywordInput
from digest.subscribers import (
    CONSENT_TEXT,
    MAX_CAP,
    KeywordLimits,
    Preferences,
    check_sources,
    known_sources,
    normalize_address,
    parse_keywords,
    parse_weekday,
)
from digest.web import messages
from digest.web.api.errors import InvalidInputError
from digest.web.context import WebContext, WebDep
from digest.web.errors import FieldProblem
from digest.web.forms import suggest_address
from digest.web.pages.subscribe import request_subscription


class SubscriptionIn(BaseModel):
    """Subscription to request. Without keywords: the most upvoted papers."""

    # Strict: neither 0 for false nor "8" for 8, but exactly what the description says.
    model_config = ConfigDict(strict=True)

    email: str = Field(max_length=508, examples=["ada@example.org"])
    keywords: list[Annotated[str, Field(max_length=20_000)]] = Field(default=[], max_length=1000)
    frequency: Literal["daily", "weekdays", "weekly", "monthly"] = "daily"
    weekday: Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] = Field(
        default="monday", description="Day of a weekly digest."
    )
    hour: int = Field(default=8, ge=0, le=23, description="Hour of the digest in that time zone, 0 to 23.")
    timezone: str = Field(default="UTC", max_length=100, examples=["Europe/Berlin"])
    cap: int = Field(default=20, ge=1, le=MAX_CAP, description="Maximum papers per e-mail.")
    trending: bool = Field(default=False, description="Include the day's 3 most upvoted papers.")
    sources: list[Annotated[str, Field(max_length=100)]] = Field(
        default=[], max_length=1000, description="Sources whose papers are wanted. Default: all.", examples=[["arxiv"]]
    )
    about_only: bool = Field(default=False, description="Leave out papers that only mention a keyword in passing.")
    close_papers: bool | None = Field(
        default=None,
        description="Add papers close to the keywords that none of them found. Null: once a paper was marked.",
    )
    summaries: bool = Field(default=False, description="Show AI summaries from Hugging Face where available.")
    agreed: Literal[True] = Field(description=f"The owner of the address agrees to version {CONSENT_TEXT}.")


class SubscriptionOut(BaseModel):
    """Response to every request for a subscription, whatever the state of the address."""

    detail: str = messages.CONFIRMATION_REQUESTED
    probably_meant: str | None = Field(default=None, description="Another address, if this one looks mistyped.")


async def create_subscription(web: WebDep, subscription: SubscriptionIn) -> SubscriptionOut:
    """Send a confirmation link to the address. No digest is sent before its owner confirms."""
    started_at = time.monotonic()
    preferences, keywords = await run_in_threadpool(_parse_subscription, web, subscription)
    await request_subscription(web, subscription.email, preferences, keywords, started_at)
    return SubscriptionOut(probably_meant=suggest_address(subscription.email) or None)


def _parse_subscription(web: WebContext, subscription: SubscriptionIn) -> tuple[Preferences, list[KeywordInput]]:
    keywords, invalid = parse_keywords(subscription.keywords, KeywordLimits.from_context(web.ctx))
    errors = [FieldProblem(field=f"keywords.{error.line - 1}", message=error.message) for error in invalid]
    preferences, sources = Preferences(), tuple[str, ...]()
    if subscription.sources:
        try:
            sources = check_sources(subscription.sources, known_sources(web.ctx.settings))
        except SubscriberError as error:
            errors.append(FieldProblem(field="sources", message=str(error)))
    try:
        normalize_address(subscription.email)
    except AddressError as error:
        errors.append(FieldProblem(field="email", message=str(error)))
    try:
        preferences = Preferences(
            send_hour=subscription.hour,
            weekday=parse_weekday(subscription.weekday),
            sources=sources,
            **subscription.model_dump(exclude={"email", "keywords", "hour", "weekday", "agreed", "sources"}),
        )
    except SubscriberError as error:
        errors.append(FieldProblem(field="timezone", message=str(error)))
    if errors:
        position = invalid[0].position or None if invalid else None
        raise InvalidInputError(messages.INVALID_SUBSCRIPTION, position, tuple(errors))
    return preferences, keywords
