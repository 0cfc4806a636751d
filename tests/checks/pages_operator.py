"""The operator's pages for the judges: a store with all that these pages can show, and a session."""

from datetime import timedelta
from typing import Any

import httpx
from sqlmodel import col, select

from digest.context import AppContext
from digest.database import read_session, write_session
from digest.database.models import Delivery, DeliveryState, FetchStatus, QuarantinedRow, Subscriber
from digest.delivery.circuit_breaker import open_circuit
from digest.subscribers import pause_subscription
from digest.web.admin.login import SESSION_COOKIE
from digest.web.auth import OPERATOR
from tests.support.browser import TEST_TIME
from tests.support.contexts import ADA
from tests.support.factories import delivery, source_fetch, subscriber

TOKEN = "a-token-that-is-long-enough"
SUBSCRIBER_COUNT = 3
FINAL_STATES = (DeliveryState.SENT, DeliveryState.FAILED, DeliveryState.UNCERTAIN)


def add_operator_history(ctx: AppContext) -> None:
    """Store fetches, good and bad; deliveries in all final states; a row that cannot be read; an action; a refusal."""
    with write_session(ctx.engine) as session:
        for source in ctx.settings.sources:
            for ago in range(20, 0, -1):
                then, status = TEST_TIME - timedelta(days=ago), _fetch_status(ago)
                new = 40 - ago if status == FetchStatus.OK else 0
                session.add(
                    source_fetch(
                        source=source,
                        list_day=then.date(),
                        started_at=then,
                        status=status,
                        listed_count=new,
                        new_count=new,
                    )
                )
                session.flush()
        for number in range(SUBSCRIBER_COUNT):
            session.add(
                to := subscriber(email=f"reader-{number}@example.org", created_at=TEST_TIME - timedelta(days=9))
            )
            session.flush()
            for ago, state in enumerate(FINAL_STATES, 1):
                then = TEST_TIME - timedelta(days=ago)
                session.add(
                    delivery(to, state=state, edition=f"{then:%F}", created_at=then, settled_at=then, attempts=1)
                )
        instants: dict[str, Any] = {"first_seen_at": TEST_TIME - timedelta(days=2), "last_seen_at": TEST_TIME}
        session.add(
            QuarantinedRow(table_name="paper", row_id="7", reason="authors cannot be read", count=3, **instants)
        )
        open_circuit(session, ctx.relay_config().name, code=535, reply="5.7.8 not this password", now=TEST_TIME)
    until = (TEST_TIME + timedelta(days=14)).date()
    pause_subscription(ctx, OPERATOR, paused_id(ctx), TEST_TIME, until=until)


def paused_id(ctx: AppContext) -> int:
    """Return the subscriber whom the operator has paused."""
    with read_session(ctx.engine) as session:
        return int(session.exec(select(Subscriber.id).where(Subscriber.email == "reader-0@example.org")).one() or 0)


def _fetch_status(ago: int) -> FetchStatus:
    if ago % 7 == 0:
        return FetchStatus.FAILED
    return FetchStatus.NOT_LISTED if ago % 5 == 0 else FetchStatus.OK


def operator_pages(ctx: AppContext) -> dict[str, str]:
    """Return paths by name. `#q=x` stands for the answer to a form with x in its field q."""
    with read_session(ctx.engine) as session:
        ada = session.exec(select(Subscriber.id).where(Subscriber.email == ADA)).one()
        ids = select(Delivery.id).order_by(col(Delivery.id))
        ids_by_state = {state: session.exec(ids.where(Delivery.state == state)).first() for state in FINAL_STATES}
    operator, subscribers = "/operator", f"/operator/subscribers/{ada}"
    failed = ids_by_state[DeliveryState.FAILED]
    return {
        "operator": operator,
        "operator-subscribers": f"{operator}/subscribers",
        "operator-by-address": f"{operator}/subscribers?status=active&frequency=daily&order=address",
        "operator-no-subscribers": f"{operator}/subscribers?status=suppressed",
        "operator-found": f"{operator}/subscribers#q=reader",
        "operator-none": f"{operator}/subscribers#q=nobody",
        "operator-fault": f"{operator}/subscribers#q=x",
        "operator-subscriber": subscribers,
        "operator-paused": f"{operator}/subscribers/{paused_id(ctx)}?done=1",
        **{f"operator-{action}": f"{subscribers}/{action}" for action in ("pause", "remove", "erase")},
        "operator-deliveries": f"{operator}/deliveries",
        "operator-uncertain": f"{operator}/deliveries?state=uncertain&kind=digest&day=2026-07-28",
        "operator-no-deliveries": f"{operator}/deliveries?state=cancelled&day=2026-01-01",
        "operator-no-delivery": f"{operator}/deliveries#q=nobody",
        **{
            f"operator-delivery-{state}": f"{operator}/deliveries/{delivery_id}"
            for state, delivery_id in ids_by_state.items()
        },
        "operator-retry": f"{operator}/deliveries/{failed}/retry",
        "operator-sources": f"{operator}/sources",
        "operator-fetch": f"{operator}/sources/huggingface/fetch",
        "operator-papers": f"{operator}/papers",
        "operator-quarantine": f"{operator}/quarantine",
        "operator-release": f"{operator}/quarantine/1/resolve",
        "operator-activity": f"{operator}/activity",
        "operator-undo": f"{operator}/activity/1/undo",
    }


def login_pages() -> dict[str, str]:
    """Return paths by name of pages before the login."""
    return {"operator-login": "/operator/login", "operator-refused": "/operator/login#token=x"}


def login_cookie(base: str) -> str:
    """Log in and return the cookie of the session."""
    response = httpx.post(f"{base}/operator/login", data={"token": TOKEN}, headers={"Origin": base})
    return response.cookies[SESSION_COOKIE]
