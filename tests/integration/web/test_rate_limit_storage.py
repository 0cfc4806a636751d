"""Counters of rate limits as rows, and what counts as one client or mailbox."""

from datetime import timedelta

import pytest
from limits import RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from digest.database import write_session
from digest.web.rate_limit import (
    MAX_WAIT_SECONDS,
    DatabaseStorage,
    FormLimits,
    RateLimiter,
    RateLimitRule,
    check,
    client_network,
    hit,
)
from tests.support.contexts import FixedClock, make_context
from tests.support.factories import NOW

MINUTE = timedelta(minutes=1)


def test_a_counter_grows_until_it_expires_and_then_begins_again(store: Engine) -> None:
    with write_session(store) as session:
        first, later = DatabaseStorage(session, "key", NOW), DatabaseStorage(session, "key", NOW + MINUTE)
        assert (first.get("a"), first.get_expiry("a")) == (0, NOW.timestamp())
        assert [first.incr("a", 60), first.incr("a", 90, amount=3), first.incr("b", 60)] == [1, 4, 1]
        assert (first.get("a"), first.get_expiry("a")) == (4, (NOW + MINUTE).timestamp())
        assert later.get("a") == 0
        assert (later.incr("a", 60), later.get_expiry("a")) == (1, (NOW + 2 * MINUTE).timestamp())
        assert DatabaseStorage(session, "another key", NOW).get("b") == 0


def test_counters_can_be_cleared(store: Engine) -> None:
    with write_session(store) as session:
        storage = DatabaseStorage(session, "key", NOW)
        assert storage.check()
        assert storage.base_exceptions is SQLAlchemyError
        for name in ("a", "b", "c"):
            storage.incr(name, 60)
        storage.clear("a")
        assert (storage.get("a"), storage.get("b")) == (0, 1)
        assert (storage.reset(), storage.get("b")) == (2, 0)


@pytest.mark.parametrize(
    ("client", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("", "unknown"),
        ("/run/socket", "unknown"),
    ],
)
def test_a_household_is_one_client(client: str, network: str) -> None:
    assert client_network(client) == network


def rule(item: RateLimitItemPerHour | RateLimitItemPerMinute, name: str) -> RateLimitRule:
    return RateLimitRule(item, (name,))


def test_all_rules_allow_a_request_or_none_counts_it() -> None:
    limiter = MovingWindowRateLimiter(MemoryStorage())
    common, own = rule(RateLimitItemPerHour(3), "all"), rule(RateLimitItemPerMinute(1), "one")
    now = 1_785_000_000.0
    assert hit(limiter, [common, own], now) == 0
    assert hit(limiter, [common, own], now) > 0
    assert [hit(limiter, [common], now), hit(limiter, [common], now)] == [0, 0], "what was refused is not counted"
    assert check(limiter, [common], now) > 0


def test_the_wait_is_a_second_at_least_and_a_day_at_most(sqlite_store: Engine) -> None:
    item = RateLimitItemPerHour(0)
    with write_session(sqlite_store) as session:
        limiter = FixedWindowRateLimiter(DatabaseStorage(session, "key", NOW))
        now = NOW.timestamp()
        assert check(limiter, [rule(item, "x")], now) == 1
        assert check(limiter, [rule(item, "x")], now - 59.6) == 61
        assert check(limiter, [rule(item, "x")], now + 500) == 1
        assert check(limiter, [rule(item, "x")], now - 10 * MAX_WAIT_SECONDS) == MAX_WAIT_SECONDS


def test_tags_and_dots_make_no_other_mailbox(store: Engine) -> None:
    limiter = RateLimiter(make_context(store), FixedClock(), FormLimits(mailbox=2, domain=4))
    addresses = ["a.da+x@example.org", "ADA+y@example.org", "ada@example.org"]
    assert [limiter.hit_mailbox(address) for address in addresses] == [True, True, False]
    assert limiter.check_domain("bob@example.org") == 0
    assert [limiter.hit_mailbox(f"{name}@example.org") for name in ("bob", "cy", "dee")] == [True, True, False]
    assert limiter.check_domain("bob@example.org") > 0
    assert limiter.check_domain("bob@example.net") == 0


def test_searches_are_limited_by_network_and_together(sqlite_store: Engine) -> None:
    limiter = RateLimiter(make_context(sqlite_store), FixedClock(), FormLimits(search=2, all_searches=3))
    waits = [limiter.hit_search(client) for client in ("192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.3")]
    assert [wait > 0 for wait in waits] == [False, False, True, False, True]
