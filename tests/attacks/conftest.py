"""One house with two readers, papers, and letters of many kinds in the inbox; and who looks at its pages."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import pytest
from sqlalchemy import Engine

from digest import desk, planning
from digest.house import House
from digest.mail import inbox
from digest.sending import send_all
from digest.subscribers import Purpose, Wish
from digest.web.app import create
from digest.web.pace import Pace
from tests.browser import AT, Browser
from tests.house import ADA, BOB, Record, arrive, house, reader, token

WIDE = Pace(subscribe=10_000, other=10_000, search=10_000, mailbox=10_000)
YESTERDAY = AT - timedelta(days=1)
EVE = "eve@example.org"


@dataclass(frozen=True)
class Target:
    """What is attacked: Ada and Bob are readers with a letter each, Eve was asked and has not answered."""

    at: House
    record: Record
    browser: Browser

    def token(self, purpose: Purpose, email: str = ADA) -> str:
        return token(self.at, email, purpose, AT)

    def letters(self) -> list[inbox.Kept]:
        return inbox.kept(self.at.inbox)

    def dump(self, *, counts: bool = True) -> list[str]:
        """The whole store; without `counts`, all but how often forms were sent."""
        with self.at.engine.connect() as connection:
            raw = connection.connection.driver_connection
            assert raw is not None
            return [each for each in raw.iterdump() if counts or not each.startswith('INSERT INTO "allowance"')]


@pytest.fixture
def target(sqlite_store: Engine) -> Target:
    at = house(sqlite_store, base_url="http://digest.test")
    desk.subscribe(at, ADA, Wish(), desk.understood(["robot", "-survey"]), YESTERDAY)
    desk.confirm(at, token(at, ADA, Purpose.CONFIRM, YESTERDAY), YESTERDAY)
    reader(at, BOB, "protein", now=YESTERDAY)
    arrive(at, YESTERDAY, "Robot hands", "Protein folds")
    planning.plan(at, AT)
    desk.subscribe(at, EVE, Wish(), [], AT)
    asyncio.run(send_all(at, lambda: AT))
    return Target(at, Record(sqlite_store), Browser(create(at, clock=lambda: AT, pace=WIDE, answer_takes=0)))
