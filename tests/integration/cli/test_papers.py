"""`digest papers` lists what may be one paper, links papers, and undoes links."""

from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine

from digest.database import write_session
from digest.identifiers import Identifier
from digest.papers import store_listings
from digest.sources import ListedPaper
from tests.support.command import Command

NOW = datetime(2026, 7, 28, 12, tzinfo=UTC)
TITLE = "A protein that folds by itself in the cell of a mouse"


def test_papers_are_listed_linked_and_unlinked(sqlite_store: Engine, tmp_path: Path) -> None:
    listings = [
        ListedPaper(
            source="journal",
            list_day=NOW.date(),
            rank=1,
            title=TITLE,
            authors=("Ada Byron",),
            identifiers=(Identifier("doi", f"10.5555/{name}"),),
            url="https://example.org",
        )
        for name in "ab"
    ]
    with write_session(sqlite_store) as session:
        store_listings(session, listings, NOW)
    command = Command(tmp_path, {"DIGEST_DATABASE_URL": str(sqlite_store.url), "DIGEST_SOURCES": ""})
    [pair] = command.json("papers", "ambiguous")
    assert (pair["paper"], pair["other"], pair["title"]) == (1, 2, TITLE)
    assert "digest papers link 1 2" in command.run("papers", "separate", "1", "2").stderr
    assert command.json("papers", "ambiguous") == []
    assert "kept apart already" in command.run("papers", "separate", "1", "2", status=2).stderr
    assert "digest papers unlink 2" in command.run("papers", "link", "1", "2").stderr
    assert command.json("papers", "ambiguous") == []
    [link] = command.json("papers", "links")
    assert (link["paper_id"], link["other_id"], link["relation"], link["rule"]) == (2, 1, "same", "operator")
    command.run("papers", "unlink", "2")
    assert command.json("papers", "links") == []
    command.run("papers", "link", "1", "2", "--published")
    assert [link["relation"] for link in command.json("papers", "links")] == ["published"]
