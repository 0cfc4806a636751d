"""E-mails of all kinds, rendered and sent by the service itself to whatever relay it is given.

The store, the subscribers and the papers are made up; planning, rendering, signing and sending are the service's own.
"""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import cached_property
from pathlib import Path

from sqlmodel import select

from digest.cli.setup.relay_test import send_test_email
from digest.context import AppContext, load_dkim_signer
from digest.database import connect, migrate, read_session, write_session
from digest.database.models import Delivery, DeliveryKind, FetchStatus
from digest.jobs.pipeline import deliver, plan
from digest.mail import MessageHeaders, OutgoingMessage, SmtpConnection, build_message
from digest.papers import store_listings
from digest.rendering import render_digest
from digest.sources import ListedPaper
from digest.subscribers import (
    Preferences,
    add_subscriber,
    change_address,
    confirm,
    parse_keywords_or_raise,
    request_address_change,
    send_copy_link,
    subscribe,
    undo_address_change,
    unsubscribe,
)
from digest.tokens import TokenPurpose, delivery_subject
from tests.support.contexts import make_context, sign_token
from tests.support.email_factory import make_context as make_digest_context
from tests.support.factories import source_fetch
from tests.support.profiles import set_profile

SENDER = "Paper Digest <digest@example.org>"
RECIPIENTS = "readers.example"  # the domain of all recipients
# The first n papers match the keyword, so that its subscriber gets n.
KEYWORDS = {"quantum walk": 1, "hallucination": 6, "post-training": 25, "language model": 200}
PAPER_COUNT, DAYS = 200, 10  # papers, and days on which they are listed
LATE_KEYWORD, LATE_DAYS = "gradient noise", 7  # all papers of this keyword were listed so many days ago, or more
CLOSE = "close"  # the subscriber who has a profile of these words, beside a keyword
CLOSE_WORDS = {"hallucination": 1.0, "language model": 0.7, "training": 0.5}
MANY_KEYWORDS = [f"keyword {n}" for n in range(1, 41)]


@dataclass(frozen=True)
class ReceivedEmail:
    """E-mail as it arrived. `name` tells which, like digest-25; so does the mailbox that it is addressed to."""

    raw: bytes = field(repr=False)

    @cached_property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.raw, policy=policy.default)

    @property
    def name(self) -> str:
        kind = str(self.message["Feedback-ID"] or "").partition(":")[0]
        mailbox = str(self.message["X-Sample"] or self.message["To"]).partition("@")[0]
        if kind == "already" and self.subject.endswith(", online"):
            return "copy-link"
        return mailbox if kind in {"", "digest"} else kind

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    def part(self, subtype: str) -> str:
        body = self.message.get_body((subtype,))
        return str(body.get_content()) if body else ""

    @property
    def html(self) -> str:
        return self.part("html")


def make_paper(number: int, day: date) -> ListedPaper:
    """Return a made-up paper; low numbers match the most keywords."""
    keywords = [keyword for keyword, count in KEYWORDS.items() if number < count]
    keywords += [LATE_KEYWORD] if number % DAYS >= LATE_DAYS and number < PAPER_COUNT // 4 else []
    suffix = ("", " für Übersetzung", " & <tags> “quoted”", " 强化学习", " — θ ≤ β²", " العربية")[number % 6]
    authors = tuple(f"{first} {last}" for first in ("Ada", "Kurt", "Émilie", "李") for last in ("Byron", "Gödel", "Ng"))
    return ListedPaper(
        source="huggingface",
        list_day=day,
        rank=number,
        title=f"{keywords[0].title()} Number {number + 1}{suffix}: A Closer Look at How Models Learn",
        abstract=f"We study {', '.join(keywords)} with care. Earlier work leaves open whether it helps. "
        f"Our results on {keywords[-1]}s show a gain of {number % 17 + 1} % over the best baseline, at half its cost. "
        "Code and data are public.",
        authors=authors[: number % 12 + 1],
        categories=("cs.CL",),
        arxiv_id=f"2607.{number + 1:05}",
        url=f"https://arxiv.org/abs/2607.{number + 1:05}",
        pdf_url=f"https://arxiv.org/pdf/2607.{number + 1:05}",
        discussion_url=f"https://huggingface.co/papers/2607.{number + 1:05}",
        code_url=f"https://github.com/example/paper-{number}" if number % 2 == 0 else None,
        code_stars=1234 if number % 4 == 0 else None,
        project_url=f"https://paper-{number}.example.org/" if number % 3 == 0 else None,
        thumbnail_url=f"https://cdn-thumbnails.huggingface.co/{number}.png" if number % 2 else None,
        upvotes=300 - number,
        comments=number % 9,
        organization="Example University" if number % 2 else None,
        published_on=day - timedelta(days=1),
        ai_summary="A short look at how models learn." if number % 5 == 0 else None,
    )


def digest_subscribers() -> dict[str, tuple[Preferences, list[str]]]:
    """Return preferences and keywords by name. Digests have at least one paper, so each must match one."""
    subscribers: dict[str, tuple[Preferences, list[str]]] = {
        f"digest-{count}": (Preferences(cap=100), [keyword]) for keyword, count in KEYWORDS.items()
    }
    weekly = Preferences(frequency="weekly", cap=50, timezone="Europe/Berlin")
    subscribers["weekly"] = (weekly, [*KEYWORDS, *MANY_KEYWORDS])
    subscribers["catch-up"] = (Preferences(frequency="weekdays", timezone="Asia/Tokyo"), [LATE_KEYWORD])
    subscribers["summaries"] = (Preferences(summaries=True, trending=True), ["hallucination"])
    subscribers["pictures"] = (Preferences(thumbnails=True), ["hallucination"])
    subscribers["trending"] = (Preferences(cap=10), [])
    subscribers[CLOSE] = (Preferences(), ["quantum walk"])
    return subscribers


def send_all_kinds(ctx: AppContext) -> int:
    """Have the service send every kind of e-mail; return how many there are."""
    return asyncio.run(_send(ctx, datetime.now(UTC)))


async def _send(ctx: AppContext, now: datetime) -> int:
    long_ago = now - timedelta(days=30)
    for name, (preferences, keywords) in digest_subscribers().items():
        confirmed = parse_keywords_or_raise(keywords)
        add_subscriber(ctx, f"{name}@{RECIPIENTS}", preferences, confirmed, long_ago, confirmed=True)
    with write_session(ctx.engine) as session:
        # Over some days, so that a weekly digest has days to group by, and a daily one papers that come late.
        days = [now.date() - timedelta(days=number % DAYS) for number in range(PAPER_COUNT)]
        store_listings(session, [make_paper(number, day) for number, day in enumerate(days)], now)
        # A source that did not answer: digests have a line about it.
        session.add(source_fetch(source="arxiv", list_day=days[1], started_at=now, status=FetchStatus.FAILED))
    set_profile(ctx, f"{CLOSE}@{RECIPIENTS}", CLOSE_WORDS)
    await plan(ctx, now)
    sent = (await deliver(ctx, lambda: now)).sent
    with read_session(ctx.engine) as session:
        digest_id = session.exec(select(Delivery.id).where(Delivery.kind == DeliveryKind.DIGEST)).first()
    send_copy_link(ctx, "operator", int(digest_id or 0), now)
    sent += (await deliver(ctx, lambda: now)).sent
    ada = f"ada@{RECIPIENTS}"
    preferences, keyword_inputs = Preferences(), parse_keywords_or_raise(["origami", "graph*", "-survey"])
    subscribe(ctx, ada, preferences, keyword_inputs, now)
    sent += (await deliver(ctx, lambda: now)).sent
    first = f"first@{RECIPIENTS}"
    subscribe(ctx, first, preferences, parse_keywords_or_raise(["hallucination", "graph*", "-survey"]), now)
    for email in (ada, first):
        confirm(ctx, sign_token(ctx, email, TokenPurpose.CONFIRM, now), now)
    await plan(ctx, now)
    subscribe(ctx, ada, preferences, keyword_inputs, now)
    sent += (await deliver(ctx, lambda: now)).sent
    other = f"ada-new@{RECIPIENTS}"
    request_address_change(ctx, sign_token(ctx, ada, TokenPurpose.PREFERENCES, now), other, now)
    sent += (await deliver(ctx, lambda: now)).sent
    change_address(ctx, address_token(ctx, TokenPurpose.ADDRESS_CHANGE, DeliveryKind.ADDRESS_CHANGE), now)
    sent += (await deliver(ctx, lambda: now)).sent
    undo_address_change(ctx, address_token(ctx, TokenPurpose.ADDRESS_UNDO, DeliveryKind.ADDRESS_CHANGED), now)
    sent += (await deliver(ctx, lambda: now)).sent
    unsubscribe(ctx, sign_token(ctx, ada, TokenPurpose.UNSUBSCRIBE, now), now)
    sent += (await deliver(ctx, lambda: now)).sent
    await send_empty_digest(ctx, now)
    await send_test_email(ctx.settings, f"relay-test@{RECIPIENTS}")
    return sent + 2


def address_token(ctx: AppContext, purpose: TokenPurpose, kind: DeliveryKind) -> str:
    """Return the token in the e-mail of a kind about a change of address."""
    with read_session(ctx.engine) as session:
        row = session.exec(select(Delivery).where(Delivery.kind == kind)).one()
        return ctx.token_signer.sign(purpose, delivery_subject(int(row.id or 0), row.message_id), row.created_at)


async def send_empty_digest(ctx: AppContext, now: datetime) -> None:
    """Send the one e-mail that the service never sends: a digest without a paper."""
    content = render_digest(replace(make_digest_context(keywords=("quantum walk",)), papers=()))
    headers = MessageHeaders(
        from_=SENDER,
        to=f"digest-0@{RECIPIENTS}",
        message_id="empty@example.org",
        date=now,
        list_id="digest.example.org",
        unsubscribe_url="https://digest.example.org/unsubscribe/u1",
        feedback="digest:example.org",
    )

    async def allowed() -> bool:
        return True

    async with SmtpConnection(ctx.relay_config()) as connection:
        await connection.send(
            OutgoingMessage(ctx.sender_address, headers.to, ctx.sign(build_message(content, headers))), allowed
        )


@contextmanager
def running_service(port: int, key: Path) -> Iterator[AppContext]:
    """Create the service with its own store, a DKIM key, and a relay on loopback."""
    with tempfile.TemporaryDirectory(prefix="check-mail-") as folder:
        engine = connect(f"sqlite:///{folder}/digest.db")
        migrate(engine)
        ctx = make_context(
            engine,
            smtp_host="127.0.0.1",
            smtp_port=port,
            smtp_tls="none",
            mail_from=SENDER,
            bounce_address="bounces@example.org",
            base_url="https://digest.example.org",
            postal_address="Paper Digest, 1 Example Street, 10115 Berlin",
            dkim_key=str(key),
            dkim_selector="check",
        )
        yield replace(ctx, dkim_signer=load_dkim_signer(ctx.settings))
        engine.dispose()
