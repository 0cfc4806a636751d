"""What stands above the papers of a digest: subject, headline, tally, preheader, and what is made up for.

The digest around its papers: what stands above and below them, rendered once for all letters of the same shape.
"""

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from digest.formatting import (
    format_date,
    format_day,
    format_number,
    frequency_label,
    join_words,
    pluralize,
    single_line,
    truncate,
    truncate_cached,
)
from digest.mail import EmailContent, QuotedPrintable, encode_part
from digest.rendering import transactional
from digest.rendering.contexts import DigestContext, PaperView, PersonalLinks, SendTime
from digest.rendering.fragments import NOTHING, Fragment, Sentence, address, common, hole, html
from digest.rendering.paper_card import HIGHLIGHT_COLORS, KEYWORD
from digest.rendering.plain_text import fill, paragraph
from digest.rendering.templates import SUBJECT, fragment, macro, part
from digest.rendering.transactional import clock

TOPICS, TOPIC = 3, 40  # keywords in the subject, and characters of each


TITLED, PREHEADER = 3, 200  # titles in the preheader, and characters of it: more hidden text looks like spam


PREHEADER_SEPARATOR = " · "  # titles of the preheader


class Tally(NamedTuple):
    """How many of the letter's papers a keyword brought."""

    keyword: str
    query: int
    papers: int


def positions(words: DigestContext) -> Sequence[Sequence[int]]:
    """For each paper which position among the keywords each of its numbers means."""
    return words.positions or [range(len(words.keywords))] * len(words.papers)


def tally(words: DigestContext) -> list[Tally]:
    """The keywords that brought papers, the busiest first, else in the reader's order."""
    papers = [*words.left_out_counts, *[0] * (len(words.keywords) - len(words.left_out_counts))]
    for paper, known in zip(words.papers, positions(words), strict=True):
        for number, _ in paper.where:
            if number < len(known):
                papers[known[number]] += 1
    found = [
        Tally(truncate_cached(keyword, KEYWORD), query, papers[query])
        for query, keyword in enumerate(words.keywords)
        if papers[query]
    ]
    return sorted(found, key=lambda one: -one.papers)


def period(weekly: bool) -> str:
    return "this week" if weekly else "today"


def matched(words: DigestContext) -> int:
    """Papers that a keyword brought, those included that the edition left out."""
    found = len([paper for paper in words.papers if paper.where])
    return found + words.left_out if found else 0


def counted(words: DigestContext, found: int) -> str:
    """The first words of the subject. `found`: papers that matched."""
    if found:
        return pluralize(found, "paper")
    return pluralize(len(words.papers) + words.left_out, "trending paper")


def headline(words: DigestContext, found: int) -> str:
    weekly = words.frequency == "weekly"
    if not found:
        return "This week's trending papers" if weekly else "Today's trending papers"
    week = " this week" if weekly else ""
    return f"{pluralize(found, 'new paper')}{week} {'matches' if found == 1 else 'match'} your keywords"


def topics(words: DigestContext, tallies: Sequence[Tally], count: str) -> str:
    """What the subject names after its `count`: the busiest keywords, or the first title when papers are trending."""
    room = SUBJECT - len(count) - len(": this week")
    names = [truncate_cached(one.keyword, TOPIC) for one in tallies]
    if not names:
        return truncate_cached(words.papers[0].title, room) if words.papers else ""
    for shown in range(min(TOPICS, len(names)), 1, -1):
        said = _named(names, shown)
        if len(said) <= room:
            return said
    return _named(names, 1)


def _named(names: Sequence[str], shown: int) -> str:
    more = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {more} more" if more else "")


def preheader(papers: Sequence[PaperView]) -> list[str]:
    """What a list of mails shows after the subject: the first titles, as far as there is room."""
    shown: list[str] = []
    room = PREHEADER
    for paper in papers[:TITLED]:
        if room <= 1:
            break
        shown.append(truncate_cached(paper.title, room))
        room -= len(shown[-1]) + len(PREHEADER_SEPARATOR)
    return shown


def day_of(paper: PaperView) -> str:
    """The heading that a paper stands under in a weekly letter."""
    return "Listed earlier" if paper.late else format_day(paper.listed_on)


def catch_up_notice(words: DigestContext, more: int) -> str:
    """What to say of papers that an earlier letter should have had; `more` are on the web only. Else nothing.

    When most of them are late, the reader was away, or we were: then it is a letter that catches up.
    """
    late = [paper for paper in words.papers if paper.late]
    if not late:
        return ""
    if 2 * len(late) <= len(words.papers):
        was = "was listed earlier and is" if len(late) == 1 else "were listed earlier and are"
        return f"{pluralize(len(late), 'paper')} {was} made up for here."
    since = format_date(min(paper.listed_on for paper in late), words.day)
    shown = len(words.papers) + words.left_out - more
    if more:
        here, elsewhere = pluralize(shown, "paper"), format_number(more)
        return f"Catching up since {since}: the best {here} here, {elsewhere} more on the web."
    return f"Catching up since {since}: these papers were listed while no letter reached you."


TALLIED = 12  # keywords in the tally


NOTICES, NOTICE = 6, 300


SAID = 4096  # lines of tallies that are kept


FRAMES = 64  # shapes of frames that are kept: 2 MB


BETWEEN = encode_part(PREHEADER_SEPARATOR)


LINKS = PersonalLinks._fields


class Papers(NamedTuple):
    """The papers of a letter in wire form, by the names of their holes, in the order of the frame's templates."""

    cards: Sequence[QuotedPrintable] = ()
    rows: Sequence[QuotedPrintable] = ()


class Shape(NamedTuple):
    """What decides how a frame is rendered, apart from its reader's own words. The flags: whether there is any."""

    product: str
    day: date
    weekly: bool
    notices: tuple[str, ...]
    postal_address: str
    links: tuple[str, ...]
    tallies: bool
    more_tallies: bool
    nothing_matched: bool
    keywords: bool
    made_up: bool = False
    rows: bool = False
    more: bool = False


@lru_cache(maxsize=FRAMES)
def render_layout(shape: Shape) -> tuple[Fragment, Fragment]:
    """The frame in both forms."""
    names = ("subject", "preheader", "headline", "often", "clock", "address", "since", "reason", "cards", "rows")
    known = {"tallies": shape.tallies, "shares": shape.tallies, "more_tallies": shape.more_tallies}
    known |= {"keywords": shape.keywords, "row_heading": shape.rows, "more": shape.more}
    values: dict[str, object] = {
        **{name: hole(name) for name in names},
        **{name: hole(name) if there else "" for name, there in known.items()},
        "links": {name: hole(name) if name in shape.links else "" for name in LINKS},
        "notices": (*([hole("made_up")] if shape.made_up else []), *shape.notices),
        "product": shape.product,
        "day": shape.day,
        "weekly": shape.weekly,
        "postal_address": shape.postal_address,
        "nothing_matched": shape.nothing_matched,
    }
    return fragment("digest-body.html", **values), fragment("digest-body.txt", **values)


class Frame:
    """One letter's frame. `html` and `text` have what is its reader's own, by the names of holes."""

    def __init__(self, words: DigestContext) -> None:
        self._words = words
        tallies, found = tally(words), matched(words)
        named = transactional.keywords(words.keywords)
        keywords = join_words(named, len(words.keywords) - len(named))
        when, when_html = _when(words.frequency, words.send_time.hour, words.send_time.timezone, words.subscribed_on)
        own = {**when, "address": single_line(words.address), "keywords": keywords}
        product, postal_address, notices = _ctx(words.product, words.postal_address, words.notices)
        links = [(name, url) for name, url in zip(LINKS, words.links, strict=True) if url]
        self._subject = subject(words, tallies, found)
        self._shape = Shape(
            product=product,
            day=words.day,
            weekly=words.frequency == "weekly",
            notices=notices,
            postal_address=postal_address,
            links=tuple([name for name, _ in links]),
            tallies=bool(tallies),
            more_tallies=len(tallies) > TALLIED,
            nothing_matched=bool(words.keywords) and not found,
            keywords=bool(keywords),
        )
        shown = tallies[:TALLIED]
        self.html: dict[str, QuotedPrintable] = {
            **when_html,
            **_in_colours(shown),
            "address": html(own["address"]),
            "keywords": html(keywords),
            "subject": html(self._subject),
            "preheader": QuotedPrintable(BETWEEN.join(map(_titled, preheader(words.papers)))),
        }
        self.text: dict[str, QuotedPrintable] = {
            "tallies": _in_lines(shown),
            "reason": paragraph(_reason(keywords=bool(keywords)).filled(own)),
        }
        for name, url in links:
            self.html[name], self.text[name] = address(url)
        more_tallies = pluralize(max(0, len(tallies) - TALLIED), "more keyword")
        self.html["more_tallies"], self.text["more_tallies"] = common(more_tallies)
        self.html["headline"], self.text["headline"] = _headline(headline(words, found))

    def empty(self, rows: int, more: int) -> QuotedPrintable:
        """The HTML without its papers, to be weighed."""
        return self.letter(Papers(), Papers(), rows, more).encoded_html

    def letter(self, in_html: Papers, in_text: Papers, rows: int, more: int) -> EmailContent:
        """The whole: `rows` papers in short, and `more` that are on the web only."""
        made_up = catch_up_notice(self._words, more)
        whole, plain = render_layout(self._shape._replace(made_up=bool(made_up), rows=rows > 0, more=more > 0))
        counts = _counts(rows, more)
        late_html, late_text = _made_up(made_up) if made_up else (NOTHING, NOTHING)
        for own, late in ((self.html, late_html), (self.text, late_text)):
            own.update(counts, made_up=late)
        text = plain.around(self.text, in_text._asdict())
        return EmailContent(self._subject, text, whole.around(self.html, in_html._asdict()))


@lru_cache
def _ctx(product: str, postal_address: str, notices: tuple[str, ...]) -> tuple[str, str, tuple[str, ...]]:
    """What is the same in all letters, each on one line."""
    told = tuple(single_line(notice, NOTICE) for notice in notices[:NOTICES])
    return single_line(product), single_line(postal_address), told


@lru_cache(maxsize=SAID)
def _when(frequency: str, hour: int, timezone: str, since: date) -> tuple[dict[str, str], dict[str, QuotedPrintable]]:
    """When letters come and since when, as it is said and in HTML."""
    said = {
        "often": frequency_label(frequency),
        "clock": clock(SendTime(hour, timezone)),
        "since": format_date(since),
    }
    return said, {name: html(each) for name, each in said.items()}


_titled = lru_cache(maxsize=SAID)(html)


@lru_cache(maxsize=SAID)
def _headline(said: str) -> tuple[QuotedPrintable, QuotedPrintable]:
    return html(said), paragraph(said)


@lru_cache
def _made_up(said: str) -> tuple[QuotedPrintable, QuotedPrintable]:
    return html(said), encode_part(fill(said, 2, "! ")[2:])


@lru_cache
def _counts(rows: int, more: int) -> dict[str, QuotedPrintable]:
    return {
        "row_heading": encode_part(pluralize(rows, "more paper")),
        "more": encode_part(pluralize(more, "more paper")),
    }


def subject(words: DigestContext, tallies: Sequence[Tally], found: int) -> str:
    """One line of at most SUBJECT characters. `found`: papers that matched."""
    count = counted(words, found)
    return _cut(count, words.frequency == "weekly", topics(words, tallies, count))


@lru_cache(maxsize=SAID)
def _cut(count: str, weekly: bool, topics: str) -> str:
    line = _subject(weekly=weekly, topics=bool(topics))
    return truncate(line.filled({"count": count, "topics": topics}), SUBJECT)


@lru_cache
def _subject(*, weekly: bool, topics: bool) -> Sentence:
    return Sentence.rendered(
        part("digest-subject.txt", count=hole("count"), weekly=weekly, topics=hole("topics") if topics else "")
    )


@lru_cache
def _reason(*, keywords: bool) -> Sentence:
    names = ("often", "clock", "address", "since")
    values = {name: hole(name) for name in names}
    return Sentence.rendered(part("digest-reason.txt", **values, keywords=hole("keywords") if keywords else ""))


@lru_cache
def paints() -> tuple[QuotedPrintable, ...]:
    """The opening of a marked word, in every colour."""
    return tuple(encode_part(macro("paint", colour)) for colour in range(len(HIGHLIGHT_COLORS)))


@lru_cache
def _tally_parts() -> tuple[Fragment, tuple[Fragment, ...]]:
    shares = tuple(Fragment.rendered(macro("share", hole("width"), colour)) for colour in range(len(HIGHLIGHT_COLORS)))
    return Fragment.rendered(macro("tallied", hole("keyword"), hole("paint"), hole("papers"))), shares


def _in_colours(tallies: Sequence[Tally]) -> dict[str, QuotedPrintable]:
    """The tally, and the bar that shows it."""
    whole = sum(one.papers for one in tallies)
    tallied = [_tallied(one.keyword, one.query % len(HIGHLIGHT_COLORS), one.papers) for one in tallies]
    shares = [_share(round(100 * one.papers / whole), one.query % len(HIGHLIGHT_COLORS)) for one in tallies]
    return {"tallies": QuotedPrintable(b"".join(tallied)), "shares": QuotedPrintable(b"".join(shares))}


@lru_cache(maxsize=SAID)
def _tallied(keyword: str, colour: int, papers: int) -> QuotedPrintable:
    values = {"keyword": html(keyword), "paint": paints()[colour], "papers": encode_part(str(papers))}
    return _tally_parts()[0].filled(values)


@lru_cache
def _share(width: int, colour: int) -> QuotedPrintable:
    return _tally_parts()[1][colour].filled({"width": encode_part(str(width))})


def _in_lines(tallies: Sequence[Tally]) -> QuotedPrintable:
    return QuotedPrintable(b"".join(_line(one.keyword, one.papers) for one in tallies))


@lru_cache(maxsize=SAID)
def _line(keyword: str, papers: int) -> QuotedPrintable:
    return encode_part(fill(f"{keyword}: {papers}", 6, "  * ") + "\n")
