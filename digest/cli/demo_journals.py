"""Sample answers of PubMed and of a journal's feed, for the server of the demonstration.

/entrez/eutils/esearch.fcgi?mindate=D    how many records entered on a day, and their ids
/entrez/eutils/efetch.fcgi?WebEnv=D      these records
/feeds/journal.xml                       the articles up to today, the latest first
"""

import json
import re
from collections.abc import Callable, Sequence
from datetime import date

RECORD_PATTERN = re.compile(r"  <PubmedArticle>.*?</PubmedArticle>\n", re.DOTALL)
ID_PATTERN = re.compile(r'<PMID Version="1">(\d+)</PMID>')
DATE_PATTERN = re.compile(r"(?<=<PubDate>)(\d{4})-(\d\d)-(\d\d)(?=</PubDate>)")  # as the files have it, to be moved
ITEM_PATTERN = re.compile(r"    <item>.*?</item>\n", re.DOTALL)
JOURNAL_PATH = "/feeds/journal.xml"
RETRACTIONS = "retracted publication[pt]"
ReadSample = Callable[[str], str]  # the text of a bundled file with its dates moved


def answer_search(query: dict[str, str], days: Sequence[date], today: date, read_sample: ReadSample) -> str:
    """Return the answer of PubMed to a search for what entered on a day. The sample has no retractions."""
    wanted = query.get("mindate", "").replace("/", "-")
    ids: list[str] = []
    for number, day in enumerate(days, 1):
        if str(day) == wanted and day <= today and RETRACTIONS not in query.get("term", ""):
            ids = ID_PATTERN.findall(read_sample(f"pubmed-{number}.xml"))
    found = {"count": str(len(ids)), "idlist": ids, "webenv": wanted, "querykey": "1"}
    return json.dumps({"header": {"type": "esearch"}, "esearchresult": found})


def answer_records(query: dict[str, str], days: Sequence[date], read_sample: ReadSample) -> str | None:
    """Return a page of the records of a day; None for one that was not searched for."""
    start, limit = int(query.get("retstart", "0")), int(query.get("retmax", "20"))
    for number, day in enumerate(days, 1):
        if str(day) == query.get("WebEnv"):
            text = read_sample(f"pubmed-{number}.xml")
            head, end = text.split("  <PubmedArticle>", 1)[0], "</PubmedArticleSet>\n"
            records = "".join(RECORD_PATTERN.findall(text)[start : start + limit])
            return head + DATE_PATTERN.sub(r"<Year>\1</Year><Month>\2</Month><Day>\3</Day>", records) + end
    return None


def answer_journal(is_out: Callable[[str], bool], read_sample: ReadSample) -> str:
    """Return the feed of the journal with the items that are out."""
    return ITEM_PATTERN.sub(lambda item: item[0] if is_out(item[0]) else "", read_sample("journal.xml"))
