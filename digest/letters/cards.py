"""A paper as the letter shows it: in full as a card, or in short as a row. Everything here is ready to be printed."""

from dataclasses import dataclass

from digest.letters import say
from digest.letters.marked import Piece, pieces, plain
from digest.letters.values import DigestWords, LetterPaper
from digest.matching import snippet

TITLE, ROW_TITLE, LABEL = 300, 160, 70  # characters of a title: in a card, in a row, in a link's label
SNIPPET = 420
ORGANIZATION = 100
KEYWORD = 60
REASONS = 4  # keywords named as the reason for one paper


@dataclass(frozen=True, slots=True)
class Reason:
    """A keyword that brought the paper here, and where its words stand."""

    keyword: str
    query: int
    place: str


@dataclass(frozen=True, slots=True)
class Link:
    """`label` and `note` are seen; `name` is what a screen reader says, unlike that of any other paper's link."""

    label: str
    url: str
    name: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    title: tuple[Piece, ...]
    url: str | None
    byline: str
    organization: str
    facts: tuple[str, ...]
    snippet: tuple[Piece, ...] = ()
    reasons: tuple[Reason, ...]
    more_reasons: int
    trending: bool
    late: str
    links: tuple[Link, ...] = ()

    @property
    def about(self) -> str:
        """Organisation and facts, for the plain letter."""
        return " · ".join(fact for fact in (self.organization, *self.facts) if fact)

    @property
    def brief(self) -> str:
        """What a row says below its title, for the plain letter."""
        return " · ".join(fact for fact in (self.byline, *self.facts, self.late) if fact)

    @property
    def why(self) -> str:
        """The keywords and where they stand, for the plain letter."""
        said = ", ".join(f"{reason.keyword} in {reason.place}" for reason in self.reasons)
        more = f" and {say.count(self.more_reasons, 'more keyword')}" if self.more_reasons else ""
        return f"Matched {said}{more}" if said else ""


def card(paper: LetterPaper, words: DigestWords) -> Card:
    """The paper in full."""
    title = pieces(paper.title, paper.title_spans, TITLE)
    reasons = _reasons(paper, words)
    return Card(
        title=title,
        url=say.web_address(paper.url),
        byline=say.byline(paper.authors),
        organization=say.cut(paper.organization or "", ORGANIZATION),
        facts=_facts(paper, words),
        snippet=_snippet(paper),
        reasons=reasons[:REASONS],
        more_reasons=max(0, len(reasons) - REASONS),
        trending=paper.trending,
        late=_late(paper, words),
        links=_links(paper, say.cut(plain(title), LABEL)),
    )


def row(paper: LetterPaper, words: DigestWords) -> Card:
    """The paper in two lines."""
    reasons = _reasons(paper, words)
    return Card(
        title=pieces(paper.title, paper.title_spans, ROW_TITLE),
        url=say.web_address(paper.url),
        byline=say.first_author(paper.authors),
        organization="",
        facts=_facts(paper, words),
        reasons=reasons[:REASONS],
        more_reasons=max(0, len(reasons) - REASONS),
        trending=paper.trending,
        late=_late(paper, words),
    )


def _reasons(paper: LetterPaper, words: DigestWords) -> tuple[Reason, ...]:
    return tuple(
        Reason(say.cut(words.keywords[query], KEYWORD), query, place)
        for query, place in dict(paper.where).items()
        if query < len(words.keywords)
    )


def _facts(paper: LetterPaper, words: DigestWords) -> tuple[str, ...]:
    """Date, upvotes and comments, as far as they are known. "0 upvotes" says nothing."""
    facts = [say.date_of(paper.published_on, words.day)] if paper.published_on else []
    if paper.upvotes:
        facts.append(say.count(paper.upvotes, "upvote"))
    if paper.comments:
        facts.append(say.count(paper.comments, "comment"))
    return tuple(facts)


def _late(paper: LetterPaper, words: DigestWords) -> str:
    if not paper.late:
        return ""
    year = "" if paper.listed_on.year == words.day.year else f" {paper.listed_on.year}"
    return f"Listed earlier, on {say.day(paper.listed_on)}{year}"


def _snippet(paper: LetterPaper) -> tuple[Piece, ...]:
    """Two or three sentences around the match, marked, with an ellipsis where the abstract goes on."""
    if not paper.abstract.strip():
        return ()
    found = snippet(paper.abstract, paper.abstract_spans, sentences=3, limit=SNIPPET)
    parts = list(pieces(found.text, found.spans, SNIPPET))
    if found.cut_before:
        parts.insert(0, Piece("… "))
    if found.cut_after and not plain(parts).endswith("…"):
        parts.append(Piece(" …"))
    return tuple(parts)


def _links(paper: LetterPaper, title: str) -> tuple[Link, ...]:
    """Only what is known, and nothing twice: a paper's own page may be its discussion."""
    stars = say.count(paper.code_stars, "star") if paper.code_stars else ""
    known = (
        ("Abstract", paper.url, ""),
        ("PDF", paper.pdf_url, ""),
        ("Discussion", paper.discussion_url, ""),
        ("Code", paper.code_url, stars),
        ("Project", paper.project_url, ""),
    )
    links: dict[str, Link] = {}
    for label, given, note in known:
        if url := say.web_address(given):
            seen = f"{label} ({note})" if note else label
            links.setdefault(url, Link(label, url, f"{seen}: {title}", note))
    return tuple(links.values())
