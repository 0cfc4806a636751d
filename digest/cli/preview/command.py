"""`digest match` and `digest preview`: what keywords match, and the digest they would produce."""

import asyncio
import sys
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from digest.cli import messages
from digest.cli.output import (
    JsonOption,
    NowOption,
    create_clock,
    open_context,
    parse_date,
    parse_datetime,
    print_error,
    print_json,
    print_note,
    print_table,
    require_past_day,
    show_progress,
)
from digest.errors import DigestError, UsageError

if TYPE_CHECKING:
    from digest.context import AppContext

DEFAULT_LIMIT = 50  # papers in a table
PREVIEW_EPILOG = """\
$ digest preview -k "diffusion model" -k protein

$ digest preview -k '"graph neural network"' --day 2026-07-29 --out digest.html
"""
MATCH_EPILOG = """\
$ digest match "fine tuning"

$ digest match protein --limit 5

$ digest match protein --papers papers.jsonl.gz --json
"""


class MatchCommand(TyperCommand):
    """Command whose help ends with the syntax of keywords, imported only when it is shown."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Append the syntax to the help."""
        from digest.matching import INTRODUCTION, SYNTAX_EXAMPLES

        rows = [f"{row.example}  =  {row.meaning} ({row.purpose})" for row in SYNTAX_EXAMPLES]
        self.epilog = "\n\n".join([MATCH_EPILOG, *INTRODUCTION, "Syntax:", *rows])
        super().format_help(ctx, formatter)


def preview(
    *,
    keyword: Annotated[
        list[str] | None, typer.Option("--keyword", "-k", help="Keyword to match. Can be repeated.")
    ] = None,
    day_: Annotated[
        str | None, typer.Option("--day", metavar="YYYY-MM-DD", help="Day of the papers. Default: the latest.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE.html", dir_okay=False, help="Also write the e-mail as HTML to this file."),
    ] = None,
    cap: Annotated[int, typer.Option(min=1, max=100, help="Maximum number of papers.")] = 20,
    close: Annotated[
        bool, typer.Option("--close", help="Also show papers close to the keywords that none of them matches.")
    ] = False,
    now: NowOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the digest that these keywords would produce. No subscriber is created and nothing is sent.

    A day that is not in the database yet is fetched first. Without keywords, the digest has the trending papers.
    With --close, words are learned from recent papers that are about the keywords, as for a subscriber who opted in.
    """
    from digest import planning
    from digest.database import read_session
    from digest.papers import latest_list_day, papers_on_day
    from digest.rendering import preview_context, render_digest
    from digest.subscribers import KeywordLimits, learn_from_keywords, parse_keywords_or_raise

    at = create_clock(parse_datetime(now))()
    day = parse_date(day_)
    if day:
        require_past_day(day, at)
    ctx = open_context()
    keywords = parse_keywords_or_raise(keyword or [], KeywordLimits.from_context(ctx))
    collect_missing_day(ctx, day, at)
    with read_session(ctx.engine) as session:
        day = day or latest_list_day(session)
        papers = papers_on_day(session, day) if day else []
        if not day or not papers:
            raise DigestError(messages.no_papers(day))
        result = planning.preview(session, keywords, papers, day, at, cap=cap)
        words = learn_from_keywords(session, keywords) if close else {}
        near = planning.preview_close_papers(session, keywords, papers, words, day, result.paper_ids)
    if close and not words:
        print_note(messages.NO_WORDS_LEARNED)
    email = render_digest(preview_context(ctx, keywords, result.papers, result.omitted_count, result.day, near))
    if out:
        try:
            out.write_text(email.html, encoding="utf-8")
        except OSError as error:
            raise UsageError(messages.output_failed(out, error.strerror)) from error
    if as_json:
        matched = dict(zip((entered.text for entered in keywords), result.match_counts, strict=True))
        value = {
            "day": result.day,
            "subject": email.subject,
            "considered": result.considered_count,
            "matched": matched,
            "papers": [{"title": view.paper.title, "url": view.paper.url} for view in result.papers],
            "omitted": result.omitted_count,
            "close": [{"title": item.paper.title, "url": item.paper.url, "words": list(item.words)} for item in near],
        }
        print_json(value, {"omitted": "left_out"})
        return
    sys.stdout.write(f"{email.subject}\n\n{email.text}\n")
    if out:
        print_note(messages.output_written(out))


def collect_missing_day(ctx: "AppContext", day: date | None, now: datetime) -> None:
    """Fetch a list day that is not in the database yet; without a day, whatever is due if it is empty."""
    from digest.database import read_session
    from digest.jobs import pipeline
    from digest.papers import latest_list_day, papers_on_day

    with read_session(ctx.engine) as session:
        if papers_on_day(session, day) if day else latest_list_day(session):
            return
    with show_progress("Fetching") as on_progress:
        reports = asyncio.run(pipeline.collect(ctx, now, days=[day] if day else None, on_progress=on_progress))
    for report in reports:
        for problem in report.problems:
            print_error(f"{report.source}: {problem}")


def match(
    query: Annotated[str, typer.Argument(help="Keyword to match; in double quotes, exactly these words.")],
    *,
    papers_: Annotated[
        Path | None,
        typer.Option(
            "--papers",
            exists=True,
            dir_okay=False,
            metavar="FILE.jsonl",
            help="File of JSON lines (id, title, abstract, authors, categories), also .gz. Default: the database.",
        ),
    ] = None,
    limit: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Print at most N papers. Default: 50, with --json all.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show which papers match a keyword, the newest first; those of a file in its order.

    Words are matched as a phrase in the title or abstract. Case, accents, hyphens and plurals are ignored: "fine
    tuning", "fine-tuning" and "finetuning" match the same papers. Use double quotes to match exactly these words.
    """
    from digest.cli.preview.keyword_suggestions import MAX_PAPERS, suggest_from_documents, suggest_from_store
    from digest.cli.preview.match_input import batch_documents, documents_from_file, documents_from_store
    from digest.config import load_settings
    from digest.matching import Matcher, PaperDocument, describe, parse
    from digest.subscribers import KeywordLimits

    ctx, latest = None, list[PaperDocument]()
    if papers_:
        limits = KeywordLimits.from_settings(load_settings(), describe_paper=lambda _name: None)  # a file names none
        documents = documents_from_file(papers_)
    else:
        ctx = open_context()
        limits, documents = KeywordLimits.from_context(ctx), documents_from_store(ctx)
    parsed = parse(query, limits.query_limits, limits.acronyms)
    matcher = Matcher([parsed])
    matches: list[dict[str, Any]] = []
    for batch in batch_documents(documents):
        latest = [*latest, *(document for _, document in batch)][-MAX_PAPERS:]
        for hit in matcher.match([document for _, document in batch])[0]:
            name, paper = batch[hit.document]
            matches.append({"id": name, "title": paper.title, "in_title": hit.in_title})
    if as_json:
        print_json(matches[:limit])
        return
    shown = limit or DEFAULT_LIMIT
    print_note(messages.keyword_meaning(describe(parsed)))
    rows = ((paper["id"], paper["title"]) for paper in matches[:shown])
    print_table(messages.matching_papers(len(matches), query), ("id", "title"), rows)
    if len(matches) > shown:
        print_note(messages.more_matches(len(matches) - shown))
    for advice in suggest_from_store(ctx, parsed) if ctx else suggest_from_documents(latest, parsed):
        print_note(advice)
