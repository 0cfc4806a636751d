"""Every paper in every section of every digest has its reason, and the words named as reason stand in its text.

The texts are looked at without any of our code: a word, perhaps its plural, between characters that are none of words.
"""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

import pytest
from sqlalchemy import Engine
from sqlmodel import col, select

from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import ClaimedDelivery, Delivery, DeliveryKind, DeliveryState, SavedKeyword
from digest.identifiers import Identifier
from digest.papers import store_listings
from digest.planning.profile_matches import CLOSE_LIMIT, LEAST_WORDS
from digest.rendering import DigestContext, digest_context, load_batch, render_digest
from digest.rendering.layout import keyword_positions
from digest.sources import ListedPaper
from tests.support.contexts import DAY, TUESDAY, StoreView, add_active_subscriber, make_context, plan_digests
from tests.support.profiles import UNLEARNING, set_profile

TOPICS = ("robot", "protein", "graph", "galaxy", "muon", "enzyme")
OTHERS = ("report", "sample", "village", "harbor", "winter", "copper", "marble", "lantern")
DAYS = 9
PAPERS_A_DAY = 9


@dataclass
class Wanted:
    """What a subscriber asks for, and which papers and changes of papers their e-mails have had."""

    keywords: tuple[str, ...] = ()
    muted: tuple[str, ...] = ()
    options: dict[str, object] = field(default_factory=dict)
    has_profile: bool = True
    had: set[int] = field(default_factory=set)
    failed: set[int] = field(default_factory=set)


def subscribers() -> dict[str, Wanted]:
    wanted = {
        "ada": Wanted(("robot",)),
        "bob": Wanted(("graph", "galaxy", "-muon"), options={"trending": True, "cap": 3}),
        "dan": Wanted(options={"cap": 4}),
        "eve": Wanted(("protein", "robot"), options={"frequency": "weekly", "weekday": 4}),
        "fay": Wanted(("robot", "enzyme", "protein"), ("enzyme",), {"sources": ("arxiv",)}),
        "gus": Wanted(("robot", "privacy"), options={"about_only": True}),
        "ida": Wanted(("robot",), has_profile=False),
    }
    return {f"{name}@example.org": row for name, row in wanted.items()}


def list_papers(ctx: AppContext, random: Random, day: int) -> set[str]:
    """List papers of some words, from several sources, and change papers of before. Returns titles of these."""
    now = TUESDAY + day * DAY
    pool, listings = (*TOPICS, *UNLEARNING, *OTHERS), []
    for rank in range(PAPERS_A_DAY):
        number = day * PAPERS_A_DAY + rank
        words = random.sample(pool, 6) if random.random() < 0.5 else random.sample(UNLEARNING, 3)
        listings.append(
            make_listing(number, day, rank, f"Study {number}: {' and '.join(words)}", random.sample(pool, 7))
        )
        if random.random() < 0.3:
            listings.append(replace_source(listings[-1], random.randrange(1, 90)))
    changed = random.sample(range(day * PAPERS_A_DAY), 4) if day else []
    for number in changed:
        changes = make_listing(number, day, 0, "", random.sample(pool, 7), kind="replace", version=day + 1)
        listings.append(changes)
    with write_session(ctx.engine) as session:
        store_listings(session, listings, now)
    return {f"Study {number}:" for number in changed}


def make_listing(number: int, day: int, rank: int, title: str, words: list[str], **more: object) -> ListedPaper:
    values: dict[str, object] = {
        "source": "arxiv",
        "kind": "new",
        "list_day": (TUESDAY + day * DAY).date(),
        "rank": rank,
        "title": title or TITLES[number],
        "abstract": f"We begin with the {words[0]}. It is about {', '.join(words[1:])}. {' '.join(OTHERS)} end it.",
        "identifiers": (Identifier("arxiv", f"2607.{number:05}"),),
        "url": "https://example.org",
    }
    TITLES[number] = str(values["title"])
    return ListedPaper(**(values | more))  # type: ignore[arg-type]


TITLES: dict[int, str] = {}


def replace_source(paper: ListedPaper, upvotes: int) -> ListedPaper:
    return ListedPaper(
        source="huggingface", kind="listed", list_day=paper.list_day, rank=paper.rank, title=paper.title,
        abstract=paper.abstract, identifiers=paper.identifiers, url=paper.url, upvotes=upvotes,
    )  # fmt: skip


def has_word(text: str, word: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(word)}s?(?!\w)", text, re.IGNORECASE) is not None


def check_digest(context: DigestContext, wanted: Wanted, changed: set[str]) -> set[str]:
    """Check the reason of everything in a digest. Returns which sections it has."""
    own_words = [keyword.removeprefix("-") for keyword in wanted.keywords]
    text = " ".join(render_digest(context).text.split())
    sections = set()
    for view, positions in zip(context.papers, keyword_positions(context), strict=True):
        title, abstract = view.paper.title, view.paper.abstract
        assert title.split(":")[0] in text
        for query, place in view.matched_in:
            keyword = context.keywords[positions[query]]
            assert keyword in wanted.keywords
            assert keyword not in wanted.muted
            assert has_word(title, keyword) == ("title" in place)
            assert has_word(abstract, keyword) == ("abstract" in place)
            assert f"{keyword} in {place}" in text
        for spans, whole in ((view.title_spans, title), (view.abstract_spans, abstract)):
            for span in spans:
                assert has_word(whole[span.start : span.end], context.keywords[positions[span.query]])
        if not view.matched_in:
            assert view.is_trending
            assert view.paper.upvotes is not None
            assert not wanted.keywords or wanted.options.get("trending")
            assert "Among the most upvoted" in text
        assert not any(k.startswith("-") and has_word(f"{title} {abstract}", k[1:]) for k in wanted.keywords)
        sections.add("keywords" if view.matched_in else "trending")
    assert len(context.close_papers) <= CLOSE_LIMIT
    for close in context.close_papers:
        whole = f"{close.paper.title} {close.paper.abstract}"
        assert wanted.has_profile
        assert len(close.words) >= LEAST_WORDS
        assert all(has_word(whole, word) and word.casefold() in UNLEARNING for word in close.words)
        assert all(f"“{word}”" in text for word in close.words)
        assert not any(has_word(whole, word) for word in own_words), "a keyword finds it"
        sections.add("close")
    for item in context.news:
        assert item.title.split(":")[0] + ":" in changed
        assert item.sentences
        assert item.sentences[0] in text
        sections.add("news")
    return sections


@pytest.mark.parametrize("seed", range(2))
def test_every_paper_has_its_reason(sqlite_store: Engine, seed: int) -> None:
    ctx, record = make_context(sqlite_store), StoreView(sqlite_store)
    random, everyone, changed = Random(seed), subscribers(), set()
    TITLES.clear()
    for email, wanted in everyone.items():
        add_active_subscriber(ctx, email, *wanted.keywords, now=TUESDAY, **wanted.options)
        if wanted.has_profile:
            set_profile(ctx, email)
    with write_session(ctx.engine) as session:
        for saved in session.exec(select(SavedKeyword).where(SavedKeyword.text == "enzyme")):
            saved.is_muted = True
    seen: set[str] = set()
    for day in range(DAYS):
        changed |= list_papers(ctx, random, day)
        plan_digests(ctx, TUESDAY + day * DAY + timedelta(hours=1))
        seen |= check_queued(ctx, record, random, everyone, changed)
    assert seen == {"keywords", "trending", "close", "news", "carried over"}


def check_queued(
    ctx: AppContext, record: StoreView, random: Random, everyone: dict[str, Wanted], changed: set[str]
) -> set[str]:
    """Check what is queued, and let some of it arrive."""
    seen: set[str] = set()
    with read_session(ctx.engine) as session:
        rows = session.exec(
            select(Delivery)
            .where(Delivery.kind == DeliveryKind.DIGEST, Delivery.state == DeliveryState.QUEUED)
            .order_by(col(Delivery.id))
        ).all()
        claimed = [ClaimedDelivery.from_delivery(row) for row in rows]
        batch = load_batch(session, claimed, TUESDAY)
        contexts = [digest_context(ctx, batch, delivery) for delivery in claimed]
    for delivery, context in zip(claimed, contexts, strict=True):
        wanted = everyone[context.address]
        seen |= check_digest(context, wanted, changed)
        papers = [*delivery.papers, *delivery.close_papers]
        assert len(papers) == len(set(papers))
        assert wanted.had.isdisjoint(papers), "no paper twice"
        seen |= {"carried over"} if wanted.failed & set(papers) else set()
        arrives = random.random() < 0.7
        record.set_state(DeliveryState.SENT if arrives else DeliveryState.FAILED, context.address)
        wanted.had |= set(papers) if arrives else set()
        wanted.failed = set() if arrives else set(papers)
    return seen
