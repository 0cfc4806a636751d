"""Rates that several senders keep together: a token bucket in the database, handed out in slices of time.

A slice is so many letters from one instant on. Slices of one bucket never overlap, so N senders together are as slow
as one. Time is the server's own: nobody's clock can jump in it. PostgreSQL only; elsewhere there is one sender.
"""

from sqlalchemy import text
from sqlmodel import Session

from digest.models import SharedTokenBucket

_RESERVE = text(f"""
    INSERT INTO {SharedTokenBucket.__tablename__} AS bucket (name, available_at)
    VALUES (:name, clock_timestamp() + make_interval(secs => :seconds))
    ON CONFLICT (name) DO UPDATE
    SET available_at = greatest(bucket.available_at, clock_timestamp()) + make_interval(secs => :seconds)
    RETURNING extract(epoch FROM bucket.available_at - clock_timestamp())
""")  # noqa: S608  - the table's own name


def reserve(session: Session, name: str, seconds: float) -> float:
    """The next slice of `seconds` of a rate is the caller's; in how many seconds it begins."""
    ends_in = session.scalars(_RESERVE, {"name": name, "seconds": seconds}).one()
    return max(0.0, float(ends_in) - seconds)
