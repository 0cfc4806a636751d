"""A house for tests: real settings, a real store, and the hosts and the relay that a test names."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine
from sqlmodel import col, select

from digest import db, desk, subscribers
from digest.house import House
from digest.models import Delivery, State, Status, Subscriber
from digest.settings import Settings
from digest.subscribers import Links, Purpose, Wish

KEY = "a key for the tests that is long enough"


def settings(store: Engine, **given: object) -> Settings:
    """Those of the tests alone: neither the environment nor a file has a say."""
    usual: dict[str, object] = {
        "database_url": store.url.render_as_string(hide_password=False),
        "secret_key": KEY,
        "mail_from": "Paper Digest <digest@example.org>",
        "contact": "tests@example.org",
    }
    return Settings(_env_file=None, **(usual | given))  # type: ignore[arg-type]


def house(store: Engine, **given: object) -> House:
    """On a store whose tables are there."""
    return House(settings(store, **given), store, Links([KEY]))


@dataclass
class Record:
    """What the store holds of subscribers and letters, in the words of a test."""

    store: Engine

    def of(self, email: str) -> Subscriber:
        with db.reading(self.store) as session:
            return subscribers.by_email(session, email)

    def letters(self, email: str | None = None) -> list[Delivery]:
        """All letters, or those to one address, in the order in which they were queued."""
        with db.reading(self.store) as session:
            asked = select(Delivery).join(Subscriber).order_by(col(Delivery.id))
            return list(session.exec(asked.where(Subscriber.email == email) if email else asked).all())

    def kinds(self, email: str) -> list[str]:
        return [each.kind for each in self.letters(email)]

    def settle(self, state: State, email: str | None = None) -> None:
        """As if the relay had said so of every letter that waits."""
        with db.writing(self.store) as session:
            for each in session.exec(select(Delivery).join(Subscriber).where(Delivery.state == State.QUEUED)).all():
                if email is None or session.get_one(Subscriber, each.subscriber_id).email == email:
                    each.state = state


def token(at: House, email: str, purpose: Purpose, now: datetime) -> str:
    """The token that a mail to `email` would carry."""
    with db.reading(at.engine) as session:
        return at.links.token(purpose, subscribers.by_email(session, email).nonce, now)


def reader(at: House, email: str, *keywords: str, now: datetime, **wish: object) -> None:
    """Somebody who has agreed."""
    desk.add(at, email, Wish(**wish), desk.understood(keywords), now, confirmed=True)  # type: ignore[arg-type]


def put(store: Engine, email: str, status: Status, **more: object) -> None:
    """Set a subscriber's state by hand, for what only time or a relay brings about."""
    with db.writing(store) as session:
        found = subscribers.by_email(session, email)
        for name, value in {"status": status, **more}.items():
            setattr(found, name, value)
