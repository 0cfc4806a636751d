"""Errors for programs: problems as JSON (RFC 9457)."""

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

PROBLEM_MEDIA_TYPE = "application/problem+json"
API_PREFIX = "/api/"  # here every error is one


class FieldProblem(BaseModel):
    """What is wrong with one field."""

    field: str
    message: str


class Problem(BaseModel):
    """What went wrong (RFC 9457). `position`: where in the keyword, in characters from 1."""

    title: str
    status: int
    detail: str = ""
    position: int | None = None
    errors: list[FieldProblem] = Field(default=[], description="One for each field that cannot be read.")


def problem_response(
    status: int,
    detail: str = "",
    *,
    position: int | None = None,
    errors: Sequence[FieldProblem] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """An answer that says so."""
    told = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, position=position, errors=[*errors])
    content = told.model_dump(exclude_none=True, exclude=None if errors else {"errors"})
    return JSONResponse(content, status, media_type=PROBLEM_MEDIA_TYPE, headers=dict(headers or {}))
