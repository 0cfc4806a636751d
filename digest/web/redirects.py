"""Addresses of earlier releases, which stand in e-mails and bookmarks: each leads to the address of today.

Only GET and HEAD are redirected. Old addresses of forms stand beside the new ones at their handlers: not every client
sends a form again after a redirect.
"""

from http import HTTPStatus
from urllib.parse import quote

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse

from digest.web.context import SAFE_METHODS, WebContext, WebDep

public_router = APIRouter()  # the prefix of the operator's pages and their login are added where they are installed
operator_router = APIRouter()


@public_router.api_route("/letters/{rest:path}", methods=SAFE_METHODS)
def redirect_to_web_copy(web: WebDep, request: Request, rest: str) -> RedirectResponse:
    return _redirect(web, request, f"/emails/{rest}")


@operator_router.api_route("/readers", methods=SAFE_METHODS)
def redirect_to_search(web: WebDep, request: Request) -> RedirectResponse:
    return _redirect(web, request, "/operator/subscribers")


@operator_router.api_route("/readers/{rest:path}", methods=SAFE_METHODS)
def redirect_to_subscriber(web: WebDep, request: Request, rest: str) -> RedirectResponse:
    return _redirect(web, request, f"/operator/subscribers/{rest}")


@operator_router.api_route("/letters/{rest:path}", methods=SAFE_METHODS)
def redirect_to_delivery(web: WebDep, request: Request, rest: str) -> RedirectResponse:
    return _redirect(web, request, f"/operator/deliveries/{rest}")


def _redirect(web: WebContext, request: Request, path: str) -> RedirectResponse:
    query = f"?{request.url.query}" if request.url.query else ""
    return RedirectResponse(f"{web.root}{quote(path)}{query}", HTTPStatus.PERMANENT_REDIRECT)
