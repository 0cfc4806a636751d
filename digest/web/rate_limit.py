"""Rate limits by token, network, mailbox and domain.

What may write is counted in the database, so that all processes share the limits: the forms behind a token by that
token, once its signature is verified, and subscribing by network, mailbox and domain. All else is counted in memory and
charged to the network it comes from. No limit on forms is shared by all: strangers could use it up for everybody.
"""

import hmac
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from limits import RateLimitItem, RateLimitItemPerDay, RateLimitItemPerHour
from limits.storage import MemoryStorage, Storage
from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter
from limits.strategies import RateLimiter as LimitStrategy
from sqlalchemy import case, delete
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select

from digest.context import TOKEN_PATHS, AppContext
from digest.database import insert, read_session, write_session
from digest.database.models import RateLimitCounter
from digest.errors import TokenError
from digest.subscribers import normalize_address
from digest.tokens import TokenPurpose


class DatabaseStorage(Storage):
    """Fixed-window counters in the database, for one transaction at the instant `now`.

    Names are stored as an HMAC: neither addresses nor networks can be read from them, nor guessed without `key`.
    """

    STORAGE_SCHEME = ["digest"]  # noqa: RUF012  - required by the library

    def __init__(self, session: Session, key: str, now: datetime) -> None:
        super().__init__()
        self._session, self._key, self._now = session, key.encode(), now

    @property
    def base_exceptions(self) -> type[Exception]:
        return SQLAlchemyError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """Increment in one statement, so that no concurrent increment is lost."""
        expires_at = self._now + timedelta(seconds=expiry)
        first_hit = insert(self._session, RateLimitCounter).values(
            key=self._hash_key(key), count=amount, expires_at=expires_at
        )
        is_expired = col(RateLimitCounter.expires_at) <= self._now
        upsert = first_hit.on_conflict_do_update(
            index_elements=[col(RateLimitCounter.key)],
            set_={
                "count": case((is_expired, amount), else_=col(RateLimitCounter.count) + amount),
                "expires_at": case((is_expired, first_hit.excluded.expires_at), else_=col(RateLimitCounter.expires_at)),
            },
        )
        return int(self._session.execute(upsert.returning(col(RateLimitCounter.count))).scalar_one())

    def get(self, key: str) -> int:
        row = self._get_row(key)
        return row.count if row else 0

    def get_expiry(self, key: str) -> float:
        row = self._get_row(key)
        return (row.expires_at if row else self._now).timestamp()

    def check(self) -> bool:
        return self._session.execute(select(1)).scalar() == 1

    def reset(self) -> int:
        result: Any = self._session.execute(delete(RateLimitCounter))
        return int(result.rowcount)

    def clear(self, key: str) -> None:
        self._session.execute(delete(RateLimitCounter).where(col(RateLimitCounter.key) == self._hash_key(key)))

    def _get_row(self, key: str) -> RateLimitCounter | None:
        statement = select(RateLimitCounter).where(
            RateLimitCounter.key == self._hash_key(key), RateLimitCounter.expires_at > self._now
        )
        return self._session.exec(statement).first()

    def _hash_key(self, key: str) -> str:
        return hmac.digest(self._key, b"allowance " + key.encode(), "sha256").hex()[:40]


SUBSCRIBE_PATHS = {"/subscribe", "/api/v1/subscriptions"}
PURPOSES_BY_PATH = {path: purpose for purpose, path in TOKEN_PATHS.items()}
MAX_WAIT_SECONDS = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class FormLimits:
    """Forms and searches accepted an hour; `mailbox` and `address_change` (of one subscriber) a day.

    `token`: for each page behind a token and each subscriber, from wherever they come: a mail provider presses the
    button to unsubscribe for all its users, from one network. `other`: what comes from a network without a valid token.
    `failed_tries`: requests to the operator's API, from one network, without one of its tokens.
    """

    subscribe: int = 20
    address_change: int = 5
    token: int = 120
    other: int = 120
    mailbox: int = 5
    domain: int = 500
    all_mailboxes: int = 3000
    failed_tries: int = 60
    search: int = 1200
    all_searches: int = 60_000


@dataclass(frozen=True, slots=True)
class RateLimitRule:
    """Limit for the key that `identifiers` make up."""

    item: RateLimitItem
    identifiers: tuple[str, ...]


class RateLimiter:
    """Counts forms and searches against `FormLimits`."""

    def __init__(self, ctx: AppContext, clock: Callable[[], datetime], limits: FormLimits) -> None:
        self._ctx, self._clock, self._limits = ctx, clock, limits
        self._in_memory = MovingWindowRateLimiter(MemoryStorage())

    def hit_search(self, client: str) -> int:
        """Count a search. Return 0 if it is allowed, else the seconds until the next one is."""
        limits = self._limits
        rules = [
            RateLimitRule(RateLimitItemPerHour(limits.all_searches), ("all searches",)),
            RateLimitRule(RateLimitItemPerHour(limits.search), ("search", client_network(client))),
        ]
        return hit(self._in_memory, rules, time.time())

    def hit_garbage(self, client: str) -> int:
        """Count a request that proves nothing. Return 0 if it is allowed, else the seconds until the next one is."""
        rule = RateLimitRule(RateLimitItemPerHour(self._limits.other), ("other", client_network(client)))
        return hit(self._in_memory, [rule], time.time())

    def hit_form(self, path: str, client: str, token: str = "") -> int:
        """Count a posted form. Return 0 if it is allowed, else the seconds to wait.

        `token`: preferences token that the API got in a header. Raises StoreError.
        """
        if path in SUBSCRIBE_PATHS:
            item = RateLimitItemPerHour(self._limits.subscribe)
            return self._hit_stored([RateLimitRule(item, ("subscribe", client_network(client)))])
        if page_and_subject := self._verify_token(f"{TOKEN_PATHS[TokenPurpose.PREFERENCES]}{token}" if token else path):
            return self._hit_stored([RateLimitRule(RateLimitItemPerHour(self._limits.token), page_and_subject)])
        return self.hit_garbage(client)

    def _verify_token(self, path: str) -> tuple[str, str] | None:
        """Return the page and the subject of the token in a path; None without a token that we have signed."""
        page, token = (*path.split("/"), "", "")[1:3]
        purpose = PURPOSES_BY_PATH.get(f"/{page}/")
        if purpose is None:
            return None
        try:  # however long ago it was signed: the page says that it has expired
            return page, self._ctx.token_signer.unsign(purpose, token, datetime.fromtimestamp(0, UTC))
        except TokenError:
            return None

    def check_domain(self, email: str) -> int:
        """Return the seconds until the domain of `email` may get more confirmation e-mails, without counting."""
        with read_session(self._ctx.engine) as session:
            return check(self._stored_limiter(session), self._domain_rules(email), self._clock().timestamp())

    def hit_mailbox(self, email: str) -> bool:
        """Count a confirmation e-mail to this mailbox and return whether it is allowed. Raises StoreError."""
        local, domain = _mailbox_key(email)
        rule = RateLimitRule(RateLimitItemPerDay(self._limits.mailbox), ("mailbox", local, domain))
        return self._hit_stored([*self._domain_rules(email), rule]) == 0

    def hit_address_change(self, subscriber_id: int, email: str) -> int:
        """Count a request of a subscriber for another address, whatever its state; return the seconds to wait, or 0.

        Raises AddressError for what is no address, and StoreError.
        """
        rule = RateLimitRule(RateLimitItemPerDay(self._limits.address_change), ("address change", str(subscriber_id)))
        return self.check_domain(email) or self._hit_stored([rule])

    def _domain_rules(self, email: str) -> list[RateLimitRule]:
        common = RateLimitRule(RateLimitItemPerHour(self._limits.all_mailboxes), ("all mailboxes",))
        return [common, RateLimitRule(RateLimitItemPerHour(self._limits.domain), ("domain", _mailbox_key(email)[1]))]

    def _hit_stored(self, rules: Sequence[RateLimitRule]) -> int:
        now = self._clock().timestamp()
        with read_session(self._ctx.engine) as session:  # refused requests write nothing
            if seconds := check(self._stored_limiter(session), rules, now):
                return seconds
        with write_session(self._ctx.engine) as session:
            return hit(self._stored_limiter(session), rules, now)

    def _stored_limiter(self, session: Session) -> FixedWindowRateLimiter:
        return FixedWindowRateLimiter(DatabaseStorage(session, self._ctx.token_signer.keys[0], self._clock()))


def hit(limiter: LimitStrategy, rules: Sequence[RateLimitRule], now: float) -> int:
    """Count against all rules and return 0, or count nothing and return the seconds to wait.

    All rules are checked before one is counted: what one network sends too much does not use up the common limit of
    searches, nor one mailbox that of its domain.
    """
    if seconds := check(limiter, rules, now):
        return seconds
    # In reverse, the smallest first: contended rows are locked last, and by all in the same order.
    for rule in reversed(rules):
        if not limiter.hit(rule.item, *rule.identifiers):
            return _retry_after(limiter, rule, now)  # others were faster
    return 0


def check(limiter: LimitStrategy, rules: Sequence[RateLimitRule], now: float) -> int:
    """Return the seconds until all rules allow a request, without counting; 0 for now."""
    for rule in rules:
        if not limiter.test(rule.item, *rule.identifiers):
            return _retry_after(limiter, rule, now)
    return 0


def _retry_after(limiter: LimitStrategy, rule: RateLimitRule, now: float) -> int:
    reset = limiter.get_window_stats(rule.item, *rule.identifiers).reset_time
    return min(MAX_WAIT_SECONDS, max(1, round(reset - now) + 1))


def client_network(client: str) -> str:
    """Return what counts as one client: an IPv4 address, or the /64 that a household or server gets in IPv6."""
    try:
        address = ip_address(client)
    except ValueError:
        return "unknown"  # a Unix socket: the proxy in front of it has its own limits
    if isinstance(address, IPv6Address):
        return str(address.ipv4_mapped or ip_network((address, 64), strict=False))
    return str(address)


def _mailbox_key(email: str) -> tuple[str, str]:
    """Return local part and domain, without tags and dots, which many providers ignore. For counting only."""
    local, _, domain = normalize_address(email)[1].rpartition("@")
    return local.partition("+")[0].replace(".", ""), domain
