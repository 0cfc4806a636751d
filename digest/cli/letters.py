"""The commands that look at papers: what a keyword matches, and the letter that keywords would get."""

import asyncio
import gzip
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlmodel import col, select

from digest import daily, db, desk, letters, papers
from digest import preview as previews
from digest.cli.shown import AsJson, Now, complain, console, day, emit, instant, open_house, table
from digest.cli.work import clock_of, progress
from digest.errors import DigestError, QueryError
from digest.house import House
from digest.matching import Document, Matcher, parse
from digest.models import Paper
from digest.sources.text import readable

SHOWN = 50  # rows in a table; --json has all


def preview(
    *,
    keyword: Annotated[
        list[str] | None, typer.Option("--keyword", "-k", help="A keyword; may be given several times.")
    ] = None,
    day_: Annotated[
        str | None, typer.Option("--day", metavar="YYYY-MM-DD", help="The list day; else the latest.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE.html", help="Also write the letter as HTML.")] = None,
    cap: Annotated[int, typer.Option(min=1, max=100, help="At most this many papers.")] = 20,
    now: Now = None,
    as_json: AsJson = False,
) -> None:
    """The letter that these keywords would get. No subscriber is made and nothing is sent.

    A day that is not in the store yet is read from the sources first. Without keywords: the trending papers.
    """
    saved, misread = desk.understand(keyword or [])
    if misread:
        raise QueryError("\n".join(f"keyword {each.written!r}: {each.message}" for each in misread))
    house = open_house()
    at = clock_of(instant(now))()
    chosen = day(day_)
    with db.reading(house.engine) as session:
        stored = bool(papers.on_day(session, chosen) if chosen else papers.latest_day(session))
    if not stored:
        with progress("reading") as tell:
            for each in asyncio.run(daily.collect(house, at, days=[chosen] if chosen else None, tell=tell)):
                for problem in each.problems:
                    complain(f"{each.source}: {problem}")
    with db.reading(house.engine) as session:
        chosen = chosen or papers.latest_day(session)
        found = papers.on_day(session, chosen) if chosen else []
        if not chosen or not found:
            raise DigestError(f"no papers are listed for {chosen or 'any day yet'}")
        seen = previews.look(session, saved, found, chosen, at, cap=cap)
    letter = letters.digest(previews.letter_words(house, saved, seen))
    if out:
        out.write_text(letter.html, encoding="utf-8")
    if as_json:
        counts = dict(zip((each.written for each in saved), seen.counts, strict=True))
        shown = [{"title": each.title, "url": each.url} for each in seen.papers]
        emit(
            {
                "day": seen.day,
                "subject": letter.subject,
                "considered": seen.considered,
                "matched": counts,
                "papers": shown,
            }
        )
        return
    sys.stdout.write(f"{letter.subject}\n\n{letter.text}\n")
    if out:
        console(stderr=True).print(f"written to {out}")


def match(
    query: Annotated[str, typer.Argument(help="A keyword, or a phrase in double quotes for exactly these words.")],
    *,
    papers_: Annotated[
        Path | None,
        typer.Option(
            "--papers",
            exists=True,
            dir_okay=False,
            metavar="FILE.jsonl[.gz]",
            help="JSON lines with id, title, abstract, authors, categories; else the store.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Which papers a keyword matches.

    Words are one phrase, in the title or in the abstract. Capitals, accents, hyphens and plurals do not matter:
    "fine tuning", "fine-tuning" and "finetuning" find the same papers. Double quotes ask for exactly these words.
    """
    understood = parse(query)
    found: list[dict[str, Any]] = []
    for batch in _batches(_from_file(papers_) if papers_ else _from_store(open_house())):
        documents = [Document(number, each["title"], each["abstract"]) for number, each in enumerate(batch)]
        for hit in Matcher([understood]).match(documents)[0]:
            paper = batch[hit.document]
            found.append({"id": paper["id"], "title": paper["title"], "in_title": hit.in_title})
    if as_json:
        emit(found)
        return
    table(
        f"{len(found)} papers match {query}", ("id", "title"), ((each["id"], each["title"]) for each in found[:SHOWN])
    )
    if len(found) > SHOWN:
        console(stderr=True).print(f"and {len(found) - SHOWN} more; --json prints all")


def _batches(rows: Iterable[dict[str, Any]], size: int = 1000) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _from_store(house: House) -> Iterator[dict[str, Any]]:
    with db.reading(house.engine) as session:
        for paper in session.exec(select(Paper).order_by(col(Paper.id)).execution_options(yield_per=1000)):
            yield {"id": paper.arxiv_id or paper.key, "title": paper.title, "abstract": paper.abstract}


def _from_file(path: Path) -> Iterator[dict[str, Any]]:
    read = gzip.open if path.suffix == ".gz" else open
    try:
        with read(path, "rt", encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield _row(line, f"{path} line {number}")
    except (OSError, UnicodeDecodeError, EOFError) as error:
        raise DigestError(f"{path} cannot be read: {error}") from error


def _row(line: str, where: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
        # Papers are stored as readable text; a file is matched the same way.
        return {
            "id": str(row["id"]),
            "title": readable(str(row["title"])),
            "abstract": readable(str(row.get("abstract") or "")),
        }
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise DigestError(f"{where} is no paper: a JSON object with id and title is expected ({error!r})") from error
