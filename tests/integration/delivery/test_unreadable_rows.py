"""A delivery that cannot be rendered harms only itself: all others are sent, and it is sent once it can be read."""

import asyncio

import pytest
from sqlalchemy import Engine

from digest.context import AppContext
from digest.database import quarantined_rows, read_session
from digest.database.models import DeliveryState
from digest.delivery import DeliveryReport, send_queued
from tests.support.contexts import (
    ADA,
    BOB,
    DAY,
    TUESDAY,
    StoreView,
    add_active_subscriber,
    make_context,
    plan_digests,
    store_papers,
)
from tests.support.relay import relay
from tests.support.spoiled_rows import spoil

DELIVERY = "UPDATE delivery SET {} WHERE subscriber_id = 1"
SUBSCRIBER = "UPDATE subscriber SET {} WHERE id = 1"


@pytest.fixture
def planned(store: Engine) -> AppContext:
    """A context with one digest for each of two subscribers in the queue."""
    ctx = make_context(store, smtp_host="127.0.0.1", smtp_port=1, smtp_tls="none")
    add_active_subscriber(ctx, ADA, "robot", now=TUESDAY)
    add_active_subscriber(ctx, BOB, "protein", now=TUESDAY)
    store_papers(ctx, TUESDAY, "A robot walks", "A protein folds")
    plan_digests(ctx, TUESDAY)
    return ctx


def deliver(ctx: AppContext) -> tuple[DeliveryReport, list[str]]:
    with relay() as running:
        at = make_context(ctx.engine, smtp_host="127.0.0.1", smtp_port=running.port, smtp_tls="none")
        report = asyncio.run(asyncio.wait_for(send_queued(at, lambda: TUESDAY, force=True), 60))
        return report, sorted(address for address, _ in running.accepted)


@pytest.mark.parametrize(
    ("spoiling", "mending"),
    [
        (DELIVERY.format("papers = 'null'"), DELIVERY.format("papers = '[1]'")),
        (DELIVERY.format("omitted_papers = '\"all\"'"), DELIVERY.format("omitted_papers = '[]'")),
        (DELIVERY.format("keywords = '[\"robot\"]'"), DELIVERY.format("keywords = '[1]'")),
        (SUBSCRIBER.format("timezone = 'Mars/Base'"), SUBSCRIBER.format("timezone = 'UTC'")),
        (SUBSCRIBER.format("send_hour = 25"), SUBSCRIBER.format("send_hour = 0")),
    ],
)
def test_a_delivery_that_cannot_be_read_waits_alone(planned: AppContext, spoiling: str, mending: str) -> None:
    record = StoreView(planned.engine)
    spoil(planned.engine, spoiling)
    report, sent_to = deliver(planned)
    assert (report.sent, report.unreadable, sent_to) == (1, 1, [BOB])
    [waiting] = record.deliveries(ADA)
    assert (waiting.state, waiting.attempts, waiting.owner) == (DeliveryState.QUEUED, 0, None)
    with read_session(planned.engine) as session:
        assert [(row.table_name, row.row_id) for row in quarantined_rows(session)] == [("delivery", str(waiting.id))]
    assert deliver(planned)[0].unreadable == 0, "it is not tried again as long as it is set aside"
    spoil(planned.engine, mending)
    plan_digests(planned, TUESDAY)
    report, sent_to = deliver(planned)
    assert (report.sent, sent_to) == (1, [ADA])


def test_a_keyword_spoiled_between_plan_and_delivery_is_left_out(planned: AppContext) -> None:
    spoil(planned.engine, "UPDATE keyword SET canonical = '(robot' WHERE id = 1")
    report, sent_to = deliver(planned)
    assert (report.sent, report.unreadable, sent_to) == (2, 1, [ADA, BOB])


@pytest.mark.parametrize("spoiling", ["authors = 'null'", "categories = '7'", "ai_keywords = '{}'"])
def test_a_paper_spoiled_between_plan_and_delivery_is_mailed_with_what_can_be_read(
    planned: AppContext, spoiling: str
) -> None:
    spoil(planned.engine, f"UPDATE paper SET {spoiling} WHERE id = 1")
    report, sent_to = deliver(planned)
    assert (report.sent, sent_to) == (2, [ADA, BOB])


def test_a_delivery_of_no_subscriber_harms_no_other(planned: AppContext) -> None:
    spoil(planned.engine, DELIVERY.format("subscriber_id = 77"))
    report, sent_to = deliver(planned)
    assert (report.sent, report.unreadable, sent_to) == (1, 1, [BOB])
    assert plan_digests(planned, TUESDAY + DAY).due == 2


def test_bytes_that_are_no_text_harm_one_delivery(sqlite_store: Engine) -> None:
    ctx = make_context(sqlite_store, smtp_host="127.0.0.1", smtp_port=1, smtp_tls="none")
    for email, keyword in ((ADA, "robot"), (BOB, "protein"), ("eve@example.org", "robot")):
        add_active_subscriber(ctx, email, keyword, now=TUESDAY)
    store_papers(ctx, TUESDAY, "A robot walks", "A protein folds")
    plan_digests(ctx, TUESDAY)
    spoil(sqlite_store, "UPDATE subscriber SET email = CAST(x'616461FF406578616D706C652E6F7267' AS TEXT) WHERE id = 1")
    spoil(sqlite_store, "UPDATE delivery SET papers = CAST(x'5B31FF5D' AS TEXT) WHERE subscriber_id = 2")
    spoil(sqlite_store, "UPDATE paper SET title = CAST(x'4120726F626F7420FF' AS TEXT) WHERE id = 1")
    spoil(sqlite_store, "UPDATE keyword SET canonical = CAST(x'726F626FFF74' AS TEXT) WHERE id = 1")
    report, sent_to = deliver(ctx)
    assert (report.sent, report.unreadable, sent_to) == (1, 3, ["eve@example.org"])
