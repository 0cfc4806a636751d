"""The count of one run, and what is recorded of a delivery, in words."""

import pytest

from digest.database.models import BounceRecord, ClaimedDelivery, Delivery, DeliveryKind, DeliveryState
from digest.delivery import DeliveryReport, delivery_history
from digest.delivery.history import FINAL_TEXTS, describe_bounce
from digest.delivery.retry import DeliveryOutcome
from tests.support.factories import NOW

CLAIMED = ClaimedDelivery(1, 1, DeliveryKind.DIGEST, "2026-07-28", "<1@x>", 1, NOW, papers=[1, 2])


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        (DeliveryOutcome(DeliveryState.SENT), DeliveryReport(sent=1, papers=2)),
        (DeliveryOutcome(DeliveryState.QUEUED), DeliveryReport(deferred=1)),
        (DeliveryOutcome(DeliveryState.QUEUED, counts_as_attempt=False), DeliveryReport()),
        (DeliveryOutcome(DeliveryState.FAILED), DeliveryReport(failed=1)),
        (DeliveryOutcome(DeliveryState.UNCERTAIN), DeliveryReport(uncertain=1)),
        (DeliveryOutcome(DeliveryState.CANCELLED), DeliveryReport(cancelled=1)),
    ],
)
def test_each_outcome_is_counted_as_what_it_is(outcome: DeliveryOutcome, expected: DeliveryReport) -> None:
    report = DeliveryReport()
    report.add(CLAIMED, outcome)
    assert report == expected
    report.add(CLAIMED, outcome)
    assert (report.sent, report.papers) == (2 * expected.sent, 2 * expected.papers)


def history(state: DeliveryState, *bounces: BounceRecord, **columns: object) -> list[tuple[bool, str]]:
    """Return whether an instant is known and the text of each event but the first, which is that it was queued."""
    delivery = Delivery(
        subscriber_id=1, kind=DeliveryKind.DIGEST, edition="2026-07-28", state=state, message_id="<1@x>", created_at=NOW
    )
    for name, value in columns.items():
        setattr(delivery, name, value)
    first, *others = delivery_history(delivery, bounces)
    assert (first.at, first.text) == (NOW, "queued: digest 2026-07-28")
    return [(event.at is not None, event.text) for event in others]


def test_a_delivery_that_was_not_tried_has_only_been_queued() -> None:
    assert history(DeliveryState.QUEUED) == []


def test_attempts_are_counted_and_a_reply_is_shown_with_its_code() -> None:
    [(_, attempts), (_, put_off), (has_instant, again)] = history(
        DeliveryState.QUEUED, attempts=2, reply_code=451, reply="later", next_attempt_at=NOW
    )
    assert ("2 " in attempts, put_off.endswith(": 451 later"), has_instant) == (True, True, True)
    assert again
    [(_, one), (_, silent)] = history(DeliveryState.QUEUED, attempts=1)
    assert (one == "1 attempt", ":" in silent) == (True, False)


@pytest.mark.parametrize("state", [DeliveryState.SENDING, DeliveryState.ON_WIRE, DeliveryState.UNCERTAIN])
def test_the_instant_of_an_open_outcome_is_not_known(state: DeliveryState) -> None:
    assert [is_known for is_known, _ in history(state, settled_at=NOW)] == [False]
    assert history(state, settled_at=NOW, next_attempt_at=NOW) == history(state)


@pytest.mark.parametrize("state", FINAL_TEXTS)
def test_an_end_has_its_instant_and_its_reply(state: DeliveryState) -> None:
    assert history(state, settled_at=NOW, reply="ok", next_attempt_at=NOW) == [(True, f"{FINAL_TEXTS[state]}: ok")]


def test_messages_that_came_back_are_part_of_the_history() -> None:
    bounce = BounceRecord(
        delivery_id=1,
        fingerprint="1",
        bounce_class="hard",
        status_code="5.1.1",
        reason="no such mailbox",
        parser="arf",
        received_at=NOW,
    )
    [_, (has_instant, text)] = history(DeliveryState.SENT, bounce, settled_at=NOW)
    assert (has_instant, text) == (True, f"bounced: {describe_bounce(bounce)}")
    assert describe_bounce(bounce).startswith("hard, 5.1.1 no such mailbox (")
    plain = BounceRecord(delivery_id=1, fingerprint="2", bounce_class="auto-reply", parser="rfc3834", received_at=NOW)
    assert describe_bounce(plain).startswith("auto-reply (")
