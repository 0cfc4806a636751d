"""Papers that are listed under four names in any order: nobody has one twice once it is linked, and nobody lacks one.

Names are joined by entries with two of them, by titles, and by what sources say; some titles are of two papers, which
is found out and undone three days later. Writes are broken off and made again. Digests are planned and sent each day,
some a day late.
"""

import random
from collections import defaultdict
from contextlib import suppress
from datetime import UTC, date, datetime

import pytest
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import (
    ClaimedDelivery,
    Delivery,
    DeliveryState,
    Paper,
    PaperIdentifier,
    PaperRelation,
    Subscriber,
)
from digest.identifiers import Identifier, LinkRelation, LinkRule, StatedLink
from digest.papers import store_listings, unlink_papers
from digest.planning import plan
from digest.rendering import load_batch
from digest.sources import ListedPaper
from tests.support.contexts import DAY, add_active_subscriber, make_context

NOW = datetime(2026, 7, 6, 8, tzinfo=UTC)
STEMS, ENDS = ("alum", "berk", "curk", "dumn", "ennd"), ("an", "el", "ox", "ur")
TOPICS = tuple(f"{stem}{end}ium" for stem in STEMS for end in ENDS)
LISTINGS_PER_PAPER = 5
OTHER_TITLES = 0.2  # of the entries give another title, so that only names can join them
FOUND_AFTER = 3 * DAY  # that two papers were taken for one


class Interrupted(Exception):
    """What ends a transaction before it is done."""


class ListedWorld:
    """Papers as they really are, what lists them, and who gets them."""

    def __init__(self, ctx: AppContext, seed: int, papers: int, subscribers: int, days: int) -> None:
        false_titles = papers // 12  # papers that have the title and first author of another one
        self.ctx, self.dice, self.days = ctx, random.Random(seed), days
        topics = TOPICS[: max(8, papers // 100)]  # so that no digest has more papers than fit
        self.topic = {number: self.dice.choice(topics) for number in range(papers)}
        self.twin = {number: number - 1 for number in range(1, 2 * false_titles, 2)}
        for number, other in self.twin.items():
            self.topic[number] = self.topic[other]
        self.wanted = {f"{n}@example.org": set(self.dice.sample(topics, 2)) for n in range(subscribers)}
        self.had: dict[int, dict[int, list[int]]] = defaultdict(dict)  # rows by delivery, by subscriber
        self.omitted: dict[int, set[int]] = defaultdict(set)  # rows that were named as too many, by subscriber
        self.doubled: list[str] = []
        self.undone = 0
        self._links_at: dict[int, datetime] = {}
        self._versions: dict[int, dict[int, int]] = {}  # linked rows as they were when a delivery was planned

    def names(self, number: int) -> list[Identifier]:
        """Return the names of a paper: of a false twin those that contradict nothing of the other one."""
        if number in self.twin.values():
            return [Identifier("openreview", f"o{number}")]
        if number in self.twin:
            return [Identifier("doi", f"10.5555/{number}")]
        preprint, article = Identifier("arxiv", f"2607.{number:05}"), Identifier("doi", f"10.5555/{number}")
        return [preprint, article, Identifier("pmid", str(number + 1)), Identifier("openreview", f"o{number}")]

    def listing(self, number: int, day: date) -> ListedPaper:
        """Return an entry with one or two of a paper's names; arXiv says as what its preprint was published."""
        names = self.names(number)
        own = self.dice.sample(names, min(len(names), self.dice.choice((1, 1, 2))))
        if {"arxiv", "doi"} <= {name.scheme for name in own}:
            own = own[:1]
        links: tuple[StatedLink, ...] = ()
        if own[0].scheme == "arxiv" and self.dice.random() < 0.5:
            links = (StatedLink(LinkRelation.PUBLISHED, Identifier("doi", f"10.5555/{number}")),)
        topic, titled = self.topic[number], self.twin.get(number, number)
        is_retitled = len(names) > 1 and self.dice.random() < OTHER_TITLES
        title = f"What {topic} does in the cell number {titled} of mice" + ", as it is now called" * is_retitled
        return ListedPaper(
            source=own[0].scheme, list_day=day, rank=1, title=title,
            abstract=f"We tell it of {topic}.", authors=("Ada Byron",), identifiers=tuple(own), links=links,
            kind="new", url="https://example.org", published_on=date(2026, 7, 1),
        )  # fmt: skip

    def run(self) -> None:
        """List all in any order over some days, and plan and send every day."""
        for email, topics in self.wanted.items():
            add_active_subscriber(self.ctx, email, *sorted(topics), now=NOW - DAY, send_hour=6, cap=100)
        with read_session(self.ctx.engine) as session:
            self.emails = {int(row.id or 0): row.email for row in session.exec(select(Subscriber))}
        shuffled = [number for number in self.topic for _ in range(LISTINGS_PER_PAPER)]
        self.dice.shuffle(shuffled)
        share = -(-len(shuffled) // self.days)
        for number in range(self.days + 1):
            now = NOW + number * DAY
            self._list(shuffled[number * share : (number + 1) * share], now)
            self._undo_false_titles(now)
            self._plan(now)
            self._send(now)
        self._undo_false_titles(now + FOUND_AFTER)
        for later in (1, 2):
            self._plan(now + later * DAY)
            self._send(now + later * DAY, all_of_them=True)

    def _list(self, numbers: list[int], now: datetime) -> None:
        while numbers:
            size = self.dice.randint(1, 400)
            batch, numbers = [self.listing(number, now.date()) for number in numbers[:size]], numbers[size:]
            with suppress(Interrupted), write_session(self.ctx.engine) as session:
                store_listings(session, batch, now)
                raise Interrupted
            with write_session(self.ctx.engine) as session:
                store_listings(session, batch, now)

    def _undo_false_titles(self, now: datetime) -> None:
        with read_session(self.ctx.engine) as session:
            links = session.exec(
                select(PaperRelation).where(
                    PaperRelation.rule == LinkRule.TITLE, col(PaperRelation.undone_at).is_(None)
                )
            ).all()
        owners = self._owners()
        for link in links:
            if owners[link.paper_id] == owners[int(link.other_id or 0)]:
                continue
            if now - self._links_at.setdefault(int(link.id or 0), now) >= FOUND_AFTER:
                with write_session(self.ctx.engine) as session:
                    unlink_papers(session, int(link.id or 0), now)
                self.undone += 1

    def _owners(self) -> dict[int, int]:
        """Return which paper each row is of, by its names."""
        numbers = {name: number for number in self.topic for name in self.names(number)}
        with read_session(self.ctx.engine) as session:
            rows = session.exec(select(PaperIdentifier)).all()
        return {row.paper_id: numbers[Identifier(row.scheme, row.value)] for row in rows}

    def _plan(self, now: datetime) -> None:
        def interrupt(*_: object) -> None:
            raise Interrupted

        with suppress(Interrupted):
            plan(self.ctx.engine, self.ctx.sender_domain, now, chunk_size=7, on_chunk=interrupt)
        plan(self.ctx.engine, self.ctx.sender_domain, now)
        with read_session(self.ctx.engine) as session:
            planned = session.exec(select(Delivery.id)).all()
            linked = self._linked_rows(session, versions=True)
        for number in planned:
            self._versions.setdefault(int(number or 0), linked)

    def _send(self, now: datetime, *, all_of_them: bool = False) -> None:
        """Send what is queued, most of it today, as a sender does but for the relay."""
        with write_session(self.ctx.engine) as session:
            queued = session.exec(
                select(Delivery).where(Delivery.state == DeliveryState.QUEUED).order_by(col(Delivery.id))
            ).all()
            chosen = [row for row in queued if all_of_them or self.dice.random() < 0.8]
            claimed = [ClaimedDelivery.from_delivery(row) for row in chosen]
            empty = load_batch(session, claimed, now).empty
            linked = self._linked_rows(session, versions=False)
            for row, delivery in zip(chosen, claimed, strict=True):
                row.state = DeliveryState.CANCELLED if delivery.id in empty else DeliveryState.SENT
                if delivery.id not in empty:
                    self._note(row.subscriber_id, delivery.id, delivery.papers, linked)
                    self.omitted[row.subscriber_id].update(delivery.omitted_papers)

    def _linked_rows(self, session: Session, *, versions: bool) -> dict[int, int]:
        """Return by row the one that stands for it; with `versions` one for all versions of a paper."""
        rows = session.exec(select(col(Paper.id), col(Paper.merged_into))).all()
        first = {int(number or 0): int(standing or number or 0) for number, standing in rows}
        pairs: list[tuple[int, int]] = []
        if versions:
            published = select(PaperRelation).where(
                PaperRelation.relation == LinkRelation.PUBLISHED,
                col(PaperRelation.undone_at).is_(None),
                col(PaperRelation.other_id).is_not(None),
            )
            pairs = [(link.paper_id, int(link.other_id or 0)) for link in session.exec(published)]
        for one, other in pairs:
            former, standing = first[one], first[other]
            first = {row: standing if number == former else number for row, number in first.items()}
        return first

    def _note(self, subscriber_id: int, delivery_id: int, papers: list[int], linked: dict[int, int]) -> None:
        """Note what a delivery has: no row that was one with an earlier one, and no version that was known for one."""
        former = [row for rows in self.had[subscriber_id].values() for row in rows]
        for known in (linked, self._versions[delivery_id]):
            before = {known.get(row, row) for row in former}
            self.doubled += [
                f"{self.emails[subscriber_id]} got row {row} again, in delivery {delivery_id}"
                for row in papers
                if known.get(row, row) in before
            ]
        self.had[subscriber_id][delivery_id] = list(papers)

    def lost(self) -> list[str]:
        """Return who never got a paper that their keywords find."""
        owners = self._owners()
        got = {
            self.emails[number]: {owners[row] for rows in (*deliveries.values(), self.omitted[number]) for row in rows}
            for number, deliveries in self.had.items()
        }
        return [
            f"{email} never got paper {number}"
            for email, topics in self.wanted.items()
            for number, topic in self.topic.items()
            if topic in topics and number not in got.get(email, ())
        ]


@pytest.mark.parametrize(
    ("papers", "subscribers", "days"),
    [(60, 12, 5), pytest.param(2000, 150, 10, marks=pytest.mark.long)],
    ids=["300 listings", "10,000 listings"],
)
def test_no_linked_paper_comes_twice_and_none_is_lost(store: Engine, papers: int, subscribers: int, days: int) -> None:
    world = ListedWorld(make_context(store), 7, papers, subscribers, days)
    world.run()
    assert world.doubled == []
    assert world.lost() == []
    assert world.undone >= len(world.twin) > 0
