"""One house with two readers, papers, and letters of many kinds in the inbox; and who looks at its pages."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from digest.context import AppContext
from digest.delivery import send_queued
from digest.mail import StoredMessage, list_messages
from digest.planning import plan
from digest.subscribers import Preferences, confirm, parse_keywords_or_raise, subscribe
from digest.tokens import TokenPurpose
from digest.web import create_app
from digest.web.rate_limit import FormLimits
from tests.support.browser import AT, Browser
from tests.support.contexts import ADA, BOB, Record, arrive, make_context, reader, token

WIDE = FormLimits(subscribe=10_000, other=10_000, search=10_000, mailbox=10_000)
YESTERDAY = AT - timedelta(days=1)
EVE = "eve@example.org"


@dataclass(frozen=True)
class Target:
    """What is attacked: Ada and Bob are readers with a letter each, Eve was asked and has not answered."""

    at: AppContext
    record: Record
    browser: Browser

    def token(self, purpose: TokenPurpose, email: str = ADA) -> str:
        return token(self.at, email, purpose, AT)

    def letters(self) -> list[StoredMessage]:
        return list_messages(self.at.mailbox_directory)

    def dump(self, *, counts: bool = True) -> list[str]:
        """The whole store; without `counts`, all but how often forms were sent."""
        with self.at.engine.connect() as connection:
            raw = connection.connection.driver_connection
            assert raw is not None
            return [each for each in raw.iterdump() if counts or not each.startswith('INSERT INTO "allowance"')]


@pytest.fixture
def target(sqlite_store: Engine) -> Target:
    at = make_context(sqlite_store, base_url="http://digest.test")
    subscribe(at, ADA, Preferences(), parse_keywords_or_raise(["robot", "-survey"]), YESTERDAY)
    confirm(at, token(at, ADA, TokenPurpose.CONFIRM, YESTERDAY), YESTERDAY)
    reader(at, BOB, "protein", now=YESTERDAY)
    arrive(at, YESTERDAY, "Robot hands", "Protein folds")
    plan(at.engine, at.sender_domain, AT)
    subscribe(at, EVE, Preferences(), [], AT)
    asyncio.run(send_queued(at, lambda: AT))
    return Target(
        at, Record(sqlite_store), Browser(create_app(at, clock=lambda: AT, limits=WIDE, min_answer_seconds=0))
    )
