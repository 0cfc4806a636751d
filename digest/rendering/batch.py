"""What the e-mails of one batch have in common, loaded with a few queries for all of them.

Subscribers and keywords come as plain rows of statements that are built once: they are most of what is loaded.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any, NamedTuple, cast

import sqlalchemy as sa
from sqlmodel import Session, SQLModel, col, select

from digest import papers
from digest.database import (
    InvalidRow,
    array_value,
    create_invalid_row,
    is_in_parameter,
    is_in_values,
    is_postgresql,
)
from digest.database.models import (
    ClaimedDelivery,
    Delivery,
    DeliveryKind,
    DeliveryState,
    Keyword,
    Paper,
    SavedKeyword,
    Subscriber,
)
from digest.matching import AcronymTable, can_parse, is_exclusion
from digest.papers import PaperCache, PaperNews, PaperSnapshot
from digest.rendering.fragment_cache import FragmentCache
from digest.rendering.match_cache import MatchCache
from digest.rendering.merged_papers import replace_merged
from digest.rendering.retracted_papers import drop_retracted

NEW_KEYWORDS_LIMIT = 50  # with more new keywords in a batch, what later e-mails will need is looked up, too:
UPCOMING_KEYWORDS_LIMIT = 10_000  # keywords of these
LATEST_LISTINGS = 2_000  # whose papers they will have
FIRST_DIGEST_WITHIN = timedelta(days=14)  # of the confirmation; later nobody expects a welcome


@dataclass(slots=True)
class RenderCache:
    """What a process that renders many e-mails keeps from one batch to the next. For one thread at a time."""

    papers: PaperCache = field(default_factory=PaperCache)
    matches: MatchCache = field(default_factory=MatchCache)
    fragments: FragmentCache = field(default_factory=FragmentCache)


class SubscriberKeyword(NamedTuple):
    """Keyword of a subscriber: its id, as they entered it, and in canonical form."""

    id: int
    text: str
    canonical: str


class Recipient(NamedTuple):
    """What an e-mail needs of its subscriber."""

    email: str
    nonce: str
    frequency: str
    send_hour: int
    timezone: str
    weekday: int
    summaries: bool
    thumbnails: bool
    confirmed_at: datetime | None


@dataclass(frozen=True, slots=True)
class BatchData:
    """Rows that the e-mails of a batch need. `digest_keywords` has, by delivery, those that a digest was chosen by.

    `unreadable` names keywords that were left out because they cannot be parsed; `empty` digests whose papers their
    subscribers have had, or were retracted.
    """

    recipients: Mapping[int, Recipient]
    keywords: Mapping[int, Sequence[SubscriberKeyword]]
    canonical_keywords: Mapping[int, str]  # also those that a subscriber has removed since
    papers: Mapping[int, PaperSnapshot]
    notices: tuple[str, ...] = ()
    announced: Mapping[int, Sequence[str]] = field(default_factory=dict)  # keywords with other forms, by delivery
    acronyms: AcronymTable | None = None  # that these are read with
    cache: RenderCache = field(default_factory=RenderCache)
    first_digests: AbstractSet[int] = frozenset()  # deliveries that welcome their subscribers
    digest_keywords: dict[int, Sequence[SubscriberKeyword]] = field(default_factory=dict)
    unreadable: Sequence[InvalidRow] = ()
    empty: frozenset[int] = frozenset()
    news: Mapping[int, PaperNews] = field(default_factory=dict)  # by event


def load_announced(session: Session, subscriber_ids: Collection[int]) -> dict[int, list[str]]:
    """Return the keywords that a digest says the other forms of, by the id of the delivery."""
    announced: dict[int, list[str]] = {}
    rows = session.exec(
        select(SavedKeyword.announced_in, SavedKeyword.text)
        .where(
            is_in_values(session, col(SavedKeyword.subscriber_id), subscriber_ids), col(SavedKeyword.announced_in) > 0
        )
        .order_by(col(SavedKeyword.position))
    )
    for delivery_id, text in rows:
        announced.setdefault(int(delivery_id or 0), []).append(text)
    return announced


def load_batch(
    session: Session,
    deliveries: Sequence[ClaimedDelivery],
    now: datetime,
    render_cache: RenderCache | None = None,
    *,
    is_sent: bool = False,
) -> BatchData:
    """Load all that the e-mails of a batch need. Whoever renders many batches keeps the cache.

    Papers that are one by now are replaced in the deliveries, retracted ones dropped; `is_sent`: none is dropped.
    """
    empty = replace_merged(session, deliveries, is_sent=is_sent)
    if not is_sent:
        empty |= drop_retracted(session, deliveries)
    shared = RenderCache() if render_cache is None else render_cache
    subscriber_ids = {delivery.subscriber_id for delivery in deliveries}
    keywords = load_keywords(session, subscriber_ids)
    canonical = {keyword.id: keyword.canonical for saved in keywords.values() for keyword in saved}
    if removed := {number for delivery in deliveries for number in delivery.keywords} - canonical.keys():
        canonical |= load_canonical_keywords(session, removed)
    # What the cache of matches has was parsed when it was met first; parsing takes longer than all else here.
    new_keywords = shared.matches.new_keywords(canonical.values())
    faulty_texts = {text for text in new_keywords if not can_parse(text)}
    unparsable = {number for number, text in canonical.items() if text in faulty_texts}
    if unparsable:
        canonical = {number: text for number, text in canonical.items() if number not in unparsable}
        keywords = {who: [word for word in saved if word.id not in unparsable] for who, saved in keywords.items()}
    paper_ids = {n for delivery in deliveries for n in delivery.all_papers}
    upcoming: list[str] = []
    if len(new_keywords - faulty_texts) > NEW_KEYWORDS_LIMIT:
        upcoming = list(filter(can_parse, queued_keywords(session)))
        paper_ids |= set(latest_paper_ids(session)) if upcoming else set()
    snapshots = shared.papers.load(session, paper_ids, now)
    recipients = load_recipients(session, subscriber_ids)
    batch = BatchData(
        recipients=recipients,
        keywords=keywords,
        canonical_keywords=canonical,
        papers=snapshots,
        notices=shared.papers.notices(session, now),
        announced=(announced := load_announced(session, subscriber_ids)),
        acronyms=papers.load_acronyms(session) if announced else None,
        first_digests=find_first_digests(session, deliveries, recipients),
        cache=shared,
        unreadable=[create_invalid_row(Keyword, number, "canonical cannot be parsed") for number in unparsable],
        empty=empty,
        news=papers.load_news(session, {number for delivery in deliveries for number in delivery.news}),
    )
    match_batch(batch, [d for d in deliveries if d.kind == DeliveryKind.DIGEST], upcoming)
    return batch


def match_batch(batch: BatchData, digests: Sequence[ClaimedDelivery], upcoming_keywords: Iterable[str] = ()) -> None:
    """Find out which of the papers the keywords of these digests match."""
    batch.digest_keywords.update({digest.id: select_digest_keywords(batch, digest) for digest in digests})
    needed = [
        (
            [*digest.papers, *digest.omitted_papers],
            [keyword.canonical for keyword in batch.digest_keywords[digest.id]],
        )
        for digest in digests
    ]
    upcoming = (canonical for canonical in upcoming_keywords if not is_exclusion(canonical))
    batch.cache.matches.update(batch.papers, needed, upcoming)


def select_digest_keywords(batch: BatchData, delivery: ClaimedDelivery) -> list[SubscriberKeyword]:
    """Return the keywords that an edition was chosen by, as the subscriber enters them now where they still do.

    A delivery without keywords is from before they were recorded, and goes by today's.
    """
    current = batch.keywords.get(delivery.subscriber_id, ())
    by_id = {keyword.id: keyword for keyword in current}
    for number in delivery.keywords:
        if number not in by_id and (canonical := batch.canonical_keywords.get(number)):
            by_id[number] = SubscriberKeyword(number, canonical, canonical)
    chosen = [by_id[number] for number in delivery.keywords if number in by_id] if delivery.keywords else current
    return [keyword for keyword in chosen if not is_exclusion(keyword.canonical)]


def queued_keywords(session: Session) -> list[str]:
    """Return keywords of the subscribers whose digests are in the queue."""
    keywords = select(Keyword.canonical).join(SavedKeyword, col(SavedKeyword.keyword_id) == col(Keyword.id))
    of_queued = keywords.join(Delivery, col(Delivery.subscriber_id) == col(SavedKeyword.subscriber_id)).where(
        Delivery.state == DeliveryState.QUEUED, Delivery.kind == DeliveryKind.DIGEST
    )
    return list(session.exec(of_queued.distinct().limit(UPCOMING_KEYWORDS_LIMIT)).all())


def latest_paper_ids(session: Session) -> list[int]:
    """Return the papers that most of the digests to come will have."""
    is_latest = col(Paper.first_listing_id) > papers.latest_listing_id(session) - LATEST_LISTINGS
    paper_ids = session.exec(select(col(Paper.id)).where(is_latest).order_by(col(Paper.first_listing_id)))
    return [int(number or 0) for number in paper_ids]


def load_recipients(session: Session, subscriber_ids: Collection[int]) -> dict[int, Recipient]:
    """Load recipients by subscriber."""
    statement = _recipients_statement(postgresql=is_postgresql(session))
    rows = session.connection().execute(statement, {"numbers": array_value(session, subscriber_ids)}).all()
    return {number: Recipient(*values) for number, *values in rows}


@cache
def _recipients_statement(*, postgresql: bool) -> sa.Select[Any]:
    subscribers = _table_of(Subscriber).c
    columns = (subscribers[name] for name in ("id", *Recipient._fields))
    return sa.select(*columns).where(is_in_parameter(subscribers.id, postgresql=postgresql))


def find_first_digests(
    session: Session, deliveries: Sequence[ClaimedDelivery], recipients: Mapping[int, Recipient]
) -> set[int]:
    """Return the digests that are their subscribers' first e-mails since they confirmed, lately."""
    confirmed_at = {}
    for delivery in deliveries:
        recipient = recipients.get(delivery.subscriber_id)
        began = recipient.confirmed_at if recipient and delivery.kind == DeliveryKind.DIGEST else None
        if isinstance(began, datetime) and timedelta(0) <= delivery.created_at - began < FIRST_DIGEST_WITHIN:
            confirmed_at[delivery.subscriber_id] = began
    if not confirmed_at:  # as nearly always
        return set()
    earlier = select(Delivery.subscriber_id, Delivery.created_at, Delivery.id).where(
        is_in_values(session, col(Delivery.subscriber_id), confirmed_at.keys()),
        col(Delivery.kind).in_((DeliveryKind.DIGEST, DeliveryKind.WELCOME)),
        col(Delivery.state).in_((DeliveryState.ON_WIRE, DeliveryState.SENT, DeliveryState.UNCERTAIN)),
    )
    own = {delivery.id for delivery in deliveries}
    welcomed = {
        subscriber_id
        for subscriber_id, created_at, number in session.exec(earlier)
        if number not in own and created_at >= confirmed_at[subscriber_id]
    }
    return {row.id for row in deliveries if row.subscriber_id in confirmed_at.keys() - welcomed}


def load_keywords(session: Session, subscriber_ids: Collection[int]) -> dict[int, list[SubscriberKeyword]]:
    """Load the keywords of several subscribers, each in their own order."""
    statement = _keywords_statement(postgresql=is_postgresql(session))
    rows = session.connection().execute(statement, {"numbers": array_value(session, subscriber_ids)}).all()
    keywords: dict[int, list[SubscriberKeyword]] = {}
    for subscriber_id, number, text, canonical in rows:
        keywords.setdefault(subscriber_id, []).append(SubscriberKeyword(number, text, canonical))
    return keywords


@cache
def _keywords_statement(*, postgresql: bool) -> sa.Select[Any]:
    saved, keyword = _table_of(SavedKeyword).c, _table_of(Keyword).c
    return (
        sa.select(saved.subscriber_id, saved.keyword_id, saved.text, keyword.canonical)
        .where(saved.keyword_id == keyword.id, is_in_parameter(saved.subscriber_id, postgresql=postgresql))
        .order_by(saved.subscriber_id, saved.position)
    )


def _table_of(model: type[SQLModel]) -> sa.Table:
    return cast("sa.Table", sa.inspect(model).local_table)


def load_canonical_keywords(session: Session, keyword_ids: Collection[int]) -> dict[int, str]:
    """Load the canonical form of keywords by id."""
    rows = session.exec(select(Keyword.id, Keyword.canonical).where(is_in_values(session, Keyword.id, keyword_ids)))
    return {int(number or 0): canonical for number, canonical in rows}
