"""One house with two readers, papers, and letters of many kinds in the inbox; and who looks at its pages."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from digest import desk, planning
from digest.house import AppContext
from digest.mail import inbox
from digest.sending import send_queued
from digest.subscribers import Preferences, TokenPurpose
from digest.web.app import create_app
from digest.web.pace import FormLimits
from tests.browser import AT, Browser
from tests.house import ADA, BOB, Record, arrive, make_context, reader, token

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

    def letters(self) -> list[inbox.StoredMessage]:
        return inbox.list_messages(self.at.mailbox_directory)

    def dump(self, *, counts: bool = True) -> list[str]:
        """The whole store; without `counts`, all but how often forms were sent."""
        with self.at.engine.connect() as connection:
            raw = connection.connection.driver_connection
            assert raw is not None
            return [each for each in raw.iterdump() if counts or not each.startswith('INSERT INTO "allowance"')]


@pytest.fixture
def target(sqlite_store: Engine) -> Target:
    at = make_context(sqlite_store, base_url="http://digest.test")
    desk.subscribe(at, ADA, Preferences(), desk.parse_keywords_or_raise(["robot", "-survey"]), YESTERDAY)
    desk.confirm(at, token(at, ADA, TokenPurpose.CONFIRM, YESTERDAY), YESTERDAY)
    reader(at, BOB, "protein", now=YESTERDAY)
    arrive(at, YESTERDAY, "Robot hands", "Protein folds")
    planning.plan(at, AT)
    desk.subscribe(at, EVE, Preferences(), [], AT)
    asyncio.run(send_queued(at, lambda: AT))
    return Target(
        at, Record(sqlite_store), Browser(create_app(at, clock=lambda: AT, limits=WIDE, min_answer_seconds=0))
    )
