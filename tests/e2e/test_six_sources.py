"""Days of six sources at once, faults on: every paper reaches everybody whom it matches, once, whatever lists it.

Judged by the received e-mails alone. Papers are listed under several names: at arXiv and at Hugging Face, as preprint
and as article, by PubMed and Crossref, in a journal's feed. Every answer may be an error page, empty, cut or refused.
"""

import asyncio
import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from xml.sax.saxutils import escape

import pytest
from sqlalchemy import Engine

from digest.context import AppContext
from digest.jobs import pipeline
from tests.support.contexts import FixedClock, add_active_subscriber, make_context
from tests.support.hosts import StubResponse, serve_host
from tests.support.listings import Answer, ListingHost, paper_entry, serve_listings
from tests.support.relay import relay, text_of

FIRST = date(2026, 9, 7)  # a Monday
DAY = timedelta(days=1)
QUIET_DAYS = 3  # without faults or new papers, in the end
FAULTS = 0.2  # of the answers
TOPICS = ("graphene", "zebrafish", "aerosols", "ribosomes", "glaciers", "perovskites")
FEED_WINDOW = 30  # entries that the feed shows
SATURDAY = 5
OK = 200
TITLE = re.compile(r"in experiment number (\d+) of the laboratory")
NEWS = "News about papers you had"
PAGE = "<html><body><h1>We are down for maintenance</h1></body></html>"


@dataclass
class Laboratory:
    """What the sources list by day, as each of them has it; and faults."""

    dice: random.Random
    is_faulty: bool = True
    today: date = FIRST
    topic: dict[int, str] = field(default_factory=dict)
    pubmed: dict[date, list[int]] = field(default_factory=dict)
    biorxiv: dict[date, list[int]] = field(default_factory=dict)
    crossref: dict[date, list[int]] = field(default_factory=dict)
    feed: dict[date, list[int]] = field(default_factory=dict)
    _requests: Counter[str] = field(default_factory=Counter)
    _failed: set[str] = field(default_factory=set)

    def title(self, number: int) -> str:
        return f"How {self.topic[number]} behave in experiment number {number} of the laboratory"

    def publish(self, days: int, listings: ListingHost) -> None:
        """Make up papers of six kinds for each day."""
        for day in (FIRST + number * DAY for number in range(days)):
            is_weekday = day.weekday() < SATURDAY
            batch: list[dict[str, Any]] = []
            trending: list[dict[str, Any]] = []
            for kind in range(6):
                number = len(self.topic)
                self.topic[number] = self.dice.choice(TOPICS)
                paper = paper_entry(f"2609.{number:05}", self.title(number), upvotes=number)
                if kind in {0, 1} and is_weekday:
                    batch.append(paper)
                    trending += [paper] if kind == 0 else []
                elif kind in {2, 3}:
                    self.pubmed.setdefault(day + 2 * DAY if kind == 2 else day, []).append(number)
                    source = self.biorxiv if kind == 2 else self.crossref
                    source.setdefault(day, []).append(number)
                else:
                    self.feed.setdefault(day, []).append(number)
                    if kind == 4:
                        self.crossref.setdefault(day, []).append(number)
            if is_weekday:
                listings.batches[day], listings.days[day] = batch, trending

    def spoil(self, answer: Answer) -> Answer:
        """Return an answer of Hugging Face or arXiv as it leaves the host."""
        if answer.status != OK:
            return answer
        status, body, _ = self._spoil(answer.kind, answer.body.decode())
        return Answer(status, answer.kind, body.encode())

    def route(self, path: str, query: dict[str, str]) -> StubResponse:
        """Answer for the other hosts."""
        if path == "/feed":
            return self._spoil(path, self._feed())
        if path.startswith("/entrez"):
            return self._spoil(path + query.get("mindate", ""), self._pubmed(path, query))
        if path == "/works":
            return self._spoil(query["filter"], json.dumps({"message": self._works(query)}))
        if path.startswith(("/details/", "/pubs/")):
            return self._spoil(path, json.dumps(self._preprints(path)))
        return 404, "", {}

    def _spoil(self, name: str, body: str) -> StubResponse:
        """Return a good answer to a request of this name, or a fault; never two faults one after the other."""
        self._requests[name] += 1
        dice = random.Random(f"{name} {self._requests[name]}")  # whatever else is asked at the same time
        if not self.is_faulty or name in self._failed or dice.random() > FAULTS:
            self._failed.discard(name)
            return 200, body, {}
        self._failed.add(name)
        return dice.choice([(200, PAGE, {}), (200, "", {}), (200, body[: len(body) // 2], {}), (404, PAGE, {})])

    def _feed(self) -> str:
        listed = [(day, n) for day, numbers in sorted(self.feed.items()) if day <= self.today for n in numbers]
        items = "".join(
            f"<item><title>{self.title(n)}</title><link>https://journal.example.org/doi/10.5555/{n}</link>"
            f"<guid>https://doi.org/10.5555/{n}</guid><pubDate>{day}T06:00:00Z</pubDate>"
            f"<description>About {self.topic[n]}.</description></item>"
            for day, n in reversed(listed[-FEED_WINDOW:])
        )
        return f'<rss version="2.0"><channel><title>Journal of Examples</title>{items}</channel></rss>'

    def _pubmed(self, path: str, query: dict[str, str]) -> str:
        if path.endswith("esearch.fcgi"):
            day = date.fromisoformat(query["mindate"].replace("/", "-"))
            numbers = self._known(self.pubmed, day) if query["datetype"] == "edat" else []
            found = {"count": str(len(numbers)), "idlist": [str(n + 1) for n in numbers]}
            return json.dumps({"esearchresult": found | {"webenv": str(day), "querykey": "1"}})
        records = "".join(
            f"<PubmedArticle><MedlineCitation><PMID>{n + 1}</PMID><Article><ArticleTitle>{escape(self.title(n))}."
            f"</ArticleTitle><Abstract><AbstractText>About {self.topic[n]}.</AbstractText></Abstract><AuthorList>"
            "<Author><LastName>Moreau</LastName><ForeName>Ada</ForeName></Author></AuthorList></Article></MedlineCitation>"
            f'<PubmedData><ArticleIdList><ArticleId IdType="pubmed">{n + 1}</ArticleId>'
            f'<ArticleId IdType="doi">10.5555/{n}</ArticleId></ArticleIdList></PubmedData></PubmedArticle>'
            for n in self._known(self.pubmed, date.fromisoformat(query["WebEnv"]))
        )
        return f"<PubmedArticleSet>{records}</PubmedArticleSet>"

    def _works(self, query: dict[str, str]) -> dict[str, Any]:
        filters = dict(part.split(":", 1) for part in query["filter"].split(","))
        day = date.fromisoformat(filters["from-created-date"])
        numbers = self._known(self.crossref, day) if "issn" in filters else []
        items = [
            {"DOI": f"10.5555/{n}", "type": "journal-article", "title": [self.title(n)],
             "author": [{"given": "Ada", "family": "Moreau"}], "container-title": ["Journal of Examples"]}
            for n in numbers
        ]  # fmt: skip
        return {"total-results": len(items), "items": items}

    def _preprints(self, path: str) -> dict[str, Any]:
        endpoint, server, first, _, cursor = path[1:].split("/")[:5]
        day = date.fromisoformat(first)
        records: list[dict[str, Any]] = []
        if server == "biorxiv" and cursor == "0" and endpoint == "details":
            records = [
                {"doi": f"10.64898/2026.09.{n:06}", "title": self.title(n), "authors": "Moreau, A.", "date": first,
                 "version": "1", "abstract": f"About {self.topic[n]}.", "published": "NA"}
                for n in self._known(self.biorxiv, day)
            ]  # fmt: skip
        elif server == "biorxiv" and cursor == "0":
            records = [
                {"preprint_doi": f"10.64898/2026.09.{n:06}", "published_doi": f"10.5555/{n}",
                 "preprint_title": self.title(n), "published_date": first}
                for n in self._known(self.biorxiv, day - 2 * DAY)
            ]  # fmt: skip
        if not records:
            return {"messages": [{"status": "no posts found"}], "collection": []}
        return {"messages": [{"status": "ok", "count": len(records), "total": len(records)}], "collection": records}

    def _known(self, listed: dict[date, list[int]], day: date) -> list[int]:
        return listed.get(day, []) if day <= self.today else []


@pytest.fixture
def laboratory() -> Iterator[tuple[Laboratory, ListingHost, str]]:
    laboratory = Laboratory(random.Random(11))
    listings = ListingHost(FIRST, spoil=laboratory.spoil)
    with serve_listings(listings), serve_host(laboratory.route) as host:
        yield laboratory, listings, host.url


@pytest.mark.parametrize("days", [3, pytest.param(30, marks=pytest.mark.long)])
def test_every_paper_of_six_sources_arrives_once(
    sqlite_store: Engine, laboratory: tuple[Laboratory, ListingHost, str], days: int
) -> None:
    shown, listings, url = laboratory
    shown.publish(days, listings)
    wanted = {f"{n}@example.org": set(shown.dice.sample(TOPICS, 3)) for n in range(4)}
    clock = FixedClock(datetime(FIRST.year, FIRST.month, FIRST.day, 18, tzinfo=UTC))
    with ExitStack() as stack:
        running = stack.enter_context(relay())
        ctx = make_context(
            sqlite_store,
            sources="huggingface,arxiv,pubmed,biorxiv,crossref,feeds",
            feeds=f"examples = {url}/feed",
            crossref_issn="1234-5679",
            biorxiv_servers="biorxiv",
            arxiv_categories="cs.AI",
            **dict.fromkeys(("huggingface_url", "arxiv_feed_url", "arxiv_api_url"), listings.url),
            **dict.fromkeys(("pubmed_url", "biorxiv_url", "crossref_url"), url),
            smtp_host="127.0.0.1", smtp_port=running.port, smtp_tls="none",
        )  # fmt: skip
        for email, topics in wanted.items():
            add_active_subscriber(ctx, email, *sorted(topics), now=clock.now - DAY, send_hour=8, cap=100)
        for number in range(days + QUIET_DAYS):
            shown.is_faulty = number < days
            asyncio.run(run_day(ctx, clock))
            clock.now += DAY
            shown.today = listings.today = clock.now.date()
        received = {
            email: Counter(n for message in running.mails().get(email, ()) for n in papers_in(text_of(message)))
            for email in wanted
        }
    listed = {n for day in (shown.pubmed, shown.biorxiv, shown.crossref, shown.feed) for ns in day.values() for n in ns}
    listed |= {int(entry["paper"]["id"][5:]) for batch in listings.batches.values() for entry in batch}
    wrong = [
        f"{email} got paper {number} of {shown.topic[number]} {times[number]} times"
        for email, times in received.items()
        for number in sorted(listed)
        if times[number] != (shown.topic[number] in wanted[email])
    ]
    assert wrong == []


async def run_day(ctx: AppContext, clock: Callable[[], datetime]) -> None:
    for hours in (6, 0):  # a fault at noon is mended in the evening
        await pipeline.collect(ctx, clock() - timedelta(hours=hours))
    await pipeline.plan(ctx, clock())
    await pipeline.deliver(ctx, clock)


def papers_in(text: str) -> set[int]:
    """Return the numbers of the papers that an e-mail has. What it tells of earlier ones is no paper."""
    papers = " ".join(text.replace("*", "").split()).partition(NEWS)[0]
    return {int(number) for number in TITLE.findall(papers)}
