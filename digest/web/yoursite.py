"""For the pages of a lab or a group: a small form to be framed, a link that fills in keywords, and a bookmarklet.

/embed is the only page that may stand in somebody else's (digest.web.headers): it sets no cookie, keeps nothing, and
what is sent from it opens a window of its own.
"""

import json
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query
from fastapi.responses import HTMLResponse

from digest.web.forms import LONGEST_KEYWORDS, typed_lines
from digest.web.front import LOOK, At
from digest.web.subscribe import AGREED, VERSION

router = APIRouter()
Keywords = Annotated[str, Query()]
EXAMPLE = "graph neural network\nprotein folding"
LONGEST_LINK = 2000  # characters of keywords in an address; servers and mail programs cut off longer ones


@router.api_route("/embed", methods=LOOK)
def embed(at: At, keywords: Keywords = "") -> HTMLResponse:
    return at.page(
        "embed.html",
        keywords=keywords[:LONGEST_KEYWORDS],
        longest=LONGEST_KEYWORDS,
        agreed=AGREED,
        version_agreed=VERSION,
    )


@router.api_route("/for-your-site", methods=LOOK)
def for_your_site(at: At, keywords: Keywords = "") -> HTMLResponse:
    said = (typed_lines(keywords) or EXAMPLE)[:LONGEST_LINK]
    base, given = at.house.settings.base_url, quote(said, safe="")
    feeds = [f"{base}/feeds/atom?q={quote(line, safe='')}" for line in said.splitlines()]
    frame = (
        f'<iframe src="{base}/embed?keywords={given}" title="New papers by e-mail" width="100%" height="460" '
        'style="border:0" loading="lazy"></iframe>'
    )
    # In double quotes it is a string of JavaScript too; a mark holds nothing that HTML would read.
    page = json.dumps(f"{base}/?keywords=")
    mark = f"javascript:void open({page}+encodeURIComponent(String(getSelection()).trim()||document.title))"
    return at.page(
        "for-your-site.html",
        keywords=said,
        link=f"{base}/?keywords={given}",
        frame=frame,
        feeds=feeds,
        mark=mark,
        frame_path=f"{at.root}/embed?keywords={given}",
    )
