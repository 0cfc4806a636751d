"""The digest letter.

    DigestWords -> cards and rows -> as many as fit -> subject, text, html

The best ten papers stand in full, the rest as rows, and what is left is a count with a link. The weight of the
HTML on the wire decides, whatever the texts are: first the rows at the end become a count, and where the cards
alone are too heavy, cards become rows.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from digest.letters import account, say
from digest.letters.cards import KEYWORD, Card, card, row
from digest.letters.templates import SUBJECT, letter, part, subject
from digest.letters.values import DigestWords, Letter, LetterPaper
from digest.letters.wire import Weight

LIMIT = 95_000  # bytes of encoded HTML; Gmail hides what comes after about 102,000
CARDS_LIMIT = 75_000  # of these, for the frame and the papers in full
IN_FULL = 10
TALLIED = 12  # keywords in the tally
TOPICS, TOPIC = 3, 40  # keywords in the subject, and characters of each
TITLED, PREHEADER = 3, 220  # titles in the preheader, and characters of it
NOTICES, NOTICE = 6, 300


@dataclass(frozen=True, slots=True)
class Tally:
    """How many of the letter's papers a keyword brought."""

    keyword: str
    query: int
    papers: int


@dataclass(frozen=True, slots=True)
class Printed:
    """A card or a row with its HTML, which ends in a newline, so that weights add up."""

    card: Card
    html: str

    @property
    def weight(self) -> Weight:
        return Weight.of(self.html)


def digest(words: DigestWords, *, whole: bool = False) -> Letter:
    """The letter for one reader and one edition. `whole`: nothing is left out for its weight, as on the web."""
    values = _frame(words)
    total = len(words.papers) + words.left_out
    # The frame is weighed with all it may have to say: the heading of the rows and the longest count.
    frame = part(
        "digest-body.html", **values, subject=subject("digest", values), cards=(), rows=(), row_count=total, more=total
    )
    cards, rows = _fitting(words, Weight.of(frame), whole=whole)
    more = total - len(cards) - len(rows)
    return letter("digest", {**values, "cards": cards, "rows": rows, "row_count": len(rows), "more": more})


def _fitting(words: DigestWords, weight: Weight, *, whole: bool) -> tuple[list[Printed], list[Printed]]:
    cards: list[Printed] = []
    rows: list[Printed] = []
    for paper in words.papers[:IN_FULL]:
        printed = _printed("digest-card.html", card(paper, words), words)
        if not whole and weight.plus(printed.weight).on_wire > CARDS_LIMIT:
            break
        weight = weight.plus(printed.weight)
        cards.append(printed)
    for paper in islice(words.papers, len(cards), None):
        printed = _printed("digest-row.html", row(paper, words), words)
        if not whole and weight.plus(printed.weight).on_wire > LIMIT:
            break
        weight = weight.plus(printed.weight)
        rows.append(printed)
    return cards, rows


def _printed(template: str, shown: Card, words: DigestWords) -> Printed:
    return Printed(shown, part(template, paper=shown, period=period(words)))


def _frame(words: DigestWords) -> dict[str, object]:
    tallies = tally(words)
    named = account.keywords(words.keywords)
    return {
        "product": words.product,
        "day": words.day,
        "period": period(words),
        "weekly": words.frequency == "weekly",
        "often": say.often(words.frequency),
        "clock": account.clock(words.clock),
        "address": say.one_line(words.address),
        "since": words.since,
        "headline": headline(words),
        "nothing_matched": bool(words.keywords) and not matched(words),
        "count": say.count(*counted(words)),
        "topics": topics(words),
        "preheader": preheader(words.papers),
        "tallies": tallies[:TALLIED],
        "more_tallies": max(0, len(tallies) - TALLIED),
        "keywords": named,
        "more_keywords": len(words.keywords) - len(named),
        "notices": [say.one_line(notice, NOTICE) for notice in words.notices[:NOTICES]],
        "links": words.links,
        "postal_address": say.one_line(words.postal_address),
    }


def period(words: DigestWords) -> str:
    return "this week" if words.frequency == "weekly" else "today"


def matched(words: DigestWords) -> int:
    """Papers that a keyword brought, those included that the edition left out."""
    found = sum(1 for paper in words.papers if paper.where)
    return found + words.left_out if found else 0


def counted(words: DigestWords) -> tuple[int, str]:
    if matched(words):
        return matched(words), "paper"
    return len(words.papers) + words.left_out, "trending paper"


def headline(words: DigestWords) -> str:
    if not matched(words):
        return "This week's trending papers" if words.frequency == "weekly" else "Today's trending papers"
    week = " this week" if words.frequency == "weekly" else ""
    return (
        f"{say.count(matched(words), 'new paper')}{week} {'matches' if matched(words) == 1 else 'match'} your keywords"
    )


def tally(words: DigestWords) -> list[Tally]:
    """The keywords that brought papers, the busiest first, else in the reader's order."""
    papers = Counter(query for paper in words.papers for query in dict(paper.where))
    papers.update(dict(enumerate(words.left_out_counts)))
    found = [
        Tally(say.cut(keyword, KEYWORD), query, papers[query])
        for query, keyword in enumerate(words.keywords)
        if papers[query]
    ]
    return sorted(found, key=lambda one: -one.papers)


def topics(words: DigestWords) -> str:
    """What the subject names after its count: the busiest keywords, or the first title when papers are trending."""
    room = SUBJECT - len(say.count(*counted(words))) - len(": this week")
    names = [say.cut(one.keyword, TOPIC) for one in tally(words)]
    if not names:
        return say.cut(words.papers[0].title, room) if words.papers else ""
    for shown in range(min(TOPICS, len(names)), 1, -1):
        said = _named(names, shown)
        if len(said) <= room:
            return said
    return _named(names, 1)


def _named(names: Sequence[str], shown: int) -> str:
    more = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {more} more" if more else "")


def preheader(papers: Sequence[LetterPaper]) -> str:
    """What a list of mails shows after the subject: the first titles."""
    return say.cut(" · ".join(say.cut(paper.title, PREHEADER) for paper in papers[:TITLED]), PREHEADER)
