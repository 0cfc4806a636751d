"""Papers and digests of our own writing, for the tests of letters."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from digest.matching import Span
from digest.rendering import DigestContext, PaperView, PersonalLinks, SendTime

DAY = date(2025, 10, 30)
KEYWORDS = ("post-training", "hallucination", "continual learning", "quantum")
LINKS = PersonalLinks(
    view="https://digest.example.org/letters/v1",
    preferences="https://digest.example.org/preferences/p1",
    unsubscribe="https://digest.example.org/unsubscribe/u1",
    mute="https://digest.example.org/mute/m1",
    never="https://digest.example.org/never/n1",
    fewer="https://digest.example.org/fewer/f1",
    pause="https://digest.example.org/pause/z1",
)


def spans(text: str, keywords: Sequence[str] = KEYWORDS) -> tuple[Span, ...]:
    """Where the keywords stand, letter by letter but for capitals; the tests here need no more."""
    found = (
        Span(match.start(), match.end(), query)
        for query, keyword in enumerate(keywords)
        for match in re.finditer(re.escape(keyword), text, re.IGNORECASE)
    )
    return tuple(sorted(found))


def paper(
    title: str = "How Post-Training Reshapes Models",
    abstract: str = "We study post-training. It lowers hallucination.",
    *,
    keywords: Sequence[str] = KEYWORDS,
    number: int = 1,
    **changes: Any,
) -> PaperView:
    """A paper that matches wherever the keywords stand."""
    in_title, in_abstract = spans(title, keywords), spans(abstract, keywords)
    titled, abstracted = {span.query for span in in_title}, {span.query for span in in_abstract}
    where = tuple(
        (query, " and ".join(name for name, found in (("title", titled), ("abstract", abstracted)) if query in found))
        for query in sorted(titled | abstracted)
    )
    made = PaperView(
        id=number,
        title=title,
        title_spans=in_title,
        abstract=abstract,
        abstract_spans=in_abstract,
        authors=("Ada Byron", "Emmy Noether"),
        published_on=date(2025, 10, 29),
        listed_on=DAY,
        url=f"https://arxiv.org/abs/2510.{number:05}",
        pdf_url=f"https://arxiv.org/pdf/2510.{number:05}",
        where=where,
    )
    return replace(made, **changes)


def words(*papers: PaperView, **changes: Any) -> DigestContext:
    made = DigestContext(
        day=DAY,
        frequency="weekdays",
        send_time=SendTime(8, "Europe/Berlin"),
        address="reader@example.org",
        subscribed_on=date(2025, 9, 12),
        keywords=KEYWORDS,
        papers=papers or (paper(),),
        links=LINKS,
        postal_address="Paper Digest, 1 Example Street, 10115 Berlin",
    )
    made = made._replace(**changes)
    return made if made.keyword_ids else made._replace(keyword_ids=tuple(range(101, 101 + len(made.keywords))))
