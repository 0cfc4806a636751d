"""What every page needs: the house, the clock, and the templates."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from digest.context import AppContext
from digest.database import read_session
from digest.formatting import format_date, format_day, frequency_label, pluralize, safe_url
from digest.papers import RecentPapersIndex, store_fingerprint
from digest.rendering import template_folder
from digest.web.keywords import KeywordSuggestions
from digest.web.rate_limit import FormLimits, RequestRateLimiter
from digest.web.thumbnails import ThumbnailCache, create_thumbnail_cache

PREVIEW_DAYS = 30


SAFE_METHODS = ["GET", "HEAD"]  # the methods that change nothing


@dataclass(frozen=True, slots=True)
class WebContext:
    """One of these a running app. `pace` is how many seconds an answer about an address takes at least; `recent`
    are the papers that previews look at, kept ready between requests; `rations` say how much more is taken; `kept`
    are whole pages.
    """

    ctx: AppContext
    clock: Callable[[], datetime]
    templates: Environment
    root: str
    min_answer_seconds: float
    recent_papers: RecentPapersIndex
    limiter: RequestRateLimiter
    thumbnails: ThumbnailCache
    suggestions: KeywordSuggestions
    page_cache: dict[str, tuple[tuple[int, int], bytes]] = field(default_factory=dict)

    def fill_caches(self) -> None:
        """Make ready what previews look at, so that nobody waits for it; what is ready stays."""
        if self.recent_papers.is_loading:
            return
        with read_session(self.ctx.engine) as session:
            self.recent_papers.refresh(session)
        self.suggestions.recent_corpus(self.ctx)

    def papers_version(self) -> tuple[int, int]:
        """Another one whenever a source was read."""
        with read_session(self.ctx.engine) as session:
            return store_fingerprint(session)

    def cached_page(self, name: str, version: tuple[int, int], render: Callable[[], HTMLResponse]) -> HTMLResponse:
        """A page that only changes when a source was read: made once till then. There are few such names."""
        cached = self.page_cache.get(name)
        if cached is None or cached[0] != version:
            cached = self.page_cache[name] = version, bytes(render().body)
        return HTMLResponse(cached[1])

    def render(
        self, name: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **values: object
    ) -> HTMLResponse:
        """The template `name` as an answer. A value that it asks for and does not get is an error."""
        html = self.templates.get_template(name).render(values)
        return HTMLResponse(html, status_code=status, headers=dict(headers or {}))


def create_web_context(
    ctx: AppContext, clock: Callable[[], datetime], min_answer_seconds: float, limits: FormLimits
) -> WebContext:
    root, limiter = root_path(ctx), RequestRateLimiter(ctx, clock, limits)
    recent_papers, templates = RecentPapersIndex(PREVIEW_DAYS), template_environment(ctx, root)
    return WebContext(
        ctx,
        clock,
        templates,
        root,
        min_answer_seconds,
        recent_papers,
        limiter,
        create_thumbnail_cache(ctx),
        KeywordSuggestions(recent_papers),
    )


def root_path(ctx: AppContext) -> str:
    """The path that all our pages lie under, from the public address; empty when they have a host of their own."""
    return urlsplit(ctx.settings.base_url).path


def static_directory() -> Path:
    """Style sheet, icon and script; inside an installed wheel too."""
    return template_folder("web") / "static"


def template_environment(ctx: AppContext, root: str) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(template_folder("web")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals.update(
        product=ctx.product_name,
        root=root,
        base=ctx.settings.base_url,
        contact=ctx.settings.contact,
        local_inbox=not ctx.settings.has_relay,
        thumbnails=ctx.settings.thumbnails,
        version=_static_files_version(),
    )
    environment.filters.update(count=pluralize, day=format_day, date=format_date, often=frequency_label, web=safe_url)
    return environment


def _static_files_version() -> str:
    # Static files may be kept for a year: another content has another address.
    digest = hashlib.sha256()
    for path in sorted(static_directory().iterdir()):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


async def get_web_context(request: Request) -> WebContext:
    web = request.app.state.front
    assert isinstance(web, WebContext)  # noqa: S101  - create() put it there
    return web


WebDep = Annotated[WebContext, Depends(get_web_context)]
