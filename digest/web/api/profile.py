"""Part of the JSON API about one subscriber: papers that they give as examples, and the words learned from them.

Their preferences token is the key, `Authorization: Bearer TOKEN`. It is never part of the path: paths are logged.
"""

from datetime import datetime
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Path, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from digest.errors import TokenError
from digest.subscribers import (
    MAX_EDITS,
    MAX_UPLOAD_BYTES,
    MAX_WORD_LENGTH,
    ProfileChange,
    ProfileView,
    SeedStatus,
    add_seeds,
    edit_profile,
    get_profile_view,
    list_seeds,
    parse_references,
    remove_seeds,
)
from digest.subscribers import get_profile as find_subscriber
from digest.tokens import TokenPurpose
from digest.web import messages
from digest.web.context import WebDep

Word = Annotated[str, Field(max_length=MAX_WORD_LENGTH)]
Weight = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
bearer = HTTPBearer(
    scheme_name="PreferencesToken",
    description="What follows /preferences/ in the link at the end of every e-mail.",
    auto_error=False,
)


def require_token(
    web: WebDep, response: Response, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)]
) -> str:
    """Return the preferences token of a request, if it is ours. Answers 401 to any other, and is never cached."""
    response.headers["Cache-Control"] = "no-store"
    token = credentials.credentials if credentials else ""
    try:
        find_subscriber(web.ctx, TokenPurpose.PREFERENCES, token, web.clock())
    except TokenError as error:
        raise HTTPException(401, messages.NOT_AUTHORIZED, {"WWW-Authenticate": "Bearer"}) from error
    return token


PreferencesTokenDep = Annotated[str, Depends(require_token)]


class SeedsIn(BaseModel):
    """Papers to add as examples."""

    model_config = ConfigDict(strict=True)

    references: str = Field(
        max_length=MAX_UPLOAD_BYTES,
        description="arXiv IDs, DOIs, links or titles, one per line; or the text of a BibTeX, RIS or CSL-JSON file.",
        examples=["2607.20417\n10.1038/s41586-021-03819-2"],
    )


class SeedOutcomeOut(BaseModel):
    """What became of one entry. `paper_id`: the paper, if it is one of ours."""

    place: int = Field(description="Its line; in CSL-JSON which item it is. From 1.")
    text: str
    status: SeedStatus
    message: str
    paper_id: int | None


class SeedReportOut(BaseModel):
    """What became of each entry, in their order."""

    format: str
    added: int
    outcomes: list[SeedOutcomeOut]
    notice: str = Field(description="What was left out, or empty.")


class SeedOut(BaseModel):
    """Paper that was given as an example. `is_waiting`: none of our sources has listed it, and it has no text."""

    key: str
    title: str
    paper_id: int | None
    is_waiting: bool
    created_at: datetime


class SeedsOut(BaseModel):
    """Papers that were given as examples, the latest first."""

    seeds: list[SeedOut]


class WordOut(BaseModel):
    """Word with its weight. The heaviest learned word weighs 1."""

    word: str
    label: str = Field(description="As most papers write it.")
    weight: float
    is_edited: bool


class ProfileOut(BaseModel):
    """Words learned from marks and examples."""

    words: list[WordOut]
    removed: list[WordOut] = Field(description="Words that the subscriber has removed.")
    learned_from: int = Field(description="Papers that were liked.")
    fitted_at: datetime | None
    is_fitted: bool = Field(description="False until the words of all papers were counted for the first time.")
    in_digest: bool = Field(description="Whether digests have papers by these words.")


class ProfileIn(BaseModel):
    """Changes of a profile. What is not sent stays."""

    model_config = ConfigDict(strict=True, extra="forbid")

    weights: dict[Word, Weight] = Field(default={}, max_length=MAX_EDITS, description="By word; 0 removes it.")
    add: list[Word] = Field(default=[], max_length=MAX_EDITS, description="One or two words each.")
    restore: list[Word] = Field(default=[], max_length=MAX_EDITS, description="Words whose edit is forgotten.")
    forget_edits: bool = Field(default=False, description="Forget all edits that are not in this request.")


def add_subscriber_routes(app: FastAPI, responses: dict[int | str, dict[str, Any]]) -> None:
    """Add the operations to the API. `responses`: how the API describes its errors."""
    options: dict[str, Any] = {"responses": responses, "tags": ["subscriber"]}
    app.get("/seeds", summary="List the papers that you gave as examples", **options)(get_seeds)
    app.post("/seeds", summary="Add papers as examples", **options)(create_seeds)
    app.delete("/seeds/{key}", status_code=204, summary="Remove an example", **options)(delete_seed)
    app.get("/profile", summary="Get the words learned for you", **options)(get_profile)
    app.patch("/profile", summary="Weigh, remove, restore and add words", **options)(change_profile)


def get_seeds(web: WebDep, token: PreferencesTokenDep) -> SeedsOut:
    seeds = list_seeds(web.ctx, token, web.clock()).seeds
    return SeedsOut(seeds=[SeedOut.model_validate(seed, from_attributes=True) for seed in seeds])


def create_seeds(web: WebDep, token: PreferencesTokenDep, seeds: SeedsIn) -> SeedReportOut:
    report = add_seeds(web.ctx, token, parse_references(seeds.references), web.clock())
    return SeedReportOut.model_validate(report, from_attributes=True)


def delete_seed(web: WebDep, token: PreferencesTokenDep, key: Annotated[str, Path(max_length=40)]) -> None:
    if not remove_seeds(web.ctx, token, [key], web.clock()):
        raise HTTPException(404, messages.NO_SUCH_SEED)


def get_profile(web: WebDep, token: PreferencesTokenDep) -> ProfileOut:
    return _to_profile_out(get_profile_view(web.ctx, token, web.clock()))


def change_profile(web: WebDep, token: PreferencesTokenDep, profile: ProfileIn) -> ProfileOut:
    change = ProfileChange(profile.weights, profile.add, profile.restore, replace_all=profile.forget_edits)
    return _to_profile_out(edit_profile(web.ctx, token, change, web.clock()))


def _to_profile_out(view: ProfileView) -> ProfileOut:
    words, removed = (
        [WordOut(word=word.key, label=word.label, weight=word.weight, is_edited=word.is_edited) for word in words]
        for words in (view.words, view.struck)
    )
    return ProfileOut(
        words=words,
        removed=removed,
        learned_from=view.liked_count,
        fitted_at=view.fitted_at,
        is_fitted=view.is_fitted,
        in_digest=view.in_digest,
    )
