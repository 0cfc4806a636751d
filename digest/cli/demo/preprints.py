"""Sample answers of Hugging Face and of arXiv, for the server of the demonstration, in the exact shapes of these hosts.

/api/daily_papers?date=D     the list of a day, as JSON; its page has the same data
/rss/CATS                    the batch of a day
/api/query                   entries of papers by their ids, or of a past batch
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from html import escape
from typing import Any

from digest.cli.demo.sample_papers import SamplePaper

SATURDAY = 5
DAY_NAMES = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
MONTH_NAMES = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
THUMBNAILS = "https://cdn-thumbnails.huggingface.co/social-thumbnails/papers"
FEED_HEAD = """\
<?xml version='1.0' encoding='UTF-8'?>
<rss xmlns:arxiv="http://arxiv.org/schemas/atom" xmlns:dc="http://purl.org/dc/elements/1.1/" \
xmlns:atom="http://www.w3.org/2005/Atom" version="2.0">
  <channel>
    <title>cs updates on arXiv.org</title>
    <link>http://rss.arxiv.org/rss/cs</link>
    <description>cs updates on the arXiv.org e-print archive.</description>
    <language>en-us</language>
    <lastBuildDate>{day} 04:00:09 +0000</lastBuildDate>
    <pubDate>{day} 00:00:00 -0400</pubDate>
    <skipDays><day>Saturday</day><day>Sunday</day></skipDays>
"""
QUERY_HEAD = """\
<?xml version='1.0' encoding='UTF-8'?>
<feed xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/" xmlns:arxiv="http://arxiv.org/schemas/atom" \
xmlns="http://www.w3.org/2005/Atom">
  <id>https://arxiv.org/api/sample</id>
  <title>arXiv Query</title>
  <updated>{day}T09:00:00Z</updated>
  <opensearch:itemsPerPage>100</opensearch:itemsPerPage>
  <opensearch:totalResults>{total}</opensearch:totalResults>
  <opensearch:startIndex>{start}</opensearch:startIndex>
"""


def listing_entry(paper: SamplePaper, day: date) -> dict[str, Any]:
    """Return a paper as the daily list of `day` has it. One that is `bare` has its abstract outside alone."""
    facts, published = paper.facts, f"{weekday_before(day)}T00:00:00.000Z"
    first = paper.authors[0]
    account = {"fullname": first, "name": first.lower().replace(" ", ""), "isPro": False, "type": "user"}
    submitter = {"_id": _object_id(first), **account}
    inner: dict[str, Any] = {
        "id": paper.arxiv_id,
        "authors": [{"_id": _object_id(name), "name": name, "hidden": False} for name in paper.authors],
        "publishedAt": published,
        "submittedOnDailyAt": f"{day}T08:00:00.000Z",
        "title": paper.title,
        "submittedOnDailyBy": submitter,
        "upvotes": int(facts.get("upvotes", 0)),
        "discussionId": _object_id(paper.number),
    }
    outer: dict[str, Any] = {
        "publishedAt": f"{day}T08:00:00.000Z",
        "title": paper.title,
        "summary": paper.abstract,
        "thumbnail": f"{THUMBNAILS}/{paper.arxiv_id}.png",
        "numComments": int(facts.get("comments", 0)),
        "submittedBy": submitter,
        "isAuthorParticipating": False,
    }
    if "bare" not in facts:
        inner["summary"] = paper.abstract
    if code := facts.get("code"):
        name, _, stars = code.partition(" ")
        inner |= {"githubRepo": f"https://github.com/example/{name}", "githubStars": int(stars or 0)}
        inner["githubRepoAddedBy"] = "user"
    if project := facts.get("project"):
        inner["projectPage"] = project
    if keywords := paper.values.get("keywords"):
        inner |= {
            "ai_summary": f"{paper.abstract.partition('. ')[0].rstrip('.')}.",
            "ai_keywords": keywords.split(", "),
        }
    if organization := facts.get("organization"):
        known = {"_id": _object_id(organization), "name": organization.lower().replace(" ", "-")}
        inner["organization"] = outer["organization"] = {**known, "fullname": organization}
    return {"paper": inner, **outer}


def feed_of_batch(papers: Sequence[SamplePaper], day: date) -> str:
    """Return the feed of the batch of a day."""
    shown = format_rfc_date(day)
    return f"{FEED_HEAD.format(day=shown)}{''.join(_feed_item(paper, shown) for paper in papers)}  </channel>\n</rss>\n"


def query_response(papers: Iterable[SamplePaper], day: date, start: int, limit: int) -> str:
    """Return a page of entries."""
    entries = [_query_entry(paper, day) for paper in papers]
    head = QUERY_HEAD.format(day=day, total=len(entries), start=start)
    return f"{head}{''.join(entries[start : start + limit])}</feed>\n"


def _feed_item(paper: SamplePaper, day: str) -> str:
    categories = "".join(f"      <category>{category}</category>\n" for category in paper.categories)
    return f"""\
    <item>
      <title>{escape(paper.title)}</title>
      <link>https://arxiv.org/abs/{paper.arxiv_id}</link>
      <description>arXiv:{paper.number} Announce Type: {paper.words[0]}\x20
Abstract: {escape(paper.abstract)}</description>
      <guid isPermaLink="false">oai:arXiv.org:{paper.number}</guid>
{categories}      <pubDate>{day} 00:00:00 -0400</pubDate>
      <arxiv:announce_type>{paper.words[0]}</arxiv:announce_type>
      <dc:rights>http://creativecommons.org/licenses/by/4.0/</dc:rights>
      <dc:creator>{escape(", ".join(paper.authors))}</dc:creator>
    </item>
"""


def _query_entry(paper: SamplePaper, day: date) -> str:
    number = paper.number if "v" in paper.number else f"{paper.number}v1"
    published = f"{weekday_before(day)}T16:20:00Z"
    categories = "".join(f'    <category term="{term}"/>\n' for term in paper.categories)
    authors = "".join(f"    <author><name>{escape(name)}</name></author>\n" for name in paper.authors)
    return f"""\
  <entry>
    <id>http://arxiv.org/abs/{number}</id>
    <title>{escape(paper.title)}</title>
    <updated>{published}</updated>
    <link href="https://arxiv.org/abs/{number}" rel="alternate" type="text/html"/>
    <summary>{escape(paper.abstract)}</summary>
{categories}    <published>{published}</published>
    <arxiv:primary_category term="{(paper.categories or ["cs.LG"])[0]}"/>
{authors}  </entry>
"""


def _object_id(text: str) -> str:
    """Return an id as that host has them: 24 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def weekday_before(day: date) -> date:
    """Return the last weekday before a day."""
    day -= timedelta(days=1)
    while day.weekday() >= SATURDAY:
        day -= timedelta(days=1)
    return day


def format_rfc_date(day: date) -> str:
    """Format a date as RFC 5322 does, whatever the locale."""
    return f"{DAY_NAMES[day.weekday()]}, {day.day:02} {MONTH_NAMES[day.month - 1]} {day.year}"
