"""The pages wired together. Nothing is read or connected before `create`."""

from collections.abc import Callable
from datetime import datetime

from fastapi import FastAPI
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from digest.house import House
from digest.web import (
    about,
    api,
    doors,
    errors,
    feeds,
    gone,
    health,
    inbox,
    letters,
    manage,
    mine,
    onepaper,
    operator,
    papers,
    subscribe,
    yoursite,
)
from digest.web.front import front_of, static_folder
from digest.web.guard import Capped, Paced, Rooted
from digest.web.headers import Headers
from digest.web.pace import Pace

ANSWER_TAKES = 0.3  # seconds, at least: longer than noting an address ever takes on a healthy store


def create(
    house: House, *, clock: Callable[[], datetime], pace: Pace | None = None, answer_takes: float = ANSWER_TAKES
) -> FastAPI:
    """The app for one house. `clock` gives aware instants; `pace` says how many forms are taken.

    No documentation pages: they would fetch their scripts from elsewhere. The JSON interface has its own description.
    """
    front = front_of(house, clock, answer_takes, pace or Pace())
    app = FastAPI(
        title=house.product,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        middleware=[
            Middleware(Rooted, front=front),
            Middleware(Headers, front=front),
            Middleware(Paced, front=front, rations=front.rations),
            Middleware(Capped, front=front),
        ],
    )
    app.state.front = front
    errors.install(app, front)
    gone.install(app, front)
    for group in (subscribe, yoursite, manage, mine, doors, onepaper, papers, feeds, letters, inbox, about, health):
        app.include_router(group.router)
    operator.install(app, front)
    app.mount("/api/v1", api.api(front))
    app.mount("/static", Kept(directory=static_folder()), name="static")
    return app


class Kept(StaticFiles):
    """Files that browsers may keep for a year: their address changes with their content."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        answer = await super().get_response(path, scope)
        answer.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return answer
