"""Digest: papers rendered once for all subscribers, joined with what is personal.

The best ten papers are shown as cards, the rest as rows, and what is left as a count with a link. The size of the
encoded HTML decides, whatever the texts are: first rows at the end become a count, and where the cards alone are too
large, cards become rows.
"""

from collections.abc import Sequence

from digest import formatting
from digest.mail import SOFT_BREAK, EmailContent, QuotedPrintable, SizeBudget, encode_part
from digest.rendering import layout
from digest.rendering.contexts import LINK_NAMES, DigestContext
from digest.rendering.fragment_cache import FragmentCache, PaperStyle, RenderedPaper
from digest.rendering.fragments import (
    EMPTY,
    EncodedPair,
    add_token,
    encode_html_and_text,
    fill_placeholders,
)
from digest.rendering.paper_card import (
    HIGHLIGHT_COLORS,
    REASON_KEYWORD_LENGTH,
    PaperForm,
)
from digest.rendering.plain_text import encode_paragraph
from digest.rendering.templates import SUBJECT_LENGTH
from digest.rendering.transactional import leading_keywords, send_time_text

HTML_LIMIT = 95_000  # bytes of encoded HTML; Gmail hides what comes after about 102,000
CARDS_HTML_LIMIT = 75_000  # of these, for the layout and the cards
CARDS_PER_DIGEST = 10
KEYWORD_COUNTS_LIMIT = 12
NOTICES_LIMIT, NOTICE_LENGTH = 6, 300
TITLE_SEPARATOR = encode_part(layout.PREHEADER_SEPARATOR)
EncodedValues = dict[str, QuotedPrintable]


def render_digest(
    context: DigestContext, cache: FragmentCache | None = None, *, all_papers: bool = False
) -> EmailContent:
    """Render the digest of one subscriber and edition. `all_papers`: whatever its size, as on the web."""
    return _DigestBuilder(context, cache or FragmentCache()).build(all_papers=all_papers)


class _DigestBuilder:
    """One digest in the making. Papers are named by their places in the edition."""

    def __init__(self, context: DigestContext, cache: FragmentCache) -> None:
        self._context, self._cache = context, cache
        self._layout = DigestLayout(context, cache)
        self._positions = layout.keyword_positions(context)
        self._mute_author = [values.get("mute_author", EMPTY) for values in (self._layout.html, self._layout.text)]
        self._days = [layout.day_heading(view) if context.is_weekly else "" for view in context.papers]
        self._encoded_keywords: dict[int, tuple[QuotedPrintable, ...]] = {}
        mute, mute_author = bool(context.links.mute and context.keyword_ids), bool(context.links.mute_author)
        self._styles: dict[PaperForm, PaperStyle] = {
            "card": PaperStyle("card", context.day.year, context.is_weekly, mute, mute_author),
            "row": PaperStyle("row", context.day.year, context.is_weekly, mute, mute_author),
        }

    def build(self, *, all_papers: bool) -> EmailContent:
        content = self._build_within(None)
        if all_papers or len(content.encoded_html) <= CARDS_HTML_LIMIT:  # as nearly always
            return content
        total = len(self._context.papers) + self._context.left_out
        # The layout counts with the most that it may have to say: the heading of the rows and the longest count.
        return self._build_within(SizeBudget(self._layout.build([], [], [], [], rows=total, more=total).encoded_html))

    def _build_within(self, budget: SizeBudget | None) -> EmailContent:
        places = range(len(self._context.papers))
        cards = self._papers_within("card", places[:CARDS_PER_DIGEST], budget, CARDS_HTML_LIMIT)
        rows = self._papers_within("row", places[len(cards) :], budget, HTML_LIMIT)
        more = len(places) + self._context.left_out - len(cards) - len(rows)
        card_parts = self._render_in_order("card", cards, 1)
        row_parts = self._render_in_order("row", rows, 1 + len(cards))
        return self._layout.build(*card_parts, *row_parts, rows=len(rows), more=more)

    def _papers_within(
        self, form: PaperForm, places: Sequence[int], budget: SizeBudget | None, limit: int
    ) -> Sequence[int]:
        """Return as many of these papers as fit; all of them without a budget."""
        headings: set[str] = set()
        for fitting, place in enumerate(places if budget else ()):
            day = self._days[place]
            heading, _ = self._heading(form, "" if day in headings else day)
            rendered, html_values, _ = self._render_paper(form, place, 0)
            part = QuotedPrintable(b"".join([heading, *rendered.html.fill(html_values)]))
            if budget and not budget.try_add(part, limit):
                return places[:fitting]
            headings.add(day)
        return places

    def _render_in_order(
        self, form: PaperForm, places: Sequence[int], first_number: int
    ) -> tuple[list[QuotedPrintable], list[QuotedPrintable]]:
        """Render papers as HTML and as text: those of a weekly digest by day, late ones at the end."""
        if self._context.is_weekly:
            views = self._context.papers
            places = sorted(places, key=lambda n: (views[n].is_late, not views[n].is_late and views[n].paper.listed_on))
        html: list[QuotedPrintable] = []
        text: list[QuotedPrintable] = []
        last_day = ""
        for number, place in enumerate(places, first_number):
            day = self._days[place]
            html_heading, text_heading = self._heading(form, "" if day == last_day else day)
            rendered, html_values, text_values = self._render_paper(form, place, number)
            html += [html_heading, *rendered.html.fill(html_values)]
            text += [text_heading, *rendered.text.fill(text_values)]
            last_day = day
        return html, text

    def _heading(self, form: PaperForm, day: str) -> EncodedPair:
        """Return what stands before a paper: its day where that begins, else a rule between cards."""
        if day:
            return self._cache.day_heading(form, day)
        return (self._cache.macro("separator") if form == "card" else EMPTY), EMPTY

    def _render_paper(
        self, form: PaperForm, place: int, number: int
    ) -> tuple[RenderedPaper, EncodedValues, EncodedValues]:
        """Return a rendered paper, and what fills its placeholders in HTML and in text."""
        view, positions = self._context.papers[place], self._positions[place]
        rendered = self._cache.paper(view, self._styles[form])
        html_mute, text_mute = self._mute_author
        html = {"mute_author": html_mute}
        text = {"mute_author": text_mute, "number": self._cache.encode(f"{number:>2}. ")[1]}
        for query, color, keyword, mute in rendered.placeholders:
            encoded = self._encode_keyword(positions[query])
            html[color], html[keyword], text[keyword], html[mute], text[mute] = encoded
        if view.matched_in:
            keywords = self._context.keywords
            matched_in = tuple([(keywords[positions[query]], where) for query, where in view.matched_in])
            text["reason"] = self._cache.reason(matched_in)
        return rendered, html, text

    def _encode_keyword(self, position: int) -> tuple[QuotedPrintable, ...]:
        """Return a keyword's color, and its text and the URL that mutes it, these in HTML and in text."""
        if encoded := self._encoded_keywords.get(position):
            return encoded
        context, html, text = self._context, self._layout.html, self._layout.text
        mute = [EMPTY, EMPTY]
        if context.links.mute and context.keyword_ids:
            suffix = b"/%d%b" % (context.keyword_ids[position], SOFT_BREAK)
            mute = [QuotedPrintable(values["mute"] + suffix) for values in (html, text)]
        color = self._cache.macro("highlight", position % len(HIGHLIGHT_COLORS))
        keyword = self._cache.encode(formatting.truncate(context.keywords[position], REASON_KEYWORD_LENGTH))
        encoded = self._encoded_keywords[position] = (color, *keyword, *mute)
        return encoded


class DigestLayout:
    """Layout of one digest. `html` and `text` have its personal values by the names of their placeholders."""

    def __init__(self, context: DigestContext, cache: FragmentCache) -> None:
        self._context, self._cache = context, cache
        counts, matched = layout.count_by_keyword(context), layout.count_matched(context)
        leading = leading_keywords(context.keywords)
        keywords = formatting.join_words(leading, len(context.keywords) - len(leading))
        schedule = {
            "frequency": formatting.frequency_label(context.frequency),
            "send_time": send_time_text(context.send_time),
            "subscribed_on": formatting.format_date(context.subscribed_on),
        }
        personal = {"address": formatting.truncate(context.address), "keywords": keywords}
        note = fill_placeholders(cache.subscription_note(has_keywords=bool(keywords)), schedule | personal)
        headline = layout.headline_text(context, matched)
        titles = [cache.encode(title)[0] for title in layout.preheader_titles(context.papers)]
        self._subject = self._build_subject(counts, matched)
        self.html: EncodedValues = {
            **{name: cache.encode(text)[0] for name, text in schedule.items()},
            **{name: encode_html_and_text(text)[0] for name, text in personal.items()},
            "subject": encode_html_and_text(self._subject)[0],
            "preheader": QuotedPrintable(TITLE_SEPARATOR.join(titles)),
            "headline": cache.encode(headline)[0],
        }
        self.text: EncodedValues = {
            "subscription_note": encode_paragraph(note),
            "headline": cache.wrap(headline),
        }
        self._nothing_matched = bool(context.keywords) and not matched
        self._optional = {"keywords"} if keywords else set[str]()
        for name in LINK_NAMES:
            if url := getattr(context.links, name):
                page, slash, token = url.rpartition("/")
                self.html[name], self.text[name] = add_token(cache.encode(page + slash), token)
                self._optional.add(name)
        if counts:
            self._add_keyword_counts(counts)

    def build(
        self,
        html_cards: Sequence[QuotedPrintable],
        text_cards: Sequence[QuotedPrintable],
        html_rows: Sequence[QuotedPrintable],
        text_rows: Sequence[QuotedPrintable],
        *,
        rows: int,
        more: int,
    ) -> EmailContent:
        """Join the layout with so many rows and the cards before them; `more` papers are on the web only."""
        context, optional = self._context, set(self._optional)
        for name, count in (("row_heading", rows), ("more_papers", more)):
            if count:
                self.html[name], self.text[name] = self._cache.encode(formatting.pluralize(count, "more paper"))
                optional.add(name)
        if notice := layout.missed_papers_notice(context, more):
            self.html["missed_papers"] = self._cache.encode(notice)[0]
            self.text["missed_papers"] = self._cache.wrap(notice, 2, "! ")
            optional.add("missed_papers")
        key = layout.LayoutKey(
            product=formatting.truncate(context.product),
            day=context.day,
            is_weekly=context.is_weekly,
            notices=tuple(formatting.truncate(notice, NOTICE_LENGTH) for notice in context.notices[:NOTICES_LIMIT]),
            postal_address=formatting.truncate(context.postal_address),
            nothing_matched=self._nothing_matched,
            optional=frozenset(optional),
        )
        html, text = self._cache.layout(key)
        return EmailContent(
            self._subject,
            text.render_lists(self.text, {"cards": text_cards, "rows": text_rows}),
            html.render_lists(self.html, {"cards": html_cards, "rows": html_rows}),
        )

    def _build_subject(self, counts: Sequence[layout.KeywordCount], matched: int) -> str:
        count = layout.subject_count(self._context, matched)
        topics = layout.subject_topics(self._context, counts, count)
        template = self._cache.subject(is_weekly=self._context.is_weekly, has_topics=bool(topics))
        return formatting.truncate(fill_placeholders(template, {"count": count, "topics": topics}), SUBJECT_LENGTH)

    def _add_keyword_counts(self, counts: Sequence[layout.KeywordCount]) -> None:
        """Add the counts, and the bar that shows them."""
        cache, shown, hidden = self._cache, counts[:KEYWORD_COUNTS_LIMIT], len(counts) - KEYWORD_COUNTS_LIMIT
        total = sum(count.papers for count in shown)
        colors = [count.position % len(HIGHLIGHT_COLORS) for count in shown]
        pairs = list(zip(shown, colors, strict=True))
        lines = [cache.keyword_count(count.keyword, color, count.papers) for count, color in pairs]
        bar = [cache.macro("bar_part", round(100 * count.papers / total), color) for count, color in pairs]
        self.html["keyword_counts"] = QuotedPrintable(b"".join([html for html, _ in lines]))
        self.text["keyword_counts"] = QuotedPrintable(b"".join([text for _, text in lines]))
        self.html["keyword_bar"] = QuotedPrintable(b"".join(bar))
        self._optional |= {"keyword_counts", "keyword_bar"}
        if hidden > 0:
            more = formatting.pluralize(hidden, "more keyword")
            self.html["more_keywords"], self.text["more_keywords"] = cache.encode(more)
            self._optional.add("more_keywords")
