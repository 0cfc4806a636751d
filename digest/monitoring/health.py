"""Whether the service does its work."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.exc import DatabaseError

from digest.context import AppContext
from digest.database import read_session, schema_versions
from digest.database.models import RelayCircuit
from digest.delivery import find_circuit
from digest.errors import StoreError
from digest.monitoring.delivery_statistics import QueueStatus, queue_status
from digest.monitoring.overdue import DueSubscribers, OverdueStatus, OverdueTracker, find_due_subscribers

DATABASE_UNAVAILABLE = "the database does not answer"


@dataclass(frozen=True, slots=True)
class Health:
    """`reason` is empty while all is well. `schema` is that of the store, `needed` this program's."""

    reason: str = ""
    schema: str = ""
    required_schema: str = ""
    is_reachable: bool = True
    circuit: RelayCircuit | None = None  # the way to the relay, while it is closed
    due: tuple[DueSubscribers, ...] = ()
    queue: QueueStatus = field(default_factory=QueueStatus)
    overdue: OverdueStatus = field(default_factory=OverdueStatus)

    @property
    def is_current(self) -> bool:
        """The store answers and has this program's schema."""
        return self.is_reachable and self.schema == self.required_schema


def check_health(ctx: AppContext, overdue_tracker: OverdueTracker, now: datetime) -> Health:
    """Ask the store for its schema, the way to the relay, who is due and what waits."""
    try:
        current, head = schema_versions(ctx.engine)
        if current != head:
            reason = f"the database is at schema {current or 'none'}, this program needs {head}; run: digest migrate"
            return Health(reason, current or "", head)
        waiting = find_due_subscribers(ctx.engine, now)
        with read_session(ctx.engine) as session:
            lane = find_circuit(session, ctx.relay_config().name)
            queue = queue_status(session, now)
    except (StoreError, DatabaseError):
        # Its message names the server; whoever may know that finds it with `digest doctor`.
        return Health(DATABASE_UNAVAILABLE, is_reachable=False)
    found = overdue_tracker.update(waiting, queue, now, circuit_open=lane is not None)
    return Health(found.reason, head, head, circuit=lane, due=tuple(waiting), queue=queue, overdue=found)
