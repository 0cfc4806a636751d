"""Papers for `digest match`: from the store, or from a file of JSON lines."""

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from sqlmodel import col, select

from digest import db, papers
from digest.cli.shown import Misuse
from digest.house import House
from digest.matching import Document
from digest.models import Paper
from digest.sources.text import readable

Entry = tuple[str, Document]  # a paper and the name it is shown by


def batches(rows: Iterable[Entry], size: int = 1000) -> Iterator[list[Entry]]:
    """Papers in lists that are matched at once."""
    batch: list[Entry] = []
    for row in rows:
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def from_store(house: House) -> Iterator[Entry]:
    """All papers that were ever listed, in the order in which they came."""
    with db.reading(house.engine) as session:
        sources = papers.sources_of(session, [int(each or 0) for each in session.exec(select(Paper.id))])
        for paper in session.exec(select(Paper).order_by(col(Paper.id)).execution_options(yield_per=1000)):
            yield paper.arxiv_id or paper.key, Document.of(paper, sources.get(int(paper.id or 0), ()))


def from_file(path: Path) -> Iterator[Entry]:
    """One paper a line. Raises Misuse, with the line's number, for what is none."""
    read = gzip.open if path.suffix == ".gz" else open
    try:
        with read(path, "rt", encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield _row(line, f"{path} line {number}")
    except (OSError, UnicodeDecodeError, EOFError, zlib.error) as error:
        raise Misuse(f"{path} cannot be read: {error}") from error


def _row(line: str, where: str) -> Entry:
    try:
        row = json.loads(line)
    except json.JSONDecodeError as error:
        raise Misuse(f"{where} is no JSON: {error.msg} at character {error.pos + 1}") from error
    except RecursionError as error:
        raise Misuse(f"{where} is no paper: it is nested too deeply") from error
    if not isinstance(row, dict) or not isinstance(row.get("title"), str) or not isinstance(row.get("id"), str | int):
        raise Misuse(f"{where} is no paper: a JSON object with id and title is expected")
    abstract = row.get("abstract")
    if not isinstance(abstract, str | None):
        raise Misuse(f"{where} is no paper: its abstract is no text")
    upvotes = row.get("upvotes")
    # Papers are stored as readable text; a file is matched the same way.
    return str(row["id"]), Document(
        id=0,
        title=readable(row["title"]),
        abstract=readable(abstract or ""),
        authors=_names(row, "authors", where),
        categories=_names(row, "categories", where),
        sources=_names(row, "sources", where),
        organization=str(row.get("organization") or ""),
        upvotes=upvotes if isinstance(upvotes, int) else None,
        has_code=bool(row.get("code_url")),
    )


def _names(row: dict[str, object], name: str, where: str) -> tuple[str, ...]:
    names = row.get(name) or []
    if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
        raise Misuse(f"{where} is no paper: its {name} are no list of texts")
    return tuple(readable(each) for each in names)
