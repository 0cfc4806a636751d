"""The commands that look at papers: what a keyword matches, and the letter that keywords would get."""

import asyncio
import sys
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from digest.cli.shown import AsJson, Misuse, Now, complain, day, emit, instant, open_house, remark, table
from digest.cli.work import clock_of, past, progress
from digest.errors import DigestError

if TYPE_CHECKING:
    from digest.house import House
    from digest.preview import Preview
    from digest.subscribers import Saved

SHOWN = 50  # rows in a table; --json has all

PREVIEW = """\
$ digest preview -k "diffusion model" -k protein

$ digest preview -k '"graph neural network"' --day 2026-07-29 --out letter.html
"""
MATCH = """\
$ digest match "fine tuning"

$ digest match protein --papers papers.jsonl.gz --json
"""


class Explained(TyperCommand):
    """`digest match`: its help ends with all ways of writing a keyword, gathered only when somebody asks."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        from digest.matching.help import INTRODUCTION, ROWS

        ways = [f"{row.example}  =  {row.meaning} ({row.purpose})" for row in ROWS]
        self.epilog = "\n\n".join([MATCH, *INTRODUCTION, "What can be written:", *ways])
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
    now: Now = None,
    as_json: AsJson = False,
) -> None:
    """The letter that these keywords would get. No subscriber is made and nothing is sent.

    A day that is not in the store yet is read from the sources first. Without keywords: the trending papers.
    """
    from digest import desk, letters
    from digest import preview as previews
    from digest.settings import load

    saved = desk.understood(keyword or [], desk.Rules.of(load()))
    at = clock_of(instant(now))()
    chosen = past(day(day_), at)
    house = open_house()
    _read_missing(house, chosen, at)
    seen = _look(house, saved, chosen, at, cap)
    letter = letters.digest(previews.letter_words(house, saved, seen))
    if out:
        _write(out, letter.html)
    if as_json:
        emit(
            {
                "day": seen.day,
                "subject": letter.subject,
                "considered": seen.considered,
                "matched": dict(zip((each.written for each in saved), seen.counts, strict=True)),
                "papers": [{"title": each.title, "url": each.url} for each in seen.papers],
                "left_out": seen.left_out,
            }
        )
        return
    sys.stdout.write(f"{letter.subject}\n\n{letter.text}\n")
    if out:
        remark(f"written to {out}")


def _read_missing(house: "House", chosen: date | None, at: datetime) -> None:
    from digest import daily, db, papers

    with db.reading(house.engine) as session:
        if papers.on_day(session, chosen) if chosen else papers.latest_day(session):
            return
    with progress("reading") as tell:
        for each in asyncio.run(daily.collect(house, at, days=[chosen] if chosen else None, tell=tell)):
            for problem in each.problems:
                complain(f"{each.source}: {problem}")


def _look(house: "House", saved: "list[Saved]", chosen: date | None, at: datetime, cap: int) -> "Preview":
    from digest import db, papers
    from digest import preview as previews

    with db.reading(house.engine) as session:
        chosen = chosen or papers.latest_day(session)
        found = papers.on_day(session, chosen) if chosen else []
        if not chosen or not found:
            raise DigestError(f"no papers are listed for {chosen or 'any day yet'}")
        return previews.look(session, saved, found, chosen, at, cap=cap)


def _write(file: Path, page: str) -> None:
    try:
        file.write_text(page, encoding="utf-8")
    except OSError as error:
        raise Misuse(f"--out {file} cannot be written: {error.strerror}") from error


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
    as_json: AsJson = False,
) -> None:
    """Which papers a keyword matches.

    Words are one phrase, in the title or in the abstract. Capitals, accents, hyphens and plurals do not matter:
    "fine tuning", "fine-tuning" and "finetuning" find the same papers. Double quotes ask for exactly these words.
    """
    from digest import desk
    from digest.cli import shelf
    from digest.matching import Matcher, describe, parse
    from digest.settings import load

    understood = parse(query, desk.Rules.of(load()).limits)
    matcher = Matcher([understood])
    found: list[dict[str, Any]] = []
    for batch in shelf.batches(shelf.from_file(papers_) if papers_ else shelf.from_store(open_house())):
        for hit in matcher.match([document for _, document in batch])[0]:
            name, paper = batch[hit.document]
            found.append({"id": name, "title": paper.title, "in_title": hit.in_title})
    if as_json:
        emit(found)
        return
    remark(f"understood as: {describe(understood)}")
    rows = ((each["id"], each["title"]) for each in found[:SHOWN])
    table(f"{len(found)} papers match {query}", ("id", "title"), rows)
    if len(found) > SHOWN:
        remark(f"and {len(found) - SHOWN} more; --json prints all")
