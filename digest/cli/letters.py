"""The commands that look at papers: what a keyword matches, and the letter that keywords would get."""

import asyncio
import sys
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from digest.cli.shown import (
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
from digest.cli.work import create_clock, require_past_day, show_progress
from digest.errors import DigestError

if TYPE_CHECKING:
    from digest.house import AppContext
    from digest.preview import Preview
    from digest.subscribers import KeywordInput

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
        from digest.matching.help import INTRODUCTION, SYNTAX_EXAMPLES

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
    from digest import desk, letters
    from digest import preview as previews
    from digest.settings import load_settings

    saved = desk.parse_keywords_or_raise(keyword or [], desk.KeywordLimits.from_settings(load_settings()))
    at = create_clock(parse_datetime(now))()
    chosen = require_past_day(parse_date(day_), at)
    ctx = open_context()
    _collect_missing_day(ctx, chosen, at)
    seen = _build_preview(ctx, saved, chosen, at, cap)
    letter = letters.render_digest(previews.preview_context(ctx, saved, seen))
    if out:
        _write_file(out, letter.html)
    if as_json:
        print_json(
            {
                "day": seen.day,
                "subject": letter.subject,
                "considered": seen.paper_count,
                "matched": dict(zip((each.written for each in saved), seen.match_counts, strict=True)),
                "papers": [{"title": each.title, "url": each.url} for each in seen.papers],
                "left_out": seen.omitted_count,
            }
        )
        return
    sys.stdout.write(f"{letter.subject}\n\n{letter.text}\n")
    if out:
        print_note(f"written to {out}")


def _collect_missing_day(ctx: "AppContext", list_day: date | None, at: datetime) -> None:
    from digest import daily, db, papers

    with db.read_session(ctx.engine) as session:
        if papers.papers_on_day(session, list_day) if list_day else papers.latest_list_day(session):
            return
    with show_progress("reading") as tell:
        for each in asyncio.run(daily.collect(ctx, at, days=[list_day] if list_day else None, on_progress=tell)):
            for problem in each.problems:
                print_error(f"{each.source}: {problem}")


def _build_preview(
    ctx: "AppContext", saved: "list[KeywordInput]", list_day: date | None, at: datetime, cap: int
) -> "Preview":
    from digest import db, papers
    from digest import preview as previews

    with db.read_session(ctx.engine) as session:
        list_day = list_day or papers.latest_list_day(session)
        found = papers.papers_on_day(session, list_day) if list_day else []
        if not list_day or not found:
            raise DigestError(f"no papers are listed for {list_day or 'any day yet'}")
        return previews.preview(session, saved, found, list_day, at, cap=cap)


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
    from digest import desk
    from digest.cli import shelf
    from digest.matching import Matcher, describe, parse
    from digest.settings import load_settings

    understood = parse(query, desk.KeywordLimits.from_settings(load_settings()).limits)
    matcher = Matcher([understood])
    found: list[dict[str, Any]] = []
    for batch in shelf.batch_documents(
        shelf.documents_from_file(papers_) if papers_ else shelf.documents_from_store(open_context())
    ):
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
