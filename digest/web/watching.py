"""What the operator's pages, /metrics and /healthz are given: one look at the store for all, one keeper of the door."""

from typing import Annotated

from fastapi import Depends, Request

from digest.watch import Watch
from digest.web.keeper import Keeper


async def _watch(request: Request) -> Watch:
    watch = request.app.state.watch
    assert isinstance(watch, Watch)  # noqa: S101  - operator.install() put it there
    return watch


async def _keeper(request: Request) -> Keeper:
    keeper = request.app.state.keeper
    assert isinstance(keeper, Keeper)  # noqa: S101  - operator.install() put it there
    return keeper


Seen = Annotated[Watch, Depends(_watch)]
Keeping = Annotated[Keeper, Depends(_keeper)]
