"""A digest the slow way: the same templates, rendered for each reader with the reader's own values in them.

Tests hold the letters of `digest.letters` against it, and the bench its speed. It knows no weight: all papers stand in.
"""

from digest.formatting import format_date, frequency_label, join_words, pluralize, single_line, truncate
from digest.rendering import DigestContext, layout, personal_card
from digest.rendering.digest import IN_FULL
from digest.rendering.layout import (
    PREHEADER_SEPARATOR,
    TALLIED,
    counted,
    day_of,
    headline,
    matched,
    period,
    preheader,
    tally,
)
from digest.rendering.paper_card import row
from digest.rendering.plain_text import fill
from digest.rendering.templates import macro, part
from digest.rendering.transactional import clock, keywords


def slowly(words: DigestContext) -> tuple[str, str, str]:
    """Subject, text and HTML."""
    weekly, tallies = words.frequency == "weekly", tally(words)
    found = matched(words)
    named = keywords(words.keywords)
    more_tallies, made_up = max(0, len(tallies) - TALLIED), layout.catch_up_notice(words, words.left_out)
    topics = layout.topics(words, tallies, counted(words, found))
    line = part("digest-subject.txt", count=counted(words, found), weekly=weekly, topics=topics)
    cards_html, cards_text = _papers(words, "card", range(min(IN_FULL, len(words.papers))), 1)
    rows_html, rows_text = _papers(words, "row", range(IN_FULL, len(words.papers)), 1 + IN_FULL)
    rows = max(0, len(words.papers) - IN_FULL)
    common: dict[str, object] = {
        "subject": truncate(line, 90),
        "product": single_line(words.product),
        "day": words.day,
        "weekly": weekly,
        "links": words.links,
        "often": frequency_label(words.frequency),
        "clock": clock(words.send_time),
        "address": single_line(words.address),
        "since": format_date(words.subscribed_on),
        "headline": headline(words, found),
        "preheader": PREHEADER_SEPARATOR.join(preheader(words.papers)),
        "nothing_matched": bool(words.keywords) and not found,
        "more_tallies": pluralize(more_tallies, "more keyword") if more_tallies else "",
        "keywords": join_words(named, len(words.keywords) - len(named)),
        "notices": [*([made_up] if made_up else []), *(single_line(each) for each in words.notices)],
        "postal_address": single_line(words.postal_address),
        "row_heading": pluralize(rows, "more paper") if rows else "",
        "more": pluralize(words.left_out, "more paper") if words.left_out else "",
    }
    whole = sum(one.papers for one in tallies[:TALLIED])
    shown = [(one, round(100 * one.papers / whole)) for one in tallies[:TALLIED]]
    in_html = {
        "tallies": "".join(macro("tallied", one.keyword, one.query, one.papers) for one, _ in shown),
        "shares": "".join(macro("share", width, one.query) for one, width in shown),
        "cards": cards_html,
        "rows": rows_html,
    }
    in_text = {
        "tallies": "".join(fill(f"{one.keyword}: {one.papers}", 6, "  * ") + "\n" for one, _ in shown),
        "cards": cards_text,
        "rows": rows_text,
        "headline": fill(headline(words, matched(words))),
        "reason": fill(part("digest-reason.txt", **common)),
    }
    text, html = part("digest-body.txt", **(common | in_text)), part("digest-body.html", **(common | in_html))
    return str(common["subject"]), text, html


def _papers(words: DigestContext, kind: str, places: range, first: int) -> tuple[str, str]:
    weekly = words.frequency == "weekly"
    ordered = list(places)
    if weekly:
        ordered.sort(key=lambda n: (words.papers[n].late, not words.papers[n].late and words.papers[n].listed_on))
    in_html, in_text, day = "", "", ""
    for number, place in enumerate(ordered, first):
        paper = words.papers[place]
        shown = (personal_card if kind == "card" else row)(
            paper, words, words.positions[place] if words.positions else ()
        )
        values = {"paper": shown, "weekly": weekly, "period": period(weekly), "number": f"{number:>2}. "}
        if weekly and day_of(paper) != day:
            day = day_of(paper)
            in_html += macro(f"day_of_{kind}s", day)
            in_text += part(f"digest-day-of-{kind}s.txt", day=day)
        elif kind == "card":
            in_html += macro("rule")
        in_html += part(f"digest-{kind}.html", **values)
        in_text += part(f"digest-{kind}.txt", **values)
    return in_html, in_text
