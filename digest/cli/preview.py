"""The commands that look at papers: what a keyword matches, and the letter that keywords would get.

Papers for `digest match`: from the store, or from a file of JSON lines.
"""

import asyncio
import gzip
import json
import sys
import zlib
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from sqlmodel import col, select
from typer.core import TyperCommand

from digest.cli.output import (
    JsonOption,
    NowOption,
    UsageError,
    open_context,
    parse_date,
    parse_datetime,
    print_error,
    print_json,
    print_note,
    print_table,
)
from digest.cli.run import create_clock, require_past_day, show_progress
from digest.context import AppContext
from digest.database import read_session
from digest.database.models import Paper
from digest.errors import DigestError
from digest.matching import PaperDocument
from digest.papers import sources_by_paper
from digest.sources import clean_text

if TYPE_CHECKING:
    from digest.matching import KeywordInput
    from digest.planning import Preview


MAX_TABLE_ROWS = 50  # rows in a table; --json has all


PREVIEW_EPILOG = """\
$ digest preview -k "diffusion model" -k protein

$ digest preview -k '"graph neural network"' --day 2026-07-29 --out letter.html
"""


MATCH_EPILOG = """\
$ digest match "fine tuning"

$ digest match protein --papers papers.jsonl.gz --json
"""


class MatchCommand(TyperCommand):
    """`digest match`: its help ends with all ways of writing a keyword, gathered only when somebody asks."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        from digest.matching import INTRODUCTION, SYNTAX_EXAMPLES

        ways = [f"{row.example}  =  {row.meaning} ({row.purpose})" for row in SYNTAX_EXAMPLES]
        self.epilog = "\n\n".join([MATCH_EPILOG, *INTRODUCTION, "What can be written:", *ways])
        super().format_help(ctx, formatter)


def preview(
    *,
    keyword: Annotated[
        list[str] | None, typer.Option("--keyword", "-k", help="A keyword; may be given several times.")
    ] = None,
    day_: Annotated[
        str | None, typer.Option("--day", metavar="YYYY-MM-DD", help="The list day; else the latest.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FILE.html", dir_okay=False, help="Also write the letter as HTML.")
    ] = None,
    cap: Annotated[int, typer.Option(min=1, max=100, help="At most this many papers.")] = 20,
    now: NowOption = None,
    as_json: JsonOption = False,
) -> None:
    """The letter that these keywords would get. No subscriber is made and nothing is sent.

    A day that is not in the store yet is read from the sources first. Without keywords: the trending papers.
    """
    from digest.config import load_settings
    from digest.rendering import preview_context, render_digest
    from digest.subscribers import KeywordLimits, parse_keywords_or_raise

    saved = parse_keywords_or_raise(keyword or [], KeywordLimits.from_settings(load_settings()))
    at = create_clock(parse_datetime(now))()
    chosen = require_past_day(parse_date(day_), at)
    ctx = open_context()
    _collect_missing_day(ctx, chosen, at)
    seen = _build_preview(ctx, saved, chosen, at, cap)
    letter = render_digest(preview_context(ctx, saved, seen.papers, seen.omitted_count, seen.day))
    if out:
        _write_file(out, letter.html)
    if as_json:
        print_json(
            {
                "day": seen.day,
                "subject": letter.subject,
                "considered": seen.considered_count,
                "matched": dict(zip((each.text for each in saved), seen.match_counts, strict=True)),
                "papers": [{"title": each.title, "url": each.url} for each in seen.papers],
                "left_out": seen.omitted_count,
            }
        )
        return
    sys.stdout.write(f"{letter.subject}\n\n{letter.text}\n")
    if out:
        print_note(f"written to {out}")


def _collect_missing_day(ctx: "AppContext", list_day: date | None, at: datetime) -> None:
    from digest.database import read_session
    from digest.jobs import collect
    from digest.papers import latest_list_day, papers_on_day

    with read_session(ctx.engine) as session:
        if papers_on_day(session, list_day) if list_day else latest_list_day(session):
            return
    with show_progress("reading") as tell:
        for each in asyncio.run(collect(ctx, at, days=[list_day] if list_day else None, on_progress=tell)):
            for problem in each.problems:
                print_error(f"{each.source}: {problem}")


def _build_preview(
    ctx: "AppContext", saved: "list[KeywordInput]", list_day: date | None, at: datetime, cap: int
) -> "Preview":
    from digest import planning
    from digest.database import read_session
    from digest.papers import latest_list_day, papers_on_day

    with read_session(ctx.engine) as session:
        list_day = list_day or latest_list_day(session)
        found = papers_on_day(session, list_day) if list_day else []
        if not list_day or not found:
            raise DigestError(f"no papers are listed for {list_day or 'any day yet'}")
        return planning.preview(session, saved, found, list_day, at, cap=cap)


def _write_file(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--out {file} cannot be written: {error.strerror}") from error


def match(
    query: Annotated[str, typer.Argument(help="A keyword, or a phrase in double quotes for exactly these words.")],
    *,
    papers_: Annotated[
        Path | None,
        typer.Option(
            "--papers",
            exists=True,
            dir_okay=False,
            metavar="FILE.jsonl",
            help="JSON lines with id, title, abstract, authors, categories; .gz is unpacked. Else the store.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Which papers a keyword matches.

    Words are one phrase, in the title or in the abstract. Capitals, accents, hyphens and plurals do not matter:
    "fine tuning", "fine-tuning" and "finetuning" find the same papers. Double quotes ask for exactly these words.
    """
    from digest.config import load_settings
    from digest.matching import Matcher, describe, parse
    from digest.subscribers import KeywordLimits

    understood = parse(query, KeywordLimits.from_settings(load_settings()).query_limits)
    matcher = Matcher([understood])
    found: list[dict[str, Any]] = []
    for batch in batch_documents(documents_from_file(papers_) if papers_ else documents_from_store(open_context())):
        for hit in matcher.match([document for _, document in batch])[0]:
            name, paper = batch[hit.document]
            found.append({"id": name, "title": paper.title, "in_title": hit.in_title})
    if as_json:
        print_json(found)
        return
    print_note(f"understood as: {describe(understood)}")
    rows = ((each["id"], each["title"]) for each in found[:MAX_TABLE_ROWS])
    print_table(f"{len(found)} papers match {query}", ("id", "title"), rows)
    if len(found) > MAX_TABLE_ROWS:
        print_note(f"and {len(found) - MAX_TABLE_ROWS} more; --json prints all")


NamedDocument = tuple[str, PaperDocument]  # a paper and the name it is shown by


def batch_documents(rows: Iterable[NamedDocument], size: int = 1000) -> Iterator[list[NamedDocument]]:
    """Papers in lists that are matched at once."""
    batch: list[NamedDocument] = []
    for row in rows:
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def documents_from_store(ctx: AppContext) -> Iterator[NamedDocument]:
    """All papers that were ever listed, in the order in which they came."""
    with read_session(ctx.engine) as session:
        sources = sources_by_paper(session, [int(each or 0) for each in session.exec(select(Paper.id))])
        for paper in session.exec(select(Paper).order_by(col(Paper.id)).execution_options(yield_per=1000)):
            yield paper.arxiv_id or paper.key, PaperDocument.from_paper(paper, sources.get(int(paper.id or 0), ()))


def documents_from_file(path: Path) -> Iterator[NamedDocument]:
    """One paper a line. Raises Misuse, with the line's number, for what is none."""
    read = gzip.open if path.suffix == ".gz" else open
    try:
        with read(path, "rt", encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield _parse_document(line, f"{path} line {number}")
    except (OSError, UnicodeDecodeError, EOFError, zlib.error) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error


def _parse_document(line: str, location: str) -> NamedDocument:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise UsageError(f"{location} is no JSON: {error.msg} at character {error.pos + 1}") from error
    except RecursionError as error:
        raise UsageError(f"{location} is no paper: it is nested too deeply") from error
    if not isinstance(row, dict) or not isinstance(row.get("title"), str) or not isinstance(row.get("id"), str | int):
        raise UsageError(f"{location} is no paper: a JSON object with id and title is expected")
    abstract = row.get("abstract")
    if not isinstance(abstract, str | None):
        raise UsageError(f"{location} is no paper: its abstract is no text")
    upvotes = row.get("upvotes")
    # Papers are stored as readable text; a file is matched the same way.
    return str(row["id"]), PaperDocument(
        id=0,
        title=clean_text(row["title"]),
        abstract=clean_text(abstract or ""),
        authors=_parse_strings(row, "authors", location),
        categories=_parse_strings(row, "categories", location),
        sources=_parse_strings(row, "sources", location),
        organization=str(row.get("organization") or ""),
        upvotes=upvotes if isinstance(upvotes, int) else None,
        has_code=bool(row.get("code_url")),
    )


def _parse_strings(row: dict[str, object], name: str, location: str) -> tuple[str, ...]:
    names = row.get(name) or []
    if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
        raise UsageError(f"{location} is no paper: its {name} are no list of texts")
    return tuple(clean_text(each) for each in names)
