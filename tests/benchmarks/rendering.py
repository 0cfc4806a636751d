"""Row of rendering: emails explained, joined, encoded and headed; against templates and a message object for each.

Papers and keywords are real ones where they lie beside the checkout, else made up. How popular a keyword is goes by
Zipf's law in random order; those of more than one paper in twenty are left out, as the pages advise. Each digest has
ten papers: those that match best, then trending ones.
"""

import gc
import gzip
import json
import random
import resource
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from email.message import EmailMessage
from email.policy import SMTP
from functools import cache, partial
from itertools import islice
from pathlib import Path

from rich.console import Console
from sqlalchemy import create_engine

from digest.context import AppContext
from digest.database.models import ClaimedDelivery, DeliveryKind, Paper, Subscriber
from digest.errors import QueryError
from digest.mail import MessageHeaders, build_message
from digest.matching import Matcher, PaperDocument, parse, parse_canonical
from digest.matching.phrases.index import split_words_cached
from digest.papers import PaperSnapshot
from digest.rendering import (
    BatchData,
    DigestContext,
    Recipient,
    RenderCache,
    SubscriberKeyword,
    digest_context,
    highlight_matches,
    match_batch,
    prepare_email,
    render_digest,
)
from tests.benchmarks.harness import Result, measure_in_turn
from tests.support.contexts import make_context
from tests.support.slow_rendering import render_slowly

NOW = datetime(2026, 7, 29, 18, tzinfo=UTC)
DATA = Path(__file__).parents[2] / "../shared/data"
SUBSCRIBERS, PAPERS, KEYWORDS = 10_000, 600, 3_000  # the papers are those of a day
KEYWORDS_EACH, PAPERS_EACH = 8, 10
BATCH = 100  # as the sender claims them
SCRIPT_EMAILS = 200  # emails of the other way, whose cost an email is always the same
BROAD = 0.05
HEADERS = MessageHeaders(
    from_="Paper Digest <digest@example.org>",
    to="reader@example.org",
    message_id="1@example.org",
    date=NOW,
    list_id="digest.example.org",
    unsubscribe_url=f"https://digest.example.org/unsubscribe/{'u' * 80}",
)
SYLLABLES = ("ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe", "ri", "so", "tu", "va", "we")


@dataclass(frozen=True, slots=True)
class Audience:
    """Subscribers with their keywords, and a digest for each."""

    papers: Mapping[int, Paper]
    subscribers: Mapping[int, Subscriber]
    keywords: Mapping[int, Sequence[SubscriberKeyword]]
    deliveries: Sequence[ClaimedDelivery]
    canonical: Sequence[str]

    def batches(self, render_cache: RenderCache) -> Iterator[tuple[BatchData, Sequence[ClaimedDelivery]]]:
        """Yield, batch by batch, what the sender would have loaded and matched."""
        snapshots = {number: PaperSnapshot.from_row(row, NOW.date()) for number, row in self.papers.items()}
        recipients = {
            number: Recipient(*(getattr(subscriber, name) for name in Recipient._fields))
            for number, subscriber in self.subscribers.items()
        }
        for start in range(0, len(self.deliveries), BATCH):
            deliveries = self.deliveries[start : start + BATCH]
            # As `load_batch` does: with a first batch of many new keywords comes what later emails will need.
            wanted = {number for delivery in deliveries for number in delivery.papers} if start else set(snapshots)
            batch = BatchData(
                recipients=recipients,
                keywords=self.keywords,
                canonical_keywords={},
                papers={number: snapshots[number] for number in wanted},
                cache=render_cache,
            )
            match_batch(batch, deliveries, self.canonical if start == 0 else ())
            yield batch, deliveries


@cache
def made_up_phrases() -> tuple[str, ...]:
    """Return phrases of no meaning."""
    rng = random.Random(5)
    return tuple(" ".join("".join(rng.choices(SYLLABLES, k=3)) for _ in range(2)) for _ in range(KEYWORDS))


def paper_texts() -> Iterator[tuple[str, str, list[str]]]:
    """Yield title, abstract and authors."""
    file = DATA / "corpus/arxiv_papers.jsonl.gz"
    if file.is_file():
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            for line in islice(lines, PAPERS):
                row = json.loads(line)
                authors = row["authors"]
                yield row["title"], row["abstract"], authors if isinstance(authors, list) else authors.split(", ")
        return
    rng = random.Random(6)
    phrases = made_up_phrases()
    for _ in range(PAPERS):
        yield rng.choice(phrases), ". ".join(" ".join(rng.choices(phrases, k=8)) for _ in range(9)), ["Ada Example"]


def matched_keywords(documents: Sequence[PaperDocument]) -> list[tuple[SubscriberKeyword, set[int]]]:
    """Return keywords in random order, each with the papers that it matches."""
    file = DATA / "keywords/keywords.txt"
    canonical: dict[str, str] = {}
    for line in file.read_text(encoding="utf-8").splitlines() if file.is_file() else made_up_phrases():
        try:
            canonical.setdefault(parse(line).canonical, line)
        except QueryError:
            continue
    matches = Matcher([parse_canonical(text) for text in canonical]).match(documents)
    keywords = [
        (SubscriberKeyword(number, line, text), {documents[hit.document].id for hit in hits})
        for number, ((text, line), hits) in enumerate(zip(canonical.items(), matches, strict=True), 1)
        if len(hits) <= BROAD * len(documents)
    ]
    random.Random(2).shuffle(keywords)
    return keywords


@cache
def make_audience() -> Audience:
    """Make ten thousand subscribers."""
    papers = {number: paper_row(number, *texts) for number, texts in enumerate(paper_texts(), 1)}
    known = matched_keywords([PaperDocument.from_paper(paper) for paper in papers.values()])
    trending = sorted(papers, key=lambda number: -(papers[number].upvotes or 0))[:PAPERS_EACH]
    rng, weights = random.Random(3), [1 / rank for rank in range(1, len(known) + 1)]
    subscribers, keywords, deliveries = {}, {}, []
    for number in range(1, SUBSCRIBERS + 1):
        drawn = dict.fromkeys(rng.choices(range(len(known)), weights, k=KEYWORDS_EACH))
        own = [known[position] for position in drawn]
        matched = Counter(paper for _, matches in own for paper in matches)
        best = sorted(matched, key=lambda paper: (-matched[paper], -(papers[paper].upvotes or 0), paper))
        subscribers[number] = Subscriber(
            id=number,
            email=f"reader{number}@example.org",
            email_key="",
            nonce=f"{number:022}",
            created_at=NOW,
            confirmed_at=NOW - timedelta(days=number % 300),
        )
        keywords[number] = [keyword for keyword, _ in own]
        deliveries.append(
            ClaimedDelivery(
                id=number,
                subscriber_id=number,
                kind=DeliveryKind.DIGEST,
                edition=NOW.date().isoformat(),
                message_id=f"<{number:032x}@example.org>",
                attempts=1,
                created_at=NOW,
                papers=list(dict.fromkeys([*best, *trending]))[:PAPERS_EACH],
                keywords=[keyword.id for keyword, _ in own],
            )
        )
    return Audience(papers, subscribers, keywords, deliveries, [keyword.canonical for keyword, _ in known])


def paper_row(number: int, title: str, abstract: str, authors: list[str]) -> Paper:
    discussion_url = f"https://huggingface.co/papers/2607.{number:05}"
    return Paper(
        id=number,
        key=f"arxiv:2607.{number:05}",
        title=" ".join(title.split()),
        abstract=" ".join(abstract.split()),
        authors=authors,
        organization="Example Lab" if number % 3 == 0 else None,
        published_on=date(2026, 7, 28),
        url=f"https://arxiv.org/abs/2607.{number:05}",
        pdf_url=f"https://arxiv.org/pdf/2607.{number:05}",
        discussion_url=discussion_url if number % 2 else None,
        upvotes=number * 7919 % 211 if number % 2 else None,
        text_source="arxiv",
        first_seen_at=NOW,
        changed_at=NOW,
    )


def emails_rendered() -> Result:
    """Go from rows to the bytes of a message: one core, ten thousand subscribers, an empty cache at the start."""
    ctx = make_context(create_engine("sqlite:////dev/null"), base_url="https://digest.example.org")
    audience = make_audience()
    contexts = [
        digest_context(ctx, batch, delivery)
        for batch, deliveries in islice(audience.batches(RenderCache()), SCRIPT_EMAILS // BATCH)
        for delivery in deliveries
    ]
    gc.collect()
    gc.freeze()  # neither side pays for looking through the audience
    ours, script = measure_in_turn(
        partial(render_all, ctx, audience), partial(render_by_script, audience, contexts), repeats=3
    )
    started = time.perf_counter()
    for context in contexts:
        standard_message(context)
    script_without_matching = (time.perf_counter() - started) / len(contexts)
    Console().print(*stage_report(ctx, audience, ours, script_without_matching), sep="\n", soft_wrap=True)
    return Result(measured=SUBSCRIBERS / ours, baseline=SCRIPT_EMAILS / script, unit="emails/s", goal=20)


def render_all(ctx: AppContext, audience: Audience) -> None:
    split_words_cached.cache_clear()
    for batch, deliveries in audience.batches(RenderCache()):
        for delivery in deliveries:
            prepare_email(ctx, batch, delivery, NOW).render()


def render_by_script(audience: Audience, contexts: Sequence[DigestContext]) -> None:
    """Render as a script does: matches are looked for, and everything is rendered, for each subscriber anew."""
    for delivery, context in zip(audience.deliveries, contexts, strict=False):
        split_words_cached.cache_clear()
        queries = [parse_canonical(keyword.canonical) for keyword in audience.keywords[delivery.subscriber_id]]
        rows = [audience.papers[number] for number in delivery.papers]
        views = [highlight_matches(PaperSnapshot.from_row(row, NOW.date()), queries) for row in rows]
        standard_message(replace(context, papers=tuple(views), keyword_positions=()))


def standard_message(context: DigestContext) -> bytes:
    """Build a message of the standard library from the same templates."""
    subject, text, html = render_slowly(context)
    message = EmailMessage(policy=SMTP)
    message["From"], message["To"] = "Paper Digest <digest@example.org>", context.address
    message["Subject"], message["List-Unsubscribe"] = subject, f"<{context.links.unsubscribe}>"
    message.set_content(text)
    message.add_alternative(html, subtype="html")
    return message.as_bytes()


def stage_report(ctx: AppContext, audience: Audience, total_seconds: float, script_seconds: float) -> list[str]:
    """Time each stage by doing all once more, and joining twice: only at first is anything rendered."""
    spent: defaultdict[str, float] = defaultdict(float)
    size = 0
    render_cache = RenderCache()
    fragments = render_cache.fragments
    clock = time.perf_counter
    started = clock()
    for batch, deliveries in audience.batches(render_cache):
        contexts = [digest_context(ctx, batch, delivery) for delivery in deliveries]
        spent["explain"] += (ended := clock()) - started
        for context in contexts:
            render_digest(context, fragments)
        spent["render and encode"] += (started := clock()) - ended
        contents = [render_digest(context, fragments) for context in contexts]
        spent["join"] += (ended := clock()) - started
        size += sum(len(build_message(content, HEADERS)) for content in contents)
        spent["MIME"] += (started := clock()) - ended
    spent["render and encode"] -= spent["join"]
    total = sum(spent.values())
    without_explaining = SUBSCRIBERS * script_seconds / (total - spent["explain"])
    shares = ", ".join(f"{stage} {seconds / total:.0%}" for stage, seconds in spent.items())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    rendered = fragments.paper.cache_info()
    return [
        f"{1e6 * total_seconds / SUBSCRIBERS:,.0f} us an email of {size / SUBSCRIBERS / 1000:.1f} KB: {shares}",
        f"without explaining, on both sides: {without_explaining:.1f} times",
        f"cards rendered: {rendered.misses:,} for {10 * SUBSCRIBERS:,} shown; peak memory {peak:,.0f} MB",
    ]
