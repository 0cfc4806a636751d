"""Contexts for tests, with real settings and a real store, and what tests put into the store and read from it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, insert
from sqlmodel import col, select

from digest.config import Settings, load_template_folder
from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import Delivery, DeliveryState, Keyword, Paper, SavedKeyword, Subscriber, SubscriberStatus
from digest.papers import store_listings
from digest.planning import PlanReport, plan
from digest.sources import ListedPaper
from digest.subscribers import (
    ENDED_STATUSES,
    Preferences,
    add_subscriber,
    erase_subscriber,
    parse_keywords_or_raise,
    remove_subscription,
)
from digest.subscribers.records import subscriber_by_email
from digest.tokens import TokenPurpose, TokenSigner, delivery_subject
from tests.support.factories import NOW
from tests.support.tokens import sign_mark_of

KEY = "a key for the tests that is long enough"
TUESDAY = datetime(2026, 7, 28, 9, tzinfo=UTC)
DAY = timedelta(days=1)
ADA, BOB = "ada@example.org", "bob@example.org"


def make_settings(store: Engine, **overrides: object) -> Settings:
    """Return settings that neither the environment nor a file changes."""
    defaults: dict[str, object] = {
        "database_url": store.url.render_as_string(hide_password=False),
        "secret_key": KEY,
        "mail_from": "Paper Digest <digest@example.org>",
        "contact": "tests@example.org",
    }
    return Settings(_env_file=None, **(defaults | overrides))  # type: ignore[arg-type]


def make_context(store: Engine, **overrides: object) -> AppContext:
    """Return a context on a store that has its tables."""
    settings = make_settings(store, **overrides)
    return AppContext(settings, store, TokenSigner([KEY]), templates=load_template_folder(settings.templates))


@dataclass
class FixedClock:
    """Clock that stands still until it is set."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass
class StoreView:
    """Subscribers and deliveries of a store."""

    store: Engine

    def subscriber(self, email: str) -> Subscriber:
        """Return the subscriber with an address."""
        with read_session(self.store) as session:
            return subscriber_by_email(session, email)

    def keywords(self, email: str) -> list[tuple[str, bool]]:
        """Return the keywords of a subscriber, in their order, and whether each is muted."""
        with read_session(self.store) as session:
            statement = select(SavedKeyword).join(Subscriber).where(Subscriber.email == email)
            rows = session.exec(statement.order_by(col(SavedKeyword.position))).all()
            return [(row.text, row.is_muted) for row in rows]

    def deliveries(self, email: str | None = None) -> list[Delivery]:
        """Return all deliveries, or those to one address, in the order in which they were queued."""
        with read_session(self.store) as session:
            statement = select(Delivery).join(Subscriber).order_by(col(Delivery.id))
            return list(session.exec(statement.where(Subscriber.email == email) if email else statement).all())

    def delivery_kinds(self, email: str) -> list[str]:
        """Return the kinds of the e-mails to one address."""
        return [delivery.kind for delivery in self.deliveries(email)]

    def set_state(self, state: DeliveryState, email: str | None = None) -> None:
        """Set the state of every queued delivery, or of those to one address."""
        with write_session(self.store) as session:
            for delivery in session.exec(
                select(Delivery).join(Subscriber).where(Delivery.state == DeliveryState.QUEUED)
            ).all():
                if email is None or session.get_one(Subscriber, delivery.subscriber_id).email == email:
                    delivery.state = state


def sign_token(ctx: AppContext, email: str, purpose: TokenPurpose, now: datetime) -> str:
    """Return the token that an e-mail to `email` would carry."""
    with read_session(ctx.engine) as session:
        return ctx.token_signer.sign(purpose, subscriber_by_email(session, email).nonce, now)


def add_active_subscriber(ctx: AppContext, email: str, *keywords: str, now: datetime, **preferences: object) -> None:
    """Add a subscriber who has confirmed."""
    add_subscriber(ctx, email, Preferences(**preferences), parse_keywords_or_raise(keywords), now, confirmed=True)  # type: ignore[arg-type]


def remove_subscriber(ctx: AppContext, email: str, now: datetime) -> Subscriber:
    """End a subscription as its operator, and return it. One that has ended stays as it is."""
    subscriber = StoreView(ctx.engine).subscriber(email)
    if subscriber.status not in ENDED_STATUSES:
        remove_subscription(ctx, "ada", int(subscriber.id or 0), now)
    return StoreView(ctx.engine).subscriber(email)


def erase_by_email(ctx: AppContext, email: str, now: datetime = NOW) -> None:
    """Erase a subscriber as the operator."""
    erase_subscriber(ctx, "ada", int(StoreView(ctx.engine).subscriber(email).id or 0), now)


def sign_mark(ctx: AppContext, email: str, paper_id: int, kind: str, now: datetime) -> str:
    """Return the token that an e-mail to `email` would carry to mark a paper."""
    with read_session(ctx.engine) as session:
        return sign_mark_of(ctx.token_signer, subscriber_by_email(session, email).nonce, paper_id, kind, now)


def sign_digest_token(ctx: AppContext, delivery: Delivery, purpose: TokenPurpose) -> str:
    """Return the token about a delivery that its e-mail would carry."""
    subject = delivery_subject(int(delivery.id or 0), delivery.message_id)
    return ctx.token_signer.sign(purpose, subject, delivery.created_at)


def set_status(store: Engine, email: str, status: SubscriberStatus, **values: object) -> None:
    """Set a subscriber's status and other columns, as time or a relay would."""
    with write_session(store) as session:
        subscriber = subscriber_by_email(session, email)
        for name, value in {"status": status, **values}.items():
            setattr(subscriber, name, value)


def store_papers(
    ctx: AppContext, now: datetime, *titles: str, source: str = "arxiv", upvotes: int | None = None, ids: str = ""
) -> list[int]:
    """Store papers as a source lists them, and return their ids. Equal titles are one paper, unless `ids` differs."""
    kind = "listed" if source == "huggingface" else "new"
    listings = [
        ListedPaper(
            source=source,
            list_day=now.date(),
            rank=rank,
            kind=kind,
            title=title,
            abstract="What was done is told here.",
            source_id=title,
            doi=f"10.1000/{ids}{title.casefold().replace(' ', '-')}",
            upvotes=None if upvotes is None else upvotes - rank,
            url="https://example.org/paper",
        )
        for rank, title in enumerate(titles)
    ]
    with write_session(ctx.engine) as session:
        store_listings(session, listings, now)
        rows = session.exec(select(Paper.id, Paper.title)).all()
    ids_by_title = {title: int(number or 0) for number, title in rows}
    return [ids_by_title[title] for title in titles]


def plan_digests(ctx: AppContext, now: datetime) -> PlanReport:
    """Plan as the scheduler does."""
    return plan(ctx.engine, ctx.sender_domain, now)


def mailed_paper_ids(view: StoreView, email: str = ADA) -> list[list[int]]:
    """Return the papers of each digest to one address."""
    return [delivery.papers for delivery in view.deliveries(email)]


def add_many_subscribers(ctx: AppContext, count: int) -> None:
    """Add many subscribers, each with one of three keywords."""
    with write_session(ctx.engine) as session:
        session.add_all(Keyword(canonical=word) for word in ("robot", "protein", "graph"))
        session.flush()
        rows = [
            {
                "email": f"{n}@example.org",
                "email_key": f"{n}@example.org",
                "nonce": str(n),
                "status": SubscriberStatus.ACTIVE,
                "created_at": TUESDAY,
            }
            for n in range(count)
        ]
        session.execute(insert(Subscriber), rows)
        keyword_ids = dict(session.exec(select(Keyword.canonical, Keyword.id).order_by(col(Keyword.id))).all())
        words = list(keyword_ids)
        subscriber_ids = session.exec(select(col(Subscriber.id)).order_by(col(Subscriber.id))).all()
        saved = [
            {
                "subscriber_id": subscriber_id,
                "position": 0,
                "keyword_id": keyword_ids[words[n % 3]],
                "text": words[n % 3],
            }
            for n, subscriber_id in enumerate(subscriber_ids)
        ]
        session.execute(insert(SavedKeyword), saved)
