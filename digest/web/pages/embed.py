"""For the pages of a lab or a group: a small form to be framed, a link that fills in keywords, and a bookmarklet.

/embed is the only page that may stand in somebody else's (digest.web.headers): it sets no cookie, keeps nothing, and
what is sent from it opens a window of its own.
"""

import json
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from digest.web.context import SAFE_METHODS, WebDep
from digest.web.forms import MAX_KEYWORDS_LENGTH, non_blank_lines
from digest.web.pages.subscribe import CONSENT_TEXT, CONSENT_VERSION

router = APIRouter()


KeywordsParameter = Annotated[str, Query()]


EXAMPLE_KEYWORDS = "graph neural network\nprotein folding"


MAX_LINK_LENGTH = 2000  # characters of keywords in an address; servers and mail programs cut off longer ones


@router.api_route("/embed", methods=SAFE_METHODS)
def embed_page(web: WebDep, keywords: KeywordsParameter = "") -> HTMLResponse:
    return web.render(
        "embed.html",
        keywords=keywords[:MAX_KEYWORDS_LENGTH],
        longest=MAX_KEYWORDS_LENGTH,
        agreed=CONSENT_TEXT,
        version_agreed=CONSENT_VERSION,
    )


@router.api_route("/for-your-site", methods=SAFE_METHODS)
def embed_instructions(web: WebDep, keywords: KeywordsParameter = "") -> HTMLResponse:
    said = (non_blank_lines(keywords) or EXAMPLE_KEYWORDS)[:MAX_LINK_LENGTH]
    base, given = web.ctx.settings.base_url, quote(said, safe="")
    feeds = [f"{base}/feeds/atom?q={quote(line, safe='')}" for line in said.splitlines()]
    frame = (
        f'<iframe src="{base}/embed?keywords={given}" title="New papers by e-mail" width="100%" height="460" '
        'style="border:0" loading="lazy"></iframe>'
    )
    # In double quotes it is a string of JavaScript too; a mark holds nothing that HTML would read.
    page = json.dumps(f"{base}/?keywords=")
    mark = f"javascript:void open({page}+encodeURIComponent(String(getSelection()).trim()||document.title))"
    return web.render(
        "for-your-site.html",
        keywords=said,
        link=f"{base}/?keywords={given}",
        frame=frame,
        feeds=feeds,
        mark=mark,
        frame_path=f"{web.root}/embed?keywords={given}",
    )
