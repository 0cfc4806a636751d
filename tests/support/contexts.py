"""A house for tests: real settings, a real store, and the hosts and the relay that a test names."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, insert
from sqlmodel import col, select

from digest.config import Settings
from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import Delivery, DeliveryState, Keyword, Paper, SavedKeyword, Subscriber, SubscriberStatus
from digest.papers import store_listings
from digest.planning import PlanReport, plan
from digest.sources import ListedPaper
from digest.subscribers import Preferences, add_subscriber, parse_keywords_or_raise
from digest.subscribers.records import subscriber_by_email
from digest.tokens import TokenPurpose, TokenSigner
from tests.support.factories import NOW

KEY = "a key for the tests that is long enough"
TUESDAY = datetime(2026, 7, 28, 9, tzinfo=UTC)
DAY = timedelta(days=1)
ADA, BOB = "ada@example.org", "bob@example.org"


def settings(store: Engine, **given: object) -> Settings:
    """Those of the tests alone: neither the environment nor a file has a say."""
    usual: dict[str, object] = {
        "database_url": store.url.render_as_string(hide_password=False),
        "secret_key": KEY,
        "mail_from": "Paper Digest <digest@example.org>",
        "contact": "tests@example.org",
    }
    return Settings(_env_file=None, **(usual | given))  # type: ignore[arg-type]


def make_context(store: Engine, **given: object) -> AppContext:
    """On a store whose tables are there."""
    return AppContext(settings(store, **given), store, TokenSigner([KEY]))


@dataclass
class Clock:
    """It stands still until it is moved."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Record:
    """What the store holds of subscribers and letters, in the words of a test."""

    store: Engine

    def of(self, email: str) -> Subscriber:
        with read_session(self.store) as session:
            return subscriber_by_email(session, email)

    def letters(self, email: str | None = None) -> list[Delivery]:
        """All letters, or those to one address, in the order in which they were queued."""
        with read_session(self.store) as session:
            asked = select(Delivery).join(Subscriber).order_by(col(Delivery.id))
            return list(session.exec(asked.where(Subscriber.email == email) if email else asked).all())

    def kinds(self, email: str) -> list[str]:
        return [each.kind for each in self.letters(email)]

    def settle(self, state: DeliveryState, email: str | None = None) -> None:
        """As if the relay had said so of every letter that waits."""
        with write_session(self.store) as session:
            for each in session.exec(
                select(Delivery).join(Subscriber).where(Delivery.state == DeliveryState.QUEUED)
            ).all():
                if email is None or session.get_one(Subscriber, each.subscriber_id).email == email:
                    each.state = state


def token(at: AppContext, email: str, purpose: TokenPurpose, now: datetime) -> str:
    """The token that a mail to `email` would carry."""
    with read_session(at.engine) as session:
        return at.token_signer.sign(purpose, subscriber_by_email(session, email).nonce, now)


def reader(at: AppContext, email: str, *keywords: str, now: datetime, **wish: object) -> None:
    """Somebody who has agreed."""
    add_subscriber(at, email, Preferences(**wish), parse_keywords_or_raise(keywords), now, confirmed=True)  # type: ignore[arg-type]


def put(store: Engine, email: str, status: SubscriberStatus, **more: object) -> None:
    """Set a subscriber's state by hand, for what only time or a relay brings about."""
    with write_session(store) as session:
        found = subscriber_by_email(session, email)
        for name, value in {"status": status, **more}.items():
            setattr(found, name, value)


def arrive(
    at: AppContext, now: datetime, *titles: str, source: str = "arxiv", upvotes: int | None = None, ids: str = ""
) -> list[int]:
    """Papers that a source lists; their numbers. The same title is the same paper, unless `ids` sets it apart."""
    kind = "listed" if source == "huggingface" else "new"
    listed = [
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
    with write_session(at.engine) as session:
        store_listings(session, listed, now)
        found = session.exec(select(Paper.id, Paper.title)).all()
    numbers = {title: int(number or 0) for number, title in found}
    return [numbers[title] for title in titles]


def plan_digests(ctx: AppContext, now: datetime) -> PlanReport:
    """Plan as the scheduler does."""
    return plan(ctx.engine, ctx.sender_domain, now)


def mailed(record: Record, email: str = ADA) -> list[list[int]]:
    return [each.papers for each in record.letters(email)]


def many(at: AppContext, count: int) -> None:
    """Readers by the thousand, each with one of three keywords."""
    with write_session(at.engine) as session:
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
        numbers = dict(session.exec(select(Keyword.canonical, Keyword.id)).all())
        words = list(numbers)
        readers = session.exec(select(col(Subscriber.id)).order_by(col(Subscriber.id))).all()
        saved = [
            {"subscriber_id": each, "position": 0, "keyword_id": numbers[words[n % 3]], "text": words[n % 3]}
            for n, each in enumerate(readers)
        ]
        session.execute(insert(SavedKeyword), saved)
