"""Where the library `limits` keeps its counts: in the store, so that all processes share them."""

import hmac
from datetime import datetime, timedelta
from typing import Any

from limits.storage import Storage
from sqlalchemy import case, delete
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select

from digest import db
from digest.models import RateLimitCounter


class DatabaseStorage(Storage):
    """Counts in windows of time, each begun by its first hit (the library's fixed windows).

    For one transaction, at the instant `now`. Names are kept as an HMAC: neither addresses nor networks can be read
    from them, nor tried out without `key`.
    """

    STORAGE_SCHEME = ["digest"]  # noqa: RUF012  - the library's own way

    def __init__(self, session: Session, key: str, now: datetime) -> None:
        super().__init__()
        self._session, self._key, self._now = session, key.encode(), now

    @property
    def base_exceptions(self) -> type[Exception]:
        return SQLAlchemyError

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """One statement, so that of many who count at once none is forgotten."""
        until = self._now + timedelta(seconds=expiry)
        first = db.insert(self._session, RateLimitCounter).values(key=self._name(key), count=amount, expires_at=until)
        over = col(RateLimitCounter.expires_at) <= self._now
        counted = first.on_conflict_do_update(
            index_elements=[col(RateLimitCounter.key)],
            set_={
                "count": case((over, amount), else_=col(RateLimitCounter.count) + amount),
                "expires_at": case((over, first.excluded.expires_at), else_=col(RateLimitCounter.expires_at)),
            },
        )
        return int(self._session.execute(counted.returning(col(RateLimitCounter.count))).scalar_one())

    def get(self, key: str) -> int:
        kept = self._kept(key)
        return kept.count if kept else 0

    def get_expiry(self, key: str) -> float:
        kept = self._kept(key)
        return (kept.expires_at if kept else self._now).timestamp()

    def check(self) -> bool:
        return self._session.execute(select(1)).scalar() == 1

    def reset(self) -> int:
        done: Any = self._session.execute(delete(RateLimitCounter))
        return int(done.rowcount)

    def clear(self, key: str) -> None:
        self._session.execute(delete(RateLimitCounter).where(col(RateLimitCounter.key) == self._name(key)))

    def _kept(self, key: str) -> RateLimitCounter | None:
        asked = select(RateLimitCounter).where(
            RateLimitCounter.key == self._name(key), RateLimitCounter.expires_at > self._now
        )
        return self._session.exec(asked).first()

    def _name(self, key: str) -> str:
        return hmac.digest(self._key, b"allowance " + key.encode(), "sha256").hex()[:40]
