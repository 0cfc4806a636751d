"""Papers out of the entries of Hugging Face: those of its API, and the same ones within its page.

The page carries all of it as JSON in `div[data-target=DailyPapers]`. Sure are only id, title, authors, publishedAt and
upvotes.
"""

import json
import re
from datetime import date
from typing import Any

from parsel import Selector

from digest.errors import MalformedAnswerError
from digest.identifiers import parse_arxiv_id
from digest.sources import messages
from digest.sources.base import ListedPaper
from digest.sources.text import (
    NAME_LENGTH,
    TEXT_LENGTH,
    TITLE_LENGTH,
    clean_terms,
    clean_text,
    clean_url,
    parse_authors,
)

PUBLIC_URL = "https://huggingface.co"
MAX_ATTRIBUTES_LENGTH = 2_000  # characters of the attributes beside the data of a page
_DATA_TARGET = re.compile(r"""data-target=["']?DailyPapers\b""")
_DATA_PROPS = re.compile(r"""\sdata-props\s{0,9}=\s{0,9}(["'])""")


def parse_page(text: str, location: str) -> tuple[date, list[Any]]:
    """Return the day that a Daily Papers page shows, and its entries. Raises MalformedAnswerError."""
    props = Selector(text=cut_data_tag(text) or " ").css('div[data-target="DailyPapers"]::attr(data-props)').get()
    if props is None:
        raise MalformedAnswerError(messages.no_list_in_page(location))
    try:
        data = json.loads(props)
    except (ValueError, RecursionError) as error:
        raise MalformedAnswerError(messages.invalid_page(location)) from error
    data = data if isinstance(data, dict) else {}
    entries = data.get("dailyPapers")
    shown_day = _parse_date(data.get("dateString")) or _parse_date(data.get("date"))  # pages of 2026, of 2024
    if shown_day is None or not isinstance(entries, list):
        raise MalformedAnswerError(messages.page_incomplete(location))
    return shown_day, entries


def cut_data_tag(text: str) -> str:
    """Return the tag of a page that carries its data; empty when there is none.

    Only this tag is parsed as HTML: the attributes of a tag take libxml2 time that grows with the square of their
    number, and a page is as long as the host likes.
    """
    target = _DATA_TARGET.search(text)
    start = text.rfind("<div", 0, target.start()) if target else -1
    if not target or start < 0:
        return ""
    props = _DATA_PROPS.search(text, start, target.end() + MAX_ATTRIBUTES_LENGTH)
    end = text.find(props[1], props.end()) if props else -1
    if not props or end < 0:
        return ""
    lengths = (props.start() - start, target.end() - end)  # the target may stand before the data or behind it
    return f"{text[start : max(end + 1, target.end())]}>" if max(lengths) <= MAX_ATTRIBUTES_LENGTH else ""


def parse_entry(entry: Any, day: date, rank: int) -> ListedPaper | None:
    """Return the paper of one entry, None when it has no id or title."""
    paper = entry.get("paper") if isinstance(entry, dict) else None
    if not isinstance(paper, dict):
        return None
    source_id = paper.get("id")
    source_id = source_id.strip() if isinstance(source_id, str) else ""
    title = _parse_text(paper.get("title"), TITLE_LENGTH) or _parse_text(entry.get("title"), TITLE_LENGTH)
    if not re.fullmatch(r"[\w./:-]{1,80}", source_id) or not title:
        return None
    arxiv_id, _ = parse_arxiv_id(source_id) or (None, 1)
    discussion_url = f"{PUBLIC_URL}/papers/{source_id}"
    return ListedPaper(
        source="huggingface",
        list_day=day,
        rank=rank,
        title=title,
        abstract=_parse_text(paper.get("summary")) or _parse_text(entry.get("summary")),
        authors=parse_authors(author_names(paper.get("authors"))),
        arxiv_id=arxiv_id,
        source_id=source_id,
        url=f"https://arxiv.org/abs/{arxiv_id}" if arxiv_id else discussion_url,
        pdf_url=f"https://arxiv.org/pdf/{arxiv_id}" if arxiv_id else None,
        discussion_url=discussion_url,
        code_url=clean_url(paper.get("githubRepo")),
        project_url=clean_url(paper.get("projectPage")),
        thumbnail_url=clean_url(entry.get("thumbnail")),
        code_stars=_parse_count(paper.get("githubStars")),
        upvotes=_parse_count(paper.get("upvotes")),
        comments=_parse_count(entry.get("numComments")),
        organization=organization_name(paper.get("organization")) or organization_name(entry.get("organization")),
        published_on=_parse_date(paper.get("publishedAt")) or _parse_date(entry.get("publishedAt")),
        ai_summary=_parse_text(paper.get("ai_summary")) or None,
        ai_keywords=_parse_texts(paper.get("ai_keywords")),
    )


def author_names(authors: Any) -> list[str]:
    """Return the names of the authors who are not hidden."""
    people = [author for author in authors if isinstance(author, dict)] if isinstance(authors, list) else []
    return [name for author in people if not author.get("hidden") and isinstance(name := author.get("name"), str)]


def organization_name(organization: Any) -> str | None:
    """Return the full name of an organization, which may be an object or its bare name."""
    if isinstance(organization, dict):
        names = (organization.get("fullname"), organization.get("name"))
        return next((name for value in names if (name := _parse_text(value, NAME_LENGTH))), None)
    return _parse_text(organization, NAME_LENGTH) or None


def _parse_text(value: Any, limit: int = TEXT_LENGTH) -> str:
    return clean_text(value, limit) if isinstance(value, str) else ""


def _parse_texts(value: Any) -> tuple[str, ...]:
    return clean_terms(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def _parse_count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31 else None


def _parse_date(value: Any) -> date | None:
    try:
        return date.fromisoformat(value[:10]) if isinstance(value, str) else None
    except ValueError:
        return None
