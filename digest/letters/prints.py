"""Papers rendered for anybody, and kept: what is a reader's own comes into the holes (fragments.py).

`prints` is one paper, as a card or as a row; a `run` is several in which nothing is marked, such as the trending ones
at the end of a letter: many readers get the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Literal, NamedTuple

from digest.letters import heads, say
from digest.letters.cards import KEYWORD, REASONS, Own, in_full, in_short, why
from digest.letters.fragments import NOTHING, Fragment, both, hole
from digest.letters.plain import fill
from digest.letters.templates import fragment, macro, part
from digest.letters.values import LetterPaper
from digest.letters.wire import Quoted, piece

KEPT = 4096  # cards and rows that are kept
RUNS = 64  # runs of them: 4 MB
SAID = 4096  # paragraphs of text/plain that are kept
Kind = Literal["card", "row"]


class Style(NamedTuple):
    """What decides how a paper is rendered, beside itself. `mute` and `never`: whether there are such links."""

    year: int
    weekly: bool
    mute: bool
    never: bool


@dataclass(frozen=True, slots=True, eq=False)
class Prints:
    """A rendered paper. `holes`: the numbers of its queries, each with the names of its three holes."""

    html: Fragment
    text: Fragment
    holes: tuple[tuple[int, str, str, str], ...] = ()


@lru_cache(maxsize=KEPT)
def prints(paper: LetterPaper, kind: Kind, style: Style) -> Prints:
    """The paper as a card or a row of that year's letters."""
    own = Own.holes(paper, mute=style.mute, never=style.never)
    shown = (in_full if kind == "card" else in_short)(paper, date(style.year, 1, 1), own)
    period = heads.period(style.weekly)
    values = {"paper": shown, "weekly": style.weekly, "period": period, "number": hole("number")}
    in_html, in_text = (fragment(f"digest-{kind}.{ending}", **values) for ending in ("html", "txt"))
    numbers = {int(name.split()[1]) for name in (*in_html.names, *in_text.names) if " " in name}
    return Prints(in_html, in_text, tuple((n, f"paint {n}", f"keyword {n}", f"mute {n}") for n in sorted(numbers)))


@lru_cache(maxsize=RUNS)
def run(papers: Sequence[LetterPaper], kind: Kind, first: int, style: Style) -> Prints:
    """Papers in which nothing is marked, one after the other. `first`: the number of the first one."""
    printed = [prints(paper, kind, style) for paper in papers]
    numbers = [{"number": numbered(each)} for each in range(first, first + len(papers))]
    between = heading(kind, "")
    return Prints(
        Fragment.of([each.html for each in printed], numbers, between[0]),
        Fragment.of([each.text for each in printed], numbers, between[1]),
    )


@lru_cache(maxsize=SAID)
def label(keyword: str) -> tuple[Quoted, Quoted]:
    """A keyword as cards name it, in both forms."""
    return both(say.cut(keyword, KEYWORD))


@lru_cache(maxsize=SAID)
def reason(where: tuple[tuple[str, str], ...]) -> Quoted:
    """The keywords and where they stand, for the plain letter."""
    said = [(say.cut(keyword, KEYWORD), place) for keyword, place in where[:REASONS]]
    return piece(fill(why(said, max(0, len(where) - REASONS)), 4)[4:])


@lru_cache
def numbered(number: int) -> Quoted:
    """The paper's number in the plain letter."""
    return piece(f"{number:>2}. ")


@lru_cache
def heading(kind: Kind, day: str) -> tuple[Quoted, Quoted]:
    """What stands before a paper, in both forms: the day where one begins, else a rule between cards."""
    if not day:
        return (piece(macro("rule")), NOTHING) if kind == "card" else (NOTHING, NOTHING)
    return piece(macro(f"day_of_{kind}s", day)), piece(part(f"digest-day-of-{kind}s.txt", day=day))
