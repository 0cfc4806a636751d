"""How much is taken from one network, for one mailbox, for one domain, and in all.

Forms are counted in the store, so that several processes share what is left; searches, which change nothing, in memory.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv6Address, ip_address, ip_network

from limits import RateLimitItem, RateLimitItemPerDay, RateLimitItemPerHour
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter, RateLimiter
from sqlmodel import Session

from digest.db import reading, writing
from digest.house import House
from digest.subscribers import address
from digest.web.allowances import Allowances

ASKING = {"/subscribe", "/api/v1/subscriptions"}
LONGEST_WAIT = 86_400  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How much an hour; `mailbox` is a day's.

    Unsubscribing has a wide limit of its own: a mail provider presses the button for all its users, from one network.
    """

    subscribe: int = 20
    other: int = 120
    unsubscribe: int = 3000
    in_all: int = 10_000
    mailbox: int = 5
    domain: int = 500
    mailboxes_in_all: int = 3000
    search: int = 1200
    searches_in_all: int = 60_000


@dataclass(frozen=True, slots=True)
class Rule:
    """At most `item` for what has these names."""

    item: RateLimitItem
    names: tuple[str, ...]


class Rations:
    """What is left of a pace, for all who ask."""

    def __init__(self, house: House, clock: Callable[[], datetime], pace: Pace) -> None:
        self._house, self._clock, self._pace = house, clock, pace
        self._searches = MovingWindowRateLimiter(MemoryStorage())

    def search(self, client: str) -> int:
        """0 when this search may pass, which counts it; else the seconds until the next one may."""
        pace = self._pace
        rules = [
            Rule(RateLimitItemPerHour(pace.searches_in_all), ("all searches",)),
            Rule(RateLimitItemPerHour(pace.search), ("search", network(client))),
        ]
        return wait(self._searches, rules, time.time())

    def form(self, path: str, client: str) -> int:
        """The same for a form that is sent. Raises StoreError."""
        kind = "unsubscribe" if path.startswith("/unsubscribe/") else "subscribe" if path in ASKING else "other"
        own = {"subscribe": self._pace.subscribe, "unsubscribe": self._pace.unsubscribe}.get(kind, self._pace.other)
        everybody = Rule(RateLimitItemPerHour(self._pace.in_all), ("all",))
        return self._kept([everybody, Rule(RateLimitItemPerHour(own), (kind, network(client)))])

    def domain(self, email: str) -> int:
        """The same for letters asked for, to anybody at the domain of `email`, and in all. Nothing is counted here."""
        with reading(self._house.engine) as session:
            return _left(self._limiter(session), self._of_domain(email), self._clock().timestamp())

    def mailbox(self, email: str) -> bool:
        """Whether one more letter may be asked for to this address, which counts it. Raises StoreError."""
        local, domain = _mailbox(email)
        rule = Rule(RateLimitItemPerDay(self._pace.mailbox), ("mailbox", local, domain))
        return self._kept([*self._of_domain(email), rule]) == 0

    def _of_domain(self, email: str) -> list[Rule]:
        everybody = Rule(RateLimitItemPerHour(self._pace.mailboxes_in_all), ("all mailboxes",))
        return [everybody, Rule(RateLimitItemPerHour(self._pace.domain), ("domain", _mailbox(email)[1]))]

    def _kept(self, rules: Sequence[Rule]) -> int:
        now = self._clock().timestamp()
        with reading(self._house.engine) as session:  # who has had enough writes nothing any more
            if left := _left(self._limiter(session), rules, now):
                return left
        with writing(self._house.engine) as session:
            return wait(self._limiter(session), rules, now)

    def _limiter(self, session: Session) -> FixedWindowRateLimiter:
        return FixedWindowRateLimiter(Allowances(session, self._house.links.keys[0], self._clock()))


def wait(limiter: RateLimiter, rules: Sequence[Rule], now: float) -> int:
    """0 when all rules let this pass, which counts it; else the seconds until they will.

    All are asked before one is counted: what one network sends too much does not use up what is there for all.
    """
    if left := _left(limiter, rules, now):
        return left
    # In reverse, the smallest first: rows that many want are locked last, and by all in the same order.
    for rule in reversed(rules):
        if not limiter.hit(rule.item, *rule.names):
            return _seconds(limiter, rule, now)  # others were quicker
    return 0


def _left(limiter: RateLimiter, rules: Sequence[Rule], now: float) -> int:
    for rule in rules:
        if not limiter.test(rule.item, *rule.names):
            return _seconds(limiter, rule, now)
    return 0


def _seconds(limiter: RateLimiter, rule: Rule, now: float) -> int:
    reset = limiter.get_window_stats(rule.item, *rule.names).reset_time
    return min(LONGEST_WAIT, max(1, round(reset - now) + 1))


def network(client: str) -> str:
    """Whom we take to be one client: an IPv4 address, or the /64 that a household or a server gets in IPv6."""
    try:
        found = ip_address(client)
    except ValueError:
        return "unknown"  # a Unix socket: the proxy in front of it has its own limits
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or ip_network((found, 64), strict=False))
    return str(found)


def _mailbox(email: str) -> tuple[str, str]:
    """Local part and domain, for counting only: tags and dots, which many providers overlook, make no new mailbox."""
    local, _, domain = address(email)[1].rpartition("@")
    return local.partition("+")[0].replace(".", ""), domain
