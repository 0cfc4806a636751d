"""Papers for `digest match`: from the store, or from a file of JSON lines."""

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from sqlmodel import col, select

from digest import db, papers
from digest.cli.shown import UsageError
from digest.house import AppContext
from digest.matching import PaperDocument
from digest.models import Paper
from digest.sources.text import clean_text

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
    with db.read_session(ctx.engine) as session:
        sources = papers.sources_by_paper(session, [int(each or 0) for each in session.exec(select(Paper.id))])
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
