"""Who may come in: the operator's token, the session that it opens, and how often one may try.

A session is a signed note of when it began; nothing of it is stored but that somebody has left. The key is made of ours
and the token, so that a new token ends all sessions.
"""

import hashlib
import hmac
import secrets
import time
from datetime import UTC, datetime, timedelta

from itsdangerous import BadSignature, Signer
from limits import RateLimitItemPerHour
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from digest.context import AppContext
from digest.web.rate_limit import RateLimitRule, client_network, hit

LOGIN_ATTEMPTS_PER_HOUR = (
    10  # an hour from one network; with 16 characters to guess, ten thousand networks get nowhere either
)


SESSION_LIFETIME = timedelta(hours=12)


SESSION_SALT = "digest operator session"


MAX_ENDED_SESSIONS = 1000  # sessions that were ended before their time and are remembered


class OperatorAuth:
    """One of these a running app. Any number of threads may ask."""

    def __init__(self, ctx: AppContext) -> None:
        self._token = ctx.settings.operator_token.get_secret_value()
        self._metrics = ctx.settings.metrics_token.get_secret_value()
        keys = [hashlib.sha256(f"{key}\0{self._token}".encode()).digest() for key in ctx.token_signer.keys]
        self._signer = Signer(keys[::-1], salt=SESSION_SALT, key_derivation="hmac", digest_method=hashlib.sha256)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._left: dict[str, None] = {}

    @property
    def has_pages(self) -> bool:
        """A token is set: there are pages for the operator."""
        return bool(self._token)

    @property
    def has_metrics(self) -> bool:
        """Somebody may read the metrics."""
        return bool(self._token or self._metrics)

    def hit_login(self, address: str) -> int:
        """0 when this try may be made, which counts it; else the seconds until the next one may."""
        return hit(
            self._limiter,
            [RateLimitRule(RateLimitItemPerHour(LOGIN_ATTEMPTS_PER_HOUR), (client_network(address),))],
            time.time(),
        )

    def is_operator_token(self, token: str) -> bool:
        """Whether it is the operator's token."""
        return bool(self._token) and constant_time_equals(token, self._token)

    def is_metrics_token(self, token: str) -> bool:
        """Whether the metrics may be shown for it."""
        return self.is_operator_token(token) | (bool(self._metrics) and constant_time_equals(token, self._metrics))

    def create_session(self, now: datetime) -> str:
        """A session for who showed the token."""
        return self._signer.sign(f"{int(now.timestamp()):x}.{secrets.token_hex(16)}").decode()

    def is_valid_session(self, session: str, now: datetime) -> bool:
        """Whether a session is ours, not over and not left."""
        try:
            note = self._signer.unsign(session).decode()
            begun, _, _ = note.partition(".")
            age = now - datetime.fromtimestamp(int(begun, 16), UTC)
        except (BadSignature, UnicodeError, ValueError, OverflowError, OSError):
            return False
        return timedelta(0) <= age + timedelta(seconds=1) and age < SESSION_LIFETIME and note not in self._left

    def end_session(self, session: str) -> None:
        """A session is over, also for who has copied it. Other processes learn of it only by its age."""
        # By what is signed: a signature can be written in several ways (the last bits of base64 are read by nobody).
        self._left[session.rpartition(".")[0]] = None
        while len(self._left) > MAX_ENDED_SESSIONS:
            self._left.pop(next(iter(self._left)))


def constant_time_equals(given: str, expected: str) -> bool:
    """Equal, told in a time that says nothing of where they differ or how long they are."""
    one, other = (hashlib.sha256(each.encode("utf-8", "surrogatepass")).digest() for each in (given, expected))
    return hmac.compare_digest(one, other)
