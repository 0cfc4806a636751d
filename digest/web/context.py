"""State shared by all requests, and the Jinja environment of the pages."""

import gc
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import datetime
from threading import Lock
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment
from pydantic import BeforeValidator

from digest.config import FooterLink, TemplateFault, TemplateFolder, source_titles
from digest.context import AppContext
from digest.database import read_session
from digest.formatting import (
    format_authors,
    format_date,
    format_day,
    format_instant,
    frequency_label,
    pluralize,
    safe_url,
)
from digest.matching import AcronymTable
from digest.papers import KeywordSuggester, RecentPapersIndex, load_source_titles, read_acronyms, store_fingerprint
from digest.rendering import check_templates, create_environment
from digest.subscribers import KeywordLimits, known_sources
from digest.web.assets import Brand, ThumbnailCache, create_thumbnail_cache, load_brand, static_files_version
from digest.web.forms import frequency_choices, is_exclusion_line
from digest.web.rate_limit import FormLimits, RateLimiter

PREVIEW_DAYS = 30
MAX_ROW_ID = 2**63 - 1
SAFE_METHODS = ["GET", "HEAD"]  # the methods that change nothing


@dataclass(frozen=True, slots=True)
class WebContext:
    """State shared by all requests.

    `min_answer_seconds`: lower bound that hides whether an address is known; `recent_papers`: index that previews
    search; `page_cache`: whole pages by name, each with the version of the papers that it shows.
    """

    ctx: AppContext
    clock: Callable[[], datetime]
    templates: Environment
    root: str
    min_answer_seconds: float
    recent_papers: RecentPapersIndex
    limiter: RateLimiter
    thumbnails: ThumbnailCache
    suggester: KeywordSuggester
    brand: Brand
    page_cache: dict[str, tuple[tuple[int, int], bytes]] = field(default_factory=dict)
    _page_lock: Lock = field(default_factory=Lock)

    def fill_caches(self) -> None:
        """Load the recent papers and their phrases, so that the first preview need not wait for them."""
        if self.recent_papers.is_loading:
            return
        with read_session(self.ctx.engine) as session:
            before = self.recent_papers.fingerprint
            self.recent_papers.refresh(session)
            self.suggester.load_phrases(session)
        if self.recent_papers.fingerprint != before:
            # What is loaded stays: looking through it for garbage takes a quarter of a second, in which no request is
            # answered. Once now, so that no garbage stays with it.
            gc.unfreeze()
            gc.collect()
            gc.freeze()

    @property
    def are_caches_filled(self) -> bool:
        """False where `fill_caches` would find something to do, as far as the recent papers in memory tell."""
        return self.recent_papers.is_loaded and not self.suggester.is_outdated

    @property
    def source_titles(self) -> Mapping[str, str]:
        """What people call the sources: those that are installed, and the feeds that are read."""
        return {**source_titles(), **self.known_sources}

    @property
    def known_sources(self) -> Mapping[str, str]:
        """Names and titles of the sources that papers come from. A feed has the title that it states itself."""
        known = known_sources(self.ctx.settings)
        untitled = [name for name, title in known.items() if title == name]
        if not untitled:
            return known
        with read_session(self.ctx.engine) as session:
            return {**known, **load_source_titles(session, untitled)}

    @property
    def acronyms(self) -> AcronymTable:
        """Acronyms that keywords are read with."""
        return read_acronyms(self.ctx.engine)

    @property
    def keyword_limits(self) -> KeywordLimits:
        """Limits of keywords, with the acronyms and the papers of the store."""
        return KeywordLimits.from_context(self.ctx)

    def papers_version(self) -> tuple[int, int]:
        """Return a value that changes whenever a source was fetched."""
        with read_session(self.ctx.engine) as session:
            return store_fingerprint(session)

    def cached_page(self, name: str, version: tuple[int, int], render: Callable[[], HTMLResponse]) -> HTMLResponse:
        """Return the cached page `name`, rendered anew when `version` has changed.

        One request renders while the others wait: each would read all papers of a day.
        """
        cached = self.page_cache.get(name)
        if cached is None or cached[0] != version:
            with self._page_lock:
                cached = self.page_cache.get(name)
                if cached is None or cached[0] != version:
                    cached = self.page_cache[name] = version, bytes(render().body)
        return HTMLResponse(cached[1])

    def render(
        self, name: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **values: object
    ) -> HTMLResponse:
        """Render the template `name`. A missing variable is an error."""
        html = self.templates.get_template(name).render(values)
        return HTMLResponse(html, status_code=status, headers=dict(headers or {}))


def create_web_context(
    ctx: AppContext, clock: Callable[[], datetime], min_answer_seconds: float, limits: FormLimits
) -> WebContext:
    root, limiter = root_path(ctx), RateLimiter(ctx, clock, limits)
    brand = load_brand(ctx.settings)
    recent_papers, templates = RecentPapersIndex(PREVIEW_DAYS), template_environment(ctx, root, brand)
    return WebContext(
        ctx,
        clock,
        templates,
        root,
        min_answer_seconds,
        recent_papers,
        limiter,
        create_thumbnail_cache(ctx),
        KeywordSuggester(recent_papers),
        brand,
    )


def root_path(ctx: AppContext) -> str:
    """Return the path of the public URL, below which all pages lie; empty for a host of its own."""
    return urlsplit(ctx.settings.base_url).path


@dataclass(frozen=True, slots=True)
class PageGlobals:
    """Values that every page may show."""

    product: str
    root: str
    base: str
    intro: str
    brand: Brand
    footer_links: Sequence[FooterLink]
    documentation_url: str
    contact: str
    is_demo: bool
    local_inbox: bool
    thumbnails: bool
    frequency_choices: Sequence[tuple[str, str]]
    version: str


def template_environment(ctx: AppContext, root: str, brand: Brand) -> Environment:
    """Create the environment of the pages, with the values that every page may show."""
    environment, settings = create_page_environment(ctx.templates), ctx.settings
    values = PageGlobals(
        product=ctx.product_name,
        root=root,
        base=settings.base_url,
        intro=settings.intro,
        brand=brand,
        footer_links=settings.footer_links,
        documentation_url=settings.documentation_url,
        contact=settings.contact,
        is_demo=ctx.is_demo,
        local_inbox=not settings.has_relay,
        thumbnails=settings.thumbnails,
        frequency_choices=frequency_choices(),
        version=static_files_version(),
    )
    environment.globals.update({entry.name: getattr(values, entry.name) for entry in fields(values)})
    return environment


def check_page_templates(templates: TemplateFolder) -> list[TemplateFault]:
    """Return what is wrong with the operator's templates of pages."""
    environment = create_page_environment(templates)
    environment.globals.update(dict.fromkeys(entry.name for entry in fields(PageGlobals)))
    return check_templates("web", templates, environment)


def create_page_environment(templates: TemplateFolder) -> Environment:
    """Create an environment with the filters and tests of the pages."""
    environment = create_environment("web", templates, autoescape=True)
    environment.filters.update(
        authors=format_authors,
        count=pluralize,
        day=format_day,
        date=format_date,
        instant=format_instant,
        often=frequency_label,
        web=safe_url,
    )
    environment.tests["exclusion"] = is_exclusion_line
    return environment


async def get_web_context(request: Request) -> WebContext:
    """Return the state of the application, as `create_app` has set it."""
    web = request.app.state.web
    assert isinstance(web, WebContext)  # noqa: S101  - for the type checker
    return web


def parse_row_id(text: str) -> int:
    """Parse the id of a row in a URL. Raises ValueError for what no row has: 64 bits, and ASCII digits alone."""
    if not re.fullmatch(r"[1-9][0-9]{0,18}", text) or int(text) > MAX_ROW_ID:
        raise ValueError("not the id of a row")
    return int(text)


WebDep = Annotated[WebContext, Depends(get_web_context)]
RowId = Annotated[int, BeforeValidator(parse_row_id)]
