"""The pages of whoever runs the service, behind a token; and the figures for their Prometheus.

door.py       who may come in, and from where; what all pages here have
overview.py   the first page: what needs a human, today, the last 30 days
live.py       today's round as it goes
charts.py     curves and bars, with the same figures as a table
readers.py    one reader: who they are, what they got, what comes next
letters.py    one letter: its story, and what may be decided about it
"""

from fastapi import Depends, FastAPI

from digest.watch import Watch
from digest.web import metrics
from digest.web.front import Front
from digest.web.keeper import Keeper
from digest.web.operator import door, letters, live, overview, readers


def install(app: FastAPI, front: Front) -> None:
    """Give an app what it is watched by: one look at the store for all, one keeper of the door."""
    app.state.watch, app.state.keeper = Watch(front.house), Keeper(front.house)
    app.state.seats, app.state.ending = live.Seats(), bool
    app.include_router(metrics.router)
    app.include_router(door.router)
    for group in (overview, live, readers, letters):
        app.include_router(group.router, prefix="/operator", dependencies=[Depends(door.inside)])
    door.install(app, front)
