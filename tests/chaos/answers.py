"""Sources whose answers are spoilt at random, until they answer well: each paper is stored, once."""

import asyncio
import gzip
import random
from collections import Counter
from datetime import datetime, timedelta

from sqlalchemy import Engine
from sqlmodel import col, select

from digest.database import read_session
from digest.database.models import Paper
from digest.jobs.pipeline import collect
from tests.support.contexts import make_context
from tests.support.listings import Answer, ListingHost, paper_entry, serve_listings

TITLE = "A robot folds a protein along a graph"  # every subscriber has one of these words for a keyword
PAPERS = 3
SPOILT_FETCHES = 2  # of each run, before the good one
SPOILT_SHARE = 0.7  # of the answers of such a fetch
PAGE = b"<html><body><h1>We are down for maintenance</h1></body></html>"


class AnswerSpoiler:
    """Answers as a bad day of a host gives them."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self.events: Counter[str] = Counter()

    def spoil(self, answer: Answer) -> Answer:
        """Return the answer as it leaves the host."""
        if self._dice.random() > SPOILT_SHARE:
            return answer
        kind = self._dice.choice(("error", "page", "half", "cut", "empty", "bytes", "gzip"))
        self.events[f"answer: {kind}"] += 1
        half = answer.body[: len(answer.body) // 2]
        spoilt = {
            "error": Answer(500, answer.kind, PAGE),
            "page": Answer(200, "text/html", PAGE),
            "half": Answer(200, answer.kind, half),
            "cut": Answer(200, answer.kind, half, length=len(answer.body)),
            "empty": Answer(200, answer.kind, b""),
            "bytes": Answer(200, answer.kind, answer.body.replace(b"We tell", b"We\x0b\xff\x00 tell")),
            "gzip": Answer(200, answer.kind, gzip.compress(answer.body)[:-9], encoding="gzip"),
        }
        return spoilt[kind]


def collect_under_fire(engine: Engine, now: datetime, dice: random.Random) -> tuple[Counter[str], list[str]]:
    """Collect from two sources; return what happened, and what went wrong."""
    entries = [paper_entry(f"{now:%y%m}.{n:05}", f"{TITLE}, part {n}", upvotes=n) for n in range(PAPERS)]
    today = now.date()
    host = ListingHost(today, {today: entries[:-1]}, {today: entries[1:]})
    spoiler = AnswerSpoiler(dice)
    with serve_listings(host):
        urls = dict.fromkeys(("huggingface_url", "arxiv_feed_url", "arxiv_api_url"), host.url)
        ctx = make_context(engine, sources="huggingface,arxiv", arxiv_categories="cs.AI", **urls)
        for number in range(SPOILT_FETCHES + 1):
            host.spoil = spoiler.spoil if number < SPOILT_FETCHES else None
            asyncio.run(collect(ctx, now - timedelta(hours=SPOILT_FETCHES - number)))
    with read_session(engine) as session:
        titles = Counter(session.exec(select(Paper.title).order_by(col(Paper.id))).all())
    wanted = Counter(str(entry["title"]) for entry in entries)
    faults = [f"the paper {title!r} is in the store {count} times" for title, count in (titles - wanted).items()]
    faults += [f"the paper {title!r} is not in the store" for title in wanted - titles]
    return spoiler.events, faults
