"""A digest the slow way: the same templates, rendered for each reader with the reader's own values in them.

Tests hold the letters of `digest.letters` against it, and the bench its speed. It knows no weight: all papers stand in.
"""

from digest.letters import DigestContext, account, heads, say
from digest.letters.cards import personal_card, row
from digest.letters.frame import TALLIED
from digest.letters.newspapers import IN_FULL
from digest.letters.plain import fill
from digest.letters.templates import macro, part


def slowly(words: DigestContext) -> tuple[str, str, str]:
    """Subject, text and HTML."""
    weekly, tallies = words.frequency == "weekly", heads.tally(words)
    found = heads.matched(words)
    named = account.keywords(words.keywords)
    more_tallies, made_up = max(0, len(tallies) - TALLIED), heads.made_up(words, words.left_out)
    topics = heads.topics(words, tallies, heads.counted(words, found))
    line = part("digest-subject.txt", count=heads.counted(words, found), weekly=weekly, topics=topics)
    cards_html, cards_text = _papers(words, "card", range(min(IN_FULL, len(words.papers))), 1)
    rows_html, rows_text = _papers(words, "row", range(IN_FULL, len(words.papers)), 1 + IN_FULL)
    rows = max(0, len(words.papers) - IN_FULL)
    common: dict[str, object] = {
        "subject": say.truncate(line, 90),
        "product": say.single_line(words.product),
        "day": words.day,
        "weekly": weekly,
        "links": words.links,
        "often": say.frequency_label(words.frequency),
        "clock": account.clock(words.send_time),
        "address": say.single_line(words.address),
        "since": say.format_date(words.subscribed_on),
        "headline": heads.headline(words, found),
        "preheader": heads.PREHEADER_SEPARATOR.join(heads.preheader(words.papers)),
        "nothing_matched": bool(words.keywords) and not found,
        "more_tallies": say.pluralize(more_tallies, "more keyword") if more_tallies else "",
        "keywords": say.join_words(named, len(words.keywords) - len(named)),
        "notices": [*([made_up] if made_up else []), *(say.single_line(each) for each in words.notices)],
        "postal_address": say.single_line(words.postal_address),
        "row_heading": say.pluralize(rows, "more paper") if rows else "",
        "more": say.pluralize(words.left_out, "more paper") if words.left_out else "",
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
        "headline": fill(heads.headline(words, heads.matched(words))),
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
        values = {"paper": shown, "weekly": weekly, "period": heads.period(weekly), "number": f"{number:>2}. "}
        if weekly and heads.day_of(paper) != day:
            day = heads.day_of(paper)
            in_html += macro(f"day_of_{kind}s", day)
            in_text += part(f"digest-day-of-{kind}s.txt", day=day)
        elif kind == "card":
            in_html += macro("rule")
        in_html += part(f"digest-{kind}.html", **values)
        in_text += part(f"digest-{kind}.txt", **values)
    return in_html, in_text
