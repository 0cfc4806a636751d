"""Whether the service does its work."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.exc import DatabaseError

from digest.context import AppContext
from digest.database import check_mark, read_session, schema_versions
from digest.database.models import RelayCircuit
from digest.delivery import find_circuit
from digest.errors import StaleStoreError, StoreError
from digest.monitoring import messages
from digest.monitoring.delivery_statistics import QueueStatus, queue_status
from digest.monitoring.overdue import DueSubscribers, OverdueStatus, OverdueTracker, find_due_subscribers
from digest.papers import lasting_notices, load_source_problems


@dataclass(frozen=True, slots=True)
class Health:
    """Health of the service. `reason` is empty while all is well; `circuit` is set while the relay refuses us.

    `source_notices`: sentences about sources that are down or quiet.
    """

    reason: str = ""
    schema: str = ""
    required_schema: str = ""
    is_reachable: bool = True
    circuit: RelayCircuit | None = None
    source_notices: tuple[str, ...] = ()
    due: tuple[DueSubscribers, ...] = ()
    queue: QueueStatus = field(default_factory=QueueStatus)
    overdue: OverdueStatus = field(default_factory=OverdueStatus)

    @property
    def is_current(self) -> bool:
        """Whether the database answers and has this program's schema."""
        return self.is_reachable and self.schema == self.required_schema


def check_health(ctx: AppContext, overdue_tracker: OverdueTracker, now: datetime) -> Health:
    """Ask the database for its schema, the relay's circuit, who is due and what is queued."""
    try:
        schema, required = schema_versions(ctx.engine)
        if schema != required:
            reason = f"{schema_sentence(schema, required)} {messages.RUN_MIGRATE}"
            return Health(reason, schema or "", required)
        due = find_due_subscribers(ctx.engine, now)
        with read_session(ctx.engine) as session:
            circuit = find_circuit(session, ctx.relay_config().name)
            queue = queue_status(session, now)
            notices = lasting_notices(load_source_problems(session, now))
        check_mark(ctx.engine)
    except StaleStoreError:
        return Health(messages.SENDING_STOPPED, required, required, circuit=circuit, due=tuple(due), queue=queue)
    except (StoreError, DatabaseError):
        # Its message names the server; those who may know that find it with `digest doctor`.
        return Health(messages.DATABASE_UNAVAILABLE, is_reachable=False)
    overdue = overdue_tracker.update(due, queue, now, circuit_open=circuit is not None)
    return Health(
        overdue.reason,
        required,
        required,
        circuit=circuit,
        source_notices=notices,
        due=tuple(due),
        queue=queue,
        overdue=overdue,
    )


def schema_sentence(schema: str | None, required: str) -> str:
    """Return a sentence about a database that needs an upgrade."""
    return messages.schema_mismatch(schema, required) if schema else messages.schema_missing(required)
