"""Papers for `digest match`: from the store, or from a file of JSON lines."""

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from sqlmodel import col, select

from digest import db
from digest.cli.shown import Misuse
from digest.house import House
from digest.models import Paper
from digest.sources.text import readable


def batches(rows: Iterable[dict[str, Any]], size: int = 1000) -> Iterator[list[dict[str, Any]]]:
    """Papers in lists that are matched at once."""
    batch: list[dict[str, Any]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def from_store(house: House) -> Iterator[dict[str, Any]]:
    """All papers that were ever listed, in the order in which they came."""
    with db.reading(house.engine) as session:
        for paper in session.exec(select(Paper).order_by(col(Paper.id)).execution_options(yield_per=1000)):
            yield {"id": paper.arxiv_id or paper.key, "title": paper.title, "abstract": paper.abstract}


def from_file(path: Path) -> Iterator[dict[str, Any]]:
    """One paper a line. Raises Misuse, with the line's number, for what is none."""
    read = gzip.open if path.suffix == ".gz" else open
    try:
        with read(path, "rt", encoding="utf-8-sig") as file:
            for number, line in enumerate(file, start=1):
                if line.strip():
                    yield _row(line, f"{path} line {number}")
    except (OSError, UnicodeDecodeError, EOFError, zlib.error) as error:
        raise Misuse(f"{path} cannot be read: {error}") from error


def _row(line: str, where: str) -> dict[str, Any]:
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
    # Papers are stored as readable text; a file is matched the same way.
    return {"id": str(row["id"]), "title": readable(row["title"]), "abstract": readable(abstract or "")}
