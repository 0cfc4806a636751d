"""Works of Crossref as papers.

All but the DOI may be missing: a title may be `[]`, a date `[[null]]`, an author only a name.
"""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any

from digest.identifiers import LinkRelation, PaperKind, StatedLink, normalize_identifier
from digest.sources.base import ListedPaper
from digest.sources.text import (
    AUTHORS_LENGTH,
    MAX_AUTHORS,
    NAME_LENGTH,
    TITLE_LENGTH,
    clean_terms,
    clean_text,
    format_name,
)

SOURCE = "crossref"
PAPER_TYPES = {
    *("journal-article", "proceedings-article", "posted-content", "book-chapter", "report", "dissertation"),
    *("monograph", "book", "reference-book", "edited-book", "other"),
}
UPDATE_RELATIONS = {
    **dict.fromkeys(("retraction", "withdrawal", "removal"), LinkRelation.RETRACTS),
    **dict.fromkeys(
        ("correction", "corrigendum", "erratum", "addendum", "clarification", "partial_retraction"),
        LinkRelation.CORRECTS,
    ),
    "expression_of_concern": LinkRelation.CONCERNS,
}
_KIND_OF_RELATION = {
    LinkRelation.RETRACTS: PaperKind.RETRACTION,
    LinkRelation.CONCERNS: PaperKind.CONCERN,
    LinkRelation.CORRECTS: PaperKind.CORRECTION,
}


def parse_work(work: Any, rank: int, *, day: date, is_news: bool = False) -> ListedPaper | None:
    """Return a work as a paper that is listed on a day, None when it has no DOI, or is a paper without title.

    `is_news`: it is listed nowhere, and stored only for a paper that is known, or as a notice about one.
    """
    doi = normalize_identifier(str(work["DOI"]), "doi")
    container = _first_text(work, "container-title")
    is_paper = str(work.get("type") or "other") in PAPER_TYPES
    title = _first_text(work, "title") or ("" if is_paper else container or str(work["type"]))
    if not doi or not title:
        return None
    links = (*_update_links(work), *_version_links(work))
    relations = {link.relation for link in links if not link.is_reversed}
    kind = next((kind for relation, kind in _KIND_OF_RELATION.items() if relation in relations), "")
    pii = (normalize_identifier(str(name), "pii") for name in _list(work, "alternative-id"))
    subjects = [*_list(work, "subject"), work.get("group-title")]
    abstract = clean_text(_text(work.get("abstract"))).removeprefix("Abstract: ")
    version = doi.version or 1
    return ListedPaper(
        source=SOURCE,
        list_day=day,
        rank=rank,
        kind="new" if version == 1 and not is_news else "replace",
        paper_kind=kind if is_paper else PaperKind.MATTER,
        identifiers=tuple(dict.fromkeys([doi, *filter(None, pii)])),
        links=tuple(dict.fromkeys(links)),
        title=title,
        abstract="" if abstract == "Abstract" else abstract,  # a heading without text
        authors=tuple(_author_names(work)),
        journal=container or None,
        subjects=clean_terms(_text(subject) for subject in subjects),
        version=version,
        source_id=doi.value,
        url=f"https://doi.org/{doi.value}",
        published_on=_published_on(work),
    )


def _update_links(work: Mapping[str, Any]) -> Iterator[StatedLink]:
    """Yield what a notice is about, and the notices about a paper."""
    for name, is_reversed in (("update-to", False), ("updated-by", True)):
        for update in _list(work, name):
            relation = UPDATE_RELATIONS.get(str(update.get("type")).lower().replace("-", "_"))
            identifier = normalize_identifier(str(update.get("DOI") or ""), "doi")
            if relation and identifier:
                yield StatedLink(relation, identifier, is_reversed, stated_on=_full_date(update.get("updated")))


def _version_links(work: Mapping[str, Any]) -> Iterator[StatedLink]:
    """Yield the article of a preprint, and the preprint of an article."""
    relations = work.get("relation")
    for name, is_reversed in (("is-preprint-of", False), ("has-preprint", True)):
        for related in _list(relations, name) if isinstance(relations, dict) else ():
            scheme = str(related.get("id-type") or "doi").lower()
            identifier = normalize_identifier(str(related.get("id") or ""), scheme if scheme == "arxiv" else "doi")
            if identifier:
                yield StatedLink(LinkRelation.PUBLISHED, identifier, is_reversed)


def _author_names(work: Mapping[str, Any]) -> Iterator[str]:
    length = 0
    for author in _list(work, "author")[:MAX_AUTHORS]:
        if not isinstance(author, dict) or length > AUTHORS_LENGTH:
            continue
        given, family, suffix = (_text(author.get(name)) for name in ("given", "family", "suffix"))
        name = format_name(given, family, suffix) or clean_text(_text(author.get("name")), NAME_LENGTH)
        length += len(name)
        if name:
            yield name[:NAME_LENGTH]


def _published_on(work: Mapping[str, Any]) -> date | None:
    """Return the first whole date: of the page, the preprint, the publication, the issue, else of its registration."""
    names = ("published-online", "posted", "issued", "published-print", "created")
    return next((found for name in names if (found := _full_date(work.get(name)))), None)


def _full_date(value: Any) -> date | None:
    parts = value.get("date-parts") if isinstance(value, dict) else None
    try:
        year, month, day = parts[0]  # type: ignore[index]
        return date(int(year), int(month), int(day))
    except (TypeError, ValueError, IndexError, OverflowError):
        return None


def _list(work: Mapping[str, Any], name: str) -> list[Any]:
    value = work.get(name)
    return value if isinstance(value, list) else []


def _first_text(work: Mapping[str, Any], name: str) -> str:
    return next((text for value in _list(work, name) if (text := clean_text(_text(value), TITLE_LENGTH))), "")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
