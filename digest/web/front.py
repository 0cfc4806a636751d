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

from digest import db
from digest.house import House
from digest.letters import folder, say
from digest.recent import Recent, stamp_of
from digest.web import pictures
from digest.web.keywords import Shelf
from digest.web.pace import Pace, Rations
from digest.web.pictures import Pictures

PREVIEW_DAYS = 30
LOOK = ["GET", "HEAD"]  # the methods that change nothing


@dataclass(frozen=True, slots=True)
class Front:
    """One of these a running app. `pace` is how many seconds an answer about an address takes at least; `recent`
    are the papers that previews look at, kept ready between requests; `rations` say how much more is taken; `kept`
    are whole pages.
    """

    house: House
    clock: Callable[[], datetime]
    templates: Environment
    root: str
    pace: float
    recent: Recent
    rations: Rations
    pictures: Pictures
    shelf: Shelf
    kept: dict[str, tuple[tuple[int, int], bytes]] = field(default_factory=dict)

    def warm(self) -> None:
        """Make ready what previews look at, so that nobody waits for it; what is ready stays."""
        if self.recent.busy:
            return
        with db.reading(self.house.engine) as session:
            self.recent.refresh(session)
        self.shelf.lately(self.house)

    def stamp(self) -> tuple[int, int]:
        """Another one whenever a source was read."""
        with db.reading(self.house.engine) as session:
            return stamp_of(session)

    def keep(self, name: str, stamp: tuple[int, int], make: Callable[[], HTMLResponse]) -> HTMLResponse:
        """A page that only changes when a source was read: made once till then. There are few such names."""
        known = self.kept.get(name)
        if known is None or known[0] != stamp:
            known = self.kept[name] = stamp, bytes(make().body)
        return HTMLResponse(known[1])

    def page(
        self, name: str, *, status: int = 200, headers: Mapping[str, str] | None = None, **values: object
    ) -> HTMLResponse:
        """The template `name` as an answer. A value that it asks for and does not get is an error."""
        html = self.templates.get_template(name).render(values)
        return HTMLResponse(html, status_code=status, headers=dict(headers or {}))


def front_of(house: House, clock: Callable[[], datetime], answer_takes: float, pace: Pace) -> Front:
    root, rations = root_of(house), Rations(house, clock, pace)
    recent, templates = Recent(PREVIEW_DAYS), environment(house, root)
    return Front(house, clock, templates, root, answer_takes, recent, rations, pictures.of(house), Shelf(recent))


def root_of(house: House) -> str:
    """The path that all our pages lie under, from the public address; empty when they have a host of their own."""
    return urlsplit(house.settings.base_url).path


def static_folder() -> Path:
    """Style sheet, icon and script; inside an installed wheel too."""
    return folder("web") / "static"


def environment(house: House, root: str) -> Environment:
    made = Environment(
        loader=FileSystemLoader(folder("web")),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals.update(
        product=house.product,
        root=root,
        base=house.settings.base_url,
        contact=house.settings.contact,
        local_inbox=not house.settings.relay,
        thumbnails=house.settings.thumbnails,
        version=_version(),
    )
    made.filters.update(count=say.count, day=say.day, date=say.date_of, often=say.often, web=say.web_address)
    return made


def _version() -> str:
    # Static files may be kept for a year: another content has another address.
    found = hashlib.sha256()
    for path in sorted(static_folder().iterdir()):
        found.update(path.read_bytes())
    return found.hexdigest()[:12]


async def _front(request: Request) -> Front:
    front = request.app.state.front
    assert isinstance(front, Front)  # noqa: S101  - create() put it there
    return front


At = Annotated[Front, Depends(_front)]
