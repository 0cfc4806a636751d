"""JSON API below /api/v1, described by /api/v1/openapi.json: an application of its own."""

from typing import Any

from fastapi import FastAPI

from digest.web.api.errors import install_api_error_handlers
from digest.web.api.paper_marks import add_mark_routes
from digest.web.api.papers import explain_keyword, get_paper, list_papers
from digest.web.api.profile import add_subscriber_routes
from digest.web.api.subscriptions import create_subscription
from digest.web.context import WebContext
from digest.web.errors import PROBLEM_MEDIA_TYPE, Problem


def create_api(web: WebContext) -> FastAPI:
    """Create the API as an application of its own, so that its errors are problem details and not pages."""
    responses = {code: {"model": Problem, "content": {PROBLEM_MEDIA_TYPE: {}}} for code in (400, 404, 422, 429, 503)}
    app = FastAPI(
        title=f"{web.ctx.product_name}: papers",
        version="1",
        description="Papers by day or keyword, newest first; the meaning of keywords; subscriptions; learned words.",
        docs_url=None,
        redoc_url=None,
        responses=responses,  # type: ignore[arg-type]
    )
    app.state.web = web
    app.get("/papers", summary="List papers by keyword, day or both")(list_papers)
    app.get("/papers/{number}", summary="Get one paper")(get_paper)
    app.get("/keywords/explain", summary="Explain a keyword")(explain_keyword)
    more_responses: dict[int | str, dict[str, Any]] = dict.fromkeys((400, 413), responses[404])
    app.post("/subscriptions", status_code=202, summary="Request a subscription", responses=more_responses)(
        create_subscription
    )
    subscriber_responses: dict[int | str, dict[str, Any]] = dict.fromkeys((401, 409, 413), responses[404])
    add_subscriber_routes(app, subscriber_responses)
    add_mark_routes(app, subscriber_responses)
    install_api_error_handlers(app)
    return app
