"""Tokens of the operator's API: `digest_PREFIX_SECRET`. The prefix finds the row, the whole is compared by its hash.

A token is shown once. Its secret has 256 random bits, so SHA-256 needs no salt and no rounds.
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import or_, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from digest.database import messages
from digest.database.models import ApiToken, ObjectKind, TokenScope
from digest.database.operator_log import record_action
from digest.errors import ObjectNotFoundError, UsageError

TOKEN_PATTERN = re.compile(r"digest_([0-9a-f]{8})_[A-Za-z0-9_-]{43}", re.ASCII)
NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,59}", re.ASCII)
NO_HASH = "0" * 64  # compared where there is no row, so that it takes as long
USE_INTERVAL = timedelta(minutes=1)  # between two records of the last use


class TokenState(StrEnum):
    """Whether a token may be used."""

    VALID = "valid"
    EXPIRED = "expired"
    REVOKED = "revoked"


def create_token(
    session: Session,
    actor: str,
    name: str,
    scopes: Collection[TokenScope],
    now: datetime,
    *,
    expires_at: datetime | None = None,
) -> tuple[ApiToken, str]:
    """Create a token; return its row, and the token itself, which is stored nowhere. Raises UsageError."""
    if not NAME_PATTERN.fullmatch(name):
        raise UsageError(messages.NAME_NOT_VALID)
    if not scopes:
        raise UsageError(messages.NO_SCOPE)
    if expires_at is not None and expires_at <= now:
        raise UsageError(messages.EXPIRES_TOO_EARLY)
    prefix = secrets.token_hex(4)
    text = f"digest_{prefix}_{secrets.token_urlsafe(32)}"
    token = ApiToken(
        name=name,
        prefix=prefix,
        token_hash=hash_token(text),
        scopes=[scope.value for scope in TokenScope if scope in scopes],
        created_at=now,
        created_by=actor,
        expires_at=expires_at,
    )
    try:
        with session.begin_nested():
            session.add(token)
            session.flush()
    except IntegrityError as error:
        raise UsageError(messages.duplicate_token_name(name)) from error
    record_action(session, actor, "create", ObjectKind.TOKEN, int(token.id or 0), now, name=name, scopes=token.scopes)
    return token, text


def revoke_token(session: Session, actor: str, name: str, now: datetime) -> ApiToken:
    """Revoke a token by its name or prefix, at once and for good. Raises ObjectNotFoundError."""
    is_named = or_(col(ApiToken.name) == name, col(ApiToken.prefix) == name), col(ApiToken.revoked_at).is_(None)
    token = session.exec(select(ApiToken).where(*is_named).with_for_update()).first()
    if token is None:
        raise ObjectNotFoundError(messages.unknown_token(name))
    token.revoked_at = now
    session.flush()
    record_action(session, actor, "revoke", ObjectKind.TOKEN, int(token.id or 0), now, name=token.name)
    return token


def list_tokens(session: Session) -> Sequence[ApiToken]:
    """Return all tokens, revoked ones too, the oldest first."""
    return session.exec(select(ApiToken).order_by(col(ApiToken.id))).all()


def find_token(session: Session, text: str) -> ApiToken | None:
    """Return the row of a token, whatever its state; None for a text that is none of ours."""
    found = TOKEN_PATTERN.fullmatch(text)
    token = session.exec(select(ApiToken).where(ApiToken.prefix == found[1])).first() if found else None
    is_equal = hmac.compare_digest(hash_token(text), token.token_hash if token else NO_HASH)
    return token if is_equal else None


def token_state(token: ApiToken, now: datetime) -> TokenState:
    """Return whether a token may be used."""
    if token.revoked_at is not None:
        return TokenState.REVOKED
    return TokenState.EXPIRED if token.expires_at is not None and token.expires_at <= now else TokenState.VALID


def is_use_recorded(token: ApiToken, now: datetime) -> bool:
    """Return whether the last use that is recorded is no longer ago than a minute."""
    return token.last_used_at is not None and now - token.last_used_at < USE_INTERVAL


def record_use(session: Session, token: ApiToken, now: datetime) -> None:
    """Record that a token is used."""
    session.execute(update(ApiToken).where(col(ApiToken.id) == token.id).values(last_used_at=now))


def hash_token(text: str) -> str:
    """Return the SHA-256 of a token."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
