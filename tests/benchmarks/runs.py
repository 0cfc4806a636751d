"""Rows of a run: subscribers planned, emails sent, each against the way a script would do it."""

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

from digest.cli.demo.server import SampleServer
from digest.config import load_settings
from digest.context import AppContext, create_context
from digest.database import read_session, write_session
from digest.database.models import ClaimedDelivery, Delivery, DeliveryState, Paper, Subscriber
from digest.delivery import send_queued
from digest.jobs.collect import collect_sources
from digest.planning import plan
from digest.rendering import digest_context, load_batch, render_digest
from digest.subscribers import Preferences, add_subscriber, parse_keywords_or_raise
from tests.benchmarks.harness import Result, measure_in_turn
from tests.benchmarks.population import PHRASES
from tests.support.relay import Relay, relay

NOW = datetime(2026, 7, 29, 18, tzinfo=UTC)
SUBSCRIBERS, SAMPLE = 2_000, 40  # the baseline is measured on a sample; its cost grows with their number
EMAILS, EMAILS_SAMPLE = 200, 50


@contextmanager
def sample_context(subscriber_count: int, smtp_port: int = 0) -> Iterator[AppContext]:
    """Yield a context whose store has the sample days and subscribers of five keywords each."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    with tempfile.TemporaryDirectory() as folder, SampleServer(NOW) as host:
        urls = dict.fromkeys(("huggingface_url", "arxiv_feed_url", "arxiv_api_url"), host.url)
        smtp = {"smtp_host": "127.0.0.1", "smtp_port": smtp_port, "smtp_tls": "none", "secret_key": "x" * 32}
        settings = load_settings(database_url=f"sqlite:///{folder}/digest.db", **urls, **(smtp if smtp_port else {}))
        ctx = create_context(settings)
        asyncio.run(collect_sources(ctx, NOW, days=None, on_progress=lambda _text: None))
        for number in range(subscriber_count):
            inputs = parse_keywords_or_raise(sample_keywords(number))
            email = f"reader{number}@example.org"
            add_subscriber(ctx, email, Preferences(cap=10), inputs, NOW, confirmed=True)
        forget_digests(ctx)
        yield ctx
        ctx.engine.dispose()


def sample_keywords(number: int) -> list[str]:
    return [PHRASES[(number * step + step) % len(PHRASES)] for step in (1, 3, 5, 7, 11)]


def forget_digests(ctx: AppContext) -> None:
    """Make every subscriber new again."""
    with write_session(ctx.engine) as session:
        session.execute(delete(Delivery))
        session.execute(update(Subscriber).values(covered_listing_id=0, last_due_day=None))


def subscribers_planned() -> Result:
    """Find who is due, match, rank, cut and queue; against a search for each subscriber, keyword and paper."""
    with sample_context(SUBSCRIBERS) as ctx:

        def plan_all() -> None:
            forget_digests(ctx)
            assert plan(ctx.engine, ctx.sender_domain, NOW).due == SUBSCRIBERS

        with read_session(ctx.engine) as session:
            texts = [(paper.title, paper.abstract) for paper in session.exec(select(Paper)).all()]
        ours, script = measure_in_turn(plan_all, lambda: [match_by_script(texts, number) for number in range(SAMPLE)])
        return Result(measured=SUBSCRIBERS / ours, baseline=SAMPLE / script, unit="subscribers/s", goal=5)


def match_by_script(texts: Sequence[tuple[str, str]], number: int) -> int:
    """Match one subscriber as a script does: an expression a keyword, tried on every paper."""
    matched = 0
    for title, abstract in texts:
        for keyword in sample_keywords(number):
            pattern = rf"\b{re.escape(keyword).replace('-', '[- ]?')}s?\b"
            if re.search(pattern, title, re.IGNORECASE) or re.search(pattern, abstract, re.IGNORECASE):
                matched += 1
                break
    return matched


def emails_sent() -> Result:
    """Claim, render, sign, send and record; against a connection, an EmailMessage and a commit an email."""
    with relay() as server, sample_context(EMAILS, server.port) as ctx:
        plan(ctx.engine, ctx.sender_domain, NOW)

        def send() -> None:
            queue_again(ctx)
            report = asyncio.run(send_queued(ctx, lambda: NOW))
            assert report.sent == EMAILS, report

        ours, script = measure_in_turn(send, lambda: asyncio.run(send_by_script(ctx, server)), repeats=3)
        return Result(measured=EMAILS / ours, baseline=EMAILS_SAMPLE / script, unit="emails/s", goal=1.5)


def queue_again(ctx: AppContext) -> None:
    with write_session(ctx.engine) as session:
        session.execute(update(Delivery).values(state=DeliveryState.QUEUED, owner=None))


async def send_by_script(ctx: AppContext, server: Relay) -> None:
    """Send as a script does: a message object, a connection and a transaction for each email."""
    with read_session(ctx.engine) as session:
        rows = session.exec(select(Delivery).limit(EMAILS_SAMPLE)).all()
    for row in rows:
        with read_session(ctx.engine) as session:
            claimed = ClaimedDelivery.from_delivery(row)
            batch = load_batch(session, [claimed], NOW)
            content = render_digest(digest_context(ctx, batch, claimed))
        message = EmailMessage()
        message["From"], message["To"] = ctx.settings.mail_from, batch.recipients[row.subscriber_id].email
        message["Subject"], message["Message-ID"] = content.subject, row.message_id
        message.set_content(content.text)
        message.add_alternative(content.html, subtype="html")
        await aiosmtplib.send(message, hostname="127.0.0.1", port=server.port, start_tls=False)
        with write_session(ctx.engine) as session:
            session.execute(update(Delivery).where(col(Delivery.id) == row.id).values(state=DeliveryState.SENT))
