"""Which papers a subscriber had: all of each digest that may have arrived."""

from sqlalchemy import Engine

from digest.database import read_session, write_session
from digest.database.models import DeliveryKind, DeliveryState
from digest.papers import delivered_paper_ids
from tests.support.factories import delivery, subscriber

GONE = (DeliveryState.FAILED, DeliveryState.EXPIRED, DeliveryState.CANCELLED)


def test_every_paper_of_every_digest_that_may_have_arrived_counts(store: Engine) -> None:
    with write_session(store) as session:
        ada, bob = subscriber(), subscriber()
        session.add_all([ada, bob])
        session.flush()
        for number, state in enumerate(DeliveryState):
            papers = [10 * number + 1, 10 * number + 2, 10 * number + 3]
            session.add(delivery(ada, kind=DeliveryKind.DIGEST, edition=str(number), state=state, papers=papers))
        session.add(delivery(bob, kind=DeliveryKind.WELCOME, edition="welcome", papers=[99]))
        session.flush()
        ids = [int(member.id or 0) for member in (ada, bob)]
    expected = {
        10 * number + place for number, state in enumerate(DeliveryState) if state not in GONE for place in (1, 2, 3)
    }
    with read_session(store) as session:
        assert delivered_paper_ids(session, ids) == {ids[0]: expected}
