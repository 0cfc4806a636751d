"""What the operator's pages, /metrics and /healthz are given: one look at the store for all, one keeper of the door."""

from typing import Annotated

from fastapi import Depends, Request

from digest.watch import Monitoring
from digest.web.keeper import OperatorAuth


async def get_monitoring(request: Request) -> Monitoring:
    monitoring = request.app.state.watch
    assert isinstance(monitoring, Monitoring)  # noqa: S101  - operator.install() put it there
    return monitoring


async def get_operator_auth(request: Request) -> OperatorAuth:
    auth = request.app.state.keeper
    assert isinstance(auth, OperatorAuth)  # noqa: S101  - operator.install() put it there
    return auth


MonitoringDep = Annotated[Monitoring, Depends(get_monitoring)]
OperatorAuthDep = Annotated[OperatorAuth, Depends(get_operator_auth)]
