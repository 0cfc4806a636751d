"""Europe PMC: PubMed and some 35 preprint servers in one list, for installations that want one source in their place.

    GET {url}/europepmc/webservices/rest/search?query=(Q) AND FIRST_IDATE:[D TO D]&resultType=core&cursorMark=*

Each page names the next one by `nextCursorMark`; the last one repeats its own, or names none. Fields are missing rather
than empty. A day is that of the first index date; records enter with an older one for some days.
"""

import asyncio
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar, Self
from urllib.parse import urlencode

from pydantic import Field

from digest.config import HttpUrl, OneLine, SourceSettings
from digest.errors import MalformedAnswerError, NotListedError
from digest.identifiers import Identifier, LinkRelation, StatedLink, normalize_identifier
from digest.sources import messages
from digest.sources.base import ListedPaper, SourceAdvice, SourceAnswer
from digest.sources.entries import parse_entries
from digest.sources.http import SourceClient
from digest.sources.paging import Page, parse_total, read_by_cursor
from digest.sources.pubmed import MAX_LINKS, NOTICE_RELATIONS, kind_of_types, parse_citation, strip_title
from digest.sources.text import (
    NAME_LENGTH,
    TITLE_LENGTH,
    bound_names,
    clean_terms,
    clean_text,
    format_name,
    parse_authors,
)

URL = "https://www.ebi.ac.uk"
PUBLIC_URL = "https://europepmc.org/article"
PAGE_SIZE = 500
CURRENT_DAYS = 5
SCHEMES = {"MED": "pmid", "PMC": "pmcid", "PPR": "europepmc"}  # of a record's own id, by its database
_RELATION = re.compile(r"(?P<what>[a-z ]+?) (?P<where>of|on|for|in)")


class EuropePmcSource:
    """Source `europepmc`, for a query of Europe PMC's own language or for all articles and preprints."""

    api = 1
    name = "europepmc"
    title = "Europe PMC"
    hosts: ClassVar[Mapping[str, float]] = {"www.ebi.ac.uk": 0.2}
    settles_after = timedelta(days=4)  # from the beginning of the day
    lists_weekends = True
    overlaps: ClassVar[frozenset[str]] = frozenset({"pubmed", "biorxiv"})

    class Settings(SourceSettings):
        """What is read, and where."""

        query: OneLine = Field("", examples=['asthma OR "lung disease"'])
        url: HttpUrl = URL

    def __init__(self, client: SourceClient, query: str = "", url: str = URL) -> None:
        self._client = client
        self._query = query
        self._url = url.rstrip("/")

    @classmethod
    def from_settings(cls, settings: Settings, client: SourceClient) -> Self:
        """Create the source that the settings describe."""
        return cls(client, settings.query, settings.url)

    def probe_urls(self) -> Mapping[str, str]:
        """Return what `digest doctor` asks."""
        return {self.title: f"{self._url}/europepmc/webservices/rest/search?query=asthma&format=json&pageSize=1"}

    def advice(self) -> Sequence[SourceAdvice]:
        """Return what Europe PMC asks for and the settings lack."""
        return () if self._client.contact else (SourceAdvice(messages.lacks_contact(self.title)),)

    def days(self, now: datetime) -> tuple[date, ...]:
        """Return today (UTC) and the four days before, whose lists may still grow."""
        today = now.astimezone(UTC).date()
        return tuple(today - timedelta(days=days) for days in reversed(range(CURRENT_DAYS)))

    async def fetch(self, day: date, now: datetime) -> SourceAnswer:
        """Fetch the records that were first indexed on a day.

        Raises NotListedError while a day without records is not over.
        """
        terms = [f"({self._query})"] if self._query else []
        terms.append(f"FIRST_IDATE:[{day} TO {day}]")
        if not re.search(r"\bSRC:", self._query):
            terms.append("(SRC:MED OR SRC:PPR)")
        query = " AND ".join(terms)

        async def fetch_page(cursor: str) -> Page:
            return await self._fetch_page(query, cursor, day)

        entries = await read_by_cursor(fetch_page, first_cursor="*")
        if not entries.promised and day >= now.astimezone(UTC).date():
            raise NotListedError(messages.no_records_yet(self.title, day))
        return SourceAnswer(
            papers=tuple(entries.papers.values()),
            endpoint="api",
            parts=(entries.part(),),
            warnings=entries.warnings(self.title, day),
        )

    backfill = fetch

    async def _fetch_page(self, query: str, cursor: str, day: date) -> Page:
        parameters = {"query": query, "resultType": "core", "format": "json", "pageSize": str(PAGE_SIZE)}
        parameters |= {"cursorMark": cursor} | ({"email": contact} if (contact := self._client.contact) else {})
        url = f"{self._url}/europepmc/webservices/rest/search?{urlencode(parameters)}"
        response = await self._client.get(url, accept="application/json")
        response.require_ok()
        return await asyncio.to_thread(parse_page, response.json(), response.location, day)


def parse_page(answer: Any, location: str, day: date) -> Page:
    """Parse a page of a search. Raises MalformedAnswerError for one that does not say how many records there are."""
    total = parse_total(answer.get("hitCount")) if isinstance(answer, dict) else None
    if total is None:
        raise MalformedAnswerError(messages.count_missing(location, json.dumps(answer)[:100]))
    held = answer.get("resultList")
    records = held.get("result", []) if isinstance(held, dict) else []
    records = records if isinstance(records, list) else []
    entries = parse_entries(records, lambda record, rank: parse_record(record, day, rank), len(records))
    return Page(entries, len(records), total, str(answer.get("nextCursorMark") or ""))


def parse_record(record: Any, day: date, rank: int) -> ListedPaper | None:
    """Parse one record of either result type; None for one without id or title."""
    if not isinstance(record, dict):
        return None
    database, number = str(record.get("source", "")), str(record.get("id", ""))
    own = normalize_identifier(number, SCHEMES.get(database, "europepmc"))
    title = strip_title(clean_text(str(record.get("title") or ""), TITLE_LENGTH))
    if own is None or not title:
        return None
    names = ((record.get("pmid"), "pmid"), (record.get("doi"), "doi"), (record.get("pmcid"), "pmcid"))
    found = (normalize_identifier(str(value), scheme) for value, scheme in names if value)
    identifiers = tuple(dict.fromkeys((own, *(name for name in found if name))))
    types = _texts(record, "pubTypeList", "pubType") or str(record.get("pubType") or "").split(";")
    headings = [str(one.get("descriptorName") or "") for one in _items(record, "meshHeadingList", "meshHeading")]
    journal = _find(record, "journalInfo", "journal", "title") or record.get("journalTitle")
    return ListedPaper(
        source=EuropePmcSource.name,
        list_day=day,
        rank=rank,
        paper_kind=kind_of_types(types),
        identifiers=identifiers,
        links=tuple(_links(record, own))[:MAX_LINKS],
        title=title,
        abstract=clean_text(str(record.get("abstractText") or "")),
        authors=_authors(record),
        subjects=clean_terms([*headings, *_texts(record, "keywordList", "keyword")]),
        journal=clean_text(str(journal), NAME_LENGTH) if journal and database != "PPR" else None,
        version=max((name.version for name in identifiers), default=0) or 1,
        source_id=number,
        url=f"{PUBLIC_URL}/{database}/{number}",
        published_on=_publication_date(record),
    )


def _links(record: Mapping[str, Any], own: Identifier) -> Iterator[StatedLink]:
    """Yield what a record says about others: "Preprint of" stands on the preprint, "Preprint in" on the article."""
    for one in _items(record, "commentCorrectionList", "commentCorrection"):
        other = normalize_identifier(str(one.get("id") or ""), SCHEMES.get(str(one.get("source")), "europepmc"))
        match = _RELATION.fullmatch(str(one.get("type") or "").strip().casefold())
        if not match or not other or other == own:
            continue
        what, is_reversed = match["what"].replace(" ", ""), match["where"] == "in"
        # What is cited is the notice, or the article of a preprint.
        is_cited = is_reversed == (what != "preprint")
        venue, stated_on = parse_citation(str(one.get("reference") or "")) if is_cited else ("", None)
        if relation := LinkRelation.PUBLISHED if what == "preprint" else NOTICE_RELATIONS.get(what):
            yield StatedLink(relation, other, is_reversed, venue, stated_on)


def _authors(record: Mapping[str, Any]) -> tuple[str, ...]:
    names = []
    for author in _items(record, "authorList", "author"):
        family, given = str(author.get("lastName") or ""), str(author.get("firstName") or author.get("initials") or "")
        if group := clean_text(str(author.get("collectiveName") or ""), NAME_LENGTH).rstrip(" .;,"):
            names.append(group)
        elif family:
            names.append(format_name(given, family, str(author.get("suffix") or "")))
        else:
            names += parse_authors(str(author.get("fullName") or ""))
    return bound_names(names) or parse_authors(str(record.get("authorString") or ""))


def _publication_date(record: Mapping[str, Any]) -> date | None:
    held = record.get("journalInfo")
    issue = held if isinstance(held, dict) else {}
    dates = (
        record.get("firstPublicationDate"),
        issue.get("electronicPublicationDate"),
        issue.get("printPublicationDate"),
    )
    for value in (*dates, f"{record.get('pubYear')}-01-01"):
        try:
            return date.fromisoformat(str(value)[:10])
        except ValueError:
            continue
    return None


def _find(record: Mapping[str, Any], *path: str) -> Any:
    """Return what stands at a path of objects, None where any of them is missing."""
    found: Any = record
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _items(record: Mapping[str, Any], *path: str) -> list[dict[str, Any]]:
    found = _find(record, *path)
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _texts(record: Mapping[str, Any], *path: str) -> list[str]:
    found = _find(record, *path)
    return [item for item in found if isinstance(item, str)] if isinstance(found, list) else []
