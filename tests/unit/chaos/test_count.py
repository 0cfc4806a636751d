"""The counter of the chaos runs, on planted doubles and losses: a check that cannot fail is a defect."""

from dataclasses import replace

import pytest

from digest.database.models import DeliveryKind, DeliveryState
from tests.chaos.count import RecordRow, Verdict, check_papers, count
from tests.chaos.log import AcceptedMessage, BrokenConnection

SENT = RecordRow("<1@x>", "ada", "2026-07-28", DeliveryState.SENT, 250, (1,))
FAILED = RecordRow("<2@x>", "bob", "2026-07-28", DeliveryState.FAILED, 550, (1,))
DOUBTFUL = RecordRow("<3@x>", "cy", "2026-07-28", DeliveryState.UNCERTAIN, 0, (1,))
ROWS = (SENT, FAILED, DOUBTFUL)
ADDRESSES = ("ada", "bob", "cy")
ACCEPTED = (AcceptedMessage("<1@x>", "ada"),)
BROKEN = (BrokenConnection(1, ("eve", "cy"), "the client went"),)


def judged(rows: tuple[RecordRow, ...] = ROWS, accepted: tuple[AcceptedMessage, ...] = ACCEPTED) -> Verdict:
    return count(ADDRESSES, rows, accepted, BROKEN)


@pytest.mark.parametrize("arrived", [(), (AcceptedMessage("<3@x>", "cy"),)])
def test_sent_once_refused_for_good_or_in_doubt_for_a_reason_is_as_it_should_be(
    arrived: tuple[AcceptedMessage, ...],
) -> None:
    verdict = judged(accepted=(*ACCEPTED, *arrived))
    assert verdict.faults == []
    assert (verdict.uncertain, verdict.arrived, verdict.allowed) == (1, len(arrived), 1)
    assert verdict.why["the client went"] == 1


def test_an_email_accepted_twice_is_doubled() -> None:
    assert judged(accepted=ACCEPTED * 2).doubled == ["<1@x> was accepted 2 times"]


def test_two_emails_of_one_edition_are_doubled() -> None:
    second = replace(SENT, message_id="<9@x>")
    assert judged((*ROWS, second), (*ACCEPTED, AcceptedMessage("<9@x>", "ada"))).doubled == [
        "ada has 2 emails of 2026-07-28"
    ]


@pytest.mark.parametrize(
    "state", [DeliveryState.FAILED, DeliveryState.CANCELLED, DeliveryState.EXPIRED, DeliveryState.QUEUED]
)
def test_an_email_that_arrived_and_would_come_again_is_doubled(state: DeliveryState) -> None:
    verdict = judged((replace(SENT, state=state, code=550), *ROWS[1:]))
    assert verdict.doubled == [f"ada has an email that is {state}: its papers would come again"]


def test_an_email_of_no_record_or_to_another_is_doubled() -> None:
    strange = (AcceptedMessage("<1@x>", "bob"), AcceptedMessage("<8@x>", "ada"))
    expected = judged(accepted=strange).doubled
    assert expected == ["<8@x>, which is in no record, was accepted", "<1@x> went to bob, not to ada"]


def test_an_email_that_is_sent_by_the_record_alone_is_lost() -> None:
    assert judged(accepted=()).lost == ["ada's email is sent, and nobody has it"]


def test_a_subscriber_without_an_email_is_lost() -> None:
    assert judged(ROWS[:2]).lost == ["cy has no email in the record"]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"code": 451}, "bob's email failed with 451"),
        ({"code": 0}, "bob's email failed with no code"),
        ({"papers": ()}, "bob's email failed and owes nothing"),
        ({"is_reclaimed": True}, "bob's email failed and owes nothing"),
        ({"state": DeliveryState.CANCELLED}, "bob's email is cancelled, and nobody asked for that"),
    ],
)
def test_an_email_that_failed_without_its_5xx_or_its_papers_is_lost(change: dict[str, object], expected: str) -> None:
    assert judged((SENT, replace(FAILED, **change), DOUBTFUL)).lost == [expected]  # type: ignore[arg-type]


def test_what_waits_for_a_subscriber_who_is_refused_for_good_is_cancelled() -> None:
    confirmation = replace(FAILED, kind=DeliveryKind.CONFIRM, edition="confirm:2026-07-28", papers=(), wanted=False)
    digest = replace(FAILED, message_id="<9@x>", state=DeliveryState.CANCELLED, code=0, wanted=False)
    assert judged((SENT, confirmation, digest, DOUBTFUL)).faults == []
    assert judged((SENT, confirmation, replace(digest, state=DeliveryState.EXPIRED), DOUBTFUL)).lost
    assert judged((SENT, digest, DOUBTFUL)).lost


@pytest.mark.parametrize("state", [DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.ON_WIRE])
def test_nothing_is_left_under_way(state: DeliveryState) -> None:
    assert judged((SENT, replace(FAILED, state=state), DOUBTFUL)).left == [f"bob is left {state}"]


def test_an_email_that_is_quarantined_waits_and_nothing_else_does() -> None:
    waiting = replace(FAILED, state=DeliveryState.QUEUED, is_quarantined=True)
    assert judged((SENT, waiting, DOUBTFUL)).faults == []
    assert judged((SENT, replace(waiting, state=DeliveryState.SENDING), DOUBTFUL)).left == ["bob is left sending"]
    arrived = judged((SENT, waiting, DOUBTFUL), (*ACCEPTED, AcceptedMessage("<2@x>", "bob")))
    assert arrived.doubled == ["bob has an email that is queued: its papers would come again"]


def test_who_is_in_doubt_needs_a_broken_connection_of_their_own() -> None:
    two = (RecordRow("<4@x>", "dee", "2026-07-28", DeliveryState.UNCERTAIN), replace(DOUBTFUL, message_id="<5@x>"))
    one = [BrokenConnection(1, ("cy", "dee"), "killed")]
    assert len(count((), two, (), one).unexplained) == 1  # one connection, one email
    assert count((), two, (), [*one, BrokenConnection(2, ("dee",), "killed")]).unexplained == []
    assert count((), two, (), one, unseen=1).unexplained == []


def test_in_the_end_each_paper_is_there_once() -> None:
    rows = (SENT, replace(FAILED, message_id="<6@x>", edition="2026-07-29"))
    first = AcceptedMessage("<1@x>", "ada", (1, 3))
    once = (first, AcceptedMessage("<6@x>", "bob", (3,)))
    groups = ({1, 3},)  # one paper under two names
    assert check_papers(("ada", "bob"), groups, rows, once).faults == []
    assert check_papers(("ada", "bob"), groups, rows, [first]).lost == ["bob never got paper 1/3"]
    again = replace(SENT, message_id="<7@x>", edition="2026-07-29")
    twice = check_papers(("ada", "bob"), groups, (*rows, again), (*once, AcceptedMessage("<7@x>", "ada", (1,))))
    assert twice.doubled == ["ada has paper 1/3 2 times"]
    empty = check_papers((), groups, (*rows, again), (*once, AcceptedMessage("<7@x>", "ada")))
    assert empty.lost == ["ada's digest has no paper"]


def test_who_moved_is_one_subscriber_and_emails_about_an_address_go_there() -> None:
    request = RecordRow("<7@x>", "new", "address", DeliveryState.SENT, kind=DeliveryKind.ADDRESS_CHANGE)
    rows, former = (replace(SENT, recipient="new"), *ROWS[1:], request), {"new": "ada"}
    accepted = (*ACCEPTED, AcceptedMessage("<7@x>", "new"))
    assert count(("new", "bob", "cy"), rows, accepted, BROKEN, former=former).faults == []
    astray = (*ACCEPTED, AcceptedMessage("<7@x>", "ada"))
    assert count((), rows, astray, BROKEN, former=former).doubled == ["<7@x> is about new and went to ada"]
    once = (AcceptedMessage("<1@x>", "ada", (1,)), AcceptedMessage("<8@x>", "new", (1,)))
    assert check_papers(["new"], [{1}], (), once, former).doubled == ["new has paper 1 2 times"]
