"""Contexts of e-mails from the rows of a batch."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime

from digest.context import TOKEN_PATHS, AppContext
from digest.database.models import ClaimedDelivery, Frequency
from digest.errors import QueryError
from digest.formatting import truncate
from digest.matching import MAX_LIMITS, AcronymTable, KeywordInput, is_exclusion, other_forms, parse
from digest.rendering import messages
from digest.rendering.batch import BatchData
from digest.rendering.close_papers import explain_close_papers
from digest.rendering.contexts import (
    ClosePaper,
    DigestContext,
    NewsItem,
    PaperView,
    PersonalLinks,
    SendTime,
    Welcome,
    WelcomeContext,
)
from digest.rendering.digest import CARDS_PER_DIGEST
from digest.schedule import load_zone, next_due_day
from digest.tokens import TokenPurpose, delivery_subject

VENUE_LENGTH = 100
LINK_PURPOSES = {
    "preferences": TokenPurpose.PREFERENCES,
    "unsubscribe": TokenPurpose.UNSUBSCRIBE,
    "mute": TokenPurpose.MUTE,
    "pause": TokenPurpose.PAUSE,
    "weekly": TokenPurpose.WEEKLY,
}


def welcome_context(ctx: AppContext, batch: BatchData, delivery: ClaimedDelivery, now: datetime) -> WelcomeContext:
    """Return what the e-mail after the confirmation says."""
    recipient, keywords = batch.recipients[delivery.subscriber_id], batch.keywords.get(delivery.subscriber_id, ())
    return WelcomeContext(
        product=ctx.product_name,
        accent=ctx.settings.accent,
        templates=ctx.templates,
        address=recipient.email,
        frequency=recipient.frequency,
        weekday=recipient.weekday,
        send_time=SendTime(recipient.send_hour, recipient.timezone),
        keywords=tuple(keyword.text for keyword in keywords if not is_exclusion(keyword.canonical)),
        exclusions=_exclusions(batch, delivery),
        next_digest_on=next_due_day(
            now, recipient.timezone, recipient.send_hour, recipient.frequency, recipient.weekday
        ),
        preferences_url=ctx.signed_url(TokenPurpose.PREFERENCES, recipient.nonce, delivery.created_at),
        unsubscribe_url=ctx.signed_url(TokenPurpose.UNSUBSCRIBE, recipient.nonce, delivery.created_at),
        postal_address=ctx.settings.postal_address,
    )


def digest_context(ctx: AppContext, batch: BatchData, delivery: ClaimedDelivery) -> DigestContext:
    """Return what the digest of a delivery says."""
    recipient, keywords = batch.recipients[delivery.subscriber_id], batch.digest_keywords[delivery.id]
    positions = {keyword.canonical: position for position, keyword in enumerate(keywords)}
    zone = load_zone(recipient.timezone)
    sent_on = delivery.created_at.astimezone(zone).date()
    views = [
        batch.cache.matches.paper_view(
            number,
            positions,
            is_late=batch.papers[number].is_late(sent_on, recipient.frequency),
            has_summary=recipient.summaries and bool(batch.papers[number].ai_summary),
        )
        for number in delivery.papers
        if number in batch.papers
    ]
    links = personal_links(ctx, batch, delivery)
    close_papers = tuple(explain_close_papers(batch.papers, delivery.close_papers, delivery.close_words))
    markable = [*(view.paper for view, _ in views[:CARDS_PER_DIGEST]), *(item.paper for item in close_papers)]
    mark_start, mark_tags = sign_marks(ctx, recipient.nonce, [paper.id for paper in markable], delivery.created_at)
    return DigestContext(
        product=ctx.product_name,
        accent=ctx.settings.accent,
        templates=ctx.templates,
        site_url=ctx.absolute_url(""),
        day=date.fromisoformat(delivery.edition),
        frequency=recipient.frequency,
        weekday=recipient.weekday,
        send_time=SendTime(recipient.send_hour, recipient.timezone),
        address=recipient.email,
        subscribed_on=(recipient.confirmed_at or delivery.created_at).astimezone(zone).date(),
        keywords=tuple(keyword.text for keyword in keywords),
        keyword_ids=tuple(keyword.id for keyword in keywords),
        papers=tuple(view for view, _ in views),
        keyword_positions=tuple(view_positions for _, view_positions in views),
        left_out=len(delivery.omitted_papers),
        left_out_counts=_count_left_out(batch, delivery, positions),
        notices=(*batch.notices, *_other_forms(batch.announced.get(delivery.id, ()), batch.acronyms)),
        news=_news_items(ctx, batch, delivery),
        close_papers=close_papers,
        welcome=_welcome(batch, delivery) if delivery.id in batch.first_digests else None,
        thumbnails=recipient.thumbnails and ctx.settings.thumbnails,
        links=replace(links, mark=mark_start),
        mark_tags=mark_tags,
        postal_address=ctx.settings.postal_address,
    )


def _other_forms(keywords: Sequence[str], acronyms: AcronymTable | None) -> Iterator[str]:
    """Yield what the keywords match by other forms of their words, since their meaning has grown."""
    forms = []
    for keyword in keywords:
        try:
            forms.append((keyword, other_forms(parse(keyword, MAX_LIMITS, acronyms), acronyms)))
        except QueryError:
            continue
    if forms := [(keyword, found) for keyword, found in forms if found]:
        yield messages.keywords_also_match(forms)


def preview_context(
    ctx: AppContext,
    keywords: Sequence[KeywordInput],
    papers: Sequence[PaperView],
    omitted_count: int,
    day: date,
    close_papers: Sequence[ClosePaper] = (),
) -> DigestContext:
    """Return the context of a digest that nobody gets; its links lead to the front page."""
    front_page = ctx.absolute_url("/")
    return DigestContext(
        product=ctx.product_name,
        accent=ctx.settings.accent,
        templates=ctx.templates,
        site_url=ctx.absolute_url(""),
        day=day,
        frequency=Frequency.DAILY,
        send_time=SendTime(ctx.settings.send_hour, ctx.settings.default_timezone),
        address="you@example.org",
        subscribed_on=day,
        keywords=tuple(keyword.text for keyword in keywords),
        papers=tuple(papers),
        left_out=omitted_count,
        close_papers=tuple(close_papers),
        links=PersonalLinks(view=front_page, preferences=front_page, unsubscribe=front_page),
        postal_address=ctx.settings.postal_address,
    )


def _count_left_out(batch: BatchData, delivery: ClaimedDelivery, positions: Mapping[str, int]) -> tuple[int, ...]:
    """Count, by keyword, the papers that found no room: the digest counts them with the others."""
    counts = [0] * len(positions)
    for number in delivery.omitted_papers:
        if number in batch.papers:
            for canonical in batch.cache.matches.matched_keywords(number, positions):
                counts[positions[canonical]] += 1
    return tuple(counts) if delivery.omitted_papers else ()


def _news_items(ctx: AppContext, batch: BatchData, delivery: ClaimedDelivery) -> tuple[NewsItem, ...]:
    """Return what is told of papers that the subscriber had, each paper once."""
    by_paper: dict[tuple[int, str], list[str]] = {}
    for number in delivery.news:
        if (news := batch.news.get(number)) is not None:
            sentence = messages.news_sentence(news.kind, truncate(news.venue, VENUE_LENGTH))
            by_paper.setdefault((news.paper_id, news.title), []).append(sentence)
    return tuple(
        NewsItem(title=truncate(title), sentences=tuple(sentences), url=ctx.absolute_url(f"/papers/{paper_id}"))
        for (paper_id, title), sentences in by_paper.items()
    )


def _welcome(batch: BatchData, delivery: ClaimedDelivery) -> Welcome:
    recipient = batch.recipients[delivery.subscriber_id]
    schedule = recipient.timezone, recipient.send_hour, recipient.frequency, recipient.weekday
    return Welcome(exclusions=_exclusions(batch, delivery), next_digest_on=next_due_day(delivery.created_at, *schedule))


def _exclusions(batch: BatchData, delivery: ClaimedDelivery) -> tuple[str, ...]:
    """Return the exclusions of a subscriber without their sign."""
    keywords = batch.keywords.get(delivery.subscriber_id, ())
    return tuple(keyword.text.removeprefix("-").strip() for keyword in keywords if is_exclusion(keyword.canonical))


def personal_links(ctx: AppContext, batch: BatchData, delivery: ClaimedDelivery) -> PersonalLinks:
    """Return the subscriber's own pages, each behind a token of its own; `weekly` where it brings fewer e-mails."""
    recipient, issued_at = batch.recipients[delivery.subscriber_id], delivery.created_at
    urls = dict(zip(LINK_PURPOSES, ctx.signed_urls(LINK_PURPOSES.values(), recipient.nonce, issued_at), strict=True))
    if recipient.frequency in {Frequency.WEEKLY, Frequency.MONTHLY}:
        del urls["weekly"]
    subject = delivery_subject(delivery.id, delivery.message_id)
    view, marks = ctx.signed_urls((TokenPurpose.VIEW, TokenPurpose.MARKS), subject, issued_at)
    return PersonalLinks(view=view, marks=marks, **urls)


def sign_marks(
    ctx: AppContext, nonce: str, paper_ids: Sequence[int], issued_at: datetime
) -> tuple[str, Mapping[int, str]]:
    """Return how the links that mark papers begin, and by paper the tags that their tokens end with."""
    start, tags = ctx.token_signer.sign_marks(nonce, paper_ids, issued_at)
    return ctx.absolute_url(TOKEN_PATHS[TokenPurpose.MARK] + start), dict(zip(paper_ids, tags, strict=True))
