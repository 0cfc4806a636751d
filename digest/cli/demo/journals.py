"""Sample answers of PubMed and of a journal's feed, for the server of the demonstration.

/entrez/eutils/esearch.fcgi?mindate=D    how many records entered on a day, and their ids
/entrez/eutils/efetch.fcgi?WebEnv=D      these records
/feeds/journal.xml                       the articles up to today, the latest first
"""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from html import escape

from digest.cli.demo.preprints import format_rfc_date
from digest.cli.demo.sample_papers import SamplePaper

JOURNAL_PATH = "/feeds/journal.xml"
RETRACTIONS = "retracted publication[pt]"
PapersByDay = Mapping[date, Sequence[SamplePaper]]
RECORDS_HEAD = """\
<?xml version="1.0" ?>
<!DOCTYPE PubmedArticleSet PUBLIC "-//NLM//DTD PubMedArticle, 1st January 2026//EN" \
"https://dtd.nlm.nih.gov/ncbi/pubmed/out/pubmed_260101.dtd">
<PubmedArticleSet>
"""
FEED_HEAD = """\
<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/" \
xmlns:prism="http://prismstandard.org/namespaces/basic/2.0/">
  <channel>
    <title>Journal of Machine Biology</title>
    <link>https://journal.example/</link>
    <description>Latest articles</description>
    <prism:issn>0000-0000</prism:issn>
"""


def search_response(query: Mapping[str, str], papers: PapersByDay, today: date) -> str:
    """Return the answer of PubMed to a search for what entered on a day. The samples have no retractions."""
    wanted = query.get("mindate", "").replace("/", "-")
    found = [
        paper.number
        for day, entered in papers.items()
        if str(day) == wanted and day <= today and RETRACTIONS not in query.get("term", "")
        for paper in entered
    ]
    result = {"count": str(len(found)), "idlist": found, "webenv": wanted, "querykey": "1"}
    return json.dumps({"header": {"type": "esearch"}, "esearchresult": result})


def records_response(query: Mapping[str, str], papers: PapersByDay) -> str | None:
    """Return a page of the records of a day; None for one that was not searched for."""
    start, limit = int(query.get("retstart", "0")), int(query.get("retmax", "20"))
    for day, entered in papers.items():
        if str(day) == query.get("WebEnv"):
            records = "".join(_record(paper, day) for paper in entered[start : start + limit])
            return f"{RECORDS_HEAD}{records}</PubmedArticleSet>\n"
    return None


def journal_response(papers: PapersByDay, today: date) -> str:
    """Return the feed of the journal with the articles that are out, the latest first."""
    days = sorted((day for day in papers if day <= today), reverse=True)
    items = [_feed_item(paper, day) for day in days for paper in papers[day]]
    return f"{FEED_HEAD}{''.join(items)}  </channel>\n</rss>\n"


def _record(paper: SamplePaper, day: date) -> str:
    doi = paper.words[0]
    kinds = "".join(f"<PublicationType>{kind}</PublicationType>" for kind in paper.values["kind"].split(", "))
    headings = "".join(
        f'<MeshHeading><DescriptorName MajorTopicYN="N">{name}</DescriptorName></MeshHeading>'
        for name in paper.values.get("subjects", "").split("; ")
        if name
    )
    authors = "".join(
        f"<Author><LastName>{last}</LastName><ForeName>{first}</ForeName><Initials>{first[:1]}</Initials></Author>"
        for first, _, last in (name.partition(" ") for name in paper.authors)
    )
    sections = (section.partition(": ") for section in paper.abstract.split(" | ") if section)
    texts = "".join(
        f'<AbstractText Label="{label}">{text}</AbstractText>'
        if text and label.isupper()
        else f"<AbstractText>{label}{colon}{text}</AbstractText>"
        for label, colon, text in sections
    )
    entered = f"<Year>{day.year}</Year><Month>{day.month:02}</Month><Day>{day.day:02}</Day>"
    return f"""\
  <PubmedArticle>
    <MedlineCitation Status="MEDLINE" Owner="NLM"><PMID Version="1">{paper.number}</PMID>
      <Article PubModel="Electronic"><Journal><JournalIssue><PubDate>{entered}</PubDate></JournalIssue>\
<Title>{paper.values["journal"]}</Title></Journal>
        <ArticleTitle>{paper.title}</ArticleTitle>
        <ELocationID EIdType="doi" ValidYN="Y">{doi}</ELocationID>
        {f"<Abstract>{texts}</Abstract>" if texts else ""}
        <AuthorList CompleteYN="Y">{authors}</AuthorList>
        <PublicationTypeList>{kinds}</PublicationTypeList>
      </Article>
      <MeshHeadingList>{headings}</MeshHeadingList>
    </MedlineCitation>
    <PubmedData><ArticleIdList><ArticleId IdType="pubmed">{paper.number}</ArticleId>\
<ArticleId IdType="doi">{doi}</ArticleId></ArticleIdList></PubmedData>
  </PubmedArticle>
"""


def _feed_item(paper: SamplePaper, day: date) -> str:
    return f"""\
    <item>
      <title>{escape(paper.title)}</title>
      <link>https://journal.example/doi/{paper.number}?af=R</link>
      <guid isPermaLink="false">{paper.number}</guid>
      <dc:identifier>doi:{paper.number}</dc:identifier>
      <dc:creator>{escape(", ".join(paper.authors))}</dc:creator>
      <prism:publicationName>Journal of Machine Biology</prism:publicationName>
      <pubDate>{format_rfc_date(day)} 06:00:00 +0000</pubDate>
      <description>{escape(f"<p>{paper.abstract}</p>")}</description>
    </item>
"""
