"""Papers rendered for anybody, and kept: what is a reader's own comes into the holes (fragments.py).

`prints` is one paper, as a card or as a row; a `run` is several in which nothing is marked, such as the trending ones
at the end of a letter: many readers get the same.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Literal, NamedTuple

from digest.formatting import truncate
from digest.mail import QuotedPrintable, encode_part
from digest.rendering import layout
from digest.rendering.contexts import PaperView
from digest.rendering.fragments import NOTHING, Fragment, both, hole
from digest.rendering.paper_card import KEYWORD, REASONS, Own, in_full, in_short, why
from digest.rendering.plain_text import fill
from digest.rendering.templates import fragment, macro, part

KEPT = 4096  # cards and rows that are kept


RUNS = 64  # runs of them: 4 MB


SAID = 4096  # paragraphs of text/plain that are kept


PaperForm = Literal["card", "row"]


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
def render_paper(paper: PaperView, kind: PaperForm, style: Style) -> Prints:
    """The paper as a card or a row of that year's letters."""
    own = Own.holes(paper, mute=style.mute, never=style.never)
    shown = (in_full if kind == "card" else in_short)(paper, date(style.year, 1, 1), own)
    period = layout.period(style.weekly)
    values = {"paper": shown, "weekly": style.weekly, "period": period, "number": hole("number")}
    in_html, in_text = (fragment(f"digest-{kind}.{ending}", **values) for ending in ("html", "txt"))
    numbers = {int(name.split()[1]) for name in (*in_html.names, *in_text.names) if " " in name}
    return Prints(in_html, in_text, tuple((n, f"paint {n}", f"keyword {n}", f"mute {n}") for n in sorted(numbers)))


@lru_cache(maxsize=RUNS)
def run(papers: Sequence[PaperView], kind: PaperForm, first: int, style: Style) -> Prints:
    """Papers in which nothing is marked, one after the other. `first`: the number of the first one."""
    printed = [render_paper(paper, kind, style) for paper in papers]
    numbers = [{"number": numbered(each)} for each in range(first, first + len(papers))]
    between = heading(kind, "")
    return Prints(
        Fragment.of([each.html for each in printed], numbers, between[0]),
        Fragment.of([each.text for each in printed], numbers, between[1]),
    )


@lru_cache(maxsize=SAID)
def label(keyword: str) -> tuple[QuotedPrintable, QuotedPrintable]:
    """A keyword as cards name it, in both forms."""
    return both(truncate(keyword, KEYWORD))


@lru_cache(maxsize=SAID)
def reason(where: tuple[tuple[str, str], ...]) -> QuotedPrintable:
    """The keywords and where they stand, for the plain letter."""
    said = [(truncate(keyword, KEYWORD), place) for keyword, place in where[:REASONS]]
    return encode_part(fill(why(said, max(0, len(where) - REASONS)), 4)[4:])


@lru_cache
def numbered(number: int) -> QuotedPrintable:
    """The paper's number in the plain letter."""
    return encode_part(f"{number:>2}. ")


@lru_cache
def heading(kind: PaperForm, day: str) -> tuple[QuotedPrintable, QuotedPrintable]:
    """What stands before a paper, in both forms: the day where one begins, else a rule between cards."""
    if not day:
        return (encode_part(macro("rule")), NOTHING) if kind == "card" else (NOTHING, NOTHING)
    return encode_part(macro(f"day_of_{kind}s", day)), encode_part(part(f"digest-day-of-{kind}s.txt", day=day))
