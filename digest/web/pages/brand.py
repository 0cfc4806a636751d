"""Style sheet of the operator's own look."""

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from digest.web.context import SAFE_METHODS, WebDep

router = APIRouter()


@router.api_route("/brand.css", methods=SAFE_METHODS)
def brand_style(web: WebDep, request: Request) -> Response:
    if not web.brand.style:
        raise HTTPException(404)
    is_versioned = request.query_params.get("v") == web.brand.version
    cache_control = "public, max-age=31536000, immutable" if is_versioned else "no-cache"
    return Response(web.brand.style, media_type="text/css", headers={"Cache-Control": cache_control})
