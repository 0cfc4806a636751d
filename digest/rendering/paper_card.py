"""Paper as an e-mail shows it, a full card or a short row."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal, NamedTuple

from digest import formatting
from digest.matching import Span, snippet
from digest.papers import snapshots
from digest.rendering import messages
from digest.rendering.contexts import DigestContext, PaperView
from digest.rendering.fragments import placeholder
from digest.rendering.messages import Period
from digest.tokens import MARK_KINDS, split_mark_tags

CARD_TITLE_LENGTH, ROW_TITLE_LENGTH, LABEL_LENGTH = 300, 160, 70  # characters; a label names the paper in a link
SNIPPET_LENGTH, SUMMARY_LENGTH, ORGANIZATION_LENGTH, REASON_KEYWORD_LENGTH = 360, 600, 100, 60
JOURNAL_LENGTH, SOURCE_LENGTH = 80, 40
REASONS_PER_PAPER = 4
SOURCES_PER_PAPER = 3
PaperForm = Literal["card", "row"]


class TextPart(NamedTuple):
    """Piece of a text. `query` is the position of the keyword that it matches, or the placeholder of its color."""

    text: str
    query: int | str | None = None


def split_text(text: str, spans: Iterable[Span], limit: int) -> tuple[TextPart, ...]:
    """Cut `text` to `limit` characters and split it at its spans; a span that does not fit in is left out."""
    end = len(text) if len(text) <= limit else limit - 1
    parts: list[TextPart] = []
    start = 0
    for span in sorted(spans):
        if span.start < start or span.end > end or span.end <= span.start:
            continue
        parts += [TextPart(text[start : span.start]), TextPart(text[span.start : span.end], span.query)]
        start = span.end
    parts.append(TextPart(text[start:end] if end == len(text) else text[start:end].rstrip() + "…"))
    # Only now, because spans count the characters of the text as it was given.
    cleaned = (TextPart(formatting.clean_line(part.text), part.query) for part in parts)
    return tuple(part for part in cleaned if part.text)


def join_text(parts: Iterable[TextPart], *, asterisks: bool = False) -> str:
    """Join the parts for text/plain, matched words between asterisks where these are wanted."""
    texts = [f"*{text.strip()}*" if asterisks and query is not None else text for text, query in parts]
    return "".join(texts)


@dataclass(frozen=True, slots=True)
class MatchReason:
    """Keyword that brought a paper, and where its words stand.

    `color` is its position among the subscriber's keywords, or a placeholder.
    """

    keyword: str
    color: int | str
    place: str


@dataclass(frozen=True, slots=True)
class PaperLink:
    """Link of a paper. `accessible_name` is what a screen reader says, unlike that of any other paper's link."""

    label: str
    url: str
    accessible_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperCard:
    """Everything about a paper in the words and forms in which templates show it.

    `url` is that of the paper's page, `source_url` that of where it was published. Of `paper` itself templates may show
    any other field, text with the filter `one_line`.
    """

    paper: snapshots.PaperSnapshot
    title: tuple[TextPart, ...]
    label: str
    url: str | None
    source_url: str | None
    byline: str
    organization: str
    facts: tuple[str, ...]
    snippet: tuple[TextPart, ...]
    summary: str
    reasons: tuple[MatchReason, ...]
    more_reasons: str
    reason_text: str
    trending_reason: str
    thumbnail_url: str
    links: tuple[PaperLink, ...]
    code: PaperLink | None
    marks: tuple[PaperLink, ...]

    @property
    def details(self) -> str:
        """Organization and facts, for the plain text of a card."""
        return " · ".join(part for part in (self.organization, *self.facts) if part)

    @property
    def row_line(self) -> str:
        """Authors and facts, for the plain text of a row."""
        return " · ".join(part for part in (self.byline, *self.facts) if part)


@dataclass(frozen=True, slots=True)
class PersonalFields:
    """What of a card belongs to one subscriber. The first two sequences go by the view's own query numbers.

    `mark_start` and `mark_tags` make up the links that mark the paper; without tags there are none.
    """

    keywords: Sequence[str]
    colors: Sequence[int | str]
    mark_start: str = ""
    mark_tags: Sequence[str] = ()
    reason_text: str = ""

    @classmethod
    def for_subscriber(cls, view: PaperView, context: DigestContext, positions: Sequence[int] = ()) -> "PersonalFields":
        """Return those of the subscriber of a digest. `positions`: see DigestContext."""
        positions = positions or range(len(context.keywords))
        return cls(
            keywords=[formatting.truncate(context.keywords[n], REASON_KEYWORD_LENGTH) for n in positions],
            colors=positions,
            mark_start=context.links.mark,
            mark_tags=split_mark_tags(context.mark_tags.get(view.paper.id, "")) if context.links.mark else (),
        )

    @classmethod
    def placeholders(cls, view: PaperView, *, marks: bool) -> "PersonalFields":
        """Return a placeholder for each, so that all subscribers can share the card."""
        queries = [*dict(view.matched_in), *(span.query for span in (*view.title_spans, *view.abstract_spans))]
        numbers = range(1 + max(queries, default=-1))
        return cls(
            keywords=[placeholder(f"keyword {n}") for n in numbers],
            colors=[placeholder(f"color {n}") for n in numbers],
            mark_start=placeholder("mark"),
            mark_tags=[placeholder(kind) for kind in MARK_KINDS] if marks else (),
            reason_text=placeholder("reason"),
        )


def build_card(
    view: PaperView,
    today: date,
    fields: PersonalFields,
    form: PaperForm = "card",
    period: Period = "day",
    site_url: str = "",
    *,
    thumbnail: bool = False,
) -> PaperCard:
    """Put a paper into words: in full as a card, or in two lines as a row. `site_url`: where papers have pages.

    A thumbnail is served by us, under an address that is the same for all subscribers: it tells nobody who reads what.
    """
    paper, is_card = view.paper, form == "card"
    reasons = tuple(
        MatchReason(fields.keywords[query], fields.colors[query], place)
        for query, place in dict(view.matched_in).items()
        if query < len(fields.keywords)
    )
    shown_reasons, hidden = reasons[:REASONS_PER_PAPER], max(0, len(reasons) - REASONS_PER_PAPER)
    reason_text = fields.reason_text or match_reason_text([(r.keyword, r.place) for r in shown_reasons], hidden)
    title = split_text(paper.title, view.title_spans, CARD_TITLE_LENGTH if is_card else ROW_TITLE_LENGTH)
    summary = paper.ai_summary or "" if view.has_summary else ""
    label = formatting.truncate(paper.title, LABEL_LENGTH)
    links = _paper_links(paper, label) if is_card else ()
    source_url = formatting.safe_url(paper.url)
    has_thumbnail = bool(paper.thumbnail_url and site_url and paper.id)
    return PaperCard(
        paper=paper,
        title=_apply_colors(title, fields),
        label=label,
        url=f"{site_url}/papers/{paper.id}" if site_url and paper.id else source_url,
        source_url=source_url,
        byline=formatting.format_authors(paper.authors) if is_card else formatting.format_first_author(paper.authors),
        organization=formatting.truncate(paper.organization or "", ORGANIZATION_LENGTH) if is_card else "",
        facts=(*_where_listed(paper, is_card=is_card), *_day_and_votes(view, today, period)),
        snippet=_apply_colors(_snippet_parts(view), fields) if is_card and not summary.strip() else (),
        summary=formatting.truncate(summary, SUMMARY_LENGTH) if is_card else "",
        reasons=shown_reasons,
        more_reasons=messages.MORE_REASONS.format(hidden) if hidden else "",
        reason_text=reason_text if reasons else "",
        trending_reason=messages.TRENDING_REASONS[period] if view.is_trending else "",
        thumbnail_url=f"{site_url}/papers/{paper.id}/thumbnail" if thumbnail and is_card and has_thumbnail else "",
        links=links,
        code=next((link for link in links if link.url == paper.code_url), None),
        marks=mark_links(fields.mark_start, paper.id, fields.mark_tags, label) if is_card else (),
    )


def mark_links(start: str, paper_id: int, tags: Sequence[str], title: str) -> tuple[PaperLink, ...]:
    """Return the links that mark a paper: more like this, less like this, save. Without tags there are none.

    `start`: the page and how all tokens of the e-mail begin.
    """
    return tuple(
        PaperLink(label, f"{start}.{paper_id}.{kind}.{tag}", accessible_name.format(title=title))
        for (kind, (label, accessible_name)), tag in zip(messages.MARK_LABELS.items(), tags, strict=False)
    )


def match_reason_text(reasons: Sequence[tuple[str, str]], more_reasons: int) -> str:
    """Say which keywords matched and where, for the plain text."""
    parts = [messages.MATCHED_IN.format(keyword=keyword, place=place) for keyword, place in reasons]
    more = f" {messages.MORE_REASONS.format(more_reasons)}" if more_reasons else ""
    return f"{'; '.join(parts)}{more}"


def _apply_colors(parts: Sequence[TextPart], fields: PersonalFields) -> tuple[TextPart, ...]:
    colors = fields.colors
    return tuple(
        TextPart(text, colors[query] if isinstance(query, int) and query < len(colors) else None)
        for text, query in parts
    )


def _where_listed(paper: snapshots.PaperSnapshot, *, is_card: bool) -> tuple[str, ...]:
    """Return its kind unless it is a paper, its journal, and the sources that list it; a row has one of the two."""
    kind = messages.KINDS.get(paper.kind, "")
    journal = formatting.truncate(paper.journal or "", JOURNAL_LENGTH)
    sources = [formatting.truncate(title, SOURCE_LENGTH) for title in paper.source_titles]
    listed = formatting.join_words(sources[:SOURCES_PER_PAPER], max(0, len(sources) - SOURCES_PER_PAPER))
    places = tuple(place for place in (journal, "" if listed.casefold() == journal.casefold() else listed) if place)
    return (*([kind] if kind else []), *(places if is_card else places[:1]))


def _day_and_votes(view: PaperView, today: date, period: Period) -> tuple[str, ...]:
    """Return the day of the list where it is not the digest's, and the upvotes; "0 upvotes" says nothing."""
    paper, facts = view.paper, []
    if paper.upvotes:
        facts.append(formatting.pluralize(paper.upvotes, "upvote"))
    if view.is_late or period != "day":
        day = formatting.format_date(paper.listed_on, today)
        facts.append(messages.LISTED_EARLIER.format(day=day) if view.is_late else day)
    return tuple(facts)


def _snippet_parts(view: PaperView) -> tuple[TextPart, ...]:
    """Return two or three sentences around the match, with an ellipsis where the abstract goes on."""
    if not view.paper.abstract.strip():
        return ()
    excerpt = snippet(view.paper.abstract, view.abstract_spans, sentences=3, limit=SNIPPET_LENGTH)
    parts = list(split_text(excerpt.text, excerpt.spans, SNIPPET_LENGTH))
    if excerpt.truncated_before:
        parts.insert(0, TextPart("…\u00a0"))
    if excerpt.truncated_after and not join_text(parts).strip().endswith("…"):
        parts.append(TextPart("\u00a0…"))
    return tuple(parts)


def _paper_links(paper: snapshots.PaperSnapshot, title: str) -> tuple[PaperLink, ...]:
    """Return the links that are known, each address once: a paper's own page may be its discussion."""
    code = messages.CODE_STARS.format(paper.code_stars) if paper.code_stars else "Code"
    candidates = (
        ("PDF", paper.pdf_url) if formatting.safe_url(paper.pdf_url) else ("Abstract", paper.url),
        (code, paper.code_url),
        (messages.COMMENTS.format(paper.comments), paper.discussion_url) if paper.comments else ("", None),
        ("Project", paper.project_url),
    )
    links: dict[str, PaperLink] = {}
    for label, candidate in candidates:
        if url := formatting.safe_url(candidate):
            links.setdefault(url, PaperLink(label, url, f"{label}: {title}"))
    return tuple(links.values())
