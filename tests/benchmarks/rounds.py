"""Rows of a delivery round: readers planned, letters sent, each against the way a script would do it."""

import asyncio
import re
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from email.message import EmailMessage

import aiosmtplib
import structlog
from sqlalchemy import delete, update
from sqlmodel import col, select

from digest.cli.demo_server import SampleServer
from digest.config import load_settings
from digest.context import AppContext, create_context
from digest.database import read_session, write_session
from digest.database.models import ClaimedDelivery, Delivery, DeliveryState, Paper, Subscriber
from digest.delivery import send_queued
from digest.jobs.collect import collect_sources
from digest.planning import plan
from digest.rendering import digest_context, load_batch, render_digest
from digest.subscribers import Preferences, add_subscriber, parse_keywords
from tests.benchmarks.harness import Result, alternating
from tests.support.relay import Relay, relay

NOW = datetime(2026, 7, 29, 18, tzinfo=UTC)
READERS, SAMPLE = 2_000, 40  # the naive way is measured on a sample of readers; its cost grows with their number
LETTERS, LETTERS_SAMPLE = 200, 50
WORDS = (
    *("retrieval-augmented generation", "diffusion model", "large language model", "reinforcement learning", "protein"),
    *("speech", "robot", "graph neural network", "time series", "benchmark", "vision language model", "fine tuning"),
    *("privacy", "translation", "3D reconstruction", "weather forecasting", "music", "code generation", "agent"),
)


@contextmanager
def make_context(readers: int, smtp_port: int = 0) -> Iterator[AppContext]:
    """A store with the sample days and some readers of five keywords each."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    with tempfile.TemporaryDirectory() as folder, SampleServer(NOW) as host:
        urls = dict.fromkeys(("huggingface_url", "arxiv_feed_url", "arxiv_api_url"), host.url)
        relayed = {"smtp_host": "127.0.0.1", "smtp_port": smtp_port, "smtp_tls": "none", "secret_key": "x" * 32}
        built = create_context(
            load_settings(database_url=f"sqlite:///{folder}/digest.db", **urls, **(relayed if smtp_port else {}))
        )
        asyncio.run(collect_sources(built, NOW, days=None, on_progress=lambda _said: None))
        for number in range(readers):
            chosen = [WORDS[(number * step + step) % len(WORDS)] for step in (1, 3, 5, 7, 11)]
            saved, _ = parse_keywords(chosen)
            add_subscriber(built, f"reader{number}@example.org", Preferences(cap=10), saved, NOW, confirmed=True)
        forget(built)
        yield built
        built.engine.dispose()


def forget(built: AppContext) -> None:
    """Make every reader new again."""
    with write_session(built.engine) as session:
        session.execute(delete(Delivery))
        session.execute(update(Subscriber).values(covered_listing_id=0, last_due_day=None))


def readers_planned() -> Result:
    """Who is due, what matches, ranked, cut, queued; against a search a reader, a keyword and a paper."""
    with make_context(READERS) as built:

        def ours() -> None:
            forget(built)
            assert plan(built.engine, built.sender_domain, NOW).due == READERS

        with read_session(built.engine) as session:
            texts = [(paper.title, paper.abstract) for paper in session.exec(select(Paper)).all()]
        taken, naive = alternating(ours, lambda: [search(texts, number) for number in range(SAMPLE)])
        return Result(measured=READERS / taken, baseline=SAMPLE / naive, unit="readers/s", goal=5)


def search(texts: Sequence[tuple[str, str]], number: int) -> int:
    """How a script matches one reader: an expression a keyword, tried on every paper."""
    chosen = [WORDS[(number * step + step) % len(WORDS)] for step in (1, 3, 5, 7, 11)]
    found = 0
    for title, abstract in texts:
        for word in chosen:
            pattern = rf"\b{re.escape(word).replace('-', '[- ]?')}s?\b"
            if re.search(pattern, title, re.IGNORECASE) or re.search(pattern, abstract, re.IGNORECASE):
                found += 1
                break
    return found


def letters_sent() -> Result:
    """Claim, write, encode, fence, send, settle; against a connection, an EmailMessage and a commit a letter."""
    with relay() as outgoing, make_context(LETTERS, outgoing.port) as built:
        plan(built.engine, built.sender_domain, NOW)

        def ours() -> None:
            queue_again(built)
            sent = asyncio.run(send_queued(built, lambda: NOW))
            assert sent.sent == LETTERS, sent

        taken, naive = alternating(ours, lambda: asyncio.run(by_hand(built, outgoing)), repeats=3)
        return Result(measured=LETTERS / taken, baseline=LETTERS_SAMPLE / naive, unit="letters/s", goal=1.5)


def queue_again(built: AppContext) -> None:
    with write_session(built.engine) as session:
        session.execute(update(Delivery).values(state=DeliveryState.QUEUED, owner=None))


async def by_hand(built: AppContext, outgoing: Relay) -> None:
    """How a script sends: each letter a message object, a connection and a transaction of its own."""
    with read_session(built.engine) as session:
        rows = session.exec(select(Delivery).limit(LETTERS_SAMPLE)).all()
    for row in rows:
        with read_session(built.engine) as session:
            one = ClaimedDelivery.from_delivery(row)
            table = load_batch(session, [one], NOW)
            letter = render_digest(digest_context(built, table, one, table.subscribers[row.subscriber_id]))
        message = EmailMessage()
        message["From"], message["To"] = built.settings.mail_from, table.subscribers[row.subscriber_id].email
        message["Subject"], message["Message-ID"] = letter.subject, row.message_id
        message.set_content(letter.text)
        message.add_alternative(letter.html, subtype="html")
        await aiosmtplib.send(message, hostname="127.0.0.1", port=outgoing.port, start_tls=False)
        with write_session(built.engine) as session:
            session.execute(update(Delivery).where(col(Delivery.id) == row.id).values(state=DeliveryState.SENT))
