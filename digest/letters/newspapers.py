"""The digest letter.

    DigestWords -> cards and rows -> as many as fit -> subject, text, html

What is rendered of a paper or of the frame is rendered once, with holes (fragments.py), and kept for other letters; a
letter is those pieces joined, with what is its reader's own in the holes.

The best ten papers stand in full, the rest as rows, and what is left is a count with a link. The weight of the
HTML on the wire decides, whatever the texts are: first the rows at the end become a count, and where the cards
alone are too heavy, cards become rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from itertools import islice
from typing import Literal, NamedTuple

from digest.letters import heads, say
from digest.letters.cards import KEYWORD, REASONS, Own, in_full, in_short, why
from digest.letters.colour import MARKS
from digest.letters.fragments import NOTHING, Fragment, both, hole
from digest.letters.frame import Frame, Papers, paints
from digest.letters.plain import fill
from digest.letters.templates import fragment, macro, part
from digest.letters.values import DigestWords, Letter, LetterPaper
from digest.letters.wire import SOFT, Quoted, Scale, piece

LIMIT = 95_000  # bytes of encoded HTML; Gmail hides what comes after about 102,000
CARDS_LIMIT = 75_000  # of these, for the frame and the papers in full
IN_FULL = 10
KEPT = 4096  # cards and rows that are kept
SAID = 4096  # paragraphs of text/plain that are kept
NOWHERE = (NOTHING, NOTHING)
Ink = tuple[Quoted, Quoted, Quoted, Quoted, Quoted]
Kind = Literal["card", "row"]


@dataclass(frozen=True, slots=True)
class Prints:
    """A paper rendered for anybody. `holes`: the numbers of its queries, each with the names of its three holes."""

    html: Fragment
    text: Fragment
    holes: tuple[tuple[int, str, str, str], ...]


@lru_cache(maxsize=KEPT)
def prints(paper: LetterPaper, kind: Kind, year: int, weekly: bool, mute: bool, never: bool) -> Prints:
    """The paper as a card or a row of that year's letters."""
    own = Own.holes(paper, mute=mute, never=never)
    shown = (in_full if kind == "card" else in_short)(paper, date(year, 1, 1), own)
    values = {"paper": shown, "weekly": weekly, "period": heads.period(weekly), "number": hole("number")}
    in_html, in_text = (fragment(f"digest-{kind}.{ending}", **values) for ending in ("html", "txt"))
    numbers = {int(name.split()[1]) for name in (*in_html.names, *in_text.names) if " " in name}
    return Prints(in_html, in_text, tuple((n, f"paint {n}", f"keyword {n}", f"mute {n}") for n in sorted(numbers)))


class Entry(NamedTuple):
    """A paper of one letter. `day` is its heading in a weekly one; `text` has what fills its holes in text/plain."""

    paper: LetterPaper
    prints: Prints
    html: list[Quoted]
    text: dict[str, Quoted]
    day: str


def digest(words: DigestWords, *, whole: bool = False) -> Letter:
    """The letter for one reader and one edition. `whole`: nothing is left out for its weight, as on the web."""
    return _Setting(words).letter(whole=whole)


class _Setting:
    """One letter being set."""

    def __init__(self, words: DigestWords) -> None:
        self._words = words
        self._weekly = words.frequency == "weekly"
        self._frame = Frame(words)
        self._positions = heads.positions(words)
        self._inks: dict[int, Ink] = {}
        self._never = [each.get("never", NOTHING) for each in (self._frame.html, self._frame.text)]
        muted, never = bool(words.links.mute and words.keyword_ids), bool(words.links.never)
        self._style = (words.day.year, self._weekly, muted, never)

    def letter(self, *, whole: bool) -> Letter:
        letter = self._with(None)
        if whole or len(letter.quoted_html) <= CARDS_LIMIT:  # as nearly all are: there is nothing to weigh
            return letter
        total = len(self._words.papers) + self._words.left_out
        # The frame is weighed with all it may have to say: the heading of the rows and the longest count.
        return self._with(Scale(self._frame.empty(rows=total, more=total)))

    def _with(self, scale: Scale | None) -> Letter:
        total = len(self._words.papers) + self._words.left_out
        cards = self._fitting("card", 0, IN_FULL, scale, CARDS_LIMIT)
        rows = self._fitting("row", len(cards), None, scale, LIMIT)
        card_html, card_text = self._in_order("card", cards, 1)
        row_html, row_text = self._in_order("row", rows, 1 + len(cards))
        more = total - len(cards) - len(rows)
        return self._frame.letter(Papers(card_html, row_html), Papers(card_text, row_text), len(rows), more)

    def _fitting(self, kind: Kind, first: int, last: int | None, scale: Scale | None, limit: int) -> list[Entry]:
        """As many of the papers `first` to `last` as fit; all of them, where nothing is weighed."""
        fitting: list[Entry] = []
        headed: set[str] = set()
        for place in islice(range(len(self._words.papers)), first, last):
            entry = self._entry(place, kind)
            if scale:
                head = _heading(kind, "" if entry.day in headed else entry.day)[0]
                if not scale.takes(Quoted(b"".join([head, *entry.html])), limit):
                    break
                headed.add(entry.day)
            fitting.append(entry)
        return fitting

    def _entry(self, place: int, kind: Kind) -> Entry:
        words, paper = self._words, self._words.papers[place]
        known = self._positions[place]
        made = prints(paper, kind, *self._style)
        in_html, in_text = {"never": self._never[0]}, {"never": self._never[1]}
        for number, paint, keyword, mute in made.holes:
            position = known[number]
            own = self._inks.get(position) or self._ink(position)
            in_html[paint], in_html[keyword], in_text[keyword], in_html[mute], in_text[mute] = own
        in_text["why"] = _why(tuple([(words.keywords[known[number]], place) for number, place in paper.where]))
        day = heads.day_of(paper) if self._weekly else ""
        return Entry(paper, made, made.html.pieces(in_html), in_text, day)

    def _ink(self, position: int) -> Ink:
        """A keyword's colour, its words and the address where it is muted, the last two in both forms."""
        words = self._words
        mute = self._muting(words.keyword_ids[position]) if words.links.mute and words.keyword_ids else NOWHERE
        made = self._inks[position] = (paints()[position % len(MARKS)], *label(words.keywords[position]), *mute)
        return made

    def _muting(self, keyword: int) -> tuple[Quoted, Quoted]:
        """The address of the reader's own page for a keyword, in both forms."""
        end = b"/%d%b" % (keyword, SOFT)
        return Quoted(self._frame.html["mute"] + end), Quoted(self._frame.text["mute"] + end)

    def _in_order(self, kind: Kind, entries: Sequence[Entry], first: int) -> tuple[list[Quoted], list[Quoted]]:
        """The papers in both forms: a weekly letter's by day, the late ones at the end."""
        if self._weekly:
            entries = sorted(
                entries,
                key=lambda entry: (entry.paper.late, 0 if entry.paper.late else entry.paper.listed_on.toordinal()),
            )
        in_html: list[Quoted] = []
        in_text: list[Quoted] = []
        day = ""
        for number, entry in enumerate(entries, first):
            head_html, head_text = _heading(kind, "" if entry.day == day else entry.day)
            in_html.append(head_html)
            in_html += entry.html
            entry.text["number"] = _number(number)
            in_text.append(head_text)
            in_text += entry.prints.text.pieces(entry.text)
            day = entry.day
        return in_html, in_text


@lru_cache(maxsize=SAID)
def label(keyword: str) -> tuple[Quoted, Quoted]:
    """A keyword as cards name it, in both forms."""
    return both(say.cut(keyword, KEYWORD))


@lru_cache(maxsize=SAID)
def _why(where: tuple[tuple[str, str], ...]) -> Quoted:
    said = [(say.cut(keyword, KEYWORD), place) for keyword, place in where[:REASONS]]
    return piece(fill(why(said, max(0, len(where) - REASONS)), 4)[4:])


@lru_cache
def _number(number: int) -> Quoted:
    return piece(f"{number:>2}. ")


@lru_cache
def _heading(kind: Kind, day: str) -> tuple[Quoted, Quoted]:
    """What stands before a paper, in both forms: the day where one begins, else a rule between cards."""
    if not day:
        return (piece(macro("rule")), NOTHING) if kind == "card" else (NOTHING, NOTHING)
    return piece(macro(f"day_of_{kind}s", day)), piece(part(f"digest-day-of-{kind}s.txt", day=day))
