"""Errors of the JSON API as problem details (RFC 9457)."""

from collections.abc import Iterable
from http import HTTPStatus

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match

from digest.errors import StoreError, SubscriberError, TokenError
from digest.web import messages
from digest.web.errors import FieldProblem, problem_response

log = structlog.get_logger()


class InvalidInputError(Exception):
    """Invalid keyword or form field."""

    def __init__(self, detail: str, position: int | None = None, errors: tuple[FieldProblem, ...] = ()) -> None:
        super().__init__(detail)
        self.position, self.errors = position, errors


def allowed_methods(routes: Iterable[BaseRoute], request: Request) -> set[str]:
    """Return the methods of all routes that match the path of a request."""
    matching = (route for route in routes if route.matches(request.scope)[0] != Match.NONE)
    return {method for route in matching for method in getattr(route, "methods", None) or ()}


def install_api_error_handlers(app: FastAPI) -> None:
    """Handle every error of the API with problem details."""

    async def on_http_error(request: Request, error: HTTPException) -> JSONResponse:
        headers = dict(error.headers or {})
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:  # the framework names those of the first route alone
            headers["Allow"] = ", ".join(sorted(allowed_methods(request.app.routes, request)))
        return problem_response(error.status_code, str(error.detail), headers=headers)

    async def on_invalid_input(_request: Request, error: InvalidInputError) -> JSONResponse:
        return problem_response(422, str(error), position=error.position, errors=error.errors)

    async def on_validation_error(_request: Request, error: RequestValidationError) -> JSONResponse:
        problems = [
            FieldProblem(field=".".join(map(str, item["loc"][1:])) or str(item["loc"][0]), message=str(item["msg"]))
            for item in error.errors()
        ]
        fields = ", ".join(problem.field for problem in problems)
        return problem_response(422, messages.invalid_fields(fields), errors=problems)

    async def on_subscriber_error(_request: Request, error: SubscriberError) -> JSONResponse:
        return problem_response(409 if isinstance(error, TokenError) else 422, str(error))

    async def on_store_error(_request: Request, _error: StoreError) -> JSONResponse:
        return problem_response(503, messages.API_UNAVAILABLE, headers={"Retry-After": "60"})

    async def on_unexpected_error(request: Request, error: Exception) -> JSONResponse:
        log.error("api.failed", page=getattr(request.scope.get("route"), "path", ""), error=type(error).__name__)
        return problem_response(500, messages.API_FAILED)

    # The framework types handlers by Exception alone.
    app.add_exception_handler(HTTPException, on_http_error)  # type: ignore[arg-type]
    app.add_exception_handler(InvalidInputError, on_invalid_input)  # type: ignore[arg-type]
    app.add_exception_handler(RequestValidationError, on_validation_error)  # type: ignore[arg-type]
    app.add_exception_handler(SubscriberError, on_subscriber_error)  # type: ignore[arg-type]
    app.add_exception_handler(StoreError, on_store_error)  # type: ignore[arg-type]
    app.add_exception_handler(Exception, on_unexpected_error)
