"""Style sheet and logo of the operator's own look."""

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from digest.config import Logo
from digest.web.context import SAFE_METHODS, WebDep

router = APIRouter()
# An SVG can hold scripts: a page that shows it as an image runs none, and neither does whoever opens it by itself.
LOGO_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'; sandbox"


@router.api_route("/brand.css", methods=SAFE_METHODS)
def brand_style(web: WebDep, request: Request) -> Response:
    if not web.brand.style:
        raise HTTPException(404)
    headers = {"Cache-Control": _cache_control(request, web.brand.version)}
    return Response(web.brand.style, media_type="text/css", headers=headers)


@router.api_route("/logo", methods=SAFE_METHODS)
def brand_logo(web: WebDep, request: Request) -> Response:
    if web.brand.logo is None:
        raise HTTPException(404)
    return logo_response(web.brand.logo, request)


def logo_response(logo: Logo, request: Request) -> Response:
    headers = {"Cache-Control": _cache_control(request, logo.version), "Content-Security-Policy": LOGO_POLICY}
    return Response(logo.content, media_type=logo.media_type, headers=headers)


def _cache_control(request: Request, version: str) -> str:
    is_versioned = request.query_params.get("v") == version
    return "public, max-age=31536000, immutable" if is_versioned else "no-cache"
