"""Embedding in other sites: a small form for a frame, a link with keywords filled in, and a bookmarklet.

/embed is the only page that may be framed (see `headers`): it sets no cookie, stores nothing, and its form opens a new
window.
"""

import json
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from digest.web.context import SAFE_METHODS, WebDep
from digest.web.forms import MAX_KEYWORDS_LENGTH, non_blank_lines
from digest.web.pages.subscribe import CONSENT_SENTENCE, CONSENT_VERSION

router = APIRouter()
KeywordsParameter = Annotated[str, Query()]
EXAMPLE_KEYWORDS = "graph neural network\nprotein folding"
MAX_LINK_LENGTH = 2000  # characters of keywords in a URL; servers and mail programs truncate longer ones


@router.api_route("/embed", methods=SAFE_METHODS)
def embed_page(web: WebDep, keywords: KeywordsParameter = "") -> HTMLResponse:
    return web.render(
        "embed.html",
        keywords=keywords[:MAX_KEYWORDS_LENGTH],
        max_length=MAX_KEYWORDS_LENGTH,
        consent_text=CONSENT_SENTENCE,
        consent_version=CONSENT_VERSION,
    )


@router.api_route("/for-your-site", methods=SAFE_METHODS)
def embed_instructions(web: WebDep, keywords: KeywordsParameter = "") -> HTMLResponse:
    keywords = (non_blank_lines(keywords) or EXAMPLE_KEYWORDS)[:MAX_LINK_LENGTH]
    base, quoted = web.ctx.settings.base_url, quote(keywords, safe="")
    feeds = [f"{base}/feeds/atom?q={quote(line, safe='')}" for line in keywords.splitlines()]
    frame = (
        f'<iframe src="{base}/embed?keywords={quoted}" title="New papers by e-mail" width="100%" height="460" '
        'style="border:0" loading="lazy"></iframe>'
    )
    # A JSON string is a JavaScript string too; this one contains nothing that HTML would interpret.
    page = json.dumps(f"{base}/?keywords=")
    bookmarklet = f"javascript:void open({page}+encodeURIComponent(String(getSelection()).trim()||document.title))"
    return web.render(
        "embed-instructions.html",
        keywords=keywords,
        link=f"{base}/?keywords={quoted}",
        frame=frame,
        feeds=feeds,
        bookmarklet=bookmarklet,
        frame_path=f"{web.root}/embed?keywords={quoted}",
    )
