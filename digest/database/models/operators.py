"""What operators did, and the tokens by which programs do it."""

import json
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from digest.database.models.base import BIG_INTEGER, KEEP_IDS
from digest.database.models.column_types import TextList, UtcDateTime


class ObjectKind(StrEnum):
    """What an operator acts on. A suppression is named by its keyed hash, a source by its name, all else by its id."""

    SUBSCRIBER = "subscriber"
    SUPPRESSION = "suppression"
    DELIVERY = "delivery"
    QUARANTINED_ROW = "quarantined-row"
    SOURCE = "source"
    PAPER_LINK = "paper-link"
    TOKEN = "api-token"  # noqa: S105  - the name of a kind


class OperatorAction(SQLModel, table=True):
    """Something that an operator did, recorded in the transaction that did it.

    - `actor`: who: the name of a system user, `operator` for the pages, `token NAME` for the API
    - `action`: a verb, such as `pause`; with the kind of object it says what was done
    - `detail`: JSON object, what was before and what is needed to undo it; never an address
    - `undone_at`, `undone_by`: when and by whom it was undone
    """

    __tablename__ = "operator_action"
    __table_args__ = (Index("ix_operator_action_object", "object_kind", "object_id"), KEEP_IDS)

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_INTEGER)
    at: datetime = Field(sa_type=UtcDateTime)
    actor: str
    action: str
    object_kind: str
    object_id: str
    detail: str = "{}"
    undone_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    undone_by: str = ""

    def read_detail(self) -> dict[str, Any]:
        """Return what `detail` says; nothing where it cannot be read."""
        try:
            detail = json.loads(self.detail)
        except (ValueError, TypeError, RecursionError):
            return {}
        return detail if isinstance(detail, dict) else {}


class TokenScope(StrEnum):
    """What a token of the operator's API may do: read everything, or act on one kind of object."""

    READ = "read"
    SUBSCRIBERS = "subscribers"
    DELIVERIES = "deliveries"
    SOURCES = "sources"


class ApiToken(SQLModel, table=True):
    """Token of the operator's API. Only its hash is stored.

    Of two tokens of one name at most one is not revoked.

    - `prefix`: the part of the token that may be shown, and by which its row is found
    - `token_hash`: SHA-256 of the whole token, which has 256 random bits
    - `last_used_at`: to the minute
    """

    __tablename__ = "api_token"
    __table_args__ = (
        Index(
            "ix_api_token_name",
            "name",
            unique=True,
            sqlite_where=text("revoked_at IS NULL"),
            postgresql_where=text("revoked_at IS NULL"),
        ),
        KEEP_IDS,
    )

    id: int | None = Field(default=None, primary_key=True, sa_type=BIG_INTEGER)
    name: str
    prefix: str = Field(unique=True)
    token_hash: str
    scopes: list[str] = Field(sa_type=TextList)
    created_at: datetime = Field(sa_type=UtcDateTime)
    created_by: str
    expires_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    last_used_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
