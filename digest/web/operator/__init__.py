"""The pages of whoever runs the service, behind a token; and the figures for their Prometheus."""

from fastapi import FastAPI

from digest.watch import Watch
from digest.web import metrics
from digest.web.front import Front
from digest.web.keeper import Keeper


def install(app: FastAPI, front: Front) -> None:
    """Give an app what it is watched by: one look at the store for all, one keeper of the door."""
    app.state.watch, app.state.keeper = Watch(front.house), Keeper(front.house)
    app.include_router(metrics.router)
