"""What else happens while digests are sent: people come and move, and two papers turn out to be one."""

import random
import sqlite3
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from datetime import datetime

from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col, select

from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import Delivery, DeliveryKind, Paper, Subscriber, SubscriberStatus
from digest.errors import DigestError
from digest.identifiers import LinkRelation
from digest.papers import link_papers, store_listings
from digest.sources import ListedPaper
from digest.subscribers import (
    Preferences,
    change_address,
    confirm,
    parse_keywords_or_raise,
    request_address_change,
    subscribe,
)
from digest.tokens import TokenPurpose, delivery_subject
from tests.chaos.answers import PAPERS, TITLE
from tests.support.contexts import sign_token

SHARE = 100  # of so many digests one subscriber comes, and one changes the address; but some at least
LEAST = 4
TWIN = PAPERS  # the part that is one with the first one under another name
GROUPS = ({0, TWIN}, *({part} for part in range(1, PAPERS)))  # parts of which each subscriber gets one e-mail


class OtherEmails:
    """Subscribers who come or move during a run, and a paper that is merged. `former`: old addresses by new ones."""

    def __init__(self, ctx: AppContext, dice: random.Random, emails: int, spoiled: Collection[str]) -> None:
        self._ctx, self._dice = ctx, dice
        many = max(LEAST, emails // SHARE)
        with read_session(ctx.engine) as session:
            known = session.exec(select(Subscriber.email).where(col(Subscriber.email).not_in(spoiled))).all()
        self._moving = dice.sample(list(known), many)
        self._coming = [f"new{number}@example.org" for number in range(many)]
        self.former: dict[str, str] = {}
        self.moved = 0
        self.came = 0
        self.is_merged = False

    def begin(self, now: datetime) -> None:
        """Before planning: list a second row of a paper, let half of the newcomers in, and ask for all changes."""
        twin = ListedPaper(
            source="journal", list_day=now.date(), rank=9, title=f"{TITLE}, part {TWIN}", doi="10.5555/chaos",
            abstract="We tell it again.", url="https://example.org/twin",
        )  # fmt: skip
        with write_session(self._ctx.engine) as session:
            store_listings(session, [twin], now)
        for address in self._coming:
            subscribe(self._ctx, address, Preferences(), parse_keywords_or_raise(["robot"]), now)
        for address in self._coming[::2]:
            self._confirm(address, now)
        for address in self._moving:
            new = f"moved.{address}"
            self.former[new] = address
            request_address_change(self._ctx, sign_token(self._ctx, address, TokenPurpose.PREFERENCES, now), new, now)

    def events(self) -> Iterator[Callable[[datetime], None]]:
        """Yield what happens while e-mails are sent, each with some moment of its own."""
        for address in self._coming[1::2]:
            yield lambda now, address=address: self._confirm(address, now)  # type: ignore[misc]
        for address in self._moving[::2]:
            yield lambda now, address=address: self._move(address, now)  # type: ignore[misc]
        yield self._merge

    def finish(self, now: datetime) -> None:
        """Do what a full disk or a line that was cut has kept from happening, before the next edition."""
        for address in self._coming:
            self._confirm(address, now)
        for address in self._moving:
            self._move(address, now)
        self._merge(now)

    def find_faults(self) -> list[str]:
        """Return what has not happened, in the end."""
        faults = [] if self.is_merged else ["the two rows of a paper were not linked"]
        with read_session(self._ctx.engine) as session:
            status = col(Subscriber.status) == SubscriberStatus.ACTIVE
            came = session.exec(select(Subscriber.email).where(col(Subscriber.email).in_(self._coming), status)).all()
        return faults + ([] if came else ["nobody has come"]) + ([] if self.moved else ["nobody has moved"])

    def _confirm(self, address: str, now: datetime) -> None:
        with suppress(DigestError, SQLAlchemyError, sqlite3.Error):
            token = sign_token(self._ctx, address, TokenPurpose.CONFIRM, now)
            self.came += confirm(self._ctx, token, now).changed

    def _move(self, address: str, now: datetime) -> None:
        with suppress(DigestError, SQLAlchemyError, sqlite3.Error):
            with read_session(self._ctx.engine) as session:
                request = session.exec(
                    select(Delivery).where(
                        Delivery.kind == DeliveryKind.ADDRESS_CHANGE, Delivery.recipient == f"moved.{address}"
                    )
                ).one()
            subject = delivery_subject(int(request.id or 0), request.message_id)
            token = self._ctx.token_signer.sign(TokenPurpose.ADDRESS_CHANGE, subject, request.created_at)
            self.moved += change_address(self._ctx, token, now).changed

    def _merge(self, now: datetime) -> None:
        if self.is_merged:
            return
        with suppress(DigestError, SQLAlchemyError, sqlite3.Error), write_session(self._ctx.engine) as session:
            titles = [f"{TITLE}, part {part}" for part in (0, TWIN)]
            one, other = (
                int(session.exec(select(Paper.id).where(Paper.title == title)).one() or 0) for title in titles
            )
            link_papers(session, one, other, LinkRelation.SAME, now)
            self.is_merged = True
