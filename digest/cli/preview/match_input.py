"""Papers for `digest match`: from the database, or from a file of JSON lines."""

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from sqlmodel import col, select

from digest.cli import messages
from digest.context import AppContext
from digest.database import read_session
from digest.database.models import Paper
from digest.errors import UsageError
from digest.matching import PaperDocument
from digest.papers import sources_by_paper
from digest.sources import clean_text

NamedDocument = tuple[str, PaperDocument]  # a paper and the name it is shown by


def batch_documents(documents: Iterable[NamedDocument], size: int = 1000) -> Iterator[list[NamedDocument]]:
    """Yield lists of papers that are matched together."""
    batch: list[NamedDocument] = []
    for document in documents:
        batch.append(document)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def documents_from_store(ctx: AppContext) -> Iterator[NamedDocument]:
    """Yield all papers of the database, the newest first."""
    with read_session(ctx.engine) as session:
        sources = sources_by_paper(session, [int(paper_id or 0) for paper_id in session.exec(select(Paper.id))])
        for paper in session.exec(select(Paper).order_by(col(Paper.id).desc()).execution_options(yield_per=1000)):
            yield paper.arxiv_id or paper.key, PaperDocument.from_paper(paper, sources.get(int(paper.id or 0), ()))


def documents_from_file(path: Path) -> Iterator[NamedDocument]:
    """Yield the papers of a file, one a line. Raises UsageError with the line's number."""
    open_text = gzip.open if path.suffix == ".gz" else open
    try:
        with open_text(path, "rt", encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield parse_document(line, f"{path} line {number}")
    except (OSError, UnicodeDecodeError, EOFError, zlib.error) as error:
        raise UsageError(messages.file_not_readable(path, error)) from error


def parse_document(line: str, location: str) -> NamedDocument:
    """Parse one JSON line. Raises UsageError, which names `location`."""
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise UsageError(messages.line_not_json(location, error.msg, error.pos + 1)) from error
    except RecursionError as error:
        raise UsageError(messages.line_too_deep(location)) from error
    if not isinstance(row, dict) or not isinstance(row.get("title"), str) or not isinstance(row.get("id"), str | int):
        raise UsageError(messages.line_not_paper(location))
    abstract = row.get("abstract")
    if not isinstance(abstract, str | None):
        raise UsageError(messages.abstract_not_text(location))

    def strings(name: str) -> tuple[str, ...]:
        values = row.get(name) or []
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise UsageError(messages.field_not_list(location, name))
        return tuple(clean_text(value) for value in values)

    upvotes = row.get("upvotes")
    # Papers are stored as clean text; those of a file are matched the same way.
    return str(row["id"]), PaperDocument(
        id=0,
        title=clean_text(row["title"]),
        abstract=clean_text(abstract or ""),
        authors=strings("authors"),
        categories=strings("categories"),
        sources=strings("sources"),
        subjects=strings("subjects"),
        journal=clean_text(str(row.get("journal") or "")),
        organization=str(row.get("organization") or ""),
        doi=str(row.get("doi") or ""),
        upvotes=upvotes if isinstance(upvotes, int) else None,
        code_url=str(row.get("code_url") or ""),
    )
