"""What the letters have to say: rows in, the values of `letters` out."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from zoneinfo import ZoneInfo

from digest.context import AppContext
from digest.database.models import ClaimedDelivery, Frequency
from digest.matching import KeywordInput, is_exclusion
from digest.rendering.batch import BatchData, Recipient
from digest.rendering.cache import is_late
from digest.rendering.contexts import CopyLinkContext, DigestContext, PaperView, PersonalLinks, SendTime, WelcomeContext
from digest.schedule import next_due_day
from digest.tokens import TokenPurpose

OWN = {name: TokenPurpose(name) for name in ("preferences", "unsubscribe", "mute", "never", "pause", "fewer")}


SELDOM = {name: purpose for name, purpose in OWN.items() if name != "fewer"}  # who gets one a week cannot get fewer


def welcome_words(
    ctx: AppContext, desk: BatchData, claimed: ClaimedDelivery, subscriber: Recipient, now: datetime
) -> WelcomeContext:
    """What the welcome has to say: what comes when, and what would have come already."""
    clock, issued, nonce = SendTime(subscriber.send_hour, subscriber.timezone), claimed.created_at, subscriber.nonce
    saved = desk.keywords.get(claimed.subscriber_id, ())
    return WelcomeContext(
        address=subscriber.email,
        frequency=subscriber.frequency,
        clock=clock,
        keywords=tuple(each.text for each in saved if not is_exclusion(each.canonical)),
        exclusions=tuple(each.text for each in saved if is_exclusion(each.canonical)),
        first_on=next_due_day(now, clock.timezone, clock.hour, subscriber.frequency),
        first=desk.first.get(claimed.subscriber_id),
        preferences_url=ctx.signed_url(TokenPurpose.PREFERENCES, nonce, issued),
        unsubscribe_url=ctx.signed_url(TokenPurpose.UNSUBSCRIBE, nonce, issued),
        product=ctx.product_name,
        postal_address=ctx.settings.postal_address,
    )


def digest_context(ctx: AppContext, desk: BatchData, claimed: ClaimedDelivery, subscriber: Recipient) -> DigestContext:
    """What the digest that a delivery carries has to say."""
    chosen = desk.chosen[claimed.id]
    asked = {each.canonical: position for position, each in enumerate(chosen)}
    day, zone = date.fromisoformat(claimed.edition), ZoneInfo(subscriber.timezone)
    issued, frequency, summary = claimed.created_at, subscriber.frequency, subscriber.summaries
    today, known = issued.astimezone(zone).date(), desk.known
    shown = [
        known.paper(number, asked, late=is_late(known.listed_on(number), today, frequency), summary=summary)
        for number in claimed.papers
        if number in desk.papers
    ]
    papers, positions = zip(*shown, strict=True) if shown else ((), ())
    return DigestContext(
        product=ctx.product_name,
        day=day,
        frequency=frequency,
        send_time=SendTime(subscriber.send_hour, subscriber.timezone),
        address=subscriber.email,
        subscribed_on=(subscriber.confirmed_at or issued).astimezone(zone).date(),
        keywords=tuple([each.text for each in chosen]),
        keyword_ids=tuple([each.id for each in chosen]),
        papers=papers,
        positions=positions,
        left_out=len(claimed.omitted_papers),
        left_out_counts=left_out_counts(desk, claimed, asked),
        notices=desk.notices,
        links=links_of(ctx, claimed, subscriber),
        postal_address=ctx.settings.postal_address,
    )


def preview_context(
    ctx: AppContext, keywords: Sequence[KeywordInput], papers: Sequence[PaperView], omitted_count: int, day: date
) -> DigestContext:
    """Return the context of a digest that nobody gets; its links lead to the front page."""
    front_page = ctx.absolute_url("/")
    return DigestContext(
        product=ctx.product_name,
        day=day,
        frequency=Frequency.DAILY,
        send_time=SendTime(ctx.settings.send_hour, ctx.settings.default_timezone),
        address="you@example.org",
        subscribed_on=day,
        keywords=tuple(keyword.text for keyword in keywords),
        papers=tuple(papers),
        left_out=omitted_count,
        links=PersonalLinks(view=front_page, preferences=front_page, unsubscribe=front_page),
        postal_address=ctx.settings.postal_address,
    )


def copy_words(ctx: AppContext, claimed: ClaimedDelivery, subscriber: Recipient) -> CopyLinkContext:
    """The link to the copy of the letter that the edition names."""
    _, number, day, _ = claimed.edition.split(":")
    return CopyLinkContext(
        product=ctx.product_name,
        day=date.fromisoformat(day),
        view_url=ctx.signed_url(TokenPurpose.VIEW, number, claimed.created_at),
        preferences_url=ctx.signed_url(TokenPurpose.PREFERENCES, subscriber.nonce, claimed.created_at),
        postal_address=ctx.settings.postal_address,
    )


def links_of(ctx: AppContext, claimed: ClaimedDelivery, subscriber: Recipient) -> PersonalLinks:
    """The reader's own pages, one token for each."""
    issued, own = claimed.created_at, SELDOM if subscriber.frequency == Frequency.WEEKLY else OWN
    made = ctx.signed_urls(own.values(), subscriber.nonce, issued)
    return PersonalLinks(
        view=ctx.signed_url(TokenPurpose.VIEW, str(claimed.id), issued), **dict(zip(own, made, strict=True))
    )


def left_out_counts(desk: BatchData, claimed: ClaimedDelivery, asked: Mapping[str, int]) -> tuple[int, ...]:
    """How many of the papers that found no room each keyword brought: the letter counts them with the others."""
    if not claimed.omitted_papers:
        return ()
    counts = [0] * len(asked)
    for number in claimed.omitted_papers:
        for canonical in desk.known.matches(number, asked) if number in desk.papers else ():
            counts[asked[canonical]] += 1
    return tuple(counts)
