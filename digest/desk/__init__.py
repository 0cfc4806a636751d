"""The front desk: what a person may ask of us. Each request is one transaction: the change and the letter it causes.

The pages, the command line and the demo all come through here. What the small links of a letter do stands in `doors`
and `never`, the way back after leaving in `returning`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session

from digest import deliveries, papers, subscribers
from digest.db import reading, writing
from digest.deliveries import Draft
from digest.desk.card import Card, card_of, who
from digest.errors import QueryError, SubscriberError, TokenError
from digest.house import House
from digest.letters import say
from digest.matching import Limits, parse
from digest.matching.query import DEFAULT
from digest.models import DeliveryKind, Subscriber, SubscriberStatus
from digest.settings import Settings
from digest.subscribers import Purpose, Saved, Wish

__all__ = [
    "Card",
    "Misread",
    "Rules",
    "add",
    "change",
    "confirm",
    "decline",
    "look",
    "remove",
    "subscribe",
    "understand",
    "understood",
    "unsubscribe",
]

# Why a subscription ended that a reader did not end.
DECLINED = "declined"
REMOVED = "removed by the operator"


@dataclass(frozen=True, slots=True)
class Misread:
    """A line that is no keyword: its number from 1, its text, what is wrong and what would be right.

    `position`: at which character of the text, from 1; 0 where it is wrong as a whole.
    """

    line: int
    written: str
    message: str
    position: int = 0


@dataclass(frozen=True, slots=True)
class Rules:
    """How many keywords a reader may have, and how large each may be."""

    most: int = subscribers.MOST_KEYWORDS
    limits: Limits = DEFAULT

    @classmethod
    def of(cls, settings: Settings) -> "Rules":
        """The operator's."""
        return cls(
            settings.most_keywords,
            Limits(settings.longest_keyword, settings.most_terms, settings.deepest_nesting),
        )


RULES = Rules()


def understand(lines: Sequence[str], rules: Rules = RULES) -> tuple[list[Saved], list[Misread]]:
    """Read keywords, one a line; blank ones do not count. Each is either understood or told why not."""
    saved, misread = [], []
    for number, line in enumerate(lines, start=1):
        written = line.strip()
        if not written:
            continue
        try:
            saved.append(Saved(written, parse(written, rules.limits).canonical))
        except QueryError as error:
            misread.append(Misread(number, written, str(error), error.position or 0))
    if len(saved) > rules.most:
        said = f"At most {say.count(rules.most, 'keyword')}, please; these are {len(saved)}."
        misread.append(Misread(rules.most + 1, "", said))
    return saved, misread


def understood(lines: Sequence[str], rules: Rules = RULES) -> list[Saved]:
    """Keywords, one a line. Raises QueryError with a line for each that is none."""
    saved, misread = understand(lines, rules)
    if misread:
        said = (f"keyword {each.written!r}: {each.message}" if each.written else each.message for each in misread)
        raise QueryError("\n".join(said))
    return saved


def subscribe(house: House, email: str, wish: Wish, saved: Sequence[Saved], now: datetime) -> None:
    """Somebody asks for letters to an address. Whatever its state, the caller learns nothing of it; the mailbox does.

    One mail of a kind a day at most goes to an address this way, however often somebody asks.
    """
    with writing(house.engine) as session:
        subscriber = subscribers.ask(session, email, wish, saved, now, most=house.settings.most_keywords)
        kind = {
            SubscriberStatus.PENDING: DeliveryKind.CONFIRM,
            SubscriberStatus.ACTIVE: DeliveryKind.ALREADY_SUBSCRIBED,
            SubscriberStatus.PAUSED: DeliveryKind.ALREADY_SUBSCRIBED,
        }.get(SubscriberStatus(subscriber.status))
        if kind:
            _write(house, session, subscriber, kind, subscriber.ended_at, now)


def add(
    house: House,
    email: str,
    wish: Wish,
    saved: Sequence[Saved],
    now: datetime,
    *,
    confirmed: bool,
    paused_until: date | None = None,
    held: str = "",
) -> bool:
    """The operator enters somebody; `confirmed` when that person has already agreed elsewhere.

    True when a letter was queued for it. Raises SubscriberError for readers, and for who must never be mailed.
    """
    with writing(house.engine) as session:
        subscriber = subscribers.ask(session, email, wish, saved, now, most=house.settings.most_keywords)
        if subscriber.status != SubscriberStatus.PENDING:
            raise SubscriberError(f"{subscriber.email} is {subscriber.status} already; nothing was changed")
        if not confirmed:
            return _write(house, session, subscriber, DeliveryKind.CONFIRM, subscriber.ended_at, now)
        _begin(session, subscriber, now)
        subscribers.pause(subscriber, paused_until)
        if held and not paused_until:
            subscribers.hold(subscriber, held)
        return False


def confirm(house: House, token: str, now: datetime) -> Card:
    """The owner of the address says yes. A second click is answered like the first."""
    with writing(house.engine) as session:
        subscriber = who(house, session, Purpose.CONFIRM, token, now)
        if subscriber.status == SubscriberStatus.PENDING:
            ended = subscriber.ended_at
            _begin(session, subscriber, now)
            _write(house, session, subscriber, DeliveryKind.WELCOME, ended, now)
        elif subscriber.status in {SubscriberStatus.UNSUBSCRIBED, SubscriberStatus.SUPPRESSED}:
            raise TokenError("This subscription has ended since the link was mailed. Subscribe again to start anew.")
        return card_of(session, subscriber)


def decline(house: House, token: str, now: datetime) -> None:
    """The owner of the address says no: what somebody asked for in their name is undone."""
    with writing(house.engine) as session:
        subscriber = who(house, session, Purpose.CONFIRM, token, now)
        if subscriber.status == SubscriberStatus.PENDING:
            subscribers.end(subscriber, SubscriberStatus.UNSUBSCRIBED, DECLINED, now)
            deliveries.cancel(session, int(subscriber.id or 0), now)


def look(house: House, purpose: Purpose, token: str, now: datetime) -> Card:
    """What a page behind a link shows. Changes nothing. Raises TokenError."""
    with reading(house.engine) as session:
        return card_of(session, who(house, session, purpose, token, now, lock=False))


def change(
    house: House, token: str, wish: Wish, saved: Sequence[Saved], paused_until: date | None, now: datetime
) -> Card:
    """New preferences, in force from the next edition on; papers already considered are not mailed again."""
    with writing(house.engine) as session:
        subscriber = who(house, session, Purpose.PREFERENCES, token, now)
        if subscriber.status not in subscribers.RUNNING:
            raise TokenError("This subscription is not running. Subscribe again to start anew.")
        subscribers.set_wish(subscriber, wish)
        subscribers.set_keywords(session, subscriber, saved, most=house.settings.most_keywords)
        subscribers.pause(subscriber, paused_until)
        session.flush()
        return card_of(session, subscriber)


def unsubscribe(house: House, token: str, now: datetime, *, farewell: bool = True) -> Card:
    """No more letters from this moment on. `farewell`: mail a last one; a mail program's own button wants none."""
    with writing(house.engine) as session:
        subscriber = who(house, session, Purpose.UNSUBSCRIBE, token, now)
        _leave(house, session, subscriber, now, reason="" if farewell else subscribers.ONE_CLICK, farewell=farewell)
        return card_of(session, subscriber)


def remove(house: House, email: str, now: datetime) -> Card:
    """The operator ends a subscription; nothing is mailed. One that has ended stays as it is."""
    with writing(house.engine) as session:
        subscriber = subscribers.by_email(session, email, lock=True)
        _leave(house, session, subscriber, now, reason=REMOVED, farewell=False)
        return card_of(session, subscriber)


def _leave(
    house: House, session: Session, subscriber: Subscriber, now: datetime, *, reason: str, farewell: bool
) -> None:
    pending = subscriber.status == SubscriberStatus.PENDING
    if not pending and subscriber.status not in subscribers.RUNNING:
        return
    subscribers.end(subscriber, SubscriberStatus.UNSUBSCRIBED, subscribers.UNCONFIRMED if pending else reason, now)
    deliveries.cancel(session, int(subscriber.id or 0), now)
    if farewell and not pending:
        # Named after the confirmation: who leaves, undoes it and leaves again has the letter already.
        _write(house, session, subscriber, DeliveryKind.GOODBYE, subscriber.confirmed_at or now, now)


def _begin(session: Session, subscriber: Subscriber, now: datetime) -> None:
    # The first letter has the papers of the latest list day; what came before is in the archive.
    subscribers.activate(subscriber, papers.first_of_latest_day(session) - 1, now)
    deliveries.drop_returns(session, int(subscriber.id or 0))


def _write(
    house: House, session: Session, subscriber: Subscriber, kind: DeliveryKind, ended: datetime | None, now: datetime
) -> bool:
    # One of a kind a day: the database refuses a second. Who leaves and comes back on one day begins a new count; who
    # declines does not, or somebody else could have them mailed again and again.
    again = ended is not None and ended.date() == now.date() and subscriber.reason != DECLINED
    edition = f"{kind}:{now.date().isoformat()}" + (f":{ended:%H%M%S%f}" if again else "")
    return bool(deliveries.enqueue(session, [Draft(int(subscriber.id or 0), kind, edition)], house.domain, now))
