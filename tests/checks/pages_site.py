"""Site that the judges of pages look at: the service with a filled store, and pages with known faults."""

import asyncio
import json
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import uvicorn
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from digest.context import AppContext
from digest.database import connect, migrate, write_session
from digest.delivery import send_queued
from digest.mail import list_messages
from digest.papers import store_listings
from digest.planning import plan
from digest.sources import ListedPaper
from digest.subscribers import (
    Preferences,
    add_seeds,
    change_address,
    confirm,
    mark_paper,
    parse_keywords_or_raise,
    parse_references,
    request_address_change,
    subscribe,
    undo_address_change,
    unsubscribe,
)
from digest.tokens import MARK_KINDS, TokenPurpose
from digest.web import create_server
from digest.web.rate_limit import FormLimits
from tests.checks.faults import FAULTS, VALID_PAGE
from tests.checks.pages_operator import TOKEN, add_operator_history, login_cookie, login_pages, operator_pages
from tests.support.admin_api import make_token
from tests.support.browser import TEST_TIME
from tests.support.contexts import ADA, add_active_subscriber, make_context, sign_mark, sign_token
from tests.support.ports import free_port
from tests.support.web_server import run_server, run_web_server

EVE, LEFT = "eve@example.org", "gone@example.org"
MOVING, MOVED, MOVED_BACK = "moving@example.org", "moved@example.org", "moved-back@example.org"
DAYS, PAPERS_A_DAY = 6, 40
PUBLIC = (
    *("/", "/?keywords=robot%0A%22graph%20network%22", "/papers", "/papers?q=robot", "/papers?q=nothingatall"),
    *(
        "/papers/week",
        "/papers/month",
        "/papers/trending",
        f"/papers/{TEST_TIME:%F}",
        f"/papers/{TEST_TIME:%G-W%V}",
        f"/papers/{TEST_TIME:%Y-%m}",
        "/search",
        "/papers/1",
        "/help/keywords",
        "/privacy",
        "/for-your-site",
        "/embed",
    ),
)
NO_LIMITS = FormLimits(
    subscribe=10**6, other=10**6, search=10**6, all_searches=10**6, token=10**6, mailbox=10**6, failed_tries=10**6
)


@dataclass(frozen=True)
class Site:
    """URLs by name: public pages, pages behind a token, and the base of those with a fault.

    `cookie` is that of an operator's session at 127.0.0.1, `api_token` one of the operator's API.
    """

    base: str
    public: dict[str, str]
    private: dict[str, str]
    faulty_base: str
    cookie: str
    api_token: str

    def faulty_pages(self, judge: str) -> dict[str, str]:
        return {f"broken-{name}": f"{self.faulty_base}/{judge}/{name}" for name in FAULTY_PAGES[judge]}


@contextmanager
def serve_site() -> Iterator[Site]:
    """Run servers on loopback: the service, one with an empty store, and one of faulty pages."""
    with TemporaryDirectory(prefix="check-pages-") as folder, ExitStack() as stack:
        port, away, other = free_port(), free_port(), free_port()
        ctx = create_site_context(stack, f"{folder}/digest.db", port)
        migrate(ctx.engine)
        fill_store(ctx)
        add_operator_history(ctx)
        stack.enter_context(run_web_server(ctx, limits=NO_LIMITS, port=port))
        stack.enter_context(run_web_server(create_site_context(stack, f"{folder}/empty.db", away), port=away))
        stack.enter_context(run_server(faulty_server(other)))
        base = ctx.settings.base_url
        private = {name: base + path for name, path in (token_pages(ctx) | operator_pages(ctx)).items()}
        # A cookie belongs to a host, whatever the port: its session is valid at the other server too, not at localhost.
        private |= {name: f"http://localhost:{port}{path}" for name, path in login_pages().items()}
        private |= {"operator-away": f"http://127.0.0.1:{away}/operator"}
        public = {path: base + path for path in PUBLIC}
        yield Site(base, public, private, f"http://127.0.0.1:{other}", login_cookie(base), make_token(ctx))


def create_site_context(stack: ExitStack, path: str, port: int) -> AppContext:
    """Create a context with an operator, on an empty store."""
    engine = connect(f"sqlite:///{path}")
    stack.callback(engine.dispose)
    Path(path).touch()
    return make_context(engine, base_url=f"http://127.0.0.1:{port}", operator_token=TOKEN)


def fill_store(ctx: AppContext) -> None:
    """Store papers of some days, three subscribers, and what was sent to them."""
    topics = ("robot", "graph network", "protein", "speech", "world model", "weather")
    for ago in range(DAYS, 0, -1):
        listed_papers = [
            ListedPaper(
                source="huggingface" if n % 3 else "arxiv",
                list_day=(TEST_TIME - timedelta(days=ago - 1)).date(),
                rank=n,
                kind="listed" if n % 3 else "new",
                title=f"A {topics[n % 6]} that learns from {topics[(n + 1) % 6]}, part {n} of {ago}",
                abstract=f"We show how a {topics[n % 6]} can be told apart from a {topics[(n + 2) % 6]}. " * 5,
                authors=("Ada Example", "Grace Sample", "Lin Test"),
                organization="Example Lab" if n % 2 else None,
                source_id=f"{ago}-{n}",
                doi=f"10.1000/{ago}-{n}",
                upvotes=100 - n if n % 3 else None,
                url="https://example.org/paper",
                code_url="https://example.org/code" if n % 4 == 0 else None,
            )
            for n in range(PAPERS_A_DAY)
        ]
        with write_session(ctx.engine) as session:
            store_listings(session, listed_papers, TEST_TIME - timedelta(days=ago - 1, hours=2))
    before = TEST_TIME - timedelta(days=1)
    for email in (ADA, LEFT):
        subscribe(ctx, email, Preferences(), parse_keywords_or_raise(["robot", '"graph network"', "-weather"]), before)
        confirm(ctx, sign_token(ctx, email, TokenPurpose.CONFIRM, before), before)
    plan(ctx.engine, ctx.sender_domain, TEST_TIME)
    asyncio.run(send_queued(ctx, lambda: TEST_TIME))
    for paper_id, kind in ((1, "saved"), (2, "saved"), (2, "more")):
        mark_paper(ctx, sign_mark(ctx, ADA, paper_id, kind, TEST_TIME), TEST_TIME)
    examples = "10.1000/6-1\n10.1000/nobody-has-it"
    add_seeds(ctx, sign_token(ctx, ADA, TokenPurpose.PREFERENCES, TEST_TIME), parse_references(examples), TEST_TIME)
    subscribe(ctx, EVE, Preferences(), parse_keywords_or_raise(["robot"]), TEST_TIME)
    unsubscribe(ctx, sign_token(ctx, LEFT, TokenPurpose.UNSUBSCRIBE, TEST_TIME), TEST_TIME)
    add_address_changes(ctx)


def add_address_changes(ctx: AppContext) -> None:
    """Store a change of address that was asked for, one that was made, and one that was undone."""
    for email in (MOVING, MOVED, MOVED_BACK):
        add_active_subscriber(ctx, email, "robot", now=TEST_TIME)
        preferences = sign_token(ctx, email, TokenPurpose.PREFERENCES, TEST_TIME)
        request_address_change(ctx, preferences, f"new-{email}", TEST_TIME)
    asyncio.run(send_queued(ctx, lambda: TEST_TIME))
    for email in (MOVED, MOVED_BACK):
        change_address(ctx, received_token(ctx, f"new-{email}", "address"), TEST_TIME)
    asyncio.run(send_queued(ctx, lambda: TEST_TIME))
    undo_address_change(ctx, received_token(ctx, MOVED_BACK, "address-undo"), TEST_TIME)


def received_token(ctx: AppContext, email: str, page: str) -> str:
    """Return the token of the link to a page in an e-mail that an address got."""
    texts = [message.part("plain") for message in list_messages(ctx.mailbox_directory) if message.recipient == email]
    (token,) = re.findall(rf"/{page}/(\S+)", "\n".join(texts))
    return str(token)


def token_pages(ctx: AppContext) -> dict[str, str]:
    """Return paths by name of pages behind a token, and of answers to forms."""
    preferences = sign_token(ctx, ADA, TokenPurpose.PREFERENCES, TEST_TIME)
    received = [message for message in list_messages(ctx.mailbox_directory) if message.recipient == ADA]
    digest = next(message for message in received[::-1] if "papers" in message.subject)
    (copy, *_) = re.findall(r"/emails/\S+", digest.part("plain"))
    (marks, *_) = re.findall(r"/marks/\S+", digest.part("plain"))
    saved = sign_token(ctx, ADA, TokenPurpose.SAVED, TEST_TIME)
    return {
        "confirm": f"/confirm/{sign_token(ctx, EVE, TokenPurpose.CONFIRM, TEST_TIME)}",
        "confirmed": f"/confirm/{sign_token(ctx, ADA, TokenPurpose.CONFIRM, TEST_TIME)}",
        **{
            name or "preferences": f"/preferences/{preferences}{name}"
            for name in ("", "/history", "/erase", "/address", "/papers")
        },
        "saved": f"/preferences/{preferences}?saved=1",
        **{
            action: f"/{action}/{sign_token(ctx, ADA, TokenPurpose(action), TEST_TIME)}{suffix}"
            for action, suffix in (("mute", "/1"), ("never", "/1"), ("fewer", ""), ("pause", ""), ("unsubscribe", ""))
        },
        **{f"mark-{kind}": f"/mark/{sign_mark(ctx, ADA, 1, kind, TEST_TIME)}" for kind in MARK_KINDS},
        "marks": marks,
        "saved-papers": f"/saved/{saved}",
        "own-paper": f"/saved/{saved}/papers/1",
        "left": f"/unsubscribe/{sign_token(ctx, LEFT, TokenPurpose.UNSUBSCRIBE, TEST_TIME)}",
        "return": f"/return/{sign_token(ctx, LEFT, TokenPurpose.RESUBSCRIBE, TEST_TIME)}",
        "address-sent": f"/preferences/{preferences}/address#email=grace@example.org",
        "address-same": f"/preferences/{preferences}/address#email={ADA}",
        "address-change": f"/address/{received_token(ctx, f'new-{MOVING}', 'address')}",
        "address-changed": f"/address/{received_token(ctx, f'new-{MOVED}', 'address')}",
        "address-undo": f"/address-undo/{received_token(ctx, MOVED, 'address-undo')}",
        "address-undone": f"/address-undo/{received_token(ctx, MOVED_BACK, 'address-undo')}",
        "copy": copy,
        "sent": "/sent",
        "inbox": "/inbox",
        "one-letter": f"/inbox/{digest.name}",
        "no-such-page": "/nothing",
        "damaged": "/confirm/x",
    }


# Pages with one fault each, which the judge must find.
FAULTY_PAGES: dict[str, dict[str, str]] = {
    **{
        judge: {name: VALID_PAGE.format(body=body, style=style) for name, body, style in FAULTS[judge]}
        for judge in ("vnu", "axe")
    },
    "lighthouse": {
        "pale": VALID_PAGE.format(body='<p style="color:#ccc;background:#fff">Hardly to be read</p>', style=""),
        "noindex": VALID_PAGE.format(body="<p>Not for you</p>", style='<meta name="robots" content="noindex">'),
        "fails": VALID_PAGE.format(body='<script src="/nothing.js"></script>', style=""),
        "slow": VALID_PAGE.format(body="<p>Later</p>", style='<link rel="stylesheet" href="/slow.css">'),
    },
}


def faulty_server(port: int) -> uvicorn.Server:
    """Create a server of faulty pages, to see whether a judge finds their faults."""

    async def page(request: Request) -> HTMLResponse:
        return HTMLResponse(FAULTY_PAGES[request.path_params["judge"]][request.path_params["name"]])

    async def slow(_request: Request) -> PlainTextResponse:
        await asyncio.sleep(6)
        return PlainTextResponse("p{margin:0}", media_type="text/css")

    routes = [Route("/slow.css", slow), Route("/{judge}/{name}", page)]
    app = Starlette(routes=[Mount("/interface", faulty_api()), *routes])
    return create_server(app, host="127.0.0.1", port=port, proxies=())


def faulty_api() -> FastAPI:
    """Create an API that breaks its schema: a wrong type, an error, an undocumented answer."""
    app = FastAPI()

    @app.get("/number")
    def number() -> int:
        return json.loads('"no number"')  # type: ignore[no-any-return]

    @app.get("/kind")
    def kind(which: Literal["a", "b"]) -> str:
        return {"a": "fine"}[which]

    return app
