"""Papers and digests for the tests of e-mails."""

import re
from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import date
from typing import Any

from digest.matching import Span
from digest.papers import PaperSnapshot
from digest.rendering import DigestContext, PaperView, PersonalLinks, SendTime
from digest.rendering.digest import CARDS_PER_DIGEST
from digest.tokens import MARK_KINDS, MARK_TAG_LENGTH

DAY = date(2025, 10, 30)
KEYWORDS = ("post-training", "hallucination", "continual learning", "quantum")
SITE = "https://digest.example.org"
LINKS = PersonalLinks(
    view="https://digest.example.org/emails/v1",
    preferences="https://digest.example.org/preferences/p1",
    unsubscribe="https://digest.example.org/unsubscribe/u1",
    mute="https://digest.example.org/mute/m1",
    mark="https://digest.example.org/mark/k1",
    marks="https://digest.example.org/marks/d1",
    weekly="https://digest.example.org/fewer/f1",
    pause="https://digest.example.org/pause/z1",
)
VIEW_FIELDS = {field.name for field in fields(PaperView)} - {"paper"}


def find_spans(text: str, keywords: Sequence[str] = KEYWORDS) -> tuple[Span, ...]:
    """Find keywords as they are written, in any case; these tests need no more."""
    spans = (
        Span(match.start(), match.end(), query)
        for query, keyword in enumerate(keywords)
        for match in re.finditer(re.escape(keyword), text, re.IGNORECASE)
    )
    return tuple(sorted(spans))


def make_view(
    title: str = "How Post-Training Reshapes Models",
    abstract: str = "We study post-training. It lowers hallucination.",
    *,
    keywords: Sequence[str] = KEYWORDS,
    number: int = 1,
    **changes: Any,
) -> PaperView:
    """Make a paper that matches wherever the keywords stand. `changes`: fields of the view or of its paper."""
    title_spans, abstract_spans = find_spans(title, keywords), find_spans(abstract, keywords)
    queries = {"title": {span.query for span in title_spans}, "abstract": {span.query for span in abstract_spans}}
    view_changes = {name: value for name, value in changes.items() if name in VIEW_FIELDS}
    paper_changes = {name: value for name, value in changes.items() if name not in VIEW_FIELDS}
    paper = PaperSnapshot(
        id=number,
        title=title,
        abstract=abstract,
        authors=("Ada Byron", "Emmy Noether"),
        published_on=date(2025, 10, 29),
        listed_on=DAY,
        url=f"https://arxiv.org/abs/2510.{number:05}",
        pdf_url=f"https://arxiv.org/pdf/2510.{number:05}",
    )
    view = PaperView(
        paper=replace(paper, **paper_changes),
        title_spans=title_spans,
        abstract_spans=abstract_spans,
        matched_in=tuple(
            (query, " and ".join(place for place, found in queries.items() if query in found))
            for query in sorted(queries["title"] | queries["abstract"])
        ),
    )
    return replace(view, **view_changes)


def make_context(*papers: PaperView, **changes: Any) -> DigestContext:
    """Make a digest of these papers, or of one."""
    context = DigestContext(
        day=DAY,
        frequency="weekdays",
        send_time=SendTime(8, "Europe/Berlin"),
        address="reader@example.org",
        subscribed_on=date(2025, 9, 12),
        keywords=KEYWORDS,
        papers=papers or (make_view(),),
        links=LINKS,
        site_url=SITE,
        postal_address="Paper Digest, 1 Example Street, 10115 Berlin",
    )
    context = replace(context, **changes)
    if context.links.mark:
        tags = "".join(kind[0] * MARK_TAG_LENGTH for kind in MARK_KINDS)
        context = replace(context, mark_tags={view.paper.id: tags for view in context.papers[:CARDS_PER_DIGEST]})
    return (
        context if context.keyword_ids else replace(context, keyword_ids=tuple(range(101, 101 + len(context.keywords))))
    )
