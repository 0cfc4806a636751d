"""Part of the JSON API about one subscriber: what they say about papers. Each operation is idempotent.

Their preferences token is the key: see `profile`.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import FastAPI, Path, Query
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from digest.database.models import MarkKind
from digest.formatting import safe_url
from digest.subscribers import MARKS_LIMIT, MarkedPaper, change_mark, list_marked
from digest.tokens import TokenPurpose
from digest.web import messages
from digest.web.api.profile import PreferencesTokenDep
from digest.web.context import WebContext, WebDep
from digest.web.pages.paper_entries import find_paper

KindName = Literal["saved", "more", "less"]
KindPath = Annotated[KindName, Path(description="`more` and `less` exclude each other.")]
PaperPath = Annotated[str, Path(max_length=20, description="The `id` of a paper.")]


class MarkOut(BaseModel):
    """Paper, and since when it has each mark. A paper of several rows has one `paper_id`."""

    paper_id: int
    title: str
    url: str | None
    marks: dict[str, datetime] = Field(description="By kind: saved, more, less, seed.")


class MarksOut(BaseModel):
    """Papers with a mark, the latest first. `total` counts them, `counts` the papers of each kind."""

    marks: list[MarkOut]
    total: int
    counts: dict[str, int]


def add_mark_routes(app: FastAPI, responses: dict[int | str, dict[str, Any]]) -> None:
    """Add the operations to the API. `responses`: how the API describes its errors."""
    options: dict[str, Any] = {"responses": responses, "tags": ["subscriber"]}
    app.get("/marks", summary="List the papers that you marked", **options)(get_marks)
    app.put("/marks/{kind}/{number}", summary="Mark a paper", **options)(set_mark)
    app.delete("/marks/{kind}/{number}", summary="Remove a mark", **options)(remove_mark)


def get_marks(
    web: WebDep,
    token: PreferencesTokenDep,
    kind: KindName = "saved",
    offset: Annotated[int, Query(ge=0, le=MARKS_LIMIT)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> MarksOut:
    found = list_marked(
        web.ctx, token, MarkKind(kind), web.clock(), purpose=TokenPurpose.PREFERENCES, offset=offset, limit=limit
    )
    return MarksOut(
        marks=[_to_mark_out(marked) for marked in found.marked], total=found.total, counts=dict(found.counts)
    )


def set_mark(web: WebDep, token: PreferencesTokenDep, kind: KindPath, number: PaperPath) -> MarkOut:
    return _change_mark(web, token, kind, number, is_set=True)


def remove_mark(web: WebDep, token: PreferencesTokenDep, kind: KindPath, number: PaperPath) -> MarkOut:
    return _change_mark(web, token, kind, number, is_set=False)


def _change_mark(web: WebContext, token: str, kind: KindName, number: str, *, is_set: bool) -> MarkOut:
    paper = find_paper(web, number)
    if paper is None:
        raise HTTPException(404, messages.NO_SUCH_PAPER)
    purpose, paper_id = TokenPurpose.PREFERENCES, int(paper.id or 0)
    result = change_mark(web.ctx, token, paper_id, MarkKind(kind), web.clock(), is_set=is_set, purpose=purpose)
    return _to_mark_out(MarkedPaper(result.paper, result.marks))


def _to_mark_out(marked: MarkedPaper) -> MarkOut:
    paper = marked.paper
    return MarkOut(paper_id=int(paper.id or 0), title=paper.title, url=safe_url(paper.url), marks=dict(marked.marks))
