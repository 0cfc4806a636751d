"""The digest letter.

    DigestWords -> cards and rows -> as many as fit -> subject, text, html

What is rendered of a paper (prints.py) or of the frame is rendered once, with holes (fragments.py), and kept for other
letters; a letter is those pieces joined, with what is its reader's own in the holes.

The best ten papers stand in full, the rest as rows, and what is left is a count with a link. The weight of the
HTML on the wire decides, whatever the texts are: first the rows at the end become a count, and where the cards
alone are too heavy, cards become rows.
"""

from collections.abc import Sequence
from itertools import groupby

from digest.mail import SOFT_BREAK, EmailContent, QuotedPrintable, SizeBudget
from digest.rendering.contexts import DigestContext
from digest.rendering.fragment_cache import (
    PaperForm,
    Prints,
    Style,
    heading,
    label,
    numbered,
    reason,
    render_paper,
    run,
)
from digest.rendering.fragments import NOTHING
from digest.rendering.layout import Frame, Papers, day_of, paints, positions
from digest.rendering.paper_card import HIGHLIGHT_COLORS

LIMIT = 95_000  # bytes of encoded HTML; Gmail hides what comes after about 102,000


CARDS_LIMIT = 75_000  # of these, for the frame and the papers in full


IN_FULL = 10


NOWHERE = (NOTHING, NOTHING)


UNMARKED = -1


Ink = tuple[QuotedPrintable, QuotedPrintable, QuotedPrintable, QuotedPrintable, QuotedPrintable]


Filling = dict[str, QuotedPrintable]


def render_digest(words: DigestContext, *, whole: bool = False) -> EmailContent:
    """The letter for one reader and one edition. `whole`: nothing is left out for its weight, as on the web."""
    return _Setting(words).letter(whole=whole)


class _Setting:
    """One letter being set. Papers are named by their places in the edition."""

    def __init__(self, words: DigestContext) -> None:
        self._words = words
        self._weekly = words.frequency == "weekly"
        self._frame = Frame(words)
        self._positions = positions(words)
        self._inks: dict[int, Ink] = {}
        # What fills the holes of papers in which nothing is marked, in both forms.
        self._bare = [{"never": each.get("never", NOTHING)} for each in (self._frame.html, self._frame.text)]
        muted, never = bool(words.links.mute and words.keyword_ids), bool(words.links.never)
        self._style = Style(words.day.year, self._weekly, muted, never)

    def letter(self, *, whole: bool) -> EmailContent:
        letter = self._with(None)
        if whole or len(letter.encoded_html) <= CARDS_LIMIT:  # as nearly all are: there is nothing to weigh
            return letter
        total = len(self._words.papers) + self._words.left_out
        # The frame is weighed with all it may have to say: the heading of the rows and the longest count.
        return self._with(SizeBudget(self._frame.empty(rows=total, more=total)))

    def _with(self, scale: SizeBudget | None) -> EmailContent:
        places = range(len(self._words.papers))
        cards = self._fitting("card", places[:IN_FULL], scale, CARDS_LIMIT)
        rows = self._fitting("row", places[len(cards) :], scale, LIMIT)
        card_html, card_text = self._in_order("card", cards, 1)
        row_html, row_text = self._in_order("row", rows, 1 + len(cards))
        more = len(places) + self._words.left_out - len(cards) - len(rows)
        return self._frame.letter(Papers(card_html, row_html), Papers(card_text, row_text), len(rows), more)

    def _fitting(self, kind: PaperForm, places: Sequence[int], scale: SizeBudget | None, limit: int) -> Sequence[int]:
        """As many of these papers as fit; all of them, where nothing is weighed."""
        if not scale:
            return places
        headed: set[str] = set()
        for fitting, place in enumerate(places):
            made, in_html, _ = self._filling(place, kind)
            day = self._day(place)
            head = heading(kind, "" if day in headed else day)[0]
            if not scale.try_add(QuotedPrintable(b"".join([head, *made.html.pieces(in_html)])), limit):
                return places[:fitting]
            headed.add(day)
        return places

    def _in_order(
        self, kind: PaperForm, places: Sequence[int], first: int
    ) -> tuple[list[QuotedPrintable], list[QuotedPrintable]]:
        """The papers in both forms: a weekly letter's by day, the late ones at the end."""
        in_html: list[QuotedPrintable] = []
        in_text: list[QuotedPrintable] = []
        number, last = first, ""
        for (day, place), some in groupby(self._by_day(places), self._kin):
            if place == UNMARKED:
                papers = tuple([self._words.papers[each] for each in some])
                made = run(papers, kind, number, self._style)
                own_html, own_text = self._bare
                number += len(papers)
            else:
                made, own_html, own_text = self._filling(place, kind)
                own_text["number"] = numbered(number)
                number += 1
            head_html, head_text = heading(kind, "" if day == last else day)
            in_html += [head_html, *made.html.pieces(own_html)]
            in_text += [head_text, *made.text.pieces(own_text)]
            last = day
        return in_html, in_text

    def _by_day(self, places: Sequence[int]) -> Sequence[int]:
        if not self._weekly:
            return places
        order = [(each.late, 0 if each.late else each.listed_on.toordinal()) for each in self._words.papers]
        return sorted(places, key=order.__getitem__)

    def _day(self, place: int) -> str:
        """The paper's heading in a weekly letter."""
        return day_of(self._words.papers[place]) if self._weekly else ""

    def _kin(self, place: int) -> tuple[str, int]:
        """The same for papers that are set together: those of a day in which nothing is marked."""
        return self._day(place), place if self._words.papers[place].marked else UNMARKED

    def _filling(self, place: int, kind: PaperForm) -> tuple[Prints, Filling, Filling]:
        """A rendered paper, and what fills its holes in both forms, but for its number."""
        words, paper, known = self._words, self._words.papers[place], self._positions[place]
        made = render_paper(paper, kind, self._style)
        in_html, in_text = (each.copy() for each in self._bare)
        for number, paint, keyword, mute in made.holes:
            position = known[number]
            own = self._inks.get(position) or self._ink(position)
            in_html[paint], in_html[keyword], in_text[keyword], in_html[mute], in_text[mute] = own
        in_text["why"] = reason(tuple([(words.keywords[known[number]], place) for number, place in paper.where]))
        return made, in_html, in_text

    def _ink(self, position: int) -> Ink:
        """A keyword's colour, its words and the address where it is muted, the last two in both forms."""
        words = self._words
        mute = self._muting(words.keyword_ids[position]) if words.links.mute and words.keyword_ids else NOWHERE
        made = self._inks[position] = (
            paints()[position % len(HIGHLIGHT_COLORS)],
            *label(words.keywords[position]),
            *mute,
        )
        return made

    def _muting(self, keyword: int) -> tuple[QuotedPrintable, QuotedPrintable]:
        """The address of the reader's own page for a keyword, in both forms."""
        end = b"/%d%b" % (keyword, SOFT_BREAK)
        return QuotedPrintable(self._frame.html["mute"] + end), QuotedPrintable(self._frame.text["mute"] + end)
