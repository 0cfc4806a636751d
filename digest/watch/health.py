"""Whether the service does its work."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.exc import DatabaseError

from digest import db, deliveries
from digest.errors import StoreError
from digest.house import House
from digest.models import RelayCircuit
from digest.watch import letters
from digest.watch.late import Due, Late, Lateness, due
from digest.watch.letters import Queue

UNANSWERED = "the database does not answer"


@dataclass(frozen=True, slots=True)
class Health:
    """`reason` is empty while all is well. `schema` is that of the store, `needed` this program's."""

    reason: str = ""
    schema: str = ""
    needed: str = ""
    answers: bool = True
    lane: RelayCircuit | None = None  # the way to the relay, while it is closed
    due: tuple[Due, ...] = ()
    queue: Queue = field(default_factory=Queue)
    late: Lateness = field(default_factory=Lateness)

    @property
    def fits(self) -> bool:
        """The store answers and has this program's schema."""
        return self.answers and self.schema == self.needed


def health(house: House, late: Late, now: datetime) -> Health:
    """Ask the store for its schema, the way to the relay, who is due and what waits."""
    try:
        current, head = db.versions(house.engine)
        if current != head:
            reason = f"the database is at schema {current or 'none'}, this program needs {head}; run: digest migrate"
            return Health(reason, current or "", head)
        waiting = due(house.engine, now)
        with db.reading(house.engine) as session:
            lane = deliveries.lane.closed(session, house.relay().name)
            queue = letters.queue(session, now)
    except (StoreError, DatabaseError):
        # Its message names the server; whoever may know that finds it with `digest doctor`.
        return Health(UNANSWERED, answers=False)
    found = late.look(waiting, queue, now, closed=lane is not None)
    return Health(found.reason, head, head, lane=lane, due=tuple(waiting), queue=queue, late=found)
