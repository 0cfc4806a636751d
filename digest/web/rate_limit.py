"""Where the library `limits` keeps its counts: in the store, so that all processes share them.

How much is taken from one network, for one mailbox, for one domain, and in all.

Forms are counted in the store, so that several processes share what is left; searches, which change nothing, in memory.
"""

import hmac
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from limits import RateLimitItem, RateLimitItemPerDay, RateLimitItemPerHour
from limits.storage import MemoryStorage, Storage
from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter, RateLimiter
from sqlalchemy import case, delete
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select

from digest.context import AppContext
from digest.database import insert, read_session, write_session
from digest.database.models import RateLimitCounter
from digest.subscribers import normalize_address


class DatabaseStorage(Storage):
    """Counts in windows of time, each begun by its first hit (the library's fixed windows).

    For one transaction, at the instant `now`. Names are kept as an HMAC: neither addresses nor networks can be read
    from them, nor tried out without `key`.
    """

    STORAGE_SCHEME = ["digest"]  # noqa: RUF012  - the library's own way

    def __init__(self, session: Session, key: str, now: datetime) -> None:
        super().__init__()
        self._session, self._key, self._now = session, key.encode(), now

    @property
    def base_exceptions(self) -> type[Exception]:
        return SQLAlchemyError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """One statement, so that of many who count at once none is forgotten."""
        until = self._now + timedelta(seconds=expiry)
        first = insert(self._session, RateLimitCounter).values(key=self._name(key), count=amount, expires_at=until)
        over = col(RateLimitCounter.expires_at) <= self._now
        counted = first.on_conflict_do_update(
            index_elements=[col(RateLimitCounter.key)],
            set_={
                "count": case((over, amount), else_=col(RateLimitCounter.count) + amount),
                "expires_at": case((over, first.excluded.expires_at), else_=col(RateLimitCounter.expires_at)),
            },
        )
        return int(self._session.execute(counted.returning(col(RateLimitCounter.count))).scalar_one())

    def get(self, key: str) -> int:
        kept = self._kept(key)
        return kept.count if kept else 0

    def get_expiry(self, key: str) -> float:
        kept = self._kept(key)
        return (kept.expires_at if kept else self._now).timestamp()

    def check(self) -> bool:
        return self._session.execute(select(1)).scalar() == 1

    def reset(self) -> int:
        done: Any = self._session.execute(delete(RateLimitCounter))
        return int(done.rowcount)

    def clear(self, key: str) -> None:
        self._session.execute(delete(RateLimitCounter).where(col(RateLimitCounter.key) == self._name(key)))

    def _kept(self, key: str) -> RateLimitCounter | None:
        asked = select(RateLimitCounter).where(
            RateLimitCounter.key == self._name(key), RateLimitCounter.expires_at > self._now
        )
        return self._session.exec(asked).first()

    def _name(self, key: str) -> str:
        return hmac.digest(self._key, b"allowance " + key.encode(), "sha256").hex()[:40]


SUBSCRIBE_PATHS = {"/subscribe", "/api/v1/subscriptions"}


MAX_WAIT_SECONDS = 86_400  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class FormLimits:
    """How much an hour; `mailbox` is a day's.

    Unsubscribing has a wide limit of its own: a mail provider presses the button for all its users, from one network.
    """

    subscribe: int = 20
    other: int = 120
    unsubscribe: int = 3000
    all_forms: int = 10_000
    mailbox: int = 5
    domain: int = 500
    all_mailboxes: int = 3000
    search: int = 1200
    all_searches: int = 60_000


@dataclass(frozen=True, slots=True)
class RateLimitRule:
    """At most `item` for what has these names."""

    item: RateLimitItem
    identifiers: tuple[str, ...]


class RequestRateLimiter:
    """What is left of a pace, for all who ask."""

    def __init__(self, ctx: AppContext, clock: Callable[[], datetime], limits: FormLimits) -> None:
        self._ctx, self._clock, self._pace = ctx, clock, limits
        self._searches = MovingWindowRateLimiter(MemoryStorage())

    def hit_search(self, client: str) -> int:
        """0 when this search may pass, which counts it; else the seconds until the next one may."""
        limits = self._pace
        rules = [
            RateLimitRule(RateLimitItemPerHour(limits.all_searches), ("all searches",)),
            RateLimitRule(RateLimitItemPerHour(limits.search), ("search", client_network(client))),
        ]
        return hit(self._searches, rules, time.time())

    def hit_form(self, path: str, client: str) -> int:
        """The same for a form that is sent. Raises StoreError."""
        kind = (
            "unsubscribe" if path.startswith("/unsubscribe/") else "subscribe" if path in SUBSCRIBE_PATHS else "other"
        )
        own = {"subscribe": self._pace.subscribe, "unsubscribe": self._pace.unsubscribe}.get(kind, self._pace.other)
        everybody = RateLimitRule(RateLimitItemPerHour(self._pace.all_forms), ("all",))
        return self._kept([everybody, RateLimitRule(RateLimitItemPerHour(own), (kind, client_network(client)))])

    def check_domain(self, email: str) -> int:
        """The same for letters asked for, to anybody at the domain of `email`, and in all. Nothing is counted here."""
        with read_session(self._ctx.engine) as session:
            return check(self._limiter(session), self._of_domain(email), self._clock().timestamp())

    def hit_mailbox(self, email: str) -> bool:
        """Whether one more letter may be asked for to this address, which counts it. Raises StoreError."""
        local, domain = _mailbox_key(email)
        rule = RateLimitRule(RateLimitItemPerDay(self._pace.mailbox), ("mailbox", local, domain))
        return self._kept([*self._of_domain(email), rule]) == 0

    def _of_domain(self, email: str) -> list[RateLimitRule]:
        everybody = RateLimitRule(RateLimitItemPerHour(self._pace.all_mailboxes), ("all mailboxes",))
        return [everybody, RateLimitRule(RateLimitItemPerHour(self._pace.domain), ("domain", _mailbox_key(email)[1]))]

    def _kept(self, rules: Sequence[RateLimitRule]) -> int:
        now = self._clock().timestamp()
        with read_session(self._ctx.engine) as session:  # who has had enough writes nothing any more
            if left := check(self._limiter(session), rules, now):
                return left
        with write_session(self._ctx.engine) as session:
            return hit(self._limiter(session), rules, now)

    def _limiter(self, session: Session) -> FixedWindowRateLimiter:
        return FixedWindowRateLimiter(DatabaseStorage(session, self._ctx.token_signer.keys[0], self._clock()))


def hit(limiter: RateLimiter, rules: Sequence[RateLimitRule], now: float) -> int:
    """0 when all rules let this pass, which counts it; else the seconds until they will.

    All are asked before one is counted: what one network sends too much does not use up what is there for all.
    """
    if left := check(limiter, rules, now):
        return left
    # In reverse, the smallest first: rows that many want are locked last, and by all in the same order.
    for rule in reversed(rules):
        if not limiter.hit(rule.item, *rule.identifiers):
            return _retry_after(limiter, rule, now)  # others were quicker
    return 0


def check(limiter: RateLimiter, rules: Sequence[RateLimitRule], now: float) -> int:
    for rule in rules:
        if not limiter.test(rule.item, *rule.identifiers):
            return _retry_after(limiter, rule, now)
    return 0


def _retry_after(limiter: RateLimiter, rule: RateLimitRule, now: float) -> int:
    reset = limiter.get_window_stats(rule.item, *rule.identifiers).reset_time
    return min(MAX_WAIT_SECONDS, max(1, round(reset - now) + 1))


def client_network(client: str) -> str:
    """Whom we take to be one client: an IPv4 address, or the /64 that a household or a server gets in IPv6."""
    try:
        address_or_network = ip_address(client)
    except ValueError:
        return "unknown"  # a Unix socket: the proxy in front of it has its own limits
    if isinstance(address_or_network, IPv6Address):
        return str(address_or_network.ipv4_mapped or ip_network((address_or_network, 64), strict=False))
    return str(address_or_network)


def _mailbox_key(email: str) -> tuple[str, str]:
    """Local part and domain, for counting only: tags and dots, which many providers overlook, make no new mailbox."""
    local, _, domain = normalize_address(email)[1].rpartition("@")
    return local.partition("+")[0].replace(".", ""), domain
