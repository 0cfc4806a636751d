"""One service with subscribers, papers and messages of many kinds in its mailbox, and a browser at its pages."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from digest.context import AppContext
from digest.database.models import DeliveryKind
from digest.delivery import send_queued
from digest.mail import StoredMessage, list_messages
from digest.planning import plan
from digest.subscribers import Preferences, confirm, parse_keywords_or_raise, subscribe
from digest.tokens import TokenPurpose
from digest.web import create_app
from digest.web.rate_limit import FormLimits
from tests.support.browser import TEST_TIME, Browser
from tests.support.contexts import (
    ADA,
    BOB,
    StoreView,
    add_active_subscriber,
    make_context,
    sign_digest_token,
    sign_mark,
    sign_token,
    store_papers,
)

UNLIMITED = FormLimits(subscribe=10_000, other=10_000, token=10_000, search=10_000, mailbox=10_000)
YESTERDAY = TEST_TIME - timedelta(days=1)
EVE = "eve@example.org"


@dataclass(frozen=True)
class Target:
    """Service under attack: Ada and Bob are subscribers with a digest each, Eve has not confirmed."""

    ctx: AppContext
    record: StoreView
    browser: Browser

    def token(self, purpose: TokenPurpose, email: str = ADA) -> str:
        """Return a token for a subscriber, the first paper or the first digest to them."""
        if purpose is TokenPurpose.MARK:
            return sign_mark(self.ctx, email, 1, "saved", TEST_TIME)
        if purpose is TokenPurpose.MARKS:
            digest = next(sent for sent in self.record.deliveries(email) if sent.kind == DeliveryKind.DIGEST)
            return sign_digest_token(self.ctx, digest, purpose)
        return sign_token(self.ctx, email, purpose, TEST_TIME)

    def messages(self) -> list[StoredMessage]:
        return list_messages(self.ctx.mailbox_directory)

    def dump(self, *, counters: bool = True) -> list[str]:
        """Return the whole store; without `counters`, all but how often forms were sent."""
        with self.ctx.engine.connect() as connection:
            raw = connection.connection.driver_connection
            assert raw is not None
            counter = 'INSERT INTO "rate_limit_counter"'
            return [statement for statement in raw.iterdump() if counters or not statement.startswith(counter)]


@pytest.fixture
def target(sqlite_store: Engine) -> Target:
    ctx = make_context(sqlite_store, base_url="http://digest.test")
    subscribe(ctx, ADA, Preferences(), parse_keywords_or_raise(["robot", "-survey"]), YESTERDAY)
    confirm(ctx, sign_token(ctx, ADA, TokenPurpose.CONFIRM, YESTERDAY), YESTERDAY)
    add_active_subscriber(ctx, BOB, "protein", now=YESTERDAY)
    store_papers(ctx, YESTERDAY, "Robot hands", "Protein folds")
    plan(ctx.engine, ctx.sender_domain, TEST_TIME)
    subscribe(ctx, EVE, Preferences(), [], TEST_TIME)
    asyncio.run(send_queued(ctx, lambda: TEST_TIME))
    app = create_app(ctx, clock=lambda: TEST_TIME, limits=UNLIMITED, min_answer_seconds=0)
    return Target(ctx, StoreView(sqlite_store), Browser(app))
