"""Letters written: explained, joined, encoded, headed; against templates and a message object for each reader.

Papers and keywords are real ones where they lie beside the checkout, else made up. How popular a keyword is among
readers goes by Zipf's law in an order of chance; what more than one paper in twenty has is left out, as the pages
advise. Each letter has ten papers: those that match best, then trending ones.
"""

import gc
import gzip
import json
import random
import resource
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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
from digest.matching import Matcher, PaperDocument, parse
from digest.matching.phrase_index import split_words_cached
from digest.rendering import (
    BatchData,
    DigestContext,
    MatchCache,
    digest_context,
    paper_view,
    prepare_email,
    render_digest,
)
from digest.rendering.batch import SubscriberKeyword, match_batch
from digest.rendering.fragment_cache import reason, render_paper, run
from digest.rendering.layout import render_layout
from tests.benchmarks.harness import Result, alternating
from tests.support.contexts import make_context
from tests.support.slow_rendering import slowly

NOW = datetime(2026, 7, 29, 18, tzinfo=UTC)
DATA = Path(__file__).parents[2] / "../shared/data"
READERS, PAPERS, KEYWORDS, EACH, TEN = 10_000, 600, 3_000, 8, 10  # the papers are those of a day
BATCH = 100  # as the sender claims them
NAIVE = 200  # letters of the other way; its cost a letter is always the same
BROAD = 0.05
ENVELOPE = MessageHeaders(
    from_="Paper Digest <digest@example.org>",
    to="reader@example.org",
    message_id="1@example.org",
    date=NOW,
    list_id="digest.example.org",
    unsubscribe_url=f"https://digest.example.org/unsubscribe/{'u' * 80}",
)
SYLLABLES = ("ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe", "ri", "so", "tu", "va", "we")


@dataclass(frozen=True, slots=True)
class Crowd:
    """Readers with what they ask for, and a queued letter for each."""

    papers: Mapping[int, Paper]
    subscribers: Mapping[int, Subscriber]
    keywords: Mapping[int, Sequence[SubscriberKeyword]]
    claimed: Sequence[ClaimedDelivery]
    canonicals: Sequence[str]

    def desks(self, known: MatchCache) -> Iterator[tuple[BatchData, Sequence[ClaimedDelivery]]]:
        """Batch by batch what the sender would have loaded, and studied."""
        for start in range(0, len(self.claimed), BATCH):
            batch = self.claimed[start : start + BATCH]
            # As `lay_out` does: with a first batch of many new keywords comes what later letters will need.
            wanted = {number for each in batch for number in each.papers} if start else set(self.papers)
            desk = BatchData(
                subscribers=self.subscribers,
                keywords=self.keywords,
                canonicals={},
                papers={number: self.papers[number] for number in wanted},
                list_days=dict.fromkeys(wanted, NOW.date()),
                notices=(),
                known=known,
            )
            match_batch(desk, batch, self.canonicals if start == 0 else ())
            yield desk, batch


@cache
def words() -> tuple[str, ...]:
    """Phrases of no meaning, for where no real ones lie."""
    dice = random.Random(5)
    return tuple(" ".join("".join(dice.choices(SYLLABLES, k=3)) for _ in range(2)) for _ in range(KEYWORDS))


def texts() -> Iterator[tuple[str, str, list[str]]]:
    """Title, abstract and authors."""
    file = DATA / "corpus/arxiv_papers.jsonl.gz"
    if file.is_file():
        with gzip.open(file, "rt", encoding="utf-8") as lines:
            for line in islice(lines, PAPERS):
                said = json.loads(line)
                authors = said["authors"]
                yield said["title"], said["abstract"], authors if isinstance(authors, list) else authors.split(", ")
        return
    dice = random.Random(6)
    for _ in range(PAPERS):
        yield dice.choice(words()), ". ".join(" ".join(dice.choices(words(), k=8)) for _ in range(9)), ["Ada Example"]


def asked(documents: Sequence[PaperDocument]) -> list[tuple[SubscriberKeyword, set[int]]]:
    """Keywords in an order of chance, each with the papers that it finds."""
    file = DATA / "keywords/keywords.txt"
    canonicals: dict[str, str] = {}
    for line in file.read_text(encoding="utf-8").splitlines() if file.is_file() else words():
        try:
            canonicals.setdefault(parse(line).canonical, line)
        except QueryError:
            continue
    hits = Matcher([parse(each) for each in canonicals]).match(documents)
    found = [
        (SubscriberKeyword(number, written, canonical), {documents[hit.document].id for hit in row})
        for number, ((canonical, written), row) in enumerate(zip(canonicals.items(), hits, strict=True), 1)
        if len(row) <= BROAD * len(documents)
    ]
    random.Random(2).shuffle(found)
    return found


@cache
def crowd() -> Crowd:
    """Ten thousand readers."""
    papers = {number: stored(number, *said) for number, said in enumerate(texts(), 1)}
    known = asked([PaperDocument.from_paper(each) for each in papers.values()])
    liked = sorted(papers, key=lambda number: -(papers[number].upvotes or 0))[:TEN]
    dice, weights = random.Random(3), [1 / rank for rank in range(1, len(known) + 1)]
    subscribers, keywords, claimed = {}, {}, []
    for number in range(1, READERS + 1):
        mine = [known[each] for each in dict.fromkeys(dice.choices(range(len(known)), weights, k=EACH))]
        matched = Counter(paper for _, found in mine for paper in found)
        best = sorted(matched, key=lambda paper: (-matched[paper], -(papers[paper].upvotes or 0), paper))
        carried = list(dict.fromkeys([*best, *liked]))[:TEN]
        subscribers[number] = Subscriber(
            id=number,
            email=f"reader{number}@example.org",
            email_key="",
            nonce=f"{number:022}",
            created_at=NOW,
            confirmed_at=NOW - timedelta(days=number % 300),
        )
        keywords[number] = [each for each, _ in mine]
        claimed.append(
            ClaimedDelivery(
                id=number,
                subscriber_id=number,
                kind=DeliveryKind.DIGEST,
                edition=NOW.date().isoformat(),
                message_id=f"<{number:032x}@example.org>",
                attempts=1,
                created_at=NOW,
                papers=carried,
                keywords=[each.id for each, _ in mine],
            )
        )
    return Crowd(papers, subscribers, keywords, claimed, [each.canonical for each, _ in known])


def stored(number: int, title: str, abstract: str, authors: list[str]) -> Paper:
    url = f"https://huggingface.co/papers/2607.{number:05}"
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
        discussion_url=url if number % 2 else None,
        upvotes=number * 7919 % 211 if number % 2 else None,
        text_source="arxiv",
        first_seen_at=NOW,
        changed_at=NOW,
    )


def letters_written() -> Result:
    """From rows to the bytes of a message, one core, ten thousand readers, nothing known at the start."""
    at, readers = make_context(create_engine("sqlite:////dev/null"), base_url="https://digest.example.org"), crowd()
    said = [
        digest_context(at, desk, each, readers.subscribers[each.subscriber_id])
        for desk, batch in islice(readers.desks(MatchCache()), NAIVE // BATCH)
        for each in batch
    ]
    gc.collect()
    gc.freeze()  # neither side pays for looking through the crowd
    taken, naive = alternating(partial(ours, at, readers), partial(theirs, readers, said), repeats=3)
    begun = time.perf_counter()
    for each in said:
        by_hand(each)
    plain = (time.perf_counter() - begun) / len(said)
    Console().print(*told(at, readers, taken, plain), sep="\n", soft_wrap=True)
    return Result(measured=READERS / taken, baseline=NAIVE / naive, unit="letters/s", goal=20)


def ours(at: AppContext, readers: Crowd) -> None:
    forget()
    for desk, batch in readers.desks(MatchCache()):
        for each in batch:
            prepare_email(at, desk, each, NOW).render()


def theirs(readers: Crowd, said: Sequence[DigestContext]) -> None:
    """How a script writes letters: what matches where is looked for, and all is rendered, for each reader anew."""
    for claimed, each in zip(readers.claimed, said, strict=False):
        split_words_cached.cache_clear()
        queries = [parse(keyword.canonical) for keyword in readers.keywords[claimed.subscriber_id]]
        papers = (paper_view(readers.papers[number], NOW.date(), queries, NOW) for number in claimed.papers)
        by_hand(each._replace(papers=tuple(papers), positions=()))


def by_hand(said: DigestContext) -> bytes:
    """The same templates with one reader's values, and a message object."""
    subject, text, html = slowly(said)
    made = EmailMessage(policy=SMTP)
    made["From"], made["To"], made["Subject"] = "Paper Digest <digest@example.org>", said.address, subject
    made["List-Unsubscribe"] = f"<{said.links.unsubscribe}>"
    made.set_content(text)
    made.add_alternative(html, subtype="html")
    return made.as_bytes()


def forget() -> None:
    """Nothing is left of what was rendered before."""
    for kept in (render_paper, run, reason, render_layout, split_words_cached):
        kept.cache_clear()


def told(at: AppContext, readers: Crowd, taken: float, plain: float) -> list[str]:
    """Where the time goes, by doing it once more stage by stage, joining twice: only at first is anything rendered."""
    forget()
    spent: defaultdict[str, float] = defaultdict(float)
    size = 0
    begun = time.perf_counter()
    for desk, batch in readers.desks(MatchCache()):
        spent["explain"] += (ended := time.perf_counter()) - begun
        said = [digest_context(at, desk, each, readers.subscribers[each.subscriber_id]) for each in batch]
        spent["explain"] += (begun := time.perf_counter()) - ended
        for each in said:
            render_digest(each)
        spent["render and encode"] += (ended := time.perf_counter()) - begun
        made = [render_digest(each) for each in said]
        spent["join"] += (begun := time.perf_counter()) - ended
        size += sum(len(build_message(letter, ENVELOPE)) for letter in made)
        spent["MIME"] += (ended := time.perf_counter()) - begun
        begun = ended
    spent["render and encode"] -= spent["join"]
    whole = sum(spent.values())
    unexplained = READERS * plain / (whole - spent["explain"])
    shares = ", ".join(f"{stage} {seconds / whole:.0%}" for stage, seconds in spent.items())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    kept = render_paper.cache_info()
    return [
        f"{1e6 * taken / READERS:,.0f} microseconds a letter of {size / READERS / 1000:.1f} KB: {shares}",
        f"without explaining, on both sides: {unexplained:.1f} times",
        f"cards rendered: {kept.misses:,} for {10 * READERS:,} shown; peak memory {peak:,.0f} MB, the crowd included",
    ]
