"""Text in pieces: the matched words, each with its keyword's position, and what stands between them.

The colours of a letter. A keyword's colour is its position among the reader's keywords, modulo six.

Every pair of text and ground has a contrast of at least 4.5 to 1 (WCAG 2.2, AA), which a test computes.

A paper as the letter shows it: in full as a card, or in short as a row. Everything here is ready to be printed.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import NamedTuple

from digest.formatting import (
    clean_line,
    format_authors,
    format_date,
    format_day,
    format_first_author,
    pluralize,
    safe_url,
    single_line,
    truncate,
)
from digest.matching import Span, snippet
from digest.rendering.contexts import DigestContext, PaperView
from digest.rendering.fragments import hole


class TextPart(NamedTuple):
    """`query` is a keyword's position, which has a colour, or a hole that is to be painted later."""

    text: str
    query: int | str | None = None


def split_text(text: str, spans: Iterable[Span], limit: int) -> tuple[TextPart, ...]:
    """`text` cut to `limit` characters and split at its spans; a span that does not fit in is left out.

    Cleaning comes after splitting, because spans count the characters of the text as it was given.
    """
    end = len(text) if len(text) <= limit else limit - 1
    made: list[TextPart] = []
    at = 0
    for span in sorted(spans):
        if span.start < at or span.end > end or span.end <= span.start:
            continue
        made += [TextPart(text[at : span.start]), TextPart(text[span.start : span.end], span.query)]
        at = span.end
    made.append(TextPart(text[at:end] if end == len(text) else text[at:end].rstrip() + "…"))
    cleaned = (TextPart(clean_line(piece.text), piece.query) for piece in made)
    return tuple(piece for piece in cleaned if piece.text)


def starred(parts: Iterable[TextPart]) -> str:
    """The pieces for text/plain: matched words between asterisks."""
    return "".join(piece.text if piece.query is None else f"*{piece.text.strip()}*" for piece in parts)


def plain(parts: Iterable[TextPart]) -> str:
    return "".join(piece.text for piece in parts).strip()


@dataclass(frozen=True, slots=True)
class Mark:
    """A marked word on a light and on a dark page. `line` is the bar's colour on both.

    Thunderbird's dark mode drops grounds lighter than 200 of 255; the line below the word is darker and stays.
    """

    ground: str
    line: str
    dark_ground: str
    dark_ink: str


@dataclass(frozen=True, slots=True)
class EmailTheme:
    """The rest: ink, quiet ink, rules, links, the page and the button, by day and by night."""

    ink: str = "#1b1f24"
    quiet: str = "#57606a"
    rule: str = "#dfe3e8"
    link: str = "#0b57d0"
    page: str = "#ffffff"
    button: str = "#0b57d0"
    button_ink: str = "#ffffff"
    dark_ink: str = "#e6e9ec"
    dark_quiet: str = "#a5aeb8"
    dark_rule: str = "#31373e"
    dark_link: str = "#8ab4f8"
    dark_page: str = "#14171a"
    dark_button: str = "#8ab4f8"
    dark_button_ink: str = "#14171a"
    sans: str = "-apple-system,BlinkMacSystemFont,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
    serif: str = "Georgia,'Times New Roman',serif"


THEME = EmailTheme()


HIGHLIGHT_COLORS = (
    Mark("#ffec99", "#e0b000", "#5a4700", "#ffeaa6"),
    Mark("#ffd9e6", "#d6538a", "#6a1f45", "#ffdbe9"),
    Mark("#c6f2d4", "#2f9e5b", "#0f4d2b", "#cbf5d9"),
    Mark("#d0e5ff", "#3f83dc", "#16407a", "#d6e7ff"),
    Mark("#e7dcff", "#8c66d4", "#45317b", "#e9e0ff"),
    Mark("#ffdfc7", "#dd7a30", "#69360c", "#ffe4d0"),
)


TITLE, ROW_TITLE, LABEL = 300, 160, 70  # characters of a title: in a card, in a row, in a link's label


SNIPPET, SUMMARY = 420, 600


ORGANIZATION = 100


KEYWORD = 60


REASONS = 4  # keywords named as the reason for one paper


@dataclass(frozen=True, slots=True)
class MatchReason:
    """A keyword that brought the paper here, where its words stand, and the address where it is muted, if any.

    `query` is its position among the reader's keywords, or a hole to be painted.
    """

    keyword: str
    query: int | str
    place: str
    mute: str = ""


@dataclass(frozen=True, slots=True)
class PaperLink:
    """`label` and `note` are seen; `name` is what a screen reader says, unlike that of any other paper's link."""

    label: str
    url: str
    name: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperCard:
    """`label` is a short title, by which a link tells of which paper it is. `never`: where its authors are muted."""

    title: tuple[TextPart, ...]
    label: str
    url: str | None
    byline: str
    organization: str
    facts: tuple[str, ...]
    snippet: tuple[TextPart, ...] = ()
    summary: str = ""
    reasons: tuple[MatchReason, ...]
    more_reasons: int
    trending: bool
    late: str
    links: tuple[PaperLink, ...] = ()
    never: str = ""
    why: str

    @property
    def about(self) -> str:
        """Organisation and facts, for the plain letter."""
        return " · ".join(fact for fact in (self.organization, *self.facts) if fact)

    @property
    def brief(self) -> str:
        """What a row says below its title, for the plain letter."""
        return " · ".join(fact for fact in (self.byline, *self.facts, self.late) if fact)


@dataclass(frozen=True, slots=True)
class Own:
    """What of a card is its reader's own. The sequences go by the paper's numbers for its queries."""

    keywords: Sequence[str]
    queries: Sequence[int | str]
    mute: Sequence[str]
    never: str
    why: str = ""

    @classmethod
    def of(cls, paper: PaperView, words: DigestContext, positions: Sequence[int] = ()) -> "Own":
        """The reader's. `positions`: see DigestWords."""
        where = positions or range(len(words.keywords))
        links = words.links
        ids = [words.keyword_ids[each] if links.mute and each < len(words.keyword_ids) else 0 for each in where]
        return cls(
            keywords=[truncate(words.keywords[each], KEYWORD) for each in where],
            queries=where,
            mute=[f"{links.mute}/{number}" if number else "" for number in ids],
            never=f"{links.never}/{paper.id}" if links.never and paper.id and paper.authors else "",
        )

    @classmethod
    def holes(cls, paper: PaperView, *, mute: bool, never: bool) -> "Own":
        """Anybody's: holes in the places of all that."""
        numbers = range(1 + max((*dict(paper.where), *(span.query for span in _spans(paper))), default=-1))
        return cls(
            keywords=[hole(f"keyword {number}") for number in numbers],
            queries=[hole(f"paint {number}") for number in numbers],
            mute=[hole(f"mute {number}") if mute else "" for number in numbers],
            never=f"{hole('never')}/{paper.id}" if never and paper.id and paper.authors else "",
            why=hole("why"),
        )


def personal_card(paper: PaperView, words: DigestContext, positions: Sequence[int] = ()) -> PaperCard:
    """The paper in full, for one reader."""
    return in_full(paper, words.day, Own.of(paper, words, positions))


def row(paper: PaperView, words: DigestContext, positions: Sequence[int] = ()) -> PaperCard:
    """The paper in two lines, for one reader."""
    return in_short(paper, words.day, Own.of(paper, words, positions))


def in_full(paper: PaperView, today: date, own: Own) -> PaperCard:
    brief = in_short(paper, today, own)
    title = _painted(split_text(paper.title, paper.title_spans, TITLE), own)
    return replace(
        brief,
        title=title,
        byline=format_authors(paper.authors),
        organization=truncate(paper.organization or "", ORGANIZATION),
        snippet=() if paper.summary.strip() else _painted(_snippet(paper), own),
        summary=single_line(paper.summary, SUMMARY),
        links=_links(paper, brief.label),
        never=own.never,
    )


def in_short(paper: PaperView, today: date, own: Own) -> PaperCard:
    reasons = _reasons(paper, own)
    more = max(0, len(reasons) - REASONS)
    return PaperCard(
        title=_painted(split_text(paper.title, paper.title_spans, ROW_TITLE), own),
        label=truncate(paper.title, LABEL),
        url=safe_url(paper.url),
        byline=format_first_author(paper.authors),
        organization="",
        facts=_facts(paper, today),
        reasons=reasons[:REASONS],
        more_reasons=more,
        trending=paper.trending,
        late=_late(paper, today),
        why=(own.why or why([(each.keyword, each.place) for each in reasons[:REASONS]], more)) if reasons else "",
    )


def why(reasons: Sequence[tuple[str, str]], more: int) -> str:
    """The keywords and where they stand, for the plain letter."""
    said = ", ".join(f"{keyword} in {place}" for keyword, place in reasons)
    return f"Matched {said}" + (f" and {pluralize(more, 'more keyword')}" if more else "")


def _spans(paper: PaperView) -> tuple[Span, ...]:
    return (*paper.title_spans, *paper.abstract_spans)


def _painted(parts: Sequence[TextPart], own: Own) -> tuple[TextPart, ...]:
    """The pieces with the reader's colours."""
    known = len(own.queries)
    return tuple(
        TextPart(each.text, own.queries[each.query] if isinstance(each.query, int) and each.query < known else None)
        for each in parts
    )


def _reasons(paper: PaperView, own: Own) -> tuple[MatchReason, ...]:
    return tuple(
        MatchReason(own.keywords[query], own.queries[query], place, own.mute[query])
        for query, place in dict(paper.where).items()
        if query < len(own.keywords)
    )


def _facts(paper: PaperView, today: date) -> tuple[str, ...]:
    """Date, upvotes and comments, as far as they are known. "0 upvotes" says nothing."""
    facts = [format_date(paper.published_on, today)] if paper.published_on else []
    if paper.upvotes:
        facts.append(pluralize(paper.upvotes, "upvote"))
    if paper.comments:
        facts.append(pluralize(paper.comments, "comment"))
    return tuple(facts)


def _late(paper: PaperView, today: date) -> str:
    if not paper.late:
        return ""
    year = "" if paper.listed_on.year == today.year else f" {paper.listed_on.year}"
    return f"Listed earlier, on {format_day(paper.listed_on)}{year}"


def _snippet(paper: PaperView) -> tuple[TextPart, ...]:
    """Two or three sentences around the match, marked, with an ellipsis where the abstract goes on."""
    if not paper.abstract.strip():
        return ()
    found = snippet(paper.abstract, paper.abstract_spans, sentences=3, limit=SNIPPET)
    parts = list(split_text(found.text, found.spans, SNIPPET))
    if found.truncated_before:
        parts.insert(0, TextPart("…\u00a0"))
    if found.truncated_after and not plain(parts).endswith("…"):
        parts.append(TextPart("\u00a0…"))
    return tuple(parts)


def _links(paper: PaperView, title: str) -> tuple[PaperLink, ...]:
    """Only what is known, and nothing twice: a paper's own page may be its discussion."""
    stars = pluralize(paper.code_stars, "star") if paper.code_stars else ""
    known = (
        ("Abstract", paper.url, ""),
        ("PDF", paper.pdf_url, ""),
        ("Discussion", paper.discussion_url, ""),
        ("Code", paper.code_url, stars),
        ("Project", paper.project_url, ""),
    )
    links: dict[str, PaperLink] = {}
    for label, given, note in known:
        if url := safe_url(given):
            seen = f"{label} ({note})" if note else label
            links.setdefault(url, PaperLink(label, url, f"{seen}: {title}", note))
    return tuple(links.values())
