"""Operator authentication: token, sessions and login rate limit.

A session is a signed timestamp; nothing of it is stored but that it was ended. The signing key is made of ours and
the token, so that a new token ends all sessions.
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

# From one network; with 16 characters to guess, ten thousand networks get nowhere either.
LOGIN_ATTEMPTS_PER_HOUR = 10
SESSION_LIFETIME = timedelta(hours=12)
OPERATOR = "operator"  # who acts on the pages, in the record of actions
SESSION_SALT = "digest operator session"
MAX_ENDED_SESSIONS = 1000  # remembered until they would have expired


class OperatorAuth:
    """Operator and metrics tokens of one application. Thread-safe."""

    def __init__(self, ctx: AppContext) -> None:
        self._operator_token = ctx.settings.operator_token.get_secret_value()
        self._metrics_token = ctx.settings.metrics_token.get_secret_value()
        keys = [hashlib.sha256(f"{key}\0{self._operator_token}".encode()).digest() for key in ctx.token_signer.keys]
        self._signer = Signer(keys[::-1], salt=SESSION_SALT, key_derivation="hmac", digest_method=hashlib.sha256)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._ended_sessions: dict[str, None] = {}

    @property
    def has_pages(self) -> bool:
        """Whether the operator's pages exist: a token is set."""
        return bool(self._operator_token)

    @property
    def has_metrics(self) -> bool:
        """Whether anyone may read the metrics: a token is set."""
        return bool(self._operator_token or self._metrics_token)

    def hit_login(self, address: str) -> int:
        """Count a login attempt. Return 0 if it is allowed, else the seconds until the next one is."""
        rule = RateLimitRule(RateLimitItemPerHour(LOGIN_ATTEMPTS_PER_HOUR), (client_network(address),))
        return hit(self._limiter, [rule], time.time())

    def is_operator_token(self, token: str) -> bool:
        """Return whether this is the operator's token."""
        return bool(self._operator_token) and constant_time_equals(token, self._operator_token)

    def is_metrics_token(self, token: str) -> bool:
        """Return whether this token may read the metrics."""
        return self.is_operator_token(token) | (
            bool(self._metrics_token) and constant_time_equals(token, self._metrics_token)
        )

    def create_session(self, now: datetime) -> str:
        """Create a session."""
        return self._signer.sign(f"{int(now.timestamp()):x}.{secrets.token_hex(16)}").decode()

    def is_valid_session(self, session: str, now: datetime) -> bool:
        """Return whether a session is ours, not expired and not ended."""
        try:
            payload = self._signer.unsign(session).decode()
            created_at, _, _ = payload.partition(".")
            age = now - datetime.fromtimestamp(int(created_at, 16), UTC)
        except (BadSignature, UnicodeError, ValueError, OverflowError, OSError):
            return False
        return timedelta(seconds=-1) <= age < SESSION_LIFETIME and payload not in self._ended_sessions

    def end_session(self, session: str) -> None:
        """End a session, copies of the cookie included. Other processes only see it expire."""
        # By the signed payload: a signature has several spellings (the last bits of base64 are ignored).
        self._ended_sessions[session.rpartition(".")[0]] = None
        while len(self._ended_sessions) > MAX_ENDED_SESSIONS:
            self._ended_sessions.pop(next(iter(self._ended_sessions)))


def constant_time_equals(given: str, expected: str) -> bool:
    """Compare in a time that depends neither on where the texts differ nor on their length."""
    hashes = [hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest() for text in (given, expected)]
    return hmac.compare_digest(*hashes)
